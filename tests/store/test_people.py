"""Customers, consent and history."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lifecycle.facts import Milestones
from store import consents, customers, history
from store.database import Database
from store.tables import Consent
from tests.store.rows import START, add_customer, add_milestone, at


def test_a_customer_is_made_once_and_named_by_an_id_of_ours(database: Database) -> None:
    first, made = database.write_now(lambda session: customers.lock_or_create(session, "ada@example.com", START))
    again, made_again = database.write_now(lambda session: customers.lock_or_create(session, "ada@example.com", at(1)))
    assert (made, made_again) == (True, False)
    assert again.id == first.id
    assert again.created_at == START
    assert first.id.startswith("cus_")
    assert len(first.id) == 20
    assert "ada" not in first.id


def test_a_customer_is_found_by_either_id(database: Database) -> None:
    ada = database.write_now(add_customer)

    def check(session: Session) -> None:
        for found in (customers.get(session, "ada"), customers.by_id(session, ada.id), customers.lock(session, ada.id)):
            assert found is not None
            assert found.id == ada.id
        assert customers.get(session, ada.id) is None
        assert customers.by_id(session, "ada") is None

    database.write_now(check)


def test_what_was_changed_on_a_customer_is_saved_within_attributes_too(database: Database) -> None:
    def change(session: Session) -> None:
        ada = add_customer(session)
        ada.attributes["plan"] = {"name": "pro", "seats": 3}
        ada.email, ada.time_zone, ada.stage = "ada@example.com", "Europe/Paris", "adopter"
        customers.save(session, ada, at(2))

    database.write_now(change)
    ada = database.read_now(lambda session: customers.get(session, "ada"))
    assert ada is not None
    assert ada.attributes == {"plan": {"name": "pro", "seats": 3}}
    assert (ada.email, ada.time_zone, ada.stage, ada.updated_at) == (
        "ada@example.com",
        "Europe/Paris",
        "adopter",
        at(2),
    )


def test_of_consent_the_change_that_came_last_counts_whatever_its_own_date(database: Database) -> None:
    def fill(session: Session) -> str:
        ada = add_customer(session).id

        def change(topic: str, channel: str | None, granted: bool, hours: float) -> Consent:
            return Consent(customer_id=ada, topic=topic, channel=channel, granted=granted, source="form", at=at(hours))

        for row in (
            change("offers", "email", True, 0),
            change("offers", "sms", True, 0),
            change("offers", "email", False, 99),
            change("offers", None, False, 5),
            change("offers", "sms", True, 1),
            change("tips", None, True, 0),
        ):
            consents.add(session, row)
        return ada

    ada = database.write_now(fill)
    latest = database.read_now(lambda session: consents.latest(session, ada))
    assert [(row.topic, row.channel, row.granted) for row in latest] == [
        ("offers", "email", False),
        ("offers", None, False),
        ("offers", "sms", True),
        ("tips", None, True),
    ]
    assert len(database.read_now(lambda session: consents.history(session, ada))) == 6


def test_a_summary_counts_milestones_and_dates_them_by_their_own_timestamps(database: Database) -> None:
    def fill(session: Session) -> str:
        ada, grace = add_customer(session).id, add_customer(session, "grace").id
        add_milestone(session, ada, "purchase", 1, hours=5)
        add_milestone(session, ada, "purchase", 2, hours=-30)
        add_milestone(session, ada, "first_use", 3, hours=6)
        add_milestone(session, grace, "purchase", 4)
        return ada

    ada = database.write_now(fill)
    assert database.read_now(lambda session: history.summary(session, ada)) == {
        "purchase": Milestones(2, at(-30), at(5)),
        "first_use": Milestones(1, at(6), at(6)),
    }
    assert database.read_now(lambda session: history.summary(session, "cus_nobody")) == {}


def test_from_entry_counts_what_was_applied_later_even_if_it_is_dated_earlier(database: Database) -> None:
    def check(session: Session) -> None:
        ada = add_customer(session).id
        assert history.mark(session) == 0
        add_milestone(session, ada, "activated", 7, hours=50)
        mark = history.mark(session)
        # A failed event is applied after others that were acknowledged later, hence the falling numbers.
        add_milestone(session, ada, "activated", 5, hours=-40)
        add_milestone(session, ada, "activated", 3, hours=2)
        add_milestone(session, ada, "purchase", 2, hours=2)
        add_milestone(session, ada, "ignored", 1)
        found = history.since(session, ada, mark, ["activated", "purchase"])
        assert [(each.name, each.event_id, each.at) for each in found] == [
            ("activated", 5, at(-40)), ("activated", 3, at(2)), ("purchase", 2, at(2)),
        ]  # fmt: skip
        others = history.after(session, ada, mark, {"activated", "purchase"})
        assert [each.name for each in others] == ["ignored"]

    database.write_now(check)


def test_an_event_makes_a_milestone_of_each_name_once(database: Database) -> None:
    def twice(session: Session) -> None:
        ada = add_customer(session).id
        add_milestone(session, ada, "purchase", 1)
        add_milestone(session, ada, "purchase_again", 1)
        add_milestone(session, ada, "purchase", 1)

    with pytest.raises(IntegrityError):
        database.write_now(twice)
