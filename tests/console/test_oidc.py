"""Signing in at an identity provider, which runs on this machine and may lie."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from console.provider import Provider
from intake import users
from tests.console.conftest import Build
from tests.console.desk import SITE, Desk


@dataclass
class Idp:
    """`lies` are claims in the place of the true ones; `key` signs, `shown` is what it tells of its keys."""

    server: ThreadingHTTPServer
    key: ECKey
    shown: ECKey
    lies: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    nonce: str = ""
    issuer_said: str = ""

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            said = self.issuer_said or self.issuer
            addresses = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "keys")}
            return {
                "issuer": said, "authorization_endpoint": addresses["authorize"],
                "token_endpoint": addresses["token"], "jwks_uri": addresses["keys"],
            }  # fmt: skip
        if path == "/keys":
            return KeySet([self.shown]).as_dict(private=False)  # type: ignore[return-value]
        if path == "/token":
            self.asked = form
            claims = {
                "iss": self.issuer, "aud": "milepost", "sub": "7", "exp": int(time.time()) + 60, "nonce": self.nonce,
                "email": "Grace@Example.com", "email_verified": True,
            } | self.lies  # fmt: skip
            token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)
            return {"id_token": token, "access_token": "x", "token_type": "Bearer"}
        return None


@pytest.fixture
def idp() -> Iterator[Idp]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    made: list[Idp] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            said = made[0].answer(urlsplit(self.path).path, form)
            self.send_response(404 if said is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        do_GET = do_POST = _answer  # noqa: N815 - http.server names them so

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.append(Idp(server, key, key))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with contextlib.ExitStack() as stack:
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            yield made[0]


@pytest.fixture
def desk(build: Build, idp: Idp) -> Desk:
    made = build()
    made.parts = replace(made.parts, provider=Provider(idp.issuer, "milepost", "a client's secret", "Larkspur"))
    made.open()
    made.house.write(lambda session: users.make(session, "grace@example.com", "support", None, "test", made.now))
    return made


async def come_back(desk: Desk, idp: Idp, browser: httpx.AsyncClient | None = None, **other: str) -> httpx.Response:
    browser = browser or desk.stranger()
    start = await browser.get("/console/oidc?next=account")
    query = {name: values[0] for name, values in parse_qs(urlsplit(start.headers["location"]).query).items()}
    idp.nonce = query["nonce"]
    return await browser.get("/console/oidc/back", params={"state": query["state"], "code": "a code", **other})


async def test_a_user_signs_in_there_and_is_led_to_the_page_that_was_wanted(desk: Desk, idp: Idp) -> None:
    browser = desk.stranger()
    assert "Sign in with Larkspur" in (await browser.get("/console/sign-in")).text
    start = await browser.get("/console/oidc")
    asked = parse_qs(urlsplit(start.headers["location"]).query)
    assert start.headers["location"].startswith(f"{idp.issuer}/authorize?")
    assert asked["redirect_uri"] == [f"{SITE}/console/oidc/back"]
    assert asked["code_challenge_method"] == ["S256"]
    back = await come_back(desk, idp, browser)
    assert (back.status_code, back.headers["location"]) == (303, "/console/account")
    assert "grace@example.com" in (await browser.get("/console/account")).text
    assert set(idp.asked) == {"grant_type", "code", "redirect_uri", "code_verifier"}


@pytest.mark.parametrize(
    ("lies", "status", "says"),
    [
        ({"email_verified": False}, 403, "does not vouch"),
        ({"email_verified": "true"}, 403, "does not vouch"),
        ({"email": None}, 403, "does not vouch"),
        ({"email": "mallory@example.com"}, 403, "no user here"),
        ({"nonce": "another"}, 503, "does not answer as it should"),
        ({"aud": "another"}, 503, "does not answer as it should"),
        ({"iss": "https://evil.example.com"}, 503, "does not answer as it should"),
        ({"exp": 1}, 503, "does not answer as it should"),
    ],
)
async def test_a_token_that_is_not_good_signs_nobody_in(
    desk: Desk, idp: Idp, lies: dict[str, Any], status: int, says: str
) -> None:
    idp.lies = lies
    browser = desk.stranger()
    back = await come_back(desk, idp, browser)
    assert (back.status_code, says in back.text) == (status, True)
    assert (await browser.get("/console/account")).status_code == 303


async def test_a_token_that_somebody_else_signed_signs_nobody_in(desk: Desk, idp: Idp) -> None:
    idp.key = ECKey.generate_key("P-256", {"kid": "one"})
    assert (await come_back(desk, idp)).status_code == 503


async def test_keys_that_the_provider_changed_are_asked_for_anew(desk: Desk, idp: Idp) -> None:
    assert (await come_back(desk, idp)).status_code == 303
    idp.key = idp.shown = ECKey.generate_key("P-256", {"kid": "two"})
    assert (await come_back(desk, idp)).status_code == 303


async def test_an_answer_that_was_not_asked_for_in_this_browser_signs_nobody_in(desk: Desk, idp: Idp) -> None:
    assert (await come_back(desk, idp, state="another")).status_code == 403
    assert (await come_back(desk, idp, code="")).status_code == 403
    started, other = desk.stranger(), desk.stranger()
    start = await started.get("/console/oidc")
    state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
    answer = await other.get("/console/oidc/back", params={"state": state, "code": "a code"})
    assert (answer.status_code, "another browser" in answer.text) == (403, True)


async def test_a_provider_that_is_another_or_away_is_a_sentence(desk: Desk, idp: Idp) -> None:
    idp.issuer_said = "https://evil.example.com"
    start = await desk.stranger().get("/console/oidc")
    assert (start.status_code, "does not answer as it should" in start.text) == (503, True)


async def test_without_a_provider_there_is_no_such_page(build: Build) -> None:
    plain = build()
    assert (await plain.stranger().get("/console/oidc")).status_code == 404
    assert "oidc" not in (await plain.stranger().get("/console/sign-in")).text
