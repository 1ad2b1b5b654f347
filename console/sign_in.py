"""Signing in and out: by a password, by the link that `milepost dev` prints, or at an identity provider."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadData, URLSafeTimedSerializer

from api.pages import ip_of
from api.problems import sentence
from console import forms
from console.faults import Refused
from console.forms import Sent
from console.pages import address, done, page, parts_of
from console.visitors import SESSION, Seeing, keep
from intake import signing_in
from store import users
from store.tables import User

VISIT = "milepost_visit"
"""The cookie to which the form for signing in belongs: there is no session yet."""

LINK_LASTS = 15 * 60
"""Seconds for which a link for signing in can be used, once."""

router = APIRouter()


@router.get("/sign-in")
async def ask(request: Request, next: Annotated[str, Query(max_length=500)] = "") -> Response:
    """The form."""
    return _asked(request, next)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Sign in, and go on to the page that was wanted."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    form = await forms.read(request, request.cookies.get(VISIT, "") or "none")
    name, password = form.text("name"), (form.fields.get("password") or [""])[0]
    try:
        user = await signing_in.with_password(parts.api.database, name, password, ip_of(request) or "", now)
    except signing_in.NotAllowed as error:
        return _asked(request, form.text("next"), name=name, says=sentence(error))
    return await begun(request, user, form.text("next"))


@router.get("/link/{token}")
async def follow(request: Request, token: str) -> Response:
    """Sign in by a link, which works once."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    try:
        user_id, name = _links(parts.secret_key).loads(token, max_age=LINK_LASTS)
    except (BadData, ValueError, TypeError):
        raise Refused("This link is too old, or none of ours. Ask for another one.", 403) from None
    fresh = await parts.api.database.write(
        lambda session: users.spend(session, f"link {name}", now, now.subtract(seconds=2 * forms.LASTS))
    )
    user = await parts.api.database.read(lambda session: users.get(session, int(user_id)))
    if not fresh or user is None or user.disabled_at is not None:
        raise Refused("This link was used before. Ask for another one.", 403)
    return await begun(request, user, "")


@router.post("/sign-out")
async def sign_out(request: Request, visitor: Seeing, form: Sent) -> Response:
    """End this session."""
    parts = parts_of(request)
    now = parts.api.clock()
    await parts.api.database.write(lambda session: users.end(session, visitor.digest, now))
    response = done(request, address(request, "sign-in"), "You are signed out.")
    response.delete_cookie(SESSION, path=parts.base)
    return response


def link_for(secret_key: str, at: str, user: User) -> str:
    """An address at which this user is signed in, once, within a quarter of an hour. `at`: where the console is."""
    token = _links(secret_key).dumps([user.id, secrets.token_urlsafe(12)])
    return f"{at.rstrip('/')}/console/link/{token}"


def _asked(request: Request, next: str, *, name: str = "", says: str | None = None) -> Response:
    visit = request.cookies.get(VISIT) or secrets.token_urlsafe(24)
    status = 401 if says else 200
    response = page(
        request, "sign_in.html", title="Sign in", status=status, next=next, name=name, says=says, visit=visit
    )
    parts = parts_of(request)
    response.set_cookie(VISIT, visit, path=parts.base, httponly=True, secure=parts.secure, samesite="strict")
    return response


async def begun(request: Request, user: User, next: str) -> Response:
    """Begin a session, and go on to the page that was wanted (a path below the console's)."""
    parts = parts_of(request)
    now, browser = parts.api.clock(), request.headers.get("user-agent", "")
    cookie, _ = await parts.api.database.write(lambda session: signing_in.begin(session, user, browser, now))
    # Only pages of ours: what stands after our own address.
    way, _, query = next.lstrip("/\\").partition("?")
    response = RedirectResponse(address(request, *way.split("/")) + (f"?{query}" if query else ""), 303)
    response.headers["Cache-Control"] = "no-store"
    keep(request, response, cookie)
    return response


def _links(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="console link")
