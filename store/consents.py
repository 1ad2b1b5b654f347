"""Consent: every change is kept, the latest one counts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.statements import add_all
from store.tables import Consent, table_of

_consent = table_of(Consent)


def record(session: Session, consents: Sequence[Consent]) -> None:
    """Add changes of consent, in the order in which they were given."""
    add_all(session, consents)


def latest(session: Session, customer_id: str) -> list[Consent]:
    """The latest row of each topic and channel, oldest first.

    A row without a channel speaks for all channels and outranks what came before it; so the answer for a topic and a
    channel is the last row of this list whose topic is that one and whose channel is that one or None.
    """
    newest = (
        select(func.max(_consent.c.id))
        .where(_consent.c.customer_id == customer_id)
        .group_by(_consent.c.topic, _consent.c.channel)
    )
    return list(session.scalars(select(Consent).where(_consent.c.id.in_(newest)).order_by(_consent.c.id)))


def history(session: Session, customer_id: str) -> list[Consent]:
    """Every change of a customer's consent, oldest first."""
    return list(session.scalars(select(Consent).where(_consent.c.customer_id == customer_id).order_by(_consent.c.id)))
