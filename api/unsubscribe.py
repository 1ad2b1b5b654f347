"""Unsubscribing by the link in a message: by one click (RFC 8058) or the button of a page.

Whoever says that they want no more gets no more: where it is not known of what, of everything by that channel.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from api import pages
from api.fields import Handed
from api.pages import Page, Visit
from api.parts import Parts
from api.problems import documented
from intake.consents import Proof, record
from store.tables import Message

FIELD, VALUE = "List-Unsubscribe", "One-Click"
"""What a mail program posts; our own button says the same."""

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse, responses=documented(413))


@router.get("/u/{token}")
async def ask(token: str, parts: Handed) -> Response:
    """Ask whether to unsubscribe. Nothing happens yet."""
    return await pages.looked_up(parts, "unsubscribe", token, lambda session, visit: _question(parts, visit))


@router.post("/u/{token}")
async def unsubscribe(token: str, request: Request, parts: Handed) -> Response:
    """Unsubscribe; `List-Unsubscribe=One-Click` is all that the form must hold."""
    form = await pages.form_of(request)
    if VALUE not in form.get(FIELD, ()):
        return await pages.looked_up(
            parts, "unsubscribe", token, lambda session, visit: _question(parts, visit, status=400)
        )
    proof = Proof("unsubscribe link", parts.clock(), pages.ip_of(request))

    def withdraw(session: Session, visit: Visit) -> Page:
        for topic, channel in _meant(parts, visit.message):
            record(session, parts.map, visit.customer, topic, False, proof, proof.at, channel)
        words = visit.words
        says = words.stopped.format(company=parts.map.company, **pages.named(parts, visit))
        return Page(words, words.stopped_heading, [says], parts.links.preferences(visit.message.id))

    return await pages.carried_out(parts, "unsubscribe", token, withdraw)


def _question(parts: Parts, visit: Visit, status: int = 200) -> Page:
    words = visit.words
    asks = {
        "question": words.stop_question.format(**pages.named(parts, visit)),
        "name": FIELD,
        "value": VALUE,
        "button": words.stop_button,
    }
    more = parts.links.preferences(visit.message.id)
    return Page(words, words.stop_heading, more=more, status=status, template="question.html", values=asks)


def _meant(parts: Parts, message: Message) -> list[tuple[str, str | None]]:
    """The topics, with channel, that somebody means who unsubscribes from a message."""
    channel, topic = message.channel, message.topic
    declared = parts.map.topics.get(topic) if topic else None
    if topic and declared:
        return [(topic, channel if channel in declared.channels else None)]
    return [(name, channel) for name, one in parts.map.topics.items() if channel in one.channels]
