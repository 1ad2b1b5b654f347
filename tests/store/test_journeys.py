"""Playbook versions, journeys, their inbox and their trace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store import inbox, journeys, playbooks, traces
from store.database import Database
from store.inbox import Entry
from store.tables import Journey, Trace
from tests.store.rows import START, add_customer, add_journey, add_version, at, journey


def stored(session: Session, journey_id: str = "welcome.1") -> Journey:
    found = journeys.get(session, journey_id)
    assert found is not None
    return found


def reached(*names: str) -> list[Entry]:
    return [Entry("milestone", name, at(1), event_id=number) for number, name in enumerate(names, 1)]


def numbers(session: Session, seen: int = 0) -> list[tuple[int, str]]:
    return [(row.number, row.name) for row in inbox.after(session, "welcome.1", seen)]


# --- versions


def test_a_version_is_published_once_and_kept_as_it_was(database: Database) -> None:
    assert database.write_now(add_version) is True
    assert database.write_now(add_version) is False
    assert database.read_now(lambda session: playbooks.plan(session, "v1")) == b"\x00plan"
    assert database.read_now(lambda session: playbooks.plan(session, "v2")) is None
    version = database.read_now(lambda session: playbooks.get(session, "v1"))
    assert version is not None
    assert version.source == "playbook: welcome"


def test_new_journeys_take_the_version_that_was_activated_last(database: Database) -> None:
    def check(session: Session) -> None:
        add_version(session, "v1")
        add_version(session, "v2")
        add_version(session, "r1", "referral")
        for playbook, version in (("welcome", "v1"), ("referral", "r1"), ("welcome", "v2"), ("welcome", "v2")):
            playbooks.activate(session, playbook, version, START)
        assert playbooks.active(session) == {"welcome": "v2", "referral": "r1"}
        playbooks.deactivate(session, "welcome")
        assert playbooks.active(session) == {"referral": "r1"}
        assert [version for version, _ in playbooks.versions(session, "welcome")] == ["v1", "v2"]

    database.write_now(check)


# --- journeys


def test_a_customer_enters_an_occurrence_once_for_ever(database: Database) -> None:
    def check(session: Session) -> None:
        first = add_journey(session, key="Q7")
        assert journeys.add(session, journey(first.customer_id, "welcome.2", key="Q7")) is False
        assert journeys.add(session, journey(first.customer_id, "welcome.1", key="Q8")) is False
        assert journeys.add(session, journey(first.customer_id, "welcome.3", key="Q8")) is True
        assert journeys.close(session, "welcome.1", 0, at(1), "finished", None)
        assert journeys.add(session, journey(first.customer_id, "welcome.4", key="Q7")) is False

    database.write_now(check)


def test_a_journey_is_started_once(database: Database) -> None:
    def check(session: Session) -> None:
        add_journey(session, status="starting")
        add_journey(session, "grace", "welcome.2", status="holdout")
        assert [each.id for each in journeys.to_start(session, 10, [0])] == ["welcome.1"]
        assert journeys.mark_started(session, "welcome.1", at(1)) is True
        assert journeys.mark_started(session, "welcome.1", at(2)) is False
        assert journeys.to_start(session, 10, [0]) == []
        assert (stored(session).status, stored(session).started_at) == ("open", at(1))

    database.write_now(check)


def test_an_older_position_never_overwrites_a_later_one(database: Database) -> None:
    def check(session: Session) -> None:
        add_journey(session)
        assert journeys.store_state(session, "welcome.1", {"at": "b"}, 2, at(24), "b") is True
        assert journeys.store_state(session, "welcome.1", {"at": "a"}, 1, at(1), "a") is False
        assert journeys.store_state(session, "welcome.1", {"at": "x"}, 2, at(1), "x") is False
        found = stored(session)
        assert (found.state, found.seq, found.due, found.step) == ({"at": "b"}, 2, at(24), "b")
        assert journeys.store_state(session, "welcome.1", {"at": "c"}, 3, None, None) is True

    database.write_now(check)


def test_the_first_exit_stamp_stays(database: Database) -> None:
    def check(session: Session) -> None:
        add_journey(session)
        assert journeys.stamp_exit(session, "welcome.1", at(1), "goal", None) is True
        assert journeys.stamp_exit(session, "welcome.1", at(2), "exit", "late") is False
        assert journeys.close(session, "welcome.1", 0, at(3), "finished", "at the end") is True
        found = stored(session)
        assert (found.exit_at, found.exit_outcome, found.exit_reason) == (at(1), "goal", None)
        assert (found.status, found.ended_at) == ("ended", at(3))
        assert journeys.stamp_exit(session, "welcome.1", at(4), "exit", None) is False

    database.write_now(check)


def test_a_journey_without_a_stamp_takes_that_of_its_end(database: Database) -> None:
    def check(session: Session) -> None:
        add_journey(session, due=at(9))
        assert journeys.close(session, "welcome.1", 0, at(3), "exit", "small quote") is True
        assert journeys.close(session, "welcome.1", 0, at(4), "finished", None) is False
        found = stored(session)
        assert (found.exit_at, found.exit_outcome, found.exit_reason, found.due) == (at(3), "exit", "small quote", None)

    database.write_now(check)


def test_of_a_customer_are_found_those_under_way_and_all_there_were(database: Database) -> None:
    def check(session: Session) -> None:
        first = add_journey(session, key="1", status="ended")
        add_journey(session, "grace", "welcome.g")
        add_version(session, "r1", "referral")
        for made in (
            journey(first.customer_id, "welcome.2", key="2", status="open", entered_at=at(1), entry_event_id=5),
            journey(first.customer_id, "welcome.3", key="3", status="starting", entered_at=at(1), entry_event_id=4),
            journey(first.customer_id, "referral.1", playbook="referral", version="r1", status="holdout"),
        ):
            assert journeys.add(session, made)
        under_way = journeys.under_way(session, first.customer_id)
        assert [each.id for each in under_way] == ["welcome.2", "welcome.3"]
        had = journeys.outlines(session, first.customer_id)
        assert {each.id: each.open for each in had} == {
            "welcome.1": False, "welcome.2": True, "welcome.3": True, "referral.1": False,
        }  # fmt: skip
        assert len(journeys.of_customer(session, first.customer_id)) == 4

    database.write_now(check)


# --- inbox


def test_inbox_rows_are_numbered_without_gaps_and_read_from_a_number_on(database: Database) -> None:
    def check(session: Session) -> None:
        add_journey(session)
        assert inbox.append(session, "welcome.1", reached("a", "b")) == [1, 2]
        assert inbox.append(session, "welcome.1", []) == []
        assert inbox.append(session, "welcome.1", [Entry("exit", "support", at(2), data={"reason": "asked"})]) == [3]
        assert numbers(session) == [(1, "a"), (2, "b"), (3, "support")]
        assert numbers(session, seen=2) == [(3, "support")]
        assert inbox.after(session, "welcome.1", 2)[0].data == {"reason": "asked"}

    database.write_now(check)


async def test_those_who_append_at_once_share_the_numbers(database: Database) -> None:
    await database.write(add_journey)
    given = await asyncio.gather(
        *(database.write(lambda session: inbox.append(session, "welcome.1", reached("a", "b"))) for _ in range(15))
    )
    assert sorted(number for pair in given for number in pair) == list(range(1, 31))


def test_a_journey_is_closed_only_by_who_has_seen_its_whole_inbox(database: Database) -> None:
    def check(session: Session) -> None:
        add_journey(session)
        inbox.append(session, "welcome.1", reached("a"))
        assert journeys.close(session, "welcome.1", 0, at(3), "finished", None) is False
        assert stored(session).status == "open"
        assert journeys.close(session, "welcome.1", 1, at(3), "finished", None) is True
        assert inbox.append(session, "welcome.1", reached("b")) == []
        assert numbers(session) == [(1, "a")]

    database.write_now(check)


async def test_a_milestone_and_the_close_that_race_never_miss_each_other(database: Database) -> None:
    async def race(name: str) -> None:
        await database.write(lambda session: add_journey(session, journey_id=name, key=name))
        given, closed = await asyncio.gather(
            database.write(lambda session: inbox.append(session, name, reached("a"))),
            database.write(lambda session: journeys.close(session, name, 0, at(1), "finished", None)),
        )
        assert (given == []) is closed

    for round_number in range(12):
        await race(f"welcome.{round_number}")


def test_undelivered_rows_are_those_of_open_journeys_until_temporal_took_them(database: Database) -> None:
    def waiting(session: Session) -> Sequence[tuple[str, int]]:
        return [(row.journey_id, row.number) for row in inbox.undelivered(session, 10, [0])]

    def check(session: Session) -> None:
        add_journey(session)
        add_journey(session, "grace", "welcome.2")
        add_journey(session, "linus", "welcome.3", status="starting")
        inbox.append(session, "welcome.2", [Entry("milestone", "a", at(1), event_id=8)])
        inbox.append(session, "welcome.1", [Entry("milestone", "a", at(1), event_id=n) for n in (7, 9)])
        inbox.append(session, "welcome.3", reached("a"))
        assert waiting(session) == [("welcome.1", 1), ("welcome.2", 1), ("welcome.1", 2)]
        inbox.mark_delivered(session, [("welcome.1", 1), ("welcome.2", 1)], at(2))
        assert waiting(session) == [("welcome.1", 2)]
        journeys.mark_started(session, "welcome.3", at(2))
        assert waiting(session) == [("welcome.3", 1), ("welcome.1", 2)]
        journeys.close(session, "welcome.1", 2, at(3), "finished", None)
        assert waiting(session) == [("welcome.3", 1)]
        assert all(row.delivered_at for row in inbox.after(session, "welcome.1", 0))

    database.write_now(check)


# --- trace


def test_lines_that_are_stored_twice_are_there_once_as_they_first_were(database: Database) -> None:
    def line(number: int, what: str, to: str | None = None) -> Trace:
        return Trace(journey_id="welcome.1", seq=number, at=at(number), day=0, what=what, to_=to)

    def check(session: Session) -> None:
        add_journey(session)
        traces.add(session, [line(1, "entered"), line(2, "sent", "ada@example.com")])
        traces.add(session, [line(2, "refused"), line(3, "finished")])
        traces.add(session, [])
        found = [(each.seq, each.what, each.to_) for each in traces.of_journey(session, "welcome.1")]
        assert found == [(1, "entered", None), (2, "sent", "ada@example.com"), (3, "finished", None)]

    database.write_now(check)


def test_a_journey_needs_a_customer_and_a_version_that_exist(database: Database) -> None:
    customer = database.write_now(add_customer)
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        database.write_now(lambda session: journeys.add(session, journey(customer.id, version="unknown")))
