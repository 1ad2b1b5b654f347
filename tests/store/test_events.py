"""Events: accepted once, applied in order, held back per user."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from store import events
from store.database import Database
from tests.store.rows import arrival, at


def test_of_a_batch_each_event_gets_an_id_and_each_repeat_none(database: Database) -> None:
    def accept(*message_ids: str) -> list[int | None]:
        return database.write_now(lambda session: events.accept(session, [arrival(each) for each in message_ids]))

    first = accept("a", "b")
    second = accept("b", "c", "c", "a", "d")
    assert first[0] is not None
    assert first[1] is not None
    assert [number is not None for number in second] == [False, True, False, False, True]
    numbers = [each for each in (*first, *second) if each is not None]
    assert numbers == sorted(numbers)
    assert accept() == []


def test_another_source_may_use_the_same_message_id(database: Database) -> None:
    other = events.Arrival("key_2", "a", "ada", "identify", at(0), at(0))
    accepted = database.write_now(lambda session: events.accept(session, [arrival("a"), other]))
    assert None not in accepted


def test_a_batch_of_five_hundred_keeps_its_order(database: Database) -> None:
    batch = [arrival(f"e{number}", f"u{number % 7}") for number in range(500)]
    accepted = database.write_now(lambda session: events.accept(session, batch))
    waiting = database.read_now(lambda session: events.next_pending(session, at(0), 1000))
    assert [event.id for event in waiting] == accepted
    assert [event.message_id for event in waiting] == [each.message_id for each in batch]


def test_an_event_keeps_what_it_came_with(database: Database) -> None:
    came = events.Arrival("cli", "a", "ada", "track", at(-5), at(1), "purchase", {"revenue": 49.5}, 3, True)
    (number,) = database.write_now(lambda session: events.accept(session, [came]))
    assert number is not None
    for event in (
        database.read_now(lambda session: events.get(session, number)),
        database.read_now(lambda session: events.find(session, "cli", "a")),
    ):
        assert event is not None
        assert (event.user_id, event.kind, event.name, event.properties) == (
            "ada",
            "track",
            "purchase",
            {"revenue": 49.5},
        )
        assert (event.at, event.received_at, event.hops, event.backfill) == (at(-5), at(1), 3, True)
        assert (event.state, event.attempts) == ("pending", 0)


def test_a_failing_event_holds_back_its_own_user_until_it_is_set_aside(database: Database) -> None:
    def waiting(hours: float) -> list[str]:
        pending = database.read_now(lambda session: events.next_pending(session, at(hours), 10))
        return [event.message_id for event in pending]

    batch = [arrival("a1", "ada"), arrival("g1", "grace"), arrival("a2", "ada"), arrival("g2", "grace")]
    a1, g1, *_ = database.write_now(lambda session: events.accept(session, batch))
    assert a1 is not None
    assert g1 is not None
    assert waiting(0) == ["a1", "g1", "a2", "g2"]
    database.write_now(lambda session: events.put_off(session, a1, at(1), "no such attribute"))
    assert waiting(0) == ["g1", "g2"]
    assert waiting(1) == ["a1", "g1", "a2", "g2"]
    database.write_now(lambda session: events.mark_applied(session, g1, at(0), "cus_1", {"entered": []}))
    database.write_now(lambda session: events.set_aside(session, a1, "no such attribute"))
    assert waiting(0) == ["a2", "g2"]

    def check(session: Session) -> None:
        applied = events.get(session, g1)
        assert applied is not None
        assert (applied.state, applied.customer_id, applied.outcome) == ("applied", "cus_1", {"entered": []})
        (aside,) = events.failed(session, 10)
        assert (aside.id, aside.attempts, aside.error) == (a1, 2, "no such attribute")

    database.read_now(check)


def test_an_id_is_not_given_again_after_the_latest_event_was_erased(database: Database) -> None:
    (first,) = database.write_now(lambda session: events.accept(session, [arrival("a")]))
    database.write_now(lambda session: session.execute(text("DELETE FROM event")))
    (second,) = database.write_now(lambda session: events.accept(session, [arrival("a")]))
    assert first is not None
    assert second is not None
    assert second > first


def test_finding_what_to_apply_next_does_not_read_what_was_applied(sqlite_database: Database) -> None:
    def plan(session: Session) -> str:
        statement = "SELECT * FROM event WHERE state = 'pending' AND shard = 7 ORDER BY id LIMIT 10"
        return str(session.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all())

    assert "ix_event_waiting" in sqlite_database.read_now(plan)
