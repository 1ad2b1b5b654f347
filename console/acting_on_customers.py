"""Acts on one customer: enrol, suppress an address, lift that, change a consent, note. console.pausing pauses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console.acts import Act, Field, Option, named, reason_of, text_of
from console.forms import Posted
from console.pages import address, done, parts_of
from console.two_steps import two_steps
from console.visitors import Acting, Visitor
from intake import consents, notes, reader, resending, suppressing
from intake.asking import Conflict
from intake.enrolling import enrol
from intake.pauses import Impossible
from intake.suppressing import WORDS
from lifecycle.consent import answer_for
from lifecycle.step_words import CHANNELS
from lifecycle.suppression import BY_HAND
from store import consents as answers
from store import customers, held, playbooks
from store.tables import Customer, Message

router = APIRouter()

SOURCE = "console"
"""The source of events that are made here."""


class Found(NamedTuple):
    """A customer, and what people call them."""

    customer: Customer
    called: str


# --- enrolling -------------------------------------------------------------------------------------------------------


async def _enrol(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Let a customer enter a playbook."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    playbook = text_of(form, "playbook", "say which playbook they are to enter")

    def store(session: Session) -> Found:
        found = _find(session, id)
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
    return done(request, _back(request, found), says)


async def _enrolling(request: Request, _: Visitor, id: str) -> Act:
    chosen = request.query_params.get("playbook", "")

    def look(session: Session) -> tuple[Found, list[str]]:
        return _find(session, id), sorted(playbooks.active(session))

    found, names = await parts_of(request).api.database.read(look)
    if not names:
        raise Conflict("no playbook takes customers yet")
    says = [
        "They enter it whatever its own way in asks for. Whoever was in it before is not enrolled again.",
        "Each message is still decided upon before it is sent: consent, caps and all.",
    ]
    options = tuple(Option(name, name) for name in names)
    fields = (Field("playbook", "Which playbook?", "select", chosen if chosen in names else names[0], options),)
    return _act(request, found, f"Enrol {found.called}", "enrol", says, "Enrol", fields)


# --- suppressing -----------------------------------------------------------------------------------------------------


async def _suppress(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Never message an address again."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    channel: Any = form.text("channel")
    scope: Any = form.text("scope", "all")

    def store(session: Session) -> Found:
        found = _find(session, id)
        suppressing.suppress(
            session, found.customer.id, channel, scope=scope, reason=reason, who=visitor.who,
            secret=parts.links.secret, now=now, key=form.key,
        )  # fmt: skip
        return found

    found = await parts.database.write(store)
    what = "no marketing" if scope == "marketing" else "nothing"
    undo = address(request, "customers", found.customer.id, "lift", channel=channel, cause=BY_HAND)
    says = f"{found.called}: {what} is sent to their {WORDS[channel]} any more."
    return done(request, _back(request, found), says, undo=undo)


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
    return _act(request, found, f"Suppress an address of {found.called}", "suppress", says, "Suppress", fields, lying)


async def _lift(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """End what suppresses an address."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    given, _, cause = form.text("suppression").partition(" ")
    channel: Any = given

    def store(session: Session) -> Found:
        found = _find(session, id)
        suppressing.lift(
            session, found.customer.id, channel, cause=cause or None, reason=reason, who=visitor.who,
            secret=parts.links.secret, now=now, key=form.key,
        )  # fmt: skip
        return found

    found = await parts.database.write(store)
    undo = address(request, "customers", found.customer.id, "suppress", channel=channel)
    says = f"{found.called}: their {WORDS[channel]} is not suppressed any more because of {cause}."
    return done(request, _back(request, found), says, undo=undo)


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
    return _act(request, found, f"Lift a suppression of {found.called}", "lift", says, "Lift", fields, lying)


async def _with_suppressions(request: Request, id: str) -> tuple[Found, list[suppressing.Lying]]:
    parts = parts_of(request).api

    def look(session: Session) -> tuple[Found, list[suppressing.Lying]]:
        found = _find(session, id)
        return found, suppressing.of_customer(session, found.customer, parts.links.secret)

    return await parts.database.read(look)


# --- consent ---------------------------------------------------------------------------------------------------------


async def _consent(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Record what a customer said about a topic."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()
    topic = text_of(form, "topic", "say which topic they spoke of")
    source = text_of(form, "source", "say where they said so: it is kept as the proof")
    answer, channel = form.text("answer"), form.text("channel") or None
    if answer not in ("yes", "no"):
        raise Impossible("say whether they said yes or no")

    def store(session: Session) -> tuple[Found, consents.Recorded]:
        found = _find(session, id)
        locked = customers.lock(session, found.customer.id)
        assert locked is not None
        proof = consents.Proof(source, now)
        told = consents.change(
            session, parts.map, locked, topic, answer == "yes", proof, now, channel, reason=reason,
            who=visitor.who, key=form.key,
        )  # fmt: skip
        return found, told

    found, told = await parts.database.write(store)
    parts.acceptor.stored()
    undo = None
    if told.state in ("given", "withdrawn"):
        opposite = "no" if answer == "yes" else "yes"
        undo = address(request, "customers", found.customer.id, "consent", topic=topic, answer=opposite)
    return done(request, _back(request, found), f"{found.called}: {told.says}.", undo=undo)


async def _consenting(request: Request, _: Visitor, id: str) -> Act:
    asked = request.query_params
    topic, answer = asked.get("topic", ""), asked.get("answer", "")
    topics = parts_of(request).api.map.topics

    def look(session: Session) -> tuple[Found, list[tuple[str, str]]]:
        found = _find(session, id)
        said = answers.latest(session, found.customer.id)
        told = [
            (f"{name} by {CHANNELS[channel]}", _SAID[answer_for(said, name, channel)])
            for name, one in topics.items()
            for channel in one.channels
        ]
        return found, told

    found, told = await parts_of(request).api.database.read(look)
    if not topics:
        raise Conflict("the map declares no topics that one could agree to")
    options = tuple(Option(name, name, one.description or "") for name, one in topics.items())
    first = topic if topic in topics else options[0].value
    said = (Option("yes", "Yes, they want it"), Option("no", "No, they want it no more"))
    by = (Option("", "by all of its channels"), Option("email", "by e-mail"), Option("sms", "by SMS"))
    fields = (
        Field("topic", "Which topic?", "select", first, options),
        Field("channel", "How?", "select", "", by),
        Field("answer", "What did they say?", "choice", answer if answer in ("yes", "no") else "", said),
        Field("source", "Where did they say so?", hint="Such as phone. It is kept as the proof.", required=True),
    )
    says = ["Record only what they said themselves. It counts for the next message, even one that waits already."]
    made = _act(request, found, f"Change a consent of {found.called}", "consent", says, "Record", fields)
    return Act(made.title, made.says, made.action, made.back, made.button, made.fields, told)


_SAID = {True: "yes", False: "no", None: "never asked"}


# --- notes -----------------------------------------------------------------------------------------------------------


async def _note(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Keep a note."""
    parts = parts_of(request).api
    now, text = parts.clock(), text_of(form, "text", "a note says something", notes.LONGEST)

    def store(session: Session) -> Found:
        found = _find(session, id)
        notes.add(session, found.customer.id, text, who=visitor.who, now=now, key=form.key)
        return found

    found = await parts.database.write(store)
    return done(request, _back(request, found), f"The note about {found.called} is kept.")


async def _noting(request: Request, _: Visitor, id: str) -> Act:
    found = await parts_of(request).api.database.read(lambda session: _find(session, id))
    says = ["Everybody who may sign in reads it. It is exported, and erased, with the customer."]
    fields = (Field("text", "Note", "area", required=True),)
    made = _act(request, found, f"A note about {found.called}", "note", says, "Keep", fields)
    return Act(made.title, made.says, made.action, made.back, made.button, made.fields, asks_why=False)


# --- messages --------------------------------------------------------------------------------------------------------


async def _resend(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Send a message again, as a new one."""
    parts = parts_of(request).api
    reason, now = reason_of(form), parts.clock()

    def store(session: Session) -> tuple[Found, str]:
        message = resending.sendable(session, named(id))
        resending.ask(session, message.id, reason=reason, who=visitor.who, now=now, key=form.key)
        return _find(session, message.customer_id), message.template

    found, template = await parts.database.write(store)
    says = f"{template} is sent to {found.called} again as soon as a worker has decided that it may go."
    return done(request, _back(request, found), says)


async def _resending(request: Request, _: Visitor, id: str) -> Act:
    def look(session: Session) -> tuple[Found, Message]:
        message = resending.sendable(session, named(id))
        return _find(session, message.customer_id), message

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
    return Act(f"Send again to {found.called}", says, action, _back(request, found), "Send again", (), facts)


def _find(session: Session, id: str) -> Found:
    customer = reader.find_customer(session, named(id))
    return Found(customer, held.called(customer))


def _act(
    request: Request,
    found: Found,
    title: str,
    act: str,
    says: Sequence[str],
    button: str,
    fields: Sequence[Field],
    lying: Sequence[suppressing.Lying] = (),
) -> Act:
    facts = [(f"Suppressed {WORDS[one.channel]}", f"{one.reason} ({one.scope}), by {one.made_by}") for one in lying]
    action = address(request, "customers", found.customer.id, act)
    return Act(title, says, action, _back(request, found), button, fields, facts)


def _back(request: Request, found: Found) -> str:
    return address(request, "customers", found.customer.id)


two_steps(router, "/customers/{id}/enrol", Acting, _enrolling, _enrol)
two_steps(router, "/customers/{id}/suppress", Acting, _suppressing, _suppress)
two_steps(router, "/customers/{id}/lift", Acting, _lifting, _lift)
two_steps(router, "/customers/{id}/consent", Acting, _consenting, _consent)
two_steps(router, "/customers/{id}/note", Acting, _noting, _note)
two_steps(router, "/messages/{id}/resend", Acting, _resending, _resend)
