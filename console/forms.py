"""Forms: each is made for one session and carried out once, so that one that is forged or sent twice does nothing.

A form holds a token that only we can sign: the session for which it was made, and a name of its own. Sending it spends
the name; the acts behind it take the same name as their idempotency key.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from jinja2 import pass_context
from jinja2.runtime import Context

from api.pages import Form, form_of
from console.faults import Refused
from console.parts import Parts
from console.templating import parts_of, templates
from console.visitors import Visitor, signed_in
from intake.pauses import Impossible
from store import users

LASTS = 12 * 3600
"""Seconds for which a form can be sent."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A form of ours that was sent for the first time. `key` is its name: the idempotency key of what it asks for."""

    fields: Form
    key: str
    wrong: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """What stands in a field, without the space around it."""
        given = self.fields.get(name)
        return given[0].strip() if given and given[0].strip() else default

    def texts(self, name: str) -> list[str]:
        """What stands in all fields of a name."""
        return [one.strip() for one in self.fields.get(name, ()) if one.strip()]

    def one_of(self, name: str, words: Sequence[str], says: str) -> Any:
        """Which of `words` a field holds, the first where it is empty; Impossible, with `says`, for another."""
        given = self.text(name, words[0])
        if given not in words:
            raise Impossible(f"{says}, not `{given[:40]}`")
        return given

    def on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) != ""


def token_for(parts: Parts, session: str) -> str:
    """The token of a new form for this session."""
    return _signer(parts).dumps([session[:16], secrets.token_urlsafe(12)])


async def read(request: Request, session: str) -> Posted:
    """The form that was sent in a session, spent. Raises Refused for one that is not ours, or was sent before."""
    parts = parts_of(request)
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
        origin and origin != "null" and urlsplit(origin).netloc not in _hosts(request, parts)
    ):
        raise Refused("This form was sent from another site, so nothing was done.", 403)
    fields = await form_of(request)
    given = (fields.get("form") or [""])[0]
    try:
        owner, name = _signer(parts).loads(given, max_age=LASTS)
    except SignatureExpired:
        raise Refused(
            "This form is too old, so nothing was done. Go back, load the page again, and send it anew.", 409
        ) from None
    except (BadData, ValueError, TypeError):
        raise Refused("This form is none of ours, so nothing was done.", 403) from None
    if not secrets.compare_digest(str(owner), session[:16]):
        raise Refused("This form was made for somebody else, so nothing was done.", 403)
    now = parts.api.clock()
    fresh = await parts.api.database.write(
        lambda session_: users.spend(session_, name, now, now.subtract(seconds=2 * LASTS))
    )
    if not fresh:
        raise Refused("This form was sent before, so nothing more was done. Look at the page to see what it did.", 409)
    return Posted(fields, f"form:{name}")


async def _sent(request: Request, visitor: Annotated[Visitor, Depends(signed_in)]) -> Posted:
    return await read(request, visitor.digest)


Sent = Annotated[Posted, Depends(_sent)]
"""The form of a POST. It comes after the visitor among a route's parameters: who may not, spends nothing."""


def _hosts(request: Request, parts: Parts) -> set[str]:
    return {urlsplit(parts.api.public_url).netloc, request.headers.get("host", "")}


def _signer(parts: Parts) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts.secret_key, salt="console form")


@pass_context
def _form_token(context: Context) -> Any:
    visitor = context.get("visitor")
    session = visitor.digest if visitor else context["visit"]
    return token_for(context["parts"], session)


templates.globals["form_token"] = _form_token
