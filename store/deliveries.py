"""Deliveries: what providers told about messages. Rows are only added; of the same news there is one."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.halting import Counted
from lifecycle.ledger import TAKEN
from lifecycle.suppression import Told
from store.statements import add_new
from store.tables import Customer, Delivery, Journey, Message, table_of

_delivery = table_of(Delivery)
_message, _journey, _customer = table_of(Message), table_of(Journey), table_of(Customer)


class About(NamedTuple):
    """The message that a delivery is about. `address` is where it went, else where its customer is reached now."""

    id: str
    channel: str
    step: str
    template: str
    topic: str | None
    address: str | None
    journey_id: str
    playbook: str
    customer_id: str
    user_id: str
    erased: bool
    provider_id: str | None
    sender: str | None


def about(session: Session, message_ids: Collection[str]) -> dict[str, About]:
    """By id: the messages with these ids; those that are not ours are left out."""
    one = _message.c
    rows = session.execute(
        select(
            one.id, one.channel, one.step, one.template, one.topic, one.recipient, one.journey_id, _journey.c.playbook,
            one.customer_id, _customer.c.user_id, _customer.c.email, _customer.c.phone, _customer.c.erased_at,
            one.provider_id, one.sender,
        )
        .join(_journey, _journey.c.id == one.journey_id)
        .join(_customer, _customer.c.id == one.customer_id)
        .where(one.id.in_(message_ids))
    )  # fmt: skip
    return {
        row.id: About(
            row.id, row.channel, row.step, row.template, row.topic,
            row.recipient or (row.email if row.channel == "email" else row.phone),
            row.journey_id, row.playbook, row.customer_id, row.user_id, row.erased_at is not None,
            row.provider_id, row.sender,
        )
        for row in rows
    }  # fmt: skip


def add(session: Session, delivery: Delivery) -> bool:
    """Store what a provider told; False where it had told the same of this message before, at the same time."""
    return add_new(session, delivery)


def of_message(session: Session, message_id: str) -> list[Delivery]:
    """What was told of a message, in the order of the provider's times."""
    return list(
        session.scalars(
            select(Delivery).where(_delivery.c.message_id == message_id).order_by(_delivery.c.at, _delivery.c.id)
        )
    )


def told_of(
    session: Session, customer_id: str, channel: str, address: str, kinds: Collection[str], since: Instant | None
) -> list[Told]:
    """What was told in these ways of messages that a customer got at an address, later than `since`."""
    one = _delivery.c
    theirs = select(_message.c.id).where(
        _message.c.customer_id == customer_id, _message.c.channel == channel, _message.c.recipient == address
    )
    told = select(one.message_id, one.kind, one.detail, one.at).where(one.message_id.in_(theirs), one.kind.in_(kinds))
    rows = session.execute(told if since is None else told.where(one.at > since))
    return [Told(*row) for row in rows]


def failing(session: Session, playbook: str, since: Instant) -> Counted:
    """How many of a playbook's e-mails accepted after `since` were complained about and bounced; `accepted` is 0."""
    one = _delivery.c
    rows = session.execute(
        select(one.kind, func.count(one.message_id.distinct()).label("number"))
        .join(_message, _message.c.id == one.message_id)
        .join(_journey, _journey.c.id == _message.c.journey_id)
        .where(
            # Nothing is told of a message before it is accepted; so the index on kind and time leaves little to read.
            one.kind.in_(("complained", "bounced")),
            one.at > since,
            (one.detail != "blocked") | one.detail.is_(None),
            _message.c.channel == "email",
            _message.c.accepted_at > since,
            _journey.c.playbook == playbook,
        )
        .group_by(one.kind)
    )
    found = {row.kind: row.number for row in rows}
    return Counted(0, found.get("complained", 0), found.get("bounced", 0))


def accepted(session: Session, playbook: str, since: Instant) -> int:
    """How many of a playbook's e-mails providers accepted after `since`. It looks at all of the playbook's messages."""
    found = session.scalar(
        select(func.count())
        .select_from(_message)
        .join(_journey, _journey.c.id == _message.c.journey_id)
        .where(
            _journey.c.playbook == playbook,
            _message.c.channel == "email",
            _message.c.accepted_at > since,
            _message.c.state.in_(TAKEN),
        )
    )
    return found or 0
