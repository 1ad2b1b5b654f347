"""Acts on one customer: enrol, note, send a message again.

Their pauses are in console.pausing, their addresses in console.suppressing, their consents in console.consenting.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console.acts import Act, Field, Option, named, reason_of, text_of
from console.forms import Posted
from console.one_customer import Found, back, find, page_before
from console.pages import address, done, parts_of
from console.two_steps import two_steps
from console.visitors import Acting, Visitor
from intake import notes, resending
from intake.asking import Conflict
from intake.enrolling import enrol
from intake.pauses import Impossible
from lifecycle.step_words import CHANNELS
from store import playbooks
from store.tables import Message

router = APIRouter()

SOURCE = "console"
"""The source of events that are made here."""


# --- enrolling -------------------------------------------------------------------------------------------------------


async def _enrol(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Let a customer enter a playbook."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    playbook = text_of(form, "playbook", "say which playbook they are to enter")

    def store(session: Session) -> Found:
        found = find(session, id)
        if playbook not in playbooks.active(session):
            raise Impossible("this playbook takes nobody: choose one of the list")
        enrol(
            session, found.customer.id, playbook, source=SOURCE, reason=reason, who=visitor.who, now=now,
            key=form.key,
        )  # fmt: skip
        return found

    found = await parts.database.write(store)
    parts.acceptor.stored()
    says = f"{found.called} enters {playbook} within seconds, unless they were in it before."
    return done(request, back(request, found), says)


async def _enrolling(request: Request, _: Visitor, id: str) -> Act:
    chosen = request.query_params.get("playbook", "")

    def look(session: Session) -> tuple[Found, list[str]]:
        return find(session, id), sorted(playbooks.active(session))

    found, names = await parts_of(request).api.database.read(look)
    if not names:
        raise Conflict("no playbook takes customers yet")
    says = [
        "They enter it whatever its own way in asks for. Whoever was in it before is not enrolled again.",
        "Each message is still decided upon before it is sent: consent, caps and all.",
    ]
    options = tuple(Option(name, name) for name in names)
    fields = (Field("playbook", "Which playbook?", "select", chosen if chosen in names else names[0], options),)
    return page_before(request, found, f"Enrol {found.called}", "enrol", says, "Enrol", fields)


# --- notes -----------------------------------------------------------------------------------------------------------


async def _note(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Keep a note."""
    parts = parts_of(request).api
    now, text = parts.clock(), text_of(form, "text", "a note says something", notes.LONGEST)

    def store(session: Session) -> Found:
        found = find(session, id)
        notes.add(session, found.customer.id, text, who=visitor.who, now=now, key=form.key)
        return found

    found = await parts.database.write(store)
    return done(request, back(request, found), f"The note about {found.called} is kept.")


async def _noting(request: Request, _: Visitor, id: str) -> Act:
    found = await parts_of(request).api.database.read(lambda session: find(session, id))
    says = ["Everybody who may sign in reads it. It is exported, and erased, with the customer."]
    fields = (Field("text", "Note", "area", required=True),)
    return page_before(request, found, f"A note about {found.called}", "note", says, "Keep", fields, asks_why=False)


# --- messages --------------------------------------------------------------------------------------------------------


async def _resend(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Send a message again, as a new one."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()

    def store(session: Session) -> tuple[Found, str]:
        message = resending.sendable(session, named(id))
        resending.ask(session, message.id, reason=reason, who=visitor.who, now=now, key=form.key)
        return find(session, message.customer_id), message.template

    found, template = await parts.database.write(store)
    says = f"{template} is sent to {found.called} again as soon as a worker has decided that it may go."
    return done(request, back(request, found), says)


async def _resending(request: Request, _: Visitor, id: str) -> Act:
    def look(session: Session) -> tuple[Found, Message]:
        message = resending.sendable(session, named(id))
        return find(session, message.customer_id), message

    found, message = await parts_of(request).api.database.read(look)
    says = [
        "It is made anew from what is known now, and is a message of its own.",
        "Before it is sent it is decided upon like any other: consent, suppressions, quiet hours, caps and pauses.",
        "It may wait three days for its time. That its journey is over does not stop it.",
    ]
    facts = [
        ("Message", f"{message.template} by {CHANNELS[message.channel]}"),
        ("So far", message.state + (f": {message.reason}" if message.reason else "")),
    ]
    action = address(request, "messages", message.id, "resend")
    return Act(f"Send again to {found.called}", says, action, back(request, found), "Send again", (), facts)


two_steps(router, "/customers/{id}/enrol", Acting, _enrolling, _enrol)
two_steps(router, "/customers/{id}/note", Acting, _noting, _note)
two_steps(router, "/messages/{id}/resend", Acting, _resending, _resend)
