"""Who is there, and what they may do: the cookie of a session, the right that a route needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from console.templating import parts_of
from intake import signing_in
from lifecycle import rights
from lifecycle.language.map import is_zone
from lifecycle.rights import Right
from store import users
from store.tables import User

SESSION, ZONE = "milepost_session", "milepost_zone"


class NotSignedIn(Exception):
    """Nobody is signed in, or not any more."""


class NotAllowed(Exception):
    """The visitor's role has not the right that this needs."""

    def __init__(self, visitor: Visitor, right: Right) -> None:
        self.visitor, self.right = visitor, right


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user who is signed in. `digest` names the session, `zone` is the time zone of the browser."""

    user: User
    digest: str
    zone: str

    @property
    def who(self) -> str:
        """For the audit log."""
        return f"user:{self.user.name}"

    def may(self, right: Right) -> bool:
        """Whether they have a right."""
        return rights.may(self.user.role, right)


async def signed_in(request: Request) -> Visitor:
    """Whoever asks; raises NotSignedIn."""
    parts = parts_of(request)
    cookie, now = request.cookies.get(SESSION), parts.api.clock()
    if not cookie:
        raise NotSignedIn
    found = await parts.api.database.read(lambda session: signing_in.signed_in(session, cookie, now))
    if found is None:
        raise NotSignedIn
    signed, to_note = found
    if to_note:
        await parts.api.database.write(lambda session: users.seen(session, signed.digest, now))
    visitor = Visitor(signed.user, signed.digest, zone_of(request))
    request.state.visitor = visitor
    return visitor


def zone_of(request: Request) -> str:
    """The time zone that the browser told of, else that of the map."""
    told = request.cookies.get(ZONE, "").replace("%2F", "/")
    return told if told and is_zone(told) else parts_of(request).api.map.time_zone


def keep(request: Request, response: Response, cookie: str) -> None:
    """Let the browser keep the cookie of a session."""
    parts = parts_of(request)
    response.set_cookie(
        SESSION, cookie, max_age=int(signing_in.LASTS.total_seconds()), path=parts.base, httponly=True,
        secure=parts.secure, samesite="lax",
    )  # fmt: skip


def _needing(right: Right) -> Any:
    async def check(visitor: Annotated[Visitor, Depends(signed_in)]) -> Visitor:
        if not visitor.may(right):
            raise NotAllowed(visitor, right)
        return visitor

    check.right = right  # type: ignore[attr-defined]
    return Depends(check)


Seeing = Annotated[Visitor, _needing("see")]
Acting = Annotated[Visitor, _needing("act")]
Steering = Annotated[Visitor, _needing("steer")]
Admin = Annotated[Visitor, _needing("admin")]
"""A visitor who has this right. Every route takes exactly one of them."""
