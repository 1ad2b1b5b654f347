"""Whether anything changed of what a page shows: one query that counts, so that a page can ask it all the time.

What is only ever added is counted; what also changes is counted by its states, or by the latest of its times.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, bindparam, case, func, select, text, true
from sqlalchemy.orm import Session
from whenever import Instant

from store.journeys import UNDER_WAY
from store.shards import shard_of
from store.tables import (
    Account,
    Audit,
    Consent,
    ConsentRequest,
    Customer,
    Delivery,
    Event,
    Hold,
    Journey,
    Message,
    Milestone,
    Pause,
    PlaybookActive,
    SegmentMember,
    Suppression,
    Task,
    Trace,
    table_of,
)
from store.tables.arrivals import ABOUT_CUSTOMERS

_journey, _message, _event, _audit = table_of(Journey), table_of(Message), table_of(Event), table_of(Audit)
_CUSTOMER: Any = bindparam("customer")
_NOW = bindparam("now", type_=_journey.c.due.type)


def _several(name: str) -> Any:
    return bindparam(name, expanding=True)


def _customer_mark() -> Select[Any]:
    customer, account, milestone = table_of(Customer).c, table_of(Account).c, table_of(Milestone).c
    delivery, trace, hold, pause = table_of(Delivery).c, table_of(Trace).c, table_of(Hold).c, table_of(Pause).c
    task, consent, request = table_of(Task).c, table_of(Consent).c, table_of(ConsentRequest).c
    member, suppression, active = table_of(SegmentMember).c, table_of(Suppression).c, table_of(PlaybookActive).c
    one, mail, event = _journey.c, _message.c, _event.c
    theirs = (
        select(func.count())
        .select_from(table_of(Trace))
        .join(_journey, one.id == trace.journey_id)
        .where(one.customer_id == _CUSTOMER)
    )
    due = case(((one.due <= _NOW) & one.status.in_(UNDER_WAY), 1), else_=0)
    under_way = case((mail.state == "pending", 1), (mail.state == "sending", 1000), (mail.state == "unknown", 10**6))
    parts: list[Any] = [
        select(func.max(customer.updated_at), func.count(customer.erased_at)).where(customer.id.in_(_several("ids"))),
        select(func.max(account.updated_at)).where(account.id == bindparam("account")),
        select(func.count()).where(milestone.customer_id == _CUSTOMER),
        select(func.count()).where(event.customer_id.in_(_several("ids")), ABOUT_CUSTOMERS),
        select(func.count(), func.sum(event.attempts)).where(
            text("state = 'pending'"), event.shard.in_(_several("shards")), event.user_id.in_(_several("names"))
        ),
        select(func.count()).where(text("state = 'failed'"), event.user_id.in_(_several("names"))),
        select(
            func.count(), func.sum(mail.attempt), func.sum(under_way), func.max(mail.claimed_at),
            func.max(mail.accepted_at), func.max(mail.settled_at), func.max(mail.not_before),
        ).where(mail.customer_id == _CUSTOMER),
        select(func.count(delivery.id))
        .join(_message, mail.id == delivery.message_id)
        .where(mail.customer_id == _CUSTOMER),
        select(
            func.count(), func.sum(one.seq), func.sum(one.inbox_last), func.count(one.started_at),
            func.count(one.exit_at), func.count(one.ended_at), func.sum(due),
        ).where(one.customer_id == _CUSTOMER),
        theirs,
        select(func.count(hold.pause_id)).join(_journey, one.id == hold.journey_id).where(one.customer_id == _CUSTOMER),
        select(func.count(pause.id), func.max(pause.id), func.count(pause.ended_at), func.count(pause.drained_at)),
        select(
            func.count(), func.count(task.done_at), func.max(task.done_at), func.count(task.assignee.distinct()),
            func.max(task.due_at),
        ).where(task.customer_id == _CUSTOMER),
        select(func.max(consent.id)).where(consent.customer_id == _CUSTOMER),
        select(func.count(), func.count(request.confirmed_at)).where(request.customer_id == _CUSTOMER),
        select(func.count(), func.max(member.since)).where(member.customer_id == _CUSTOMER),
        select(func.count(), func.count(suppression.lifted_at)).where(
            suppression.channel.in_(("email", "sms")), suppression.address.in_(_several("marks"))
        ),
        select(func.max(_audit.c.id)).where(_audit.c.target.in_(_several("targets"))),
        select(func.max(_audit.c.id)).join(_journey, one.id == _audit.c.target).where(one.customer_id == _CUSTOMER),
        select(func.max(_audit.c.id))
        .join(_message, mail.id == _audit.c.target)
        .where(mail.customer_id == _CUSTOMER, _audit.c.what == "resend"),
        select(func.count(active.playbook), func.max(active.since), func.sum(active.percent)),
    ]  # fmt: skip
    # Each is one row: joined on nothing, they are one row together.
    first, *rest = (part.subquery() for part in parts)
    joined: Any = first
    for part in rest:
        joined = joined.join(part, true())
    return select(*(column for part in (first, *rest) for column in part.c)).select_from(joined)


_OF_CUSTOMER = _customer_mark()


def of_customer(
    session: Session, customer: Customer, merged: Collection[Customer], addresses: Collection[str], now: Instant
) -> str:
    """A word that changes with whatever happens to a customer, and whenever something of theirs has come due by `now`.

    `merged` are the rows that were merged into theirs, `addresses` the keyed hashes of how to reach them.
    """
    family = [customer, *merged]
    names = [one.user_id for one in family]
    given = {
        "customer": customer.id, "ids": [one.id for one in family], "names": names, "account": customer.account_id,
        "targets": [*(one.id for one in family), *names], "shards": list({shard_of(name) for name in names}),
        "marks": list(addresses), "now": now,
    }  # fmt: skip
    return "|".join(str(value) for value in session.execute(_OF_CUSTOMER, given).one())
