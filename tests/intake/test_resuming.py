"""How those whom an ended pause held are woken (rules.md 12)."""

from __future__ import annotations

import pytest

from activities.transaction import from_row
from intake.resuming import BATCH, Resuming
from lifecycle.inputs import Resumed
from store import holds
from store.tables import Hold, Pause
from tests.intake.conftest import Build
from tests.intake.house import day
from tests.intake.pausing import PLAYBOOKS, end, entered, heard, hold, start


async def test_whoever_is_held_is_told_in_their_inbox_once(build: Build) -> None:
    house = build(PLAYBOOKS)
    held, others = entered(house, 3)[:2], house.journey("user-2").id
    made = start(house)
    hold(house, made, held)
    resuming = Resuming(house.database)
    assert await resuming.step(day(1)) == 0
    end(house, made, day(2), handling="skip")
    assert await resuming.step(day(2)) == 2
    assert await resuming.step(day(2)) == 0
    assert [heard(house, one) for one in held] == [[("resumed", str(made.id))]] * 2
    assert heard(house, others) == []
    (row,) = house.inbox(held[0])
    assert from_row(row) == Resumed(day(2), str(made.id), "skip", 1)
    assert house.rows(Hold) == []


async def test_a_journey_that_has_ended_meanwhile_is_passed_over(build: Build) -> None:
    house = build(PLAYBOOKS)
    held = entered(house, 2)
    made = start(house)
    hold(house, made, held)
    house.end(held[0], day(1))
    end(house, made, day(2))
    await Resuming(house.database).step(day(2))
    assert [heard(house, one) for one in held] == [[], [("resumed", str(made.id))]]
    assert house.rows(Hold) == []


async def test_a_pause_is_drained_only_once_a_pass_a_minute_after_its_end_finds_nobody(build: Build) -> None:
    house = build(PLAYBOOKS)
    late = entered(house)
    made = end(house, start(house), day(1))
    resuming = Resuming(house.database)
    await resuming.step(day(1).add(seconds=59))
    hold(house, made, late)  # an activity that had read that the pause holds
    assert await resuming.step(day(1).add(seconds=61)) == 1
    assert house.rows(Pause)[0].drained_at is None
    await resuming.step(day(1).add(seconds=62))
    assert house.rows(Pause)[0].drained_at == day(1).add(seconds=62)


async def test_whoever_was_held_even_later_is_woken_within_five_minutes(build: Build) -> None:
    house = build(PLAYBOOKS)
    late = entered(house)
    made = end(house, start(house), day(1))
    resuming = Resuming(house.database)
    await resuming.step(day(1).add(minutes=2))
    assert house.rows(Pause)[0].drained_at is not None
    hold(house, made, late)
    assert await resuming.step(day(1).add(minutes=3)) == 0
    assert await resuming.step(day(1).add(minutes=7)) == 1
    assert heard(house, late[0]) == [("resumed", str(made.id))]


async def test_a_pause_whose_end_has_come_ends_at_that_instant_and_is_watched_for_a_minute_from_now(
    build: Build,
) -> None:
    house = build(PLAYBOOKS)
    held = entered(house, 2)
    made = start(house, ends_at=day(1))
    hold(house, made, held[:1])
    resuming = Resuming(house.database)
    assert await resuming.step(day(1).subtract(seconds=1)) == 0
    assert await resuming.step(day(2)) == 1  # no worker ran for a day
    (row,) = house.rows(Pause)
    assert (row.ended_at, row.handling, row.drained_at) == (day(1), "send", None)
    hold(house, made, held[1:])  # an activity of a moment ago still met a pause that held
    assert await resuming.step(day(2).add(seconds=1)) == 1


async def test_spread_wakes_the_longest_held_first_and_so_many_a_minute(build: Build) -> None:
    house = build(PLAYBOOKS)
    held = entered(house, 7)
    made = start(house)
    hold(house, made, held)
    end(house, made, day(1), spread=2)
    resuming = Resuming(house.database)
    told = [await resuming.step(day(1).add(seconds=second)) for second in range(0, 121, 10)]
    assert sum(told) == 5  # at 0, 30, 60, 90 and 120 seconds
    assert max(told) == 1
    assert [bool(house.heard(one)) for one in held] == [True] * 5 + [False] * 2


async def test_a_pace_that_was_not_kept_is_not_made_up_for_at_once(build: Build) -> None:
    house = build(PLAYBOOKS)
    held = entered(house, 9)
    made = start(house)
    hold(house, made, held)
    end(house, made, day(1), spread=12)
    resuming = Resuming(house.database)
    assert await resuming.step(day(1)) == 1
    assert await resuming.step(day(1).add(hours=1)) == 3  # ten seconds' worth, and the one that is due now


async def test_a_pass_takes_as_many_as_a_transaction_should_and_the_next_one_goes_on(build: Build) -> None:
    house = build(PLAYBOOKS)
    held = entered(house, 2)
    made = start(house)
    hold(house, made, held)
    end(house, made, day(1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("intake.resuming.BATCH", 1)
        resuming = Resuming(house.database)
        assert [await resuming.step(day(1)) for _ in range(3)] == [1, 1, 0]
    assert BATCH > 1


async def test_a_crash_before_the_commit_changes_nothing(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build(PLAYBOOKS)
    held = entered(house, 2)
    made = start(house)
    hold(house, made, held)
    end(house, made, day(1))
    resuming = Resuming(house.database)
    with monkeypatch.context() as patched:
        patched.setattr(holds, "remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await resuming.step(day(1))
    assert [house.heard(one) for one in held] == [[], []]
    assert await resuming.step(day(1)) == 2
