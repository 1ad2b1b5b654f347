"""Rule 12's race on a real database: an activity reads that a pause holds, while it ends and those held are woken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy.orm import Session

from intake import pauses as starting
from intake.resuming import drain
from store import customers, holds, journeys, pauses
from store.database import Database
from store.tables import Hold, JourneyInbox, Pause
from tests.store.rows import START, add_journey, at

PAUSED = 1
COUNT = 6


several_writers = pytest.mark.parametrize("url", ["postgres_url"], indirect=True)
"""SQLite has one writer, so that nothing of this can happen there."""


def prepare(session: Session) -> None:
    for number in range(COUNT):
        add_journey(session, f"user-{number}", f"welcome.{number}")
    pause = Pause(
        scope="playbook", target="welcome", policy="continue", reason="r", started_at=START, made_by="test"
    )  # fmt: skip
    assert pauses.start(session, pause) == PAUSED


def meets(session: Session, number: int) -> bool:
    """What an activity does before it sends, in its transaction: whether a pause holds it, and if so, that it waits."""
    journey = journeys.get(session, f"welcome.{number}")
    assert journey is not None
    customers.lock(session, journey.customer_id)
    found = pauses.concerning(
        session, journey_id=journey.id, customer_id=journey.customer_id, playbook="welcome", since=START
    )
    lying = [pause.id for pause in found if pause.ended_at is None and pause.id is not None]
    holds.add(session, journey.id, lying, START)
    return bool(lying)


def waiting(session: Session) -> int:
    return session.query(Hold).count()


def woken(session: Session) -> set[str]:
    return {row.journey_id for row in session.query(JourneyInbox) if row.kind == "resumed"}


@several_writers
def test_whoever_read_that_it_holds_before_the_end_and_wrote_after_the_sweep_is_woken_all_the_same(
    database: Database,
) -> None:
    """Such a transaction commits; a sweep that ran in between has not seen it."""
    database.write_now(prepare)
    read, swept = threading.Event(), threading.Event()

    def claim(session: Session) -> bool:
        held = meets(session, 0)
        read.set()
        assert swept.wait(20)
        return held

    answer: list[bool] = []
    claiming = threading.Thread(target=lambda: answer.append(database.write_now(claim)))
    claiming.start()
    assert read.wait(20)
    database.write_now(lambda session: pauses.end(session, PAUSED, at(1), "send"))
    # A first pass finds nobody. If that were the end of it, the journey would be held for ever.
    assert database.write_now(lambda session: drain(session, PAUSED, at(1))) == 0
    swept.set()
    claiming.join()
    assert answer == [True]
    assert database.read_now(waiting) == 1
    later = at(1).add(seconds=2)
    assert database.write_now(lambda session: drain(session, PAUSED, later)) == 1
    assert database.read_now(woken) == {"welcome.0"}
    assert database.write_now(lambda session: drain(session, PAUSED, at(2))) == 0
    drained = database.read_now(lambda session: pauses.get(session, PAUSED))
    assert drained is not None
    assert drained.drained_at == at(2)


def test_claims_and_sweeps_that_run_against_each_other_leave_nobody_held_and_wait_for_nobody(
    database: Database,
) -> None:
    database.write_now(prepare)
    held: dict[int, bool] = {}

    def claim(number: int) -> Callable[[], None]:
        def run() -> None:
            held[number] = database.write_now(lambda session: meets(session, number))

        return run

    def resume() -> None:
        database.write_now(lambda session: pauses.end(session, PAUSED, at(1), "send"))
        for second in range(40):
            now = at(1).add(seconds=second)
            database.write_now(lambda session, now=now: drain(session, PAUSED, now))  # type: ignore[misc]

    threads = [threading.Thread(target=claim(number)) for number in range(COUNT)]
    threads.insert(COUNT // 2, threading.Thread(target=resume))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    database.write_now(lambda session: drain(session, PAUSED, at(2)))
    assert database.read_now(waiting) == 0
    assert database.read_now(woken) == {f"welcome.{number}" for number, was in held.items() if was}


@several_writers
def test_one_request_that_comes_twice_at_once_is_one_pause(database: Database) -> None:
    asked = partial(starting.start, scope="everything", reason="r", who="test", now=START, key="k1")
    made: list[int | None] = []
    threads = [threading.Thread(target=lambda: made.append(database.write_now(asked).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert made == [PAUSED] * 6


@several_writers
def test_two_dispatchers_tell_a_journey_once_and_one_that_is_being_changed_in_the_next_pass(database: Database) -> None:
    database.write_now(prepare)
    for number in range(COUNT):
        assert database.write_now(lambda session, number=number: meets(session, number))  # type: ignore[misc]
    database.write_now(lambda session: pauses.end(session, PAUSED, at(1), "send"))
    changing, go_on = threading.Event(), threading.Event()

    def change(session: Session) -> None:
        journeys.store_state(session, "welcome.0", {}, 1, None, None)
        changing.set()
        assert go_on.wait(20)

    busy = threading.Thread(target=lambda: database.write_now(change))
    busy.start()
    assert changing.wait(20)
    told: list[int] = []
    sweeps = [
        threading.Thread(
            target=lambda: told.append(database.write_now(lambda session: drain(session, PAUSED, at(1))))
        )
        for _ in range(2)
    ]  # fmt: skip
    for sweep in sweeps:
        sweep.start()
    for sweep in sweeps:
        sweep.join(20)
        assert not sweep.is_alive(), "a sweep waits for somebody"
    assert sum(told) == COUNT - 1
    go_on.set()
    busy.join()
    assert database.write_now(lambda session: drain(session, PAUSED, at(1))) == 1
    assert len(database.read_now(lambda session: list(session.query(JourneyInbox)))) == COUNT
