"""Recording what a customer said about a topic, with the proof of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console.acts import Act, Field, Option, reason_of, text_of
from console.forms import Posted
from console.one_customer import Found, back, find, page_before
from console.pages import address, done, parts_of
from console.two_steps import two_steps
from console.visitors import Acting, Visitor
from intake import consents
from intake.asking import Conflict
from intake.pauses import Impossible
from lifecycle.consent import answer_for
from lifecycle.step_words import CHANNELS
from store import consents as answers
from store import customers

router = APIRouter()

_SAID = {True: "yes", False: "no", None: "never asked"}


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
        found = find(session, id)
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
    return done(request, back(request, found), f"{found.called}: {told.says}.", undo=undo)


async def _consenting(request: Request, _: Visitor, id: str) -> Act:
    asked = request.query_params
    topic, answer = asked.get("topic", ""), asked.get("answer", "")
    topics = parts_of(request).api.map.topics

    def look(session: Session) -> tuple[Found, list[tuple[str, str]]]:
        found = find(session, id)
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
    return page_before(request, found, f"Change a consent of {found.called}", "consent", says, "Record", fields, told)


two_steps(router, "/customers/{id}/consent", Acting, _consenting, _consent)
