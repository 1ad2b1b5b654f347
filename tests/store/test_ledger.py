"""Messages and tasks, pauses and the audit log."""

from __future__ import annotations

import asyncio

from sqlalchemy.orm import Session

from store import audit, messages, pauses, tasks
from store.database import Database
from store.tables import Audit, Message, Pause, Task
from tests.store.rows import START, add_journey, at, message


def stored(session: Session, step: str = "hello") -> Message:
    found = messages.get(session, "welcome.1", step, "1")
    assert found is not None
    return found


def accept(session: Session, attempt: int) -> bool:
    values = {"accepted_at": at(1), "provider_id": "P1"}
    return messages.settle(session, "welcome.1/hello/1", attempt, "accepted", at(1), **values)


# --- messages


async def test_of_many_claims_on_one_occurrence_one_wins(database: Database) -> None:
    journey = await database.write(add_journey)
    won = await asyncio.gather(
        *(database.write(lambda session: messages.add(session, message(journey))) for _ in range(10))
    )
    assert won.count(True) == 1


async def test_of_many_claims_on_one_message_that_was_put_off_one_wins(database: Database) -> None:
    def put_off(session: Session) -> str:
        made = message(add_journey(session), state="pending")
        assert messages.add(session, made)
        return made.id

    name = await database.write(put_off)

    def claim(session: Session) -> bool:
        return messages.claim_again(session, name, 1, {"claimed_at": at(1)})

    won = await asyncio.gather(*(database.write(claim) for _ in range(10)))
    assert won.count(True) == 1


def test_a_message_is_accepted_by_the_attempt_that_owns_it_and_once(database: Database) -> None:
    def check(session: Session) -> None:
        assert messages.add(session, message(add_journey(session)))
        assert accept(session, attempt=2) is False
        assert accept(session, attempt=1) is True
        assert accept(session, attempt=1) is False
        found = stored(session)
        assert (found.state, found.accepted_at, found.provider_id) == ("accepted", at(1), "P1")
        assert messages.settle(session, found.id, 1, "rejected", at(2), reason="rejected") is False
        assert messages.claim_again(session, found.id, 1, {}) is False

    database.write_now(check)


def test_an_unknown_message_is_claimed_by_a_new_attempt_and_the_old_one_has_no_say(database: Database) -> None:
    def check(session: Session) -> None:
        assert messages.add(session, message(add_journey(session)))
        name = stored(session).id
        assert messages.settle(session, name, 1, "ambiguous", at(1), reason="no-answer") is True
        assert messages.claim_again(session, name, 2, {}) is False
        assert messages.claim_again(session, name, 1, {"claimed_at": at(1)}) is True
        assert accept(session, attempt=1) is False
        assert messages.settle(session, name, 2, "rejected", at(2), reason="rejected") is True
        found = stored(session)
        assert (found.state, found.reason, found.settled_at, found.attempt) == ("rejected", "rejected", at(2), 2)

    database.write_now(check)


def test_what_a_provider_tells_settles_an_unknown_message_and_never_goes_back(database: Database) -> None:
    def check(session: Session) -> None:
        assert messages.add(session, message(add_journey(session)))
        name = stored(session).id
        assert messages.settle(session, name, 1, "ambiguous", at(1), reason="no-answer")
        assert messages.learn(session, name, "delivered", at(3), "P1") is True
        assert messages.learn(session, name, "accepted", at(2)) is False
        assert accept(session, attempt=1) is False
        found = stored(session)
        assert (found.state, found.accepted_at, found.provider_id, found.reason) == ("delivered", at(3), "P1", None)

    database.write_now(check)


def test_caps_count_what_went_out_or_may_have_and_marketing_only(database: Database) -> None:
    def check(session: Session) -> None:
        journey = add_journey(session)
        for step, state, purpose in (
            ("a", "accepted", "marketing"),
            ("b", "unknown", "marketing"),
            ("c", "refused", "marketing"),
            ("d", "accepted", "transactional"),
            ("e", "delivered", "marketing"),
        ):
            made = message(journey, step, state=state, claimed_at=at(1))
            made.purpose, made.topic = purpose, "offers"
            assert messages.add(session, made)
        found = messages.counted(session, journey.customer_id, at(1))
        assert [(row.claimed_at, row.channel, row.topic) for row in found] == [(at(1), "email", "offers")] * 3
        assert messages.counted(session, journey.customer_id, at(2)) == []

    database.write_now(check)


def test_messages_that_were_put_off_are_found_but_for_the_one_that_asks(database: Database) -> None:
    def check(session: Session) -> None:
        journey = add_journey(session)
        for step, hours in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
            made = message(journey, step, state="pending")
            made.purpose, made.not_before = "marketing", at(hours)
            assert messages.add(session, made)
        found = messages.put_off(session, journey.customer_id, "welcome.1/b/1", at(2))
        assert [(row.journey, row.version, row.not_before) for row in found] == [("welcome.1", "v1", at(3))]

    database.write_now(check)


def test_the_state_of_a_step_is_that_of_its_latest_message(database: Database) -> None:
    def check(session: Session) -> None:
        journey = add_journey(session)
        for made in (
            message(journey, "tips", "2", state="refused", due_at=at(48)),
            message(journey, "tips", "1", state="accepted", due_at=at(24)),
            message(journey, "hello", "1", state="accepted"),
        ):
            assert messages.add(session, made)
        assert messages.states_by_step(session, "welcome.1") == {"hello": "accepted", "tips": "refused"}
        mine = messages.of_customer(session, journey.customer_id)
        assert [(each.step, each.occurrence) for each in mine] == [("hello", "1"), ("tips", "1"), ("tips", "2")]
        found = messages.by_id(session, "welcome.1/tips/2")
        assert found is not None
        assert found.state == "refused"

    database.write_now(check)


# --- tasks


def test_a_task_is_made_once_and_done_once(database: Database) -> None:
    def check(session: Session) -> None:
        journey = add_journey(session)

        def task(name: str) -> Task:
            return Task(
                id=name,
                journey_id=journey.id,
                step="call",
                occurrence="1",
                customer_id=journey.customer_id,
                title="Call about the quote",
                created_at=START,
            )

        assert tasks.add(session, task("t1")) is True
        assert tasks.add(session, task("t2")) is False
        assert tasks.mark_done(session, "t1", at(3)) is True
        assert tasks.mark_done(session, "t1", at(4)) is False
        assert [(each.id, each.state) for each in tasks.of_customer(session, journey.customer_id)] == [("t1", "done")]

    database.write_now(check)


# --- pauses


def start(session: Session, scope: str, target: str, hours: float, ended: float | None = None) -> int:
    pause = Pause(scope=scope, target=target, policy="freeze", reason="asked", started_at=at(hours), made_by="support")
    number = pauses.start(session, pause)
    if ended is not None:
        assert pauses.end(session, number, at(ended), None)
    return number


def test_a_journey_meets_the_pauses_that_concern_it_and_overlap_the_time(database: Database) -> None:
    def check(session: Session) -> None:
        everything = start(session, "everything", "", 9)
        mine = start(session, "customer", "cus_1", 1, ended=5)
        start(session, "customer", "cus_2", 1)
        playbook = start(session, "playbook", "welcome", 3)
        journey = start(session, "journey", "welcome.1", 2)
        sms = start(session, "channel", "sms", 4)
        start(session, "playbook", "cus_1", 1)

        def concerning(hours: float, *channels: str) -> list[int | None]:
            found = pauses.concerning(
                session,
                journey_id="welcome.1",
                customer_id="cus_1",
                playbook="welcome",
                channels=channels,
                since=at(hours),
            )
            return [each.id for each in found]

        assert concerning(0) == [mine, journey, playbook, everything]
        assert concerning(5) == [journey, playbook, everything]
        assert concerning(5, "sms") == [journey, playbook, sms, everything]

    database.write_now(check)


def test_pauses_stack_and_each_ends_once(database: Database) -> None:
    def check(session: Session) -> None:
        first, second = start(session, "playbook", "welcome", 1), start(session, "playbook", "welcome", 2)
        assert [each.id for each in pauses.active_on(session, "playbook", "welcome")] == [first, second]
        assert pauses.end(session, first, at(3), "send") is True
        assert pauses.end(session, first, at(4), "skip") is False
        assert [each.id for each in pauses.active(session)] == [second]
        ended = pauses.get(session, first)
        assert ended is not None
        assert (ended.ended_at, ended.handling) == (at(3), "send")

    database.write_now(check)


# --- audit


def test_the_log_keeps_every_act_in_order(database: Database) -> None:
    def check(session: Session) -> None:
        for what, target in (("pause", "welcome.1"), ("pause", "welcome.2"), ("resume", "welcome.1")):
            audit.record(session, Audit(at=START, who="support", what=what, target=target, data={"n": 1}))
        assert [act.what for act in audit.about(session, "welcome.1")] == ["pause", "resume"]

    database.write_now(check)
