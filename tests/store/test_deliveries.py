"""Callbacks, deliveries and suppressions as they are stored."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from lifecycle.halting import Counted
from lifecycle.suppression import Told
from store import callbacks, customers, deliveries, suppressions
from store.database import Database
from store.tables import Callback, Delivery, Suppression
from tests.store.rows import START, add_customer, add_journey, at, message


def callback(number: int) -> Callback:
    return Callback(provider="sendgrid", digest=f"d{number}", body=b"\x00[{}]\xff", received_at=at(number))


def delivery(of: str, kind: str, hours: float = 0, detail: str | None = None) -> Delivery:
    return Delivery(message_id=of, kind=kind, at=at(hours), received_at=at(hours), detail=detail)


def fill(session: Session) -> tuple[str, str]:
    """Three e-mails and an SMS of ada's journey; her id and the journey's."""
    journey = add_journey(session)
    for number in range(3):
        values: dict[str, Any] = {"id": f"m{number}", "recipient": "ada@example.com", "accepted_at": at(number)}
        session.add(message(journey, f"step-{number}", state="accepted", **values))
    sms: dict[str, Any] = {"id": "m3", "channel": "sms", "recipient": "+33612345678", "accepted_at": START}
    session.add(message(journey, "sms", state="delivered", **sms))
    return journey.customer_id, journey.id


def suppression(reason: str, scope: str = "all", hours: float = 0) -> Suppression:
    return Suppression(channel="email", address="a" * 64, reason=reason, scope=scope, at=at(hours), made_by="milepost")


# --- callbacks -------------------------------------------------------------------------------------------------------


def test_a_callback_is_stored_once_and_word_for_word(database: Database) -> None:
    assert [database.write_now(partial(callbacks.insert_new, callback=callback(n))) for n in (1, 2, 1)] == [
        True, True, False,
    ]  # fmt: skip
    one, two = database.read_now(lambda session: callbacks.pending(session, 10))
    found = database.write_now(lambda session: callbacks.take(session, one))
    assert found is not None
    assert (found.body, found.received_at) == (b"\x00[{}]\xff", at(1))
    assert one < two


def test_callbacks_wait_in_the_order_in_which_they_came_until_they_are_done_or_failed(database: Database) -> None:
    for number in range(4):
        database.write_now(partial(callbacks.insert_new, callback=callback(number)))
    first, second, third, fourth = database.read_now(lambda session: callbacks.pending(session, 10))
    assert database.read_now(lambda session: callbacks.pending(session, 2)) == [first, second]
    database.write_now(lambda session: callbacks.mark_done(session, first))
    assert [database.write_now(lambda s: callbacks.put_off(s, second, "Wrong", 2)) for _ in range(3)] == [
        False, True, False,
    ]  # fmt: skip
    assert database.read_now(lambda session: callbacks.pending(session, 10)) == [third, fourth]
    assert database.write_now(lambda session: callbacks.take(session, first)) is None
    assert database.write_now(lambda session: callbacks.take(session, second)) is None


@pytest.mark.parametrize("url", ["postgres_url"], indirect=True)  # SQLite has one writer
def test_a_callback_that_one_worker_has_is_no_other_workers(database: Database) -> None:
    database.write_now(lambda session: callbacks.insert_new(session, callback(1)))
    (number,) = database.read_now(lambda session: callbacks.pending(session, 10))
    has, may_end = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        assert callbacks.take(session, number) is not None
        has.set()
        assert may_end.wait(10)

    worker = threading.Thread(target=lambda: database.write_now(hold))
    worker.start()
    try:
        assert has.wait(10)
        assert database.write_now(lambda session: callbacks.take(session, number)) is None
    finally:
        may_end.set()
        worker.join()


# --- deliveries ------------------------------------------------------------------------------------------------------


def test_the_same_news_is_stored_once(database: Database) -> None:
    database.write_now(fill)
    news = [delivery("m1", "opened", 1), delivery("m1", "opened", 2), delivery("m1", "clicked", 1)]
    assert [database.write_now(partial(deliveries.add, delivery=n)) for n in [*news, news[0]]] == [
        True, True, True, False,
    ]  # fmt: skip
    found = database.read_now(lambda session: deliveries.of_message(session, "m1"))
    assert {(row.kind, row.at) for row in found} == {("opened", at(1)), ("opened", at(2)), ("clicked", at(1))}


def test_a_message_is_known_with_its_journey_and_customer(database: Database) -> None:
    ada, journey = database.write_now(fill)
    found = database.read_now(lambda session: deliveries.about(session, {"m1", "m3", "not ours"}))
    assert set(found) == {"m1", "m3"}
    one = found["m1"]
    assert (one.customer_id, one.user_id, one.journey_id, one.channel) == (ada, "ada", journey, "email")
    assert (one.address, found["m3"].address) == ("ada@example.com", "+33612345678")


def test_what_was_told_is_found_by_the_address_that_it_went_to(database: Database) -> None:
    ada, _ = database.write_now(fill)

    def tell(session: Session) -> None:
        for row in (
            delivery("m0", "bounced", 1, "blocked"), delivery("m1", "bounced", 2), delivery("m2", "delivered", 3),
            delivery("m3", "bounced", 4),
        ):  # fmt: skip
            deliveries.add(session, row)

    database.write_now(tell)

    def found(address: str, since: float | None) -> list[Told]:
        from_ = None if since is None else at(since)
        return database.read_now(
            lambda session: sorted(deliveries.told_of(session, ada, "email", address, {"bounced"}, from_))
        )

    assert found("ada@example.com", None) == [
        Told("m0", "bounced", "blocked", at(1)),
        Told("m1", "bounced", None, at(2)),
    ]
    assert found("ada@example.com", 1) == [Told("m1", "bounced", None, at(2))]
    assert found("new@example.com", None) == []


def test_a_playbooks_rates_count_e_mails_by_message(database: Database) -> None:
    database.write_now(fill)

    def tell(session: Session) -> None:
        for row in (
            delivery("m1", "bounced", 2, "blocked"), delivery("m1", "complained", 2), delivery("m1", "complained", 3),
            delivery("m2", "bounced", 4, "bounce"), delivery("m0", "bounced", 4), delivery("m3", "complained", 4),
        ):  # fmt: skip
            deliveries.add(session, row)

    database.write_now(tell)
    assert database.read_now(lambda s: deliveries.failing(s, "welcome", at(0.5))) == Counted(0, 1, 1)
    assert database.read_now(lambda s: deliveries.failing(s, "another", at(0.5))) == Counted(0, 0, 0)
    assert database.read_now(lambda s: deliveries.accepted(s, "welcome", at(0.5))) == 2
    assert database.read_now(lambda s: deliveries.accepted(s, "welcome", at(-1))) == 3


# --- suppressions ----------------------------------------------------------------------------------------------------


def test_a_suppression_is_added_where_it_says_more_than_those_that_hold(database: Database) -> None:
    added = [("bounced", "marketing"), ("bounced", "marketing"), ("bounced", "all"), ("bounced", "marketing"),
             ("stopped", "marketing")]  # fmt: skip
    made = [database.write_now(partial(suppressions.add, suppression=suppression(*one))) for one in added]
    assert made == [True, False, True, False, True]
    held = database.read_now(lambda session: suppressions.active(session, "email", "a" * 64))
    assert [(row.reason, row.scope) for row in held] == [added[0], added[2], added[4]]
    assert database.read_now(lambda session: suppressions.active(session, "sms", "a" * 64)) == []
    assert database.read_now(lambda session: suppressions.active(session, "email", "b" * 64)) == []


def test_a_suppression_is_lifted_by_its_reason_and_may_come_again(database: Database) -> None:
    for reason in ("stopped", "bounced"):
        database.write_now(partial(suppressions.add, suppression=suppression(reason)))
    assert database.read_now(lambda session: suppressions.last_lifted(session, "email", "a" * 64)) is None
    lifted = [database.write_now(lambda s: suppressions.lift(s, "email", "a" * 64, "stopped", at(3))) for _ in range(2)]
    assert lifted == [1, 0]
    assert database.read_now(lambda session: suppressions.last_lifted(session, "email", "a" * 64)) == at(3)
    held = database.read_now(lambda session: suppressions.active(session, "email", "a" * 64))
    assert [row.reason for row in held] == ["bounced"]
    assert database.write_now(lambda session: suppressions.add(session, suppression("stopped", hours=4)))


def test_customers_are_found_by_a_number_that_they_have_or_had(database: Database) -> None:
    ada, _ = database.write_now(fill)

    def add(session: Session) -> str:
        bea = add_customer(session, "bea")
        bea.phone = "+33612345678"
        customers.save(session, bea, START)
        return bea.id

    bea = database.write_now(add)
    assert database.read_now(lambda session: customers.with_number(session, "+33612345678")) == sorted([ada, bea])
    assert database.read_now(lambda session: customers.with_number(session, "+33600000000")) == []
