"""Sweeps put an event into the queue for each customer whose time to enter a playbook has come: once, and in pages."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from activities.contract import SweepAnswer
from intake import rollouts, sweeping
from intake.rollouts import Wanted
from intake.sweeping import DueSweep
from lifecycle.shares import drawn
from store.tables import Customer, Event, Journey, PlaybookActive, Sweep
from tests.intake.conftest import Build
from tests.intake.house import START, House
from tests.lifecycle.strategies import compiled

STEPS = "steps: [{wait: 3 days}]\n"
WEEKLY = {"weekly": 'entry: {schedule: "0 9 * * MON"}\n' + STEPS}
RENEWAL = {"renewal": 'entry: {date: customer.renews_on, every: year, at: "09:00"}\n' + STEPS}
MONDAY = Instant.from_utc(2026, 3, 9, 8)
"""Nine o'clock in Paris; a week after the playbooks are rolled out."""


def fill(house: House, *numbers: int, zone: str | None = None, at: Instant = START, **attributes: str) -> None:
    def add(session: Session) -> None:
        for number in numbers:
            identity = f"cus_{number:016x}"
            session.add(
                Customer(
                    id=identity,
                    user_id=f"u{number}",
                    time_zone=zone,
                    created_at=at,
                    updated_at=at,
                    attributes=attributes,
                )
            )

    house.write(add)


def sweep(house: House, now: Instant) -> SweepAnswer:
    return asyncio.run(DueSweep(house.database, house.applier.map, house.applier.plan).run("", now))


def due(house: House) -> list[tuple[str, str]]:
    """Whom events name, and for which slot, in order."""

    return [(event.user_id, event.properties["slot"]) for event in house.rows(Event) if event.kind == "due"]


def test_everybody_in_the_zone_is_due_when_the_clocks_show_the_time(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, 1, 2)
    fill(house, 3, zone="Asia/Tokyo")
    sweep(house, MONDAY.subtract(seconds=1))
    assert due(house) == [("u3", "2026-03-09T09:00")]
    sweep(house, MONDAY)
    assert due(house)[1:] == [("u1", "2026-03-09T09:00"), ("u2", "2026-03-09T09:00")]
    house.apply(MONDAY)
    assert house.journey("u1").key == "2026-03-09T09:00"


def test_however_often_it_is_swept_each_slot_enters_once(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, 1)
    for minutes in (0, 1, 2, 7 * 1440, 7 * 1440 + 1):
        sweep(house, MONDAY.add(minutes=minutes))
        house.apply(MONDAY.add(minutes=minutes))
    assert due(house) == [("u1", "2026-03-09T09:00"), ("u1", "2026-03-16T09:00")]
    assert len(house.journeys("u1")) == 2


def test_a_sweep_that_is_repeated_from_its_beginning_changes_nothing(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, 1, 2)
    sweep(house, MONDAY)
    house.write(lambda session: session.query(Sweep).delete())
    sweep(house, MONDAY.add(seconds=5))
    assert len(due(house)) == 2


def test_what_was_due_before_the_playbook_was_rolled_out_enters_nobody(build: Build) -> None:
    house = build(WEEKLY)  # rolled out at START, a Monday, at ten o'clock in Paris
    fill(house, 1, at=START.subtract(hours=48))
    sweep(house, START.add(hours=1))
    assert due(house) == []


def test_who_comes_after_the_slot_waits_for_the_next_one(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, 1, at=MONDAY.add(seconds=1))
    sweep(house, MONDAY.add(minutes=1))
    assert due(house) == []


def test_a_slot_is_made_up_for_within_a_day_and_passed_over_after_it(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, 1)
    sweep(house, MONDAY.add(hours=23))
    assert len(due(house)) == 1
    sweep(house, MONDAY.add(hours=24 * 7 + 25))
    assert len(due(house)) == 1
    sweep(house, MONDAY.add(hours=24 * 14))
    assert [slot for _, slot in due(house)] == ["2026-03-09T09:00", "2026-03-23T09:00"]


def test_pages_go_on_where_the_last_one_ended(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 3)
    monkeypatch.setattr(sweeping, "PAGES", 2)
    house = build(WEEKLY)
    fill(house, *range(10))
    assert sweep(house, MONDAY) == SweepAnswer(counts={"looked_at": 6}, cursor="more")
    assert sweep(house, MONDAY.add(seconds=1)) == SweepAnswer(counts={"looked_at": 4}, cursor="more")
    assert sweep(house, MONDAY.add(seconds=2)) == SweepAnswer()
    assert [user for user, _ in due(house)] == [f"u{number}" for number in range(10)]


def test_with_a_spread_each_customer_has_a_turn(build: Build) -> None:
    house = build({"weekly": 'entry: {schedule: "0 9 * * MON", spread: 1 hour}\n' + STEPS})
    share = 2**64 // 8
    fill(house, *[number * share for number in range(8)])
    counts = []
    for minutes in (0, 1, 20, 30, 59, 60, 61):
        sweep(house, MONDAY.add(minutes=minutes))
        counts.append(len(due(house)))
    assert counts == [1, 1, 3, 5, 8, 8, 8]
    rows = house.rows(Sweep)
    assert [(row.until, row.due, row.after) for row in rows] == [(MONDAY, None, None)]


def test_a_spread_goes_on_when_the_playbook_changes(build: Build) -> None:
    house = build({"weekly": 'entry: {schedule: "0 9 * * MON", spread: 1 hour}\n' + STEPS})
    fill(house, 1, 2**63 + 1)
    sweep(house, MONDAY.add(minutes=10))
    rolled = MONDAY.add(minutes=11)
    house.write(lambda session: session.query(PlaybookActive).update({"since": rolled}))
    sweep(house, MONDAY.add(minutes=61))
    assert len(due(house)) == 2


def tried(house: House, schedule: str | None) -> tuple[set[str], set[str]]:
    """A share tries a version with this schedule (None: no entry by time): who is in it, and who is not."""
    entry = {"schedule": schedule} if schedule else {"milestone": "purchase"}
    plan = compiled({"playbook": "weekly", "stage": "stranger", "entry": entry, "steps": [{"wait": "3 days"}]})
    wanted = Wanted("weekly", "pin", plan, "", percent=50)
    house.write(lambda session: rollouts.begin(session, wanted, "test", START.add(hours=1)))
    names = {one.user_id: drawn(one.id, plan.version) < 50 for one in house.rows(Customer)}
    return {name for name, inside in names.items() if inside}, {name for name, inside in names.items() if not inside}


TUESDAY = MONDAY.add(hours=24)


@pytest.mark.parametrize("schedule", ["0 9 * * TUE", None])
def test_a_share_is_swept_by_the_version_that_it_tries(build: Build, schedule: str | None) -> None:
    house = build(WEEKLY)
    fill(house, *range(1, 21))
    inside, others = tried(house, schedule)
    assert inside
    assert others
    sweep(house, MONDAY)
    assert {name for name, _ in due(house)} == others
    sweep(house, TUESDAY)
    assert [(name, slot) for name, slot in due(house) if name in inside] == (
        [(name, "2026-03-10T09:00") for name in sorted(inside, key=lambda name: int(name[1:]))] if schedule else []
    )
    assert {slot for name, slot in due(house) if name in others} == {"2026-03-09T09:00"}
    house.apply(TUESDAY)
    assert {journey.key for journey in house.rows(Journey)} == {slot for _, slot in due(house)}


def test_a_share_that_is_the_first_to_enter_by_time_is_swept(build: Build) -> None:
    house = build({"weekly": "entry: {milestone: purchase}\n" + STEPS})
    fill(house, *range(1, 21))
    inside, others = tried(house, "0 9 * * MON")
    sweep(house, MONDAY)
    assert ({name for name, _ in due(house)}, bool(others)) == (inside, True)


def test_a_share_whose_times_are_the_same_is_swept_with_all_others(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, *range(1, 21))
    inside, others = tried(house, "0 9 * * MON")
    sweep(house, MONDAY)
    assert {name for name, _ in due(house)} == inside | others
    assert len(house.rows(Sweep)) == 1


def test_a_date_enters_those_whose_day_it_is(build: Build) -> None:
    house = build(RENEWAL)
    fill(house, 1, renews_on="2020-03-09")
    fill(house, 2, renews_on="2020-03-10")
    fill(house, 3)
    fill(house, 4, zone="America/New_York", renews_on="2020-03-09")
    sweep(house, MONDAY)
    assert [user for user, _ in due(house)] == ["u1"]
    sweep(house, MONDAY.add(hours=24))
    assert sorted(user for user, _ in due(house)) == ["u1", "u2", "u4"]


def test_whoever_moves_to_another_zone_is_not_entered_for_the_same_morning_again(build: Build) -> None:
    house = build(WEEKLY)
    fill(house, 1, zone="Asia/Tokyo")
    sweep(house, MONDAY.subtract(hours=1))
    house.write(lambda session: session.query(Customer).update({"time_zone": "Europe/Paris"}))
    sweep(house, MONDAY)
    assert len(due(house)) == 1


def test_a_project_without_entries_by_time_is_not_looked_at(build: Build) -> None:
    house = build({"plain": "entry: purchase\n" + STEPS})
    fill(house, 1)
    assert sweep(house, MONDAY) == SweepAnswer()
    assert house.rows(Sweep) == []


def test_a_quick_schedule_makes_up_for_an_hour_at_once(build: Build) -> None:
    house = build({"often": 'entry: {schedule: "*/10 * * * *"}\n' + STEPS})
    fill(house, 1)
    sweep(house, START.add(minutes=61))
    assert len(due(house)) == timedelta(hours=1) // timedelta(minutes=10)
