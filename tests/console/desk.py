"""The console over a company of tests (tests/intake/house.py), and visitors of every role who are signed in to it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import httpx
from fastapi import FastAPI
from starlette.routing import Mount
from whenever import Instant

import wiring
from api.app import create as create_api
from api.parts import Parts as ApiParts
from console.app import mount
from console.parts import Parts
from intake import signing_in
from intake.acceptor import Acceptor
from intake.commands import NoAnswer
from intake.users import make
from lifecycle.rights import Role
from messaging.links import Links
from store import users
from tests.intake.house import START, House

SECRET = "a secret of 32 characters or more"
SITE = "http://testserver"
HASH = signing_in.hashed("correct horse battery")
"""Of the password that every user of tests has."""


@cache
def applications() -> tuple[FastAPI, FastAPI]:
    """API and console, put together once, for that takes a while. Whoever uses them says whose parts they answer of."""
    app = create_api(cast("ApiParts", None))
    mount(app, cast("Parts", None))
    (console,) = [one.app for one in app.routes if isinstance(one, Mount)]
    assert isinstance(console, FastAPI)
    return app, console


async def away() -> Any:
    raise NoAnswer("Temporal does not answer, and nothing was changed")


@dataclass
class Desk:
    """`get` and `post` are a browser's: cookies, forms and all. `now` is the time of the console's clock."""

    house: House
    parts: Parts
    clock: list[Instant]
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    @classmethod
    def build(cls, house: House, now: Instant = START, **other: Any) -> Desk:
        clock = [now]
        assert house.project.map is not None
        given: dict[str, Any] = {"temporal": away, "clock": lambda: clock[0]} | other
        api = ApiParts(
            house.database,
            house.project.map,
            Links(SITE, SECRET),
            SITE,
            Acceptor(house.database),
            house.applier,
            wiring.explainer(house.project, house.applier, SECRET),
            **given,
        )
        desk = cls(house, wiring.console_parts(house.project, api, SECRET), clock)
        desk.open()
        return desk

    def open(self) -> None:
        """From now on the application answers of these parts."""
        api, console = applications()
        api.state.parts, console.state.parts = self.parts.api, self.parts

    @property
    def now(self) -> Instant:
        return self.clock[0]

    @now.setter
    def now(self, at: Instant) -> None:
        self.clock[0] = at

    def stranger(self, **headers: str) -> httpx.AsyncClient:
        """A browser in which nobody is signed in."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(applications()[0]), base_url=SITE, headers=headers)

    def browser(self, role: Role | str) -> httpx.AsyncClient:
        """A browser in which somebody of this role is signed in; their name is the role."""
        if role not in self.clients:

            def sign_in(session: Any) -> str:
                user = users.by_name(session, role) or make(session, role, role, HASH, "test", self.now)
                return signing_in.begin(session, user, "a test", self.now)[0]

            client = self.stranger()
            client.cookies.set(
                "milepost_session", self.house.write(sign_in), domain="testserver.local", path="/console"
            )
            self.clients[role] = client
        return self.clients[role]

    async def get(self, path: str, as_: Role | str = "admin", **more: Any) -> httpx.Response:
        """The page at an address below /console, without following where it leads."""
        return await self.browser(as_).get(f"/console{path}", **more)

    async def post(
        self, path: str, form: Mapping[str, Any] = {}, as_: Role | str = "admin", *, at: str | None = None
    ) -> httpx.Response:
        """Fill in the form that leads to `path`, on the page at `at` (else at `path` itself), and send it."""
        shown = await self.get(path if at is None else at, as_)
        assert shown.status_code == 200, (shown.status_code, shown.text)
        return await self.send(path, {**fields_of(shown.text, f"/console{path}"), **form}, as_)

    async def send(self, path: str, form: Mapping[str, Any], as_: Role | str = "admin") -> httpx.Response:
        """Post just these fields."""
        return await self.browser(as_).post(f"/console{path}", data=form)


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that leads to `action`."""
    for found in re.finditer(r'<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>', page, re.DOTALL):
        if html.unescape(found[1]).partition("?")[0] == action.partition("?")[0]:
            hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', found[2])
            return {name: html.unescape(value) for name, value in hidden}
    raise AssertionError(f"no form on this page leads to {action}")
