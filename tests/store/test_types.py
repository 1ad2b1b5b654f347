"""Values that mean the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, MetaData, Table, func, insert, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session
from whenever import Instant

from store.database import Database
from store.types import InstantType, Json

INSTANTS = [
    Instant.from_utc(1901, 2, 3),
    Instant.from_utc(1969, 12, 31, 23, 59, 59, nanosecond=999_999_000),
    Instant.from_utc(1970, 1, 1),
    Instant.from_utc(2026, 3, 29, 0, 59, 59, nanosecond=1_000),
    Instant.from_utc(2026, 3, 29, 1),
    Instant.from_utc(2026, 10, 25, 1, nanosecond=500_000),
    Instant.from_utc(9999, 12, 31),
]

TABLE = Table("example", MetaData(), Column("at", InstantType()), Column("data", Json))


@pytest.fixture
def with_table(database: Database) -> Iterator[Database]:
    database.write_now(lambda session: TABLE.create(session.connection()))
    yield database
    database.write_now(lambda session: TABLE.drop(session.connection()))


def test_instants_come_back_and_sort_and_compare_in_sql(with_table: Database) -> None:
    mixed = [INSTANTS[i] for i in (3, 0, 6, 2, 5, 1, 4)]
    with_table.write_now(lambda session: session.execute(insert(TABLE), [{"at": each} for each in mixed]))

    def check(session: Session) -> None:
        assert list(session.scalars(select(TABLE.c.at).order_by(TABLE.c.at))) == INSTANTS
        for place, each in enumerate(INSTANTS):
            assert session.scalar(select(func.count()).where(TABLE.c.at < each)) == place
            assert session.scalar(select(TABLE.c.at).where(TABLE.c.at == each)) == each
        assert session.scalar(select(func.max(TABLE.c.at))) == INSTANTS[-1]

    with_table.read_now(check)


@pytest.mark.parametrize("seconds", [0, -1])
def test_what_is_finer_than_a_microsecond_is_cut_off_towards_the_past(with_table: Database, seconds: int) -> None:
    fine = Instant.from_timestamp(seconds * 10**9 + 1_999, unit="nanosecond")
    with_table.write_now(lambda session: session.execute(insert(TABLE), {"at": fine}))
    kept = with_table.read_now(lambda session: session.scalar(select(TABLE.c.at)))
    assert kept == Instant.from_timestamp(seconds * 10**9 + 1_000, unit="nanosecond")


def test_json_keeps_values_and_text_of_any_language(with_table: Database) -> None:
    data = {"n": 1, "f": 49.5, "big": 2**53, "no": None, "yes": True, "list": [1, {"a": "Zoë 🎉 \u2028"}], "": ""}
    with_table.write_now(lambda session: session.execute(insert(TABLE), {"data": data}))
    assert with_table.read_now(lambda session: session.scalar(select(TABLE.c.data))) == data


def test_no_value_is_null_in_sql(with_table: Database) -> None:
    with_table.write_now(lambda session: session.execute(insert(TABLE), {"data": None, "at": None}))
    found = select(func.count()).where(TABLE.c.data.is_(None), TABLE.c.at.is_(None))
    assert with_table.read_now(lambda session: session.scalar(found)) == 1


def test_json_without_a_meaning_is_refused_by_both(with_table: Database) -> None:
    with pytest.raises((StatementError, ValueError), match="not JSON compliant"):
        with_table.write_now(lambda session: session.execute(insert(TABLE), {"data": {"f": float("nan")}}))
