"""What a customer is going through, and what holds each journey."""

from __future__ import annotations

from sqlalchemy.orm import Session
from whenever import Instant

from intake import ahead
from intake.explain.answer import Explained, Explainer
from intake.reader import Position
from lifecycle.policies import Check
from store.tables import Customer

UNDER_WAY = frozenset({"starting", "waiting", "listening", "deferred", "held", "working"})
"""Words of positions of journeys that go on."""


def of_customer(session: Session, explainer: Explainer, customer: Customer, now: Instant) -> Explained:
    """Each open journey with what it waits for; those that are held or put off are not passed.

    The outcome is `under_way`, or `nothing_open` where the customer has no open journey.
    """
    positions = [one for one in ahead.positions(session, explainer, customer, now) if one.word in UNDER_WAY]
    checks = tuple(_standing(one) for one in positions)
    number = len(positions)
    if not positions:
        says = f"{customer.user_id} is in no journey; ask with --playbook why not"
        return Explained(customer.user_id, "nothing_open", says, ())
    says = f"{customer.user_id} is in {number} journey{'s' * (number > 1)}"
    return Explained(customer.user_id, "under_way", says, checks)


def _standing(position: Position) -> Check:
    then = f"comes next: {position.next.what}" if position.next.what else "nothing comes next"
    passed = position.word not in ("held", "deferred")
    return Check(position.journey.id, f"{position.word}: {position.next.why}", passed, then)
