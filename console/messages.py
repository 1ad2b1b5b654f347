"""Messages: those that were sent, put off or refused; one of them as its reader sees it; and the outbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from console import spreadsheets
from console.faults import Missing
from console.lists import Query, find_customer, shown
from console.pages import HEADERS, page, parts_of
from console.states import CHANNELS, MESSAGES
from console.templating import templates
from console.visitors import Seeing, Visitor
from intake import explain
from intake.explain import Explained
from store import customers, journeys, messages
from store.lists import messages as lists
from store.lists.messages import OUTBOX, MessageFilter, MessageLine
from store.lists.paging import Page
from store.tables import Customer, Journey, Message

router = APIRouter()

BODY = {
    **HEADERS,
    # It is somebody's HTML: nothing in it runs, nothing is loaded, and it is shown in our frame and nowhere else.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
}

_HEADER = ("id", "state", "channel", "template", "playbook", "journey", "customer", "customer_id", "to", "subject",
           "due_at", "accepted_at", "reason", "sender")  # fmt: skip


@dataclass(frozen=True)
class Read:
    """One message and what belongs to it."""

    message: Message
    journey: Journey | None
    customer: Customer
    explained: Explained


@router.get("/messages")
async def listing(request: Request, visitor: Seeing) -> Response:
    """All messages, whatever became of them."""
    return await _list(request, visitor, "messages.html", "Messages", None)


@router.get("/outbox")
async def outbox(request: Request, visitor: Seeing) -> Response:
    """What the outbox keeps in place of a provider, as a reader of mail sees it."""
    return await _list(request, visitor, "outbox.html", "Outbox", OUTBOX)


@router.get("/messages/{id}")
async def one(request: Request, visitor: Seeing, id: str) -> Response:
    """A message as it was sent, what was looked at before, and what became of it."""
    parts = parts_of(request)

    def read(session: Session) -> Read | None:
        message = _found(session, id)
        customer = customers.by_id(session, message.customer_id) if message else None
        if message is None or customer is None:
            return None
        explained = explain.decided(session, parts.explainer, customer, message)
        return Read(message, journeys.get(session, message.journey_id), customer, explained)

    found = await parts.api.database.read(read)
    if found is None:
        raise Missing("There is no message of this id. Messages are listed under Messages.")
    title = found.message.subject or found.message.template
    return page(
        request, "message.html", visitor, title=title, message=found.message, journey=found.journey,
        customer=found.customer, explained=found.explained, their_zone=parts.explainer.zone(found.customer),
        remote=_remote(found.message.html or ""),
    )  # fmt: skip


@router.get("/messages/{id}/body")
async def body(request: Request, visitor: Seeing, id: str) -> Response:
    """The HTML of an e-mail, for the frame on its page."""
    message = await parts_of(request).api.database.read(lambda session: _found(session, id))
    if message is None or not message.html:
        raise Missing("There is no HTML of a message at this address.")
    head = _HEAD.search(message.html)
    at = head.end() if head else 0
    template = templates.get_template("message_body.html")
    return HTMLResponse(template.render(before=message.html[:at], after=message.html[at:]), headers=BODY)


async def _list(request: Request, visitor: Visitor, template: str, title: str, sender: str | None) -> Response:
    query, parts = Query(request, visitor.zone), parts_of(request)
    name = query.text("customer")
    wanted = MessageFilter(
        state=query.choice("state", MESSAGES) if sender is None else None,
        channel=query.choice("channel", CHANNELS),
        playbook=query.text("playbook", parts.plans),
        template=query.text("template", {name for name, _ in parts.explainer.templates}),
        since=query.day("from"),
        until=query.day("to", after=True),
        sender=sender,
    )

    def read(session: Session, cursor: Any = None, limit: int = 50) -> Page[MessageLine]:
        customer = find_customer(session, name, query)
        if name and customer is None:
            return Page()
        theirs = MessageFilter(**{**wanted.__dict__, "customer": customer.id if customer else None})
        return lists.listed(session, theirs, cursor, limit)

    if query.csv:
        return await spreadsheets.answer(request, visitor, query, title.lower(), _HEADER, read, _row)
    found = await parts.api.database.read(lambda session: read(session, query.cursor))
    return shown(
        request, template, visitor, query, found, title=title, states=MESSAGES, channels=CHANNELS,
        playbooks=sorted(parts.plans),
        templates=sorted({template for template, _ in parts.explainer.templates}),
    )  # fmt: skip


def _row(line: MessageLine) -> tuple[Any, ...]:
    return (line.id, line.state, line.channel, line.template, line.playbook, line.journey_id, line.user_id,
            line.customer_id, line.recipient, line.subject, line.due_at, line.accepted_at, line.reason,
            line.sender)  # fmt: skip


def _found(session: Session, id: str) -> Message | None:
    return messages.by_id(session, id) if id.isprintable() and len(id) <= 200 else None


_HEAD = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)

_REMOTE = re.compile(
    r"""(?:src|background|srcset)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//""", re.IGNORECASE
)


def _remote(html: str) -> bool:
    """Whether the HTML names pictures elsewhere, which are not loaded."""
    return _REMOTE.search(html) is not None
