"""A database with 100,000 journeys, as a company of some size has it after half a year.

A few hundred customers are simulated, and written as the engine stores them; the database then multiplies their rows.
The few are whole, with their messages as rendered and the decisions about them; of the many these are left out, or it
would take gigabytes to hold what nobody looks at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Table, func, select, text, update
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.language.behaviour import Behaviour
from lifecycle.ledger import message_id
from lifecycle.simulator import Life
from project import Project
from store.database import Database
from store.statements import dialect
from store.tables import (
    Consent,
    Customer,
    Delivery,
    Event,
    Journey,
    JourneyInbox,
    Message,
    Milestone,
    Row,
    Trace,
    table_of,
)
from tests.intake.company import Company

JOURNEYS = 100_000
DAYS = 120
"""For so long customers have been coming."""

ENTRIES = 10_000

_PEOPLE = 400
_BUSY = 900_000_000
"""From here on the numbers of events are free."""

_TABLES: tuple[type[Row], ...] = (
    Customer, Consent, Event, Milestone, Journey, JourneyInbox, Trace, Message, Delivery,
)  # fmt: skip
_APART = 1_000_000
"""How far apart the numbers of two copies are: more than the few have rows."""

_NAMES = frozenset({"id", "user_id", "customer_id", "journey_id", "message_id", "email"})
_NUMBERS = frozenset({"id", "event_id", "entry_event_id", "history_mark", "request_id"})
_LEFT_OUT = {"message": frozenset({"decision", "html", "text"})}

BEHAVIOUR: Mapping[str, Any] = {
    "seed": 6,
    "entries": {"over": f"{DAYS} days", "hours": "08:00 to 22:00"},
    "customers": {
        "first_name": {"Ada": 1, "Bruno": 1, "Chiara": 1, "Dev": 1},
        "email": "ada@example.com", "phone": "+33612345678",
        "time_zone": {"Europe/Paris": 60, "Europe/London": 20, "America/New_York": 20},
    },
    "consent": {"text_tips": "35%", "offers": "60%"},
    "milestones": {
        "purchase": {"rate": 1, "times": 2, "after": "20 days", "with": {"revenue": {"49": 80, "490": 15, "900": 5}}},
        "first_use": {"rate": "70%", "after": "2 days", "from": "purchase"},
        "activated": {"rate": "60%", "after": "9 days", "from": "first_use"},
        "invited_teammate": {"rate": "35%", "after": "6 days", "from": "first_use", "times": 2},
        "tool_connected": {"rate": "30%", "after": "20 days", "from": "first_use"},
        "upgraded": {"rate": "20%", "after": "40 days", "with": {"plan": {"business": 1}}},
        "review_left": {"rate": "20%", "after": "30 days", "with": {"rating": {"5": 1, "4": 1, "3": 1}}},
        "purchase_refunded": {"rate": "3%", "after": "10 days"},
        "message.clicked": {"rate": "5%", "after": "4 hours"},
    },
}  # fmt: skip


class Crowd(NamedTuple):
    """`whole` are the ids of the few; `busy` is one of them to whom `ENTRIES` things have happened besides."""

    whole: list[str]
    busy: str


def crowd(project: Project, database: Database, now: Instant) -> Crowd:
    """Fill an empty, migrated database with at least `JOURNEYS` journeys as they are at `now`."""
    company = Company(project, Behaviour.model_validate(BEHAVIOUR), now.subtract(hours=24 * DAYS), _PEOPLE)
    company.store(database, now)
    lives = company.lives(now)
    held_out = [one.entering.id for life in lives for one in life.journeys if one.entering.arm == "holdout"]
    journey = table_of(Journey)
    aside = update(journey).where(journey.c.id.in_(held_out)).values(status="holdout", arm="holdout", state=None)
    database.write_now(lambda session: session.execute(aside))
    more = _rows_besides(lives, now)
    database.write_now(lambda session: _insert(session, more))
    few = database.read_now(lambda session: _count(session, table_of(Journey)))
    times = JOURNEYS // few
    database.write_now(lambda session: _multiply(session, times))
    customer = table_of(Customer)
    whole = select(customer.c.id).where(customer.c.id.not_like("%-%")).order_by(customer.c.id)
    busy, *others = database.read_now(lambda session: list(session.scalars(whole)))
    database.write_now(lambda session: _occupy(session, busy, now))
    return Crowd(others, busy)


def _multiply(session: Session, times: int) -> None:
    """Copy everything so often, and let the database learn how much there is of what."""
    if dialect(session) == "postgresql":
        # Each copy refers to rows of the same copy; to have that checked would take twice as long as all the rest.
        session.execute(text("SET LOCAL session_replication_role = replica"))
    for model in _TABLES:
        session.execute(text(_multiplying(table_of(model))), {"times": times})
    session.execute(text("ANALYZE"))


def _occupy(session: Session, customer: str, now: Instant) -> None:
    """Let so much happen to a customer that their page has to be walked through."""
    for number in range(ENTRIES):
        at, name = now.subtract(minutes=number), "tool_connected"
        told = {"customer_id": customer, "name": name, "at": at, "properties": {"tool": f"tool {number}"}}
        session.execute(
            table_of(Event).insert().values(
                id=_BUSY + number, source="bench", message_id=f"busy-{number}", user_id=customer, kind="track",
                received_at=at, state="applied", attempts=0, hops=0, backfill=False, shard=0, **told,
            )
        )  # fmt: skip
        session.execute(table_of(Milestone).insert().values(applied_at=at, event_id=_BUSY + number, **told))


def counted(database: Database) -> dict[str, int]:
    """How many rows there are, by table."""
    return database.read_now(lambda session: {table_of(one).name: _count(session, table_of(one)) for one in _TABLES})


def _count(session: Session, table: Table) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _multiplying(table: Table) -> str:
    """Copies of all rows of a table, as many as `:times`, less the one that is there."""
    columns = [column.name for column in table.columns]
    whole = _LEFT_OUT.get(table.name, frozenset())
    values = ", ".join("NULL" if name in whole else _copied(table, name) for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        "WITH RECURSIVE copies(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copies WHERE k < :times) "
        f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM copies, "{table.name}" AS few'
    )


def _copied(table: Table, name: str) -> str:
    numbered = table.c[name].type.python_type is int
    if name in _NUMBERS and numbered:
        return f'few."{name}" + copies.k * {_APART}'
    return f"few.\"{name}\" || '-' || copies.k" if name in _NAMES else f'few."{name}"'


# --- what the simulation's rows lack ----------------------------------------------------------------------------------


def _rows_besides(lives: list[Life], now: Instant) -> dict[type[Row], list[dict[str, Any]]]:
    rows: dict[type[Row], list[dict[str, Any]]] = {Trace: [], Delivery: []}
    for life in lives:
        for journey in life.journeys:
            for line in journey.lines:
                told = line._asdict()
                rows[Trace].append({"journey_id": journey.entering.id, **told})
            rows[Delivery] += _deliveries(journey.entering.id, journey.lines)
    return rows


def _deliveries(journey: str, lines: Any) -> Iterator[dict[str, Any]]:
    occurrences: dict[str, int] = {}
    for line in lines:
        if line.what == "sent" and line.step is not None:
            number = occurrences[line.step] = occurrences.get(line.step, 0) + 1
            identity = message_id(journey, line.step, number)
            chance = int(identity[:2], 16) / 256
            for kind in ["delivered"] + ["opened"] * (chance < 0.45) + ["clicked"] * (chance < 0.1):
                at = line.at.add(minutes=5)
                yield {"message_id": identity, "kind": kind, "at": at, "received_at": at, "provider_id": None,
                       "detail": None}  # fmt: skip


_HTML = "<p>Some eight kilobytes, as a rendered letter takes.</p>" * 150
_CHECKS = ["exited", "erased", "holdout", "paused", "expired", "suppressed", "consent", "policy", "quiet hours", "cap"]


def _insert(session: Session, rows: Mapping[type[Row], list[dict[str, Any]]]) -> None:
    for model, found in rows.items():
        for at in range(0, len(found), 400):
            session.execute(table_of(model).insert(), found[at : at + 400])
    checks = [{"check": one, "saw": one, "passed": True, "says": f"the {one} says so"} for one in _CHECKS]
    session.execute(
        text("UPDATE message SET state = 'delivered', subject = 'A letter to you', recipient = 'ada@example.com', "
             "html = :html, text = 'A letter', decision = :decision"),
        {"html": _HTML, "decision": json.dumps({"outcome": "send", "checks": checks})},
    )  # fmt: skip
