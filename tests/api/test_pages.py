"""What all pages share that links lead to: who may use them, and that looking at them changes nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from messaging.links import Links
from store import consents
from store.database import Database
from tests.api.house import PUBLIC, House
from tests.api.visitors import ONE_CLICK, link, path

KINDS = ["unsubscribe", "preferences", "confirm"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_get_shows_a_button_and_changes_nothing(house: House, kind: str) -> None:
    where = link(house, kind)
    before = house.digest()
    for method in ("GET", "HEAD", "GET", "OPTIONS"):
        answer = await house.client.request(method, where)
        assert answer.status_code == (200 if method == "GET" else 405)
    assert house.digest() == before
    page = (
        await house.client.get(where, params={"List-Unsubscribe": "One-Click", "do": "stop", "confirm": "yes"})
    ).text
    assert '<form method="post">' in page
    assert house.digest() == before


async def test_a_get_could_not_even_write(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(session: Session, customer_id: str) -> list[Any]:
        session.execute(text("DELETE FROM consent"))
        return []

    where = link(house, "preferences")
    monkeypatch.setattr(consents, "latest", write)
    before = house.digest()
    assert (await house.client.get(where)).status_code == 500
    assert house.digest() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_was_changed_is_told_on_a_page_and_changes_nothing(
    house: House, kind: str, method: str
) -> None:
    where = link(house, kind)
    before = house.digest()
    other = Links(PUBLIC, "the secret of somebody else")
    tampered = [where[:-2], where[:-6] + "AAAAAA", where.replace("/I", "/J"), path(getattr(other, kind)("m1"))]
    tampered += [re.sub(r"^/\w+/", f"/{prefix}/", where) for prefix in ("u", "preferences", "confirm")]
    for one in tampered:
        if one == where:
            continue
        answer = await house.client.request(method, one, data={**ONE_CLICK, "do": "stop", "confirm": "yes"})
        assert answer.status_code == 400
        assert "<h1>This link does not work</h1>" in answer.text
    assert house.digest() == before


@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_of_a_message_that_is_gone_is_told_on_a_page(house: House, kind: str) -> None:
    answer = await house.client.post(link(house, kind, "gone"), data={**ONE_CLICK, "do": "stop", "confirm": "yes"})
    assert (answer.status_code, "does not work" in answer.text) == (400, True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_needs_no_script_no_cookie_and_no_other_site(house: House, kind: str) -> None:
    answer = await house.client.get(link(house, kind))
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    page = answer.text
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|src=|@import", page)
    assert set(re.findall(r'href="([^"]+)"', page)) <= {
        "/static/pages.css",
        house.parts.links.preferences(house.message()),
    }
    assert '<html lang="en">' in page
    assert "width=device-width" in page
    assert page.count("<h1>") == 1


async def test_the_stylesheet_is_found_below_the_path_of_the_public_address(database: Database) -> None:
    house = House.build(database, public_url=f"{PUBLIC}/milepost")
    page = (await house.client.get(link(house, "unsubscribe").removeprefix("/milepost"))).text
    assert '<link rel="stylesheet" href="/milepost/static/pages.css">' in page
    styles = await house.client.get("/static/pages.css")
    assert (styles.status_code, styles.headers["content-type"]) == (200, "text/css; charset=utf-8")


async def test_a_database_that_is_away_is_told_on_a_page(house: House) -> None:
    where = link(house, "unsubscribe")
    gone = Database("sqlite:////nowhere/at/all.db")
    away = House.build(gone)
    answer = await away.client.post(where, data=ONE_CLICK)
    gone.close()
    assert (answer.status_code, "Please try again" in answer.text) == (503, True)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
