"""Cohorts, standings and messages are counted as they are, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session
from whenever import TimeDelta

from lifecycle.plan import Goal
from lifecycle.results import Arm
from store import deliveries, history, holds, journeys, messages, pauses, results
from store.database import Database
from store.results import Became, Reacted, Sent, Standing, Wanted
from store.tables import Delivery, Journey, Milestone, Pause
from tests.store.rows import START, add_customer, add_journey, add_version, at, journey, message

MONTH = TimeDelta(hours=24 * 30)
GOAL = Goal("upgraded", "30 days")


def reach(session: Session, customer: str, number: int, hours: float, **properties: Any) -> None:
    milestone = Milestone(
        customer_id=customer, name="upgraded", at=at(hours), applied_at=at(hours), event_id=number,
        properties=properties,
    )  # fmt: skip
    history.add(session, [milestone])


def became(database: Database, hours: float = 24 * 5, **more: Any) -> dict[str, tuple[int, int, int]]:
    """By arm: entered, converted, going on."""
    given: dict[str, Any] = {"since": None, "goal": GOAL, "window": MONTH, "per": None} | more
    rows = database.read_now(lambda session: results.became(session, "welcome", now=at(hours), **given))
    found: dict[str, tuple[int, int, int]] = {}
    for row in rows:
        people, converted, going = found.get(row.arm, (0, 0, 0))
        found[row.arm] = people + row.people, converted + row.converted, going + row.going
    return found


def test_whoever_reaches_the_goal_in_time_is_converted_in_both_arms(database: Database) -> None:
    def fill(session: Session) -> None:
        hours = {"a": 1.0, "b": 24 * 29.0, "c": 24 * 31.0, "d": None, "e": 2.0, "f": None}
        for number, (name, when) in enumerate(hours.items()):
            arm = {"arm": "holdout", "status": "holdout"} if name in "ef" else {}
            made = add_journey(session, name, f"welcome.{name}", **arm)
            if when is not None:
                reach(session, made.customer_id, number, when)

    database.write_now(fill)

    assert became(database) == {"journey": (4, 2, 2), "holdout": (2, 1, 1)}
    assert became(database, hours=24 * 40) == {"journey": (4, 2, 0), "holdout": (2, 1, 0)}
    assert became(database, window=None) == {"journey": (4, 3, 1), "holdout": (2, 1, 1)}
    assert became(database, goal=None) == {"journey": (4, 0, 0), "holdout": (2, 0, 0)}


def test_what_was_reached_before_entry_is_no_success_whatever_its_date(database: Database) -> None:
    def fill(session: Session) -> None:
        customer = add_customer(session)
        reach(session, customer.id, 1, 5)
        add_version(session)
        mark = history.mark(session)
        assert journeys.add(session, journey(customer.id, status="open", history_mark=mark))

    database.write_now(fill)

    assert became(database) == {"journey": (1, 0, 1)}


def test_with_per_only_the_same_value_counts(database: Database) -> None:
    def fill(session: Session) -> None:
        for name, value, reached in (("a", "Q7", "Q7"), ("b", "Q8", "Q9"), ("c", "12", 12)):
            made = add_journey(session, name, f"welcome.{name}", per_value=value)
            reach(session, made.customer_id, ord(name), 3, quote_id=reached)

    database.write_now(fill)

    assert became(database, per="quote_id") == {"journey": (3, 2, 1)}
    assert became(database) == {"journey": (3, 3, 0)}


def test_a_cohort_is_who_entered_since_and_no_simulation(database: Database) -> None:
    def fill(session: Session) -> None:
        add_journey(session, "a", "welcome.a", entered_at=at(-1))
        add_journey(session, "b", "welcome.b", entered_at=at(1))
        add_journey(session, "c", "welcome.c", entered_at=at(1), simulated=True)
        add_journey(session, "d", "welcome.d", entered_at=at(2), status="ended", exit_at=at(3), exit_outcome="exited",
                    exit_reason="small quote")  # fmt: skip

    database.write_now(fill)

    rows = database.read_now(lambda session: results.became(session, "welcome", START, None, None, None, at(9)))
    assert sorted(rows, key=str) == [
        Became("journey", "exited", "small quote", 1, 0, 0), Became("journey", None, None, 1, 0, 0),
    ]  # fmt: skip


def test_whoever_is_inside_stands_at_a_step_of_a_version(database: Database) -> None:
    def fill(session: Session) -> None:
        add_version(session, "v2")
        standing: dict[str, dict[str, Any]] = {
            "a": {"step": "wait"}, "b": {"step": "wait"}, "c": {"step": "wait", "version": "v2"},
            "d": {"status": "starting"}, "e": {"step": "wait", "exit_at": at(1)},
            "f": {"step": "wait", "status": "ended"}, "g": {"step": "wait", "simulated": True},
            "h": {"status": "holdout", "arm": "holdout"},
        }  # fmt: skip
        for name, values in standing.items():
            add_journey(session, name, f"welcome.{name}", **values)

    database.write_now(fill)

    for found in (
        database.read_now(lambda session: results.standing(session, "welcome")),
        database.read_now(results.standing),
    ):
        assert list(found) == ["welcome"]
        assert sorted(found["welcome"], key=str) == [
            Standing("v1", "wait", 2), Standing("v1", None, 1), Standing("v2", "wait", 1),
        ]  # fmt: skip


def test_who_is_held_twice_is_held_once(database: Database) -> None:
    def fill(session: Session) -> None:
        for name in "ab":
            add_journey(session, name, f"welcome.{name}", step="wait")
        for number in range(2):
            pause = Pause(scope="everything", policy="continue", reason=str(number), started_at=START, made_by="test")
            row = pauses.start(session, pause)
            holds.add(session, "welcome.a", [row], START)

    database.write_now(fill)

    assert database.read_now(lambda session: results.held(session, "welcome")) == {"wait": 1}


def test_messages_are_counted_by_step_and_machines_open_nothing(database: Database) -> None:
    def fill(session: Session) -> None:
        for name in "abc":
            made = add_journey(session, name, f"welcome.{name}", step="wait")
            assert messages.add(session, message(made, state="delivered"))
            assert messages.add(session, message(made, step="second", state="refused", reason="no-consent"))
            told(session, made, "opened", "machine", 1)
        told(session, made, "opened", None, 2)
        told(session, made, "opened", None, 3)
        told(session, made, "clicked", "link", 4)
        told(session, made, "delivered", None, 4)

    def told(session: Session, made: Journey, kind: str, detail: str | None, hours: float) -> None:
        row = Delivery(message_id=f"{made.id}/hello/1", kind=kind, at=at(hours), received_at=at(hours), detail=detail)
        assert deliveries.add(session, row)

    database.write_now(fill)

    sent = database.read_now(lambda session: results.sent(session, "welcome", START))
    assert sorted(sent) == [
        Sent("hello", "email", "onboarding/hello", "delivered", None, 3),
        Sent("second", "email", "onboarding/hello", "refused", "no-consent", 3),
    ]
    reacted = database.read_now(lambda session: results.reacted(session, "welcome", START))
    assert sorted(reacted) == [Reacted("hello", "clicked", 1), Reacted("hello", "opened", 1)]
    assert database.read_now(lambda session: results.sent(session, "welcome", at(1))) == []


@pytest.mark.parametrize("since", [None, START])
def test_a_playbook_that_nobody_entered_has_nothing(database: Database, since: Any) -> None:
    assert database.read_now(lambda session: results.became(session, "none", since, GOAL, MONTH, None, START)) == []
    assert database.read_now(lambda session: results.sent(session, "none", since)) == []
    assert database.read_now(lambda session: results.reacted(session, "none", since)) == []


def test_conversions_of_many_playbooks_are_one_query(database: Database) -> None:
    def fill(session: Session) -> None:
        add_version(session, "r1", "referral")
        for number, (name, playbook) in enumerate({"a": "welcome", "b": "welcome", "c": "referral"}.items()):
            version = {"playbook": playbook, "version": "r1"} if playbook == "referral" else {}
            made = add_journey(session, name, f"{playbook}.{name}", **version)
            if name != "b":
                reach(session, made.customer_id, number, 3)

    database.write_now(fill)

    wanted = [Wanted(name, GOAL, MONTH, None) for name in ("welcome", "referral", "nobody")]
    found = database.read_now(lambda session: results.conversions(session, wanted, START, at(9)))
    assert found == {"welcome": {"journey": Arm(2, 1, 1)}, "referral": {"journey": Arm(1, 1, 0)}}
    assert database.read_now(lambda session: results.conversions(session, [], START, at(9))) == {}
