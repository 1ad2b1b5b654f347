"""People, accounts and journeys are found by what is typed of them, by reading an index and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text
from sqlalchemy.orm import Session
from whenever import Instant

from intake import erasing, finding
from intake.finding import Found
from store.tables import Customer, table_of
from store.tables.people import findable
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

PLAYBOOKS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 9 days}]\n"}


@pytest.fixture
def house(build: Build) -> House:
    built = build(PLAYBOOKS)
    built.identify(
        user="u-1", email="Ada@Example.com", phone="+33 6 12 34 56 78", first_name="Élodie", last_name="Lo_ve"
    )
    built.identify(user="U-2", email="adam@example.com", phone="06 12 34 56 79", first_name="Adam", last_name="Smith")
    built.group("acme", user="u-1", name="Acme & Söhne")
    built.track("purchase", user="u-1")
    return built


def find(house: House, typed: str) -> list[Found]:
    return house.read(lambda session: finding.find(session, typed))


def who(house: House, typed: str) -> list[tuple[str, str]]:
    """Whom a text finds: the product's name of each, and by what."""
    names = {house.customer(user).id: user for user in ("u-1", "U-2")}
    return [(names.get(one.id, one.name), one.by) for one in find(house, typed)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("u-1", [("u-1", "id")]),
        ("u-", [("u-1", "id"), ("U-2", "id")]),
        ("U-1", [("u-1", "id")]),
        ("ada", [("u-1", "e-mail"), ("U-2", "e-mail")]),
        ("ADA@EXAMPLE.COM", [("u-1", "e-mail")]),
        ("élo", [("u-1", "name")]),
        ("ÉLODIE  LO_", [("u-1", "name")]),
        ("lo_", [("u-1", "surname")]),
        ("lo%", []),
        ("smi", [("U-2", "surname")]),
        ("+33612345678", [("u-1", "phone")]),
        ("+33 (0)6 12-34-56-78", [("u-1", "phone")]),
        ("+3361", [("u-1", "phone")]),
        ("+33 6 12-34", [("u-1", "phone")]),
        ("+33 (0)6 12", [("u-1", "phone")]),
        ("0033 6 12 34", [("u-1", "phone")]),
        ("33612345678", [("u-1", "phone")]),
        ("336123", [("u-1", "phone")]),
        ("+33", []),
        ("336", []),
        ("+336", []),
        ("+33613", []),
        ("+49612345678", []),
        ("06.12.34", [("U-2", "phone")]),
        ("acme", [("Acme & Söhne", "account")]),
        ("ACME & S", [("Acme & Söhne", "account")]),
        ("", []),
        ("  \x00 ", []),
        ("nobody", []),
        ("'; DROP TABLE customer; --", []),
        ("x" * 5000, []),
    ],
)
def test_what_is_typed_finds(house: House, typed: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(who(house, typed)) == sorted(expected)


def test_our_ids_and_those_of_journeys_find(house: House) -> None:
    ada = house.customer("u-1")
    assert who(house, ada.id) == [("u-1", "our id")]
    assert who(house, house.journey("u-1").id) == [("u-1", "journey")]
    assert ada.account_id is not None
    assert [(one.kind, one.id) for one in find(house, ada.account_id)] == [("account", ada.account_id)]


def test_a_whole_match_comes_before_a_beginning(house: House) -> None:
    house.identify(user="ada@example.com.au")
    assert [one.by for one in find(house, "ada@example.com")] == ["e-mail", "id"]


def test_who_changes_their_name_is_found_by_the_new_one_alone(house: House) -> None:
    house.identify(user="U-2", at=day(1), email="eve@example.com", last_name="Jones")
    assert who(house, "adam@") == []
    assert who(house, "smith") == []
    assert who(house, "jon") == [("U-2", "surname")]
    assert who(house, "eve") == [("U-2", "e-mail")]


def test_who_was_merged_leads_to_who_they_are_now(house: House) -> None:
    house.identify(user="visitor-9", email="v@example.com")
    house.alias("visitor-9", user="u-1", at=day(1))
    (found,) = find(house, "visitor-9")
    assert (found.id, found.name, found.also) == (house.customer("u-1").id, "Élodie Lo_ve", "was visitor-9")


def test_who_was_erased_is_shown_as_erased_with_nothing(house: House) -> None:
    ada = house.customer("u-1").id
    house.write(lambda session: erasing.erase(session, "u-1", key=b"key", reason="asked", who="test", now=day(1)))
    for typed in ("u-1", "ada@example.com", "élodie", "lo_ve", "+33612345678"):
        assert all(one.erased and one.email is None and not one.matched for one in find(house, typed) if one.id == ada)
    (found,) = find(house, ada)
    assert (found.erased, found.name, found.email, found.matched) == (True, "Erased customer", None, "")


def test_at_most_ten_are_shown(house: House) -> None:
    for number in range(15):
        house.identify(user=f"many-{number:02}")
    assert len(find(house, "many-")) == 10


# --- how it is read ------------------------------------------------------------------------------------------------


@contextmanager
def statements(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile."""
    sent: list[tuple[str, Any]] = []
    bind = session.get_bind()
    assert isinstance(bind, Engine)

    def note(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(bind, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(bind, "before_cursor_execute", note)


def plans(house: House, typed: str) -> list[str]:
    """How the database reads what finding asks, a text a query."""

    def read(session: Session) -> list[str]:
        with statements(session) as sent:
            finding.find(session, typed)
        raw = session.connection().connection.dbapi_connection
        assert raw is not None
        cursor, lite = raw.cursor(), session.get_bind().dialect.name == "sqlite"
        if not lite:
            cursor.execute("SET LOCAL enable_seqscan = off")
        told = []
        for statement, parameters in sent:
            cursor.execute(("EXPLAIN QUERY PLAN " if lite else "EXPLAIN ") + statement, parameters)
            told.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        return told

    return house.read(read)


def scans(told: list[str]) -> list[str]:
    """Lines of plans that read a whole table. What a union has read already may be read from end to end."""
    return [
        line
        for one in told
        for line in one.splitlines()
        if "Seq Scan" in line or line.startswith(("SCAN customer", "SCAN account", "SCAN journey"))
        or ("Index Scan" in line and "Index Cond" not in one)
    ]  # fmt: skip


def fill(session: Session) -> None:
    rows = []
    for number in range(2_000):
        row = Customer(
            id=f"cus_{number:016x}", user_id=f"user-{number}", email=f"person{number}@example.com",
            attributes={"first_name": f"F{number}", "last_name": f"L{number}"}, created_at=START, updated_at=START,
        )  # fmt: skip
        rows.append(findable(row).model_dump())
    session.execute(insert(table_of(Customer)), rows)


@pytest.mark.parametrize(
    "typed", ["user-19", "person77@", "L1999", "+33612345678", "336123", "cus_00000000000000ff", "welcome.1"]
)
def test_an_index_is_read_and_never_a_table(house: House, typed: str) -> None:
    house.write(fill)
    told = plans(house, typed)
    assert 4 <= len(told) <= 8
    assert scans(told) == []
    assert sum(one.count("find_") for one in told) >= 6


def test_a_scan_would_be_seen(house: House) -> None:
    """The control: without the index of e-mail addresses, the test above finds a scan."""
    house.write(fill)
    house.write(lambda session: session.execute(text("DROP INDEX ix_customer_find_email")))
    assert scans(plans(house, "person77@")) != []


def test_both_databases_order_letters_alike(house: House) -> None:
    """`~` and capitals stand elsewhere in a language's own order; ranges are by bytes."""
    now = Instant.from_utc(2026, 3, 9)
    for name in ("zoë", "zo~e", "Zo-e", "zo e"):
        house.identify(user=f"id {name}", at=now)
    assert sorted(one.name for one in find(house, "id zo")) == ["id Zo-e", "id zo e", "id zo~e", "id zoë"]
