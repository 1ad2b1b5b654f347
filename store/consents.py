"""Consent: every change is kept, the latest one counts (`lifecycle.consent` says for what)."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import changed, insert
from store.tables import Consent, ConsentRequest, table_of, values_of

_consent, _request = table_of(Consent), table_of(ConsentRequest)


def add(session: Session, consent: Consent) -> int:
    """Add a change of consent; its number, which says in which order we learnt of changes."""
    given: int = session.execute(insert(session, _consent).returning(_consent.c.id), values_of(consent)).scalar_one()
    return given


_LATEST = (
    select(Consent)
    .where(
        _consent.c.id.in_(
            select(func.max(_consent.c.id))
            .where(_consent.c.customer_id == bindparam("customer"))
            .group_by(_consent.c.topic, _consent.c.channel)
        )
    )
    .order_by(_consent.c.id)
)
_REQUESTS = select(ConsentRequest).where(_request.c.customer_id == bindparam("customer")).order_by(_request.c.id)


def latest(session: Session, customer_id: str) -> list[Consent]:
    """The latest row of each topic and channel, in the order in which we learnt of them."""
    return list(session.scalars(_LATEST, {"customer": customer_id}))


def history(session: Session, customer_id: str) -> list[Consent]:
    """Every change of a customer's consent, oldest first."""
    return list(session.scalars(select(Consent).where(_consent.c.customer_id == customer_id).order_by(_consent.c.id)))


def add_request(session: Session, request: ConsentRequest) -> int:
    """Store that somebody asked for a topic that wants a confirmation; the request's number."""
    given: int = session.execute(insert(session, _request).returning(_request.c.id), values_of(request)).scalar_one()
    return given


def request(session: Session, request_id: int) -> ConsentRequest | None:
    """The request with this number, read anew."""
    return session.scalar(
        select(ConsentRequest).where(_request.c.id == request_id).execution_options(populate_existing=True)
    )


def requests(session: Session, customer_id: str) -> list[ConsentRequest]:
    """Every request of a customer, oldest first."""
    return list(session.scalars(_REQUESTS, {"customer": customer_id}))


def mark_confirmed(session: Session, request_id: int, at: Instant) -> bool:
    """Record that a request was confirmed; False where it was before."""
    return changed(
        session.execute(
            update(_request)
            .where(_request.c.id == request_id, _request.c.confirmed_at.is_(None))
            .values(confirmed_at=at)
        )
    )
