"""Users and their sessions: pages for administrators, and a user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from whenever import Instant

from api.problems import sentence
from console.faults import Missing, Refused
from console.forms import Sent
from console.pages import address, done, page, parts_of
from console.sign_in import link_for
from console.visitors import Admin, Seeing, Visitor
from intake import signing_in
from intake import users as acts
from intake.signing_in import NotAllowed
from lifecycle.rights import RIGHTS, ROLES
from store import users
from store.tables import User

T = TypeVar("T")

router = APIRouter()


@router.get("/account")
async def account(request: Request, visitor: Seeing) -> Response:
    """Where the visitor is signed in, and their password."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    found = await parts.api.database.read(lambda session: users.sessions_of(session, _number(visitor.user), now))
    return page(request, "account.html", visitor, title="Your sessions", sessions=found)


@router.post("/account/sessions/end")
async def end_own(request: Request, visitor: Seeing, form: Sent) -> Response:
    """End all sessions of the visitor but this one."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    ended = await parts.api.database.write(
        lambda session: users.end_all(session, _number(visitor.user), now, visitor.digest)
    )
    return done(request, address(request, "account"), f"Other sessions that ended: {ended}.")


@router.post("/account/password")
async def change_password(request: Request, visitor: Seeing, form: Sent) -> Response:
    """Change the visitor's password; who has one is asked for it."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    present, wanted = ((form.fields.get(name) or [""])[0] for name in ("present", "password"))
    try:
        if visitor.user.password is not None:
            await signing_in.with_password(parts.api.database, visitor.user.name, present, "", now)
        hashed = await signing_in.hashed_aside(wanted)
    except NotAllowed as error:
        raise Refused(sentence(error), 422) from None
    await parts.api.database.write(
        lambda session: acts.set_password(session, visitor.user, hashed, visitor.who, now, visitor.digest)
    )
    return done(request, address(request, "account"), "Your password is changed; all other sessions ended.")


@router.get("/users")
async def listing(request: Request, visitor: Admin) -> Response:
    """All users."""
    found = await parts_of(request).api.database.read(users.every)
    return page(request, "users.html", visitor, title="Users", users=found, roles=ROLES, rights=RIGHTS)


@router.post("/users")
async def add(request: Request, visitor: Admin, form: Sent) -> Response:
    """Make a user, and show the link with which they sign in for the first time."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    made = await _done(
        request,
        lambda session: acts.make(session, form.text("name"), form.text("role"), None, visitor.who, now),
    )
    return _link_page(request, visitor, made, link_for(parts.secret_key, parts.api.public_url, made))


@router.post("/users/{number}/link")
async def link(request: Request, visitor: Admin, form: Sent, number: int) -> Response:
    """A link for somebody who has no password, or lost it."""
    parts = parts_of(request)
    user = await _user(request, number)
    return _link_page(request, visitor, user, link_for(parts.secret_key, parts.api.public_url, user))


@router.post("/users/{number}/role")
async def change_role(request: Request, visitor: Admin, form: Sent, number: int) -> Response:
    """Give somebody else another role."""
    return await _changed(
        request, visitor, number, f"has the role {form.text('role')} now",
        lambda session, user, now: acts.set_role(session, user, form.text("role"), visitor.who, now),
    )  # fmt: skip


@router.post("/users/{number}/disable")
async def disable(request: Request, visitor: Admin, form: Sent, number: int) -> Response:
    """Keep somebody else out."""
    return await _changed(
        request, visitor, number, "is kept out, and signed out everywhere",
        lambda session, user, now: acts.disable(session, user, visitor.who, now),
    )  # fmt: skip


@router.post("/users/{number}/enable")
async def enable(request: Request, visitor: Admin, form: Sent, number: int) -> Response:
    """Let somebody in again."""
    return await _changed(
        request, visitor, number, "may sign in again",
        lambda session, user, now: acts.enable(session, user, visitor.who, now),
    )  # fmt: skip


@router.post("/users/{number}/sessions/end")
async def end_sessions(request: Request, visitor: Admin, form: Sent, number: int) -> Response:
    """Sign somebody else out everywhere."""
    return await _changed(
        request, visitor, number, "is signed out everywhere",
        lambda session, user, now: acts.end_sessions(session, user, visitor.who, now),
    )  # fmt: skip


async def _changed(
    request: Request, visitor: Visitor, number: int, says: str, change: Callable[[Session, User, Instant], object]
) -> Response:
    """Carry out a change to another user. Nobody takes away their own rights: nobody might be left who has them."""
    user, now = await _user(request, number), parts_of(request).api.clock()
    if user.id == visitor.user.id:
        raise Refused("This is your own user; another administrator has to do that.", 409)
    await _done(request, lambda session: change(session, user, now))
    return done(request, address(request, "users"), f"{user.name} {says}.")


async def _done(request: Request, change: Callable[[Session], T]) -> T:
    try:
        return await parts_of(request).api.database.write(change)
    except NotAllowed as error:
        raise Refused(sentence(error), 422) from None


async def _user(request: Request, number: int) -> User:
    found = await parts_of(request).api.database.read(lambda session: users.get(session, number))
    if found is None:
        raise Missing("There is no user of this number.")
    return found


def _link_page(request: Request, visitor: Visitor, user: User, made: str) -> Response:
    return page(request, "user_link.html", visitor, title=f"A link for {user.name}", user=user, link=made)


def _number(user: User) -> int:
    assert user.id is not None
    return user.id
