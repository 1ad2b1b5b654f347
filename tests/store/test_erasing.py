"""What erasing does to each table: the list names every table and column, and nothing that it scrubs is left."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from intake.exporting import SHOWN
from store import customers, erasing
from store.database import Database
from store.personal import TABLES, Person, rows_of
from store.tables import (
    METADATA,
    Audit,
    Consent,
    ConsentRequest,
    Event,
    Hold,
    JourneyInbox,
    Milestone,
    Pause,
    Row,
    SegmentMember,
    Task,
    Trace,
    table_of,
)
from tests.searching import in_files, in_tables
from tests.store.rows import START, add_customer, add_journey, message

NEEDLE = "zq7x"
UNSHOWN = {"journey.state", "journey.answered", "journey.key", "journey_inbox.data", "customer.account_id",
           "pause.drained_at",
           *(f"customer.find_{name}" for name in ("email", "phone", "name", "surname"))}  # fmt: skip
"""What is scrubbed and not exported: the engine's own bookkeeping, and what the export shows in another way."""


def test_every_table_is_in_the_list() -> None:
    named = {table_of(model).name for model in TABLES}
    assert named == set(METADATA.tables), "say in store/personal.py what erasing a person does to it"


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_every_column_is_kept_or_scrubbed(model: type[Row]) -> None:
    about = TABLES[model]
    kept = about.kept.split()
    assert sorted([*kept, *about.scrubbed]) == sorted(table_of(model).columns.keys())
    assert about.why or about.delete
    assert about.rows or not about.scrubbed


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_what_an_erasure_scrubs_an_export_shows(model: type[Row]) -> None:
    shown = SHOWN.get(model, "").split()
    assert set(shown) <= set(table_of(model).columns.keys())
    name = table_of(model).name
    assert {f"{name}.{column}" for column in TABLES[model].scrubbed if column not in shown} <= UNSHOWN


# --- rows ------------------------------------------------------------------------------------------------------------


def person(session: Session, user: str, number: int) -> Person:
    """Somebody of whom every column that an erasure scrubs holds a text to be found: their own name."""
    customer, text = add_customer(session, user), f"of {user}"
    journey = add_journey(
        session, user, f"welcome.{number}",
        key=text, per_value=text, exit_reason=text, state={"step": text}, answered={"report": text},
    )  # fmt: skip
    ids: dict[str, Any] = {"customer_id": customer.id}
    seen: dict[str, Any] = {"at": START, "received_at": START, "properties": {"it": text}}
    pause = Pause(scope="customer", target=customer.id, policy="freeze", reason=text, started_at=START, made_by="cli")
    applied = Event(**ids, **seen, source="cli", message_id=f"{user}-1", user_id=user, kind="group", name=text,
                    state="applied", outcome={"it": text}, previous_id=text)  # fmt: skip
    session.add(applied)
    session.flush()
    session.add_all([
        message(journey, recipient=text, subject=text, html=text, text=text, decision={"saw": text}, language=text),
        Audit(at=START, who="cli", what="pause", target=customer.id, reason=text, data={"it": text}),
        Audit(at=START, who="cli", what="skip", target=journey.id, reason=text),
        Audit(at=START, who="cli", what="link", target=user, reason=text),
        Audit(at=START, who="cli", what="events retried", target=f"event {applied.id}", reason=text),
        Consent(**ids, topic="news", granted=True, source=text, ip=text, at=START),
        ConsentRequest(**ids, topic="news", source=text, ip=text, at=START),
        Event(**seen, source="cli", message_id=f"{user}-2", user_id=user, kind="track", state="failed", error=text),
        Event(source="cli", message_id=f"m{number}", user_id="cleo", kind="identify", previous_id=user, at=START,
              received_at=START, state="applied"),
        JourneyInbox(journey_id=journey.id, number=1, kind="exit", name="x", at=START, data={"it": text}),
        Milestone(**ids, name="purchase", at=START, applied_at=START, event_id=number, properties={"it": text}),
        SegmentMember(**ids, segment="vip", since=START),
        Task(**ids, id=f"t{number}", journey_id=journey.id, step="s", occurrence="1", title=text, assignee=text,
             created_at=START),
        Trace(journey_id=journey.id, seq=1, at=START, day=0, what="sent", to_=text, reason=text),
        pause,
    ])  # fmt: skip
    session.flush()
    assert pause.id is not None
    session.add(Hold(journey_id=journey.id, pause_id=pause.id, since=START))
    customer.attributes = {"it": text, "first_name": text, "last_name": text}
    for column in ("email", "phone", "language", "time_zone", "stage"):
        setattr(customer, column, text)
    session.flush()
    return Person([customer.id], START, START, [user], [text])


def erase(session: Session, who: Person) -> None:
    customer = customers.lock(session, who.ids[0])
    assert customer is not None
    if customer.erased_at is None:
        erasing.mark(session, customer, f"erased:{customer.id[-8:]}", START)
        erasing.end_journeys(session, who.ids, START)
    erasing.scrub_events(session, who, erasing.events_of(session, who, 0))
    erasing.scrub(session, who)


def test_nothing_that_is_scrubbed_is_left_and_nobody_else_is_touched(database: Database) -> None:
    who = database.write_now(partial(person, user=f"ada-{NEEDLE}", number=1))
    other = database.write_now(partial(person, user="bo-other", number=2))
    before = database.read_now(partial(in_tables, texts=["bo-other"]))
    texts = {
        f"{table_of(model).name}.{column}"
        for model, about in TABLES.items()
        for column in about.scrubbed
        if not column.endswith("_at") and (table_of(model).name, column) not in {("task", "state"),
                                                                                   ("customer", "account_id"),
                                                                                   # Digits alone are kept in it.
                                                                                   ("customer", "find_phone")}
    }  # fmt: skip
    assert texts - database.read_now(partial(in_tables, texts=[NEEDLE])) == set()
    for _ in range(2):  # and it may be done again
        database.write_now(partial(erase, who=who))
        assert database.read_now(partial(in_tables, texts=[NEEDLE])) == set()
    assert database.read_now(partial(in_tables, texts=["bo-other"])) == before
    assert database.read_now(lambda session: rows_of(session, Hold, other))


def test_a_new_person_of_the_same_name_keeps_their_events(database: Database) -> None:
    who = database.write_now(partial(person, user="ada", number=1))

    def later(session: Session) -> list[int]:
        erase(session, who)
        back = add_customer(session, "ada")
        assert back.id not in who.ids
        new: dict[str, Any] = {
            "source": "cli",
            "user_id": "ada",
            "kind": "track",
            "at": START,
            "received_at": START.add(hours=1),
        }
        session.add(Event(**new, message_id="n1", state="applied", customer_id=back.id))
        session.add(Event(**new, message_id="n2", state="failed"))
        session.flush()
        one = table_of(Event).c
        theirs = session.scalars(select(one.id).where(one.message_id.in_(["n1", "n2"])))
        return [number for number in theirs if number in erasing.events_of(session, who, 0)]

    assert database.write_now(later) == []


def test_the_file_has_no_byte_of_who_was_erased_however_its_pages_were_moved(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Half of eighty people, whose rows lie among the others', with texts of many lengths."""
    chance, people = random.Random(7), []
    for number in range(80):
        filler = "".join(chance.choice("abcdefgh") for _ in range(chance.randrange(1, 400)))
        user = f"{NEEDLE if number % 2 else 'other'}-{number:03}-{filler}"
        who = sqlite_database.write_now(partial(person, user=user, number=number))
        people.append((user, who))
    assert in_files(tmp_path, [NEEDLE])
    leaving = [who for user, who in people if user.startswith(NEEDLE)]
    chance.shuffle(leaving)
    for who in leaving:
        sqlite_database.write_now(partial(erase, who=who))
    assert sqlite_database.purge()
    assert in_files(tmp_path, [NEEDLE]) == set()
    assert in_files(tmp_path, ["other-000"])
