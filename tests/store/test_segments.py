"""Segments: who is in one, asked of all customers in one query, comes to the same as asking each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

from activities.facts import person_of
from lifecycle.language.map import Map
from messaging.conditions import JinjaConditions
from store import customers, segments
from store.database import Database
from store.tables import Account, Customer, Milestone
from tests.store.rows import START, add_customer, add_milestone
from tests.store.segment_strategies import CONDITIONS, CUSTOMERS, DEFAULTS

CONDITIONS_OF_OURS = JinjaConditions()
MAP = Map.model_validate(
    {
        "time_zone": "Europe/Paris",
        "milestones": {},
        "stages": {},
        "attributes": {
            "plan": {"default": "free"},
            "closed": {"type": "boolean", "default": False},
            "language": {"default": "en"},
            "seats": {"type": "number", "of": "account", "default": 3},
        },
    }
)


def fill(session: Session, drawn: list[dict[str, Any]]) -> None:
    """These customers, and no others."""
    for table in (Milestone, Customer, Account):
        session.execute(delete(table))
    for number, one in enumerate(drawn):
        customer = add_customer(session, f"user-{number}")
        if one["account"] is not None:
            account = Account(
                id=f"acc_{number}", group_id=str(number), attributes=one["account"], created_at=START, updated_at=START
            )
            session.add(account)
            session.flush()
            customer.account_id = account.id
        customer.attributes = one["attributes"]
        customer.email, customer.language, customer.stage = one["email"], one["language"], one["stage"]
        customers.save(session, customer, START)
        for event, (name, hours) in enumerate(one["milestones"], 1000 * number + 1):
            add_milestone(session, customer.id, name, event, hours)


def by_one(session: Session, condition: str) -> list[str]:
    """Whom the condition is true of, asked of each customer as an event asks."""
    found = []
    for customer in session.query(Customer).order_by(Customer.id):
        facts = person_of(session, customer).facts(MAP, START)
        verdict = CONDITIONS_OF_OURS.evaluate(condition, facts)
        if verdict.value and not verdict.missing:
            found.append(customer.id)
    return found


def by_all(session: Session, condition: str, defaults: Mapping[str, Any] = DEFAULTS) -> list[str]:
    return sorted(segments.inside(session, CONDITIONS_OF_OURS.criterion(condition), defaults, START))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drawn=st.lists(CUSTOMERS, min_size=1, max_size=6), conditions=st.lists(CONDITIONS, min_size=1, max_size=6))
def test_one_query_for_all_finds_whom_asking_each_finds(
    database: Database, drawn: list[dict[str, Any]], conditions: list[str]
) -> None:
    def asked(session: Session) -> None:
        with session.begin_nested() as attempt:
            fill(session, drawn)
            for condition in conditions:
                assert by_all(session, condition) == sorted(by_one(session, condition)), condition
            attempt.rollback()

    database.write_now(asked)


def person(milestones: list[tuple[str, float]], stage: str | None = None, **attributes: Any) -> dict[str, Any]:
    return {
        "attributes": attributes, "account": {"plan": "pro"} if stage else None, "email": None, "language": None,
        "stage": stage, "milestones": milestones,
    }  # fmt: skip


PEOPLE = [
    person([]),
    person([("purchase", -48.0), ("purchase", -24.0), ("purchase", 5)], "adopter", plan="pro", score=7),
    person([("purchase", -24.0)], plan="Pro", score="7", closed=True),
    person([("activated", -24 - 1 / 3_600_000)], plan=None, score=0.1, closed=1),
    person([], "pro", plan=[], score=10**400, closed="false"),
    person([], plan={"a": 1}, score=True, country="é"),
]


@pytest.mark.parametrize(
    "condition",
    [
        "milestones.purchase.count >= 3 and customer.plan == 'pro'",
        "milestones.purchase.days_since >= 1",
        "milestones.activated.days_since == 1",
        "milestones.purchase.first < milestones.purchase.last",
        "not (customer.country == 'é' and customer.closed)",
        "customer.country == 'x' or milestones.purchase.count == 0",
        "milestones.purchase.count == 0 or customer.country == 'x'",
        "customer.score >= 7",
        "customer.score == 7 or customer.score == 1",
        "customer.score > '0'",
        "customer.plan < 'a'",
        "customer.closed",
        "customer.plan",
        "customer.plan in ['free', 'Pro'] and customer.score is defined",
        "account.seats == 3 and account.plan is undefined",
        "stage|default('none') in ['none', 'pro']",
        "0.1 <= customer.score <= 7",
    ],
)
def test_what_is_easily_read_otherwise_is_read_in_the_same_way(database: Database, condition: str) -> None:
    database.write_now(lambda session: fill(session, PEOPLE))

    def asked(session: Session) -> None:
        both = by_all(session, condition), sorted(by_one(session, condition))
        assert both[0] == both[1]
        assert 0 < len(both[0]) < len(PEOPLE)

    database.read_now(asked)
