"""Suppressing an address of a customer, and lifting that: no message goes to it, whoever has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console.acts import Act, Field, Option, reason_of
from console.forms import Posted
from console.one_customer import Found, back, find, page_before
from console.pages import address, done, parts_of
from console.two_steps import two_steps
from console.visitors import Acting, Visitor
from intake import suppressing
from intake.asking import Conflict
from intake.suppressing import WORDS
from lifecycle.step_words import CHANNELS
from lifecycle.suppression import BY_HAND

router = APIRouter()


async def _suppress(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Never message an address again."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    channel: Any = form.text("channel")
    scope: Any = form.text("scope", "all")

    def store(session: Session) -> Found:
        found = find(session, id)
        suppressing.suppress(
            session, found.customer.id, channel, scope=scope, reason=reason, who=visitor.who,
            secret=parts.links.secret, now=now, key=form.key,
        )  # fmt: skip
        return found

    found = await parts.database.write(store)
    what = "no marketing" if scope == "marketing" else "nothing"
    undo = address(request, "customers", found.customer.id, "lift", channel=channel, cause=BY_HAND)
    says = f"{found.called}: {what} is sent to their {WORDS[channel]} any more."
    return done(request, back(request, found), says, undo=undo)


async def _suppressing(request: Request, _: Visitor, id: str) -> Act:
    chosen = request.query_params.get("channel", "")
    found, lying = await _with_suppressions(request, id)
    known = {"email": found.customer.email, "sms": found.customer.phone}
    options = tuple(Option(name, WORDS[name], known[name] or "") for name in CHANNELS if known[name])
    if not options:
        raise Conflict("the customer has no e-mail address and no phone number")
    scopes = (
        Option("all", "All messages"),
        Option("marketing", "Marketing only", "Receipts and other transactional messages are still sent."),
    )
    first = chosen if any(chosen == one.value for one in options) else options[0].value
    fields = (
        Field("channel", "Which address?", "choice", first, options),
        Field("scope", "What is not sent to it any more?", "choice", "all", scopes),
    )
    says = ["It belongs to the address, whoever has it, and holds from the next message on until it is lifted."]
    return page_before(
        request, found, f"Suppress an address of {found.called}", "suppress", says, "Suppress", fields, _facts(lying)
    )


async def _lift(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """End what suppresses an address."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    given, _, cause = form.text("suppression").partition(" ")
    channel: Any = given

    def store(session: Session) -> Found:
        found = find(session, id)
        suppressing.lift(
            session, found.customer.id, channel, cause=cause or None, reason=reason, who=visitor.who,
            secret=parts.links.secret, now=now, key=form.key,
        )  # fmt: skip
        return found

    found = await parts.database.write(store)
    undo = address(request, "customers", found.customer.id, "suppress", channel=channel)
    says = f"{found.called}: their {WORDS[channel]} is not suppressed any more because of {cause}."
    return done(request, back(request, found), says, undo=undo)


async def _lifting(request: Request, _: Visitor, id: str) -> Act:
    found, lying = await _with_suppressions(request, id)
    can = dict.fromkeys((one.channel, one.reason) for one in lying if one.liftable)
    if not can:
        if lying:
            raise Conflict("what suppresses their addresses they asked for themselves, and only they end it")
        raise Conflict("nothing suppresses an address of this customer")
    options = tuple(Option(f"{way} {why}", f"{WORDS[way]}: {why}") for way, why in can)
    wanted = f"{request.query_params.get('channel')} {request.query_params.get('cause')}"
    first = wanted if any(wanted == one.value for one in options) else options[0].value
    fields = (Field("suppression", "What is lifted?", "choice", first, options),)
    says = ["Messages are sent to this address again, if nothing else stands in the way."]
    return page_before(
        request, found, f"Lift a suppression of {found.called}", "lift", says, "Lift", fields, _facts(lying)
    )


async def _with_suppressions(request: Request, id: str) -> tuple[Found, list[suppressing.Lying]]:
    parts = parts_of(request).api

    def look(session: Session) -> tuple[Found, list[suppressing.Lying]]:
        found = find(session, id)
        return found, suppressing.of_customer(session, found.customer, parts.links.secret)

    return await parts.database.read(look)


def _facts(lying: Sequence[suppressing.Lying]) -> list[tuple[str, str]]:
    return [(f"Suppressed {WORDS[one.channel]}", f"{one.reason} ({one.scope}), by {one.made_by}") for one in lying]


two_steps(router, "/customers/{id}/suppress", Acting, _suppressing, _suppress)
two_steps(router, "/customers/{id}/lift", Acting, _lifting, _lift)
