"""What somebody with a link does: opens it, reads the page, and presses its button."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.api.house import PUBLIC, House

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def path(link: str) -> str:
    assert link.startswith(PUBLIC)
    return link.removeprefix(PUBLIC)


def link(house: House, kind: str, message: str = "") -> str:
    return path(getattr(house.parts.links, kind)(message or house.message()))


def form_of(page: str) -> list[tuple[str, str]]:
    """What a browser posts of the page's first form where nothing is touched but its button."""
    form = page.split("<form")[1].split("</form>", maxsplit=1)[0]
    fields = [
        (found["name"], found["value"])
        for found in re.finditer(
            r'<input type="(?P<type>\w+)" name="(?P<name>\w+)" value="(?P<value>[^"]*)"(?P<on>.*?)>', form
        )
        if found["type"] == "hidden" or "checked" in found["on"]
    ]
    button = re.search(r'<button name="([^"]+)" value="([^"]+)">', form)
    assert button
    return [*fields, (button[1], button[2])]


async def post(house: House, where: str, fields: list[tuple[str, str]]) -> httpx.Response:
    data: dict[str, Any] = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return await house.client.post(where, data=data)
