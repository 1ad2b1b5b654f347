"""Customers are counted by stage, and a bounded number of them is looked at more closely."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from store import stages
from store.database import Database
from store.tables import Customer, table_of
from tests.store.rows import START, add_customer, add_milestone, at

_customer = table_of(Customer)
BEGINNING = START.timestamp()


def fill(session: Session) -> None:
    for number, (name, stage) in enumerate({"a": "aware", "b": "aware", "c": None, "d": "aware", "e": "aware"}.items()):
        customer = add_customer(session, name).id
        values = {"stage": stage, "erased_at": at(1) if name == "d" else None}
        values["merged_into"] = add_customer(session, "a").id if name == "e" else None
        session.execute(update(_customer).where(_customer.c.id == customer).values(values))
        add_milestone(session, customer, "visited", number * 10, hours=number)
        if name == "a":
            add_milestone(session, customer, "visited", 1, hours=-2)
            add_milestone(session, customer, "purchase", 2, hours=7)
            add_milestone(session, customer, "other", 3, hours=7)


def test_stages_count_whoever_is_still_there(database: Database) -> None:
    database.write_now(fill)

    assert database.read_now(stages.people) == {"aware": 2, None: 1}


def test_the_first_time_of_each_milestone_is_found(database: Database) -> None:
    database.write_now(fill)

    looked_at, found = database.read_now(lambda session: stages.firsts(session, ["visited", "purchase"], 10))

    assert looked_at == 3
    assert len(found) == 3, "whoever is erased or merged is not looked at"
    assert {"visited": BEGINNING - 7200, "purchase": BEGINNING + 7 * 3600} in found


def test_no_more_customers_are_looked_at_than_asked_for(database: Database) -> None:
    def many(session: Session) -> None:
        for number in range(9):
            add_milestone(session, add_customer(session, str(number)).id, "visited", number)

    database.write_now(many)

    looked_at, found = database.read_now(lambda session: stages.firsts(session, ["visited"], 4))

    assert (looked_at, len(found)) == (4, 4)
