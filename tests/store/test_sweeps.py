"""Customers of a time zone, page by page, and how far a sweep has come; on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from store import sweeps
from store.database import Database
from store.tables import Customer

NOW = Instant.from_utc(2026, 3, 2, 9)
PARIS, TOKYO = "Europe/Paris", "Asia/Tokyo"


def customer(number: int, zone: str | None = None, **more: Any) -> Customer:
    identity = f"cus_{number:016x}"
    more = {"created_at": NOW, "updated_at": NOW, **more}
    return Customer(id=identity, user_id=f"user-{number}", time_zone=zone, **more)


def fill(database: Database, *customers: Customer) -> None:
    def add(session: Session) -> None:
        for one in customers:
            session.add(one)
            session.flush()

    database.write_now(add)


def numbers(database: Database, zone: str, **more: Any) -> list[int]:
    known_by, limit = more.pop("known_by", NOW), more.pop("limit", 100)
    found = database.read_now(lambda session: sweeps.page(session, zone, known_by, limit, **more))
    return [int(one.user_id.removeprefix("user-")) for one in found]


def test_a_page_holds_the_customers_of_one_zone_in_the_order_of_their_ids(database: Database) -> None:
    fill(database, customer(3, PARIS), customer(1, PARIS), customer(2, TOKYO), customer(0xF, PARIS))
    assert numbers(database, PARIS) == [1, 3, 15]
    assert numbers(database, PARIS, limit=1) == [1]
    assert numbers(database, PARIS, after="cus_0000000000000001") == [3, 15]
    assert numbers(database, PARIS, last="cus_0000000000000009") == [1, 3]


def test_whoever_is_in_no_known_zone_is_in_that_of_the_map(database: Database) -> None:
    fill(database, customer(1, PARIS), customer(2, TOKYO), customer(3), customer(4, "Atlantis"))
    assert numbers(database, PARIS, but=[TOKYO]) == [1, 3, 4]
    assert numbers(database, PARIS, but=[]) == [1, 2, 3, 4]
    assert database.read_now(sweeps.zones) == [TOKYO, "Atlantis", PARIS]


def test_who_came_later_or_is_nobody_any_more_is_left_out(database: Database) -> None:
    fill(
        database, customer(1, PARIS), customer(2, PARIS, created_at=NOW.add(seconds=1)),
        customer(3, PARIS, erased_at=NOW), customer(4, PARIS, merged_into="cus_0000000000000001"),
    )  # fmt: skip
    assert numbers(database, PARIS) == [1]


def test_an_attribute_is_read_with_the_page(database: Database) -> None:
    fill(
        database, customer(1, PARIS, attributes={"birthday": "1990-05-01"}), customer(2, PARIS),
        customer(3, PARIS, attributes={"birthday": None}),
    )  # fmt: skip
    found = database.read_now(lambda session: sweeps.page(session, PARIS, NOW, 10, attribute="birthday"))
    assert [one.value for one in found] == ["1990-05-01", None, None]


def test_how_far_a_sweep_has_come_is_kept(database: Database) -> None:
    def sweep(session: Session) -> None:
        row = sweeps.take(session, "weekly", PARIS, NOW)
        sweeps.keep(session, row, row.until, NOW.add(hours=1), "cus_1")

    database.write_now(sweep)
    row = database.write_now(lambda session: sweeps.take(session, "weekly", PARIS, NOW.add(hours=9)))
    assert (row.until, row.due, row.after) == (NOW, NOW.add(hours=1), "cus_1")
    assert list(database.read_now(sweeps.every)) == [("weekly", PARIS)]
