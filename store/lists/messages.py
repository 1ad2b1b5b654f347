"""The list of messages, and of those that the outbox keeps: the latest due first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, func, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.lists.paging import Cursor, Page, Walk, page, picked
from store.tables import Customer, Journey, Message, table_of

_message, _journey, _customer = table_of(Message), table_of(Journey), table_of(Customer)

OUTBOX = "outbox"
SNIPPET = 160
"""Characters of a text that a list shows."""

_PICKED = ("id", "state", "channel", "template", "subject", "recipient", "due_at", "accepted_at", "reason",
           "journey_id", "customer_id", "sender", "text")  # fmt: skip


@dataclass(frozen=True)
class MessageFilter:
    """What is asked of messages; None asks nothing. `customer` is our id; `since` and `until` are about the due time,
    the first included, the second not. `sender` is `outbox`, where only what that keeps is wanted.
    """

    state: str | None = None
    channel: str | None = None
    playbook: str | None = None
    template: str | None = None
    customer: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    sender: str | None = None


class MessageLine(NamedTuple):
    """One message in a list. `user_id` is the product's id of its customer, `snippet` how its text begins."""

    id: str
    state: str
    channel: str
    template: str
    subject: str | None
    recipient: str | None
    due_at: Instant
    accepted_at: Instant | None
    reason: str | None
    journey_id: str
    customer_id: str
    sender: str | None
    snippet: str | None
    playbook: str
    user_id: str


def listed(session: Session, wanted: MessageFilter, cursor: Cursor | None = None, limit: int = 50) -> Page[MessageLine]:
    """A page of messages. One query, and one more where no index serves all that is wanted."""
    walk = _walk(wanted)
    one = walk.source.c
    loose: list[ColumnElement[bool]] = []
    if walk.short and wanted.state:
        loose.append(one.state == wanted.state)
    if wanted.channel:
        loose.append(one.channel == wanted.channel)
    if wanted.template:
        loose.append(one.template == wanted.template)
    if wanted.sender:
        loose.append(one.sender == wanted.sender)
    if (
        wanted.playbook
    ):  # a journey's id begins with its playbook; so no other index than the walk's comes into question
        beginning = f"{wanted.playbook}."
        loose.append(func.substr(one.journey_id, 1, len(beginning)) == beginning)
    return page(session, [(walk, _columns(walk.source))], MessageLine, cursor, limit, [loose])


def _walk(wanted: MessageFilter) -> Walk:
    source: FromClause = _message
    where: list[ColumnElement[bool]] = []
    if wanted.customer:
        theirs = select(*(_message.c[name] for name in _PICKED)).where(_message.c.customer_id == wanted.customer)
        source = picked(theirs, "theirs")
    elif wanted.state:
        where.append(_message.c.state == wanted.state)
    due: Any = source.c.due_at
    if wanted.since:
        where.append(due >= wanted.since)
    if wanted.until:
        where.append(due < wanted.until)
    return Walk(source, (due, source.c.id), tuple(where), short=wanted.customer is not None)


def _columns(source: FromClause) -> Select[Any]:
    one = source.c
    return (
        select(
            one.id, one.state, one.channel, one.template, one.subject, one.recipient, one.due_at, one.accepted_at,
            one.reason, one.journey_id, one.customer_id, one.sender, func.substr(one.text, 1, SNIPPET),
            _journey.c.playbook, _customer.c.user_id,
        )
        .select_from(source)
        # Outer joins, although both are always there: neither database then begins with them.
        .outerjoin(_journey, _journey.c.id == one.journey_id)
        .outerjoin(_customer, _customer.c.id == one.customer_id)
    )  # fmt: skip
