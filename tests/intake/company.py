"""A company whose customers behave as a file says: its simulated past, written into a database as the engine stores it,
and what its simulation goes on to send.
"""

# ruff: noqa: C408 - the columns of a row read best as names

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from intake.forecasting import reach
from lifecycle.behaviour import Conduct
from lifecycle.cohort import Cohort
from lifecycle.language.behaviour import Behaviour
from lifecycle.ledger import message_id
from lifecycle.simulated import SimulatedJourney, World
from lifecycle.simulator import Life
from lifecycle.state import STATE
from project import Project
from store.database import Database
from store.tables import Consent, Customer, Event, Journey, JourneyInbox, Message, Milestone, Row, table_of

COLUMNS = ("email", "phone", "time_zone", "language")

TABLES: tuple[type[Row], ...] = (Customer, Event, Journey, Milestone, JourneyInbox, Message, Consent)
DEFAULTS: dict[type[Row], dict[str, Any]] = {
    table: {name: one.get_default(call_default_factory=True) for name, one in table.model_fields.items()
            if not one.is_required() and name != "id"}
    for table in TABLES
}  # fmt: skip
"""Rows are plain: a model of each would take longer to make than the whole company."""


@dataclass
class Company:
    """`number` customers who come evenly from `start` on, as the behaviour says."""

    project: Project
    behaviour: Behaviour
    start: Instant
    number: int

    def __post_init__(self) -> None:
        assert self.project.map is not None
        self.map = self.project.map
        plans = list(self.project.plans.values())
        self.world = World(
            self.map, plans, self.project.templates.infos, self.project.conditions, True, None, reach(self.map)
        )
        entry = self.project.plans["first-90-days"]
        self.cohort = Cohort(self.world, entry, Conduct(self.behaviour, self.map, plans), self.start, 400)

    def lives(self, until: Instant) -> list[Life]:
        return [self.cohort.life(f"cus_{number:016x}", until) for number in range(self.number)]

    def sends(self, after: Instant, until: Instant) -> Counter[str]:
        """Messages by channel that the simulation sends within a time."""
        return Counter(
            line.channel or ""
            for life in self.lives(until)
            for journey in life.journeys
            for line in journey.lines
            if line.what == "sent" and after < line.at <= until
        )

    def store(self, database: Database, now: Instant) -> None:
        """Write what is so at `now` into an empty database."""
        database.write_now(lambda session: wiring.publish(session, self.project, self.start))
        events = itertools.count(1)
        rows: dict[type[Row], list[dict[str, Any]]] = {}
        for life in self.lives(now):
            for table, row in _rows(life, now, events) if life.events else ():
                rows.setdefault(table, []).append(DEFAULTS[table] | row)

        def write(session: Session) -> None:
            for table in TABLES:
                for at in range(0, len(rows.get(table, [])), 400):
                    session.execute(table_of(table).insert(), rows[table][at : at + 400])

        database.write_now(write)


def _rows(life: Life, now: Instant, events: Iterator[int]) -> Iterator[tuple[type[Row], dict[str, Any]]]:
    """The rows of one customer."""
    person = life.person
    own = {name: person.attributes.get(name) for name in COLUMNS}
    others = {name: value for name, value in person.attributes.items() if name not in COLUMNS}
    yield Customer, dict(
        id=person.id, user_id=person.id, attributes=others, stage=person.stage, created_at=now, updated_at=now, **own
    )  # fmt: skip
    for name, granted in life.consent.items():
        topic, _, channel = name.partition(":")
        yield (
            Consent,
            dict(customer_id=person.id, topic=topic, channel=channel or None, granted=granted, source="test", at=now),
        )
    entries: dict[Instant, int] = {}
    for event in life.events.values():
        number = next(events)
        if event.kind in ("track", "enrol"):
            entries.setdefault(event.at, number)
        yield Event, dict(
            id=number, source="test", message_id=f"m{number}", user_id=person.id, kind=event.kind,
            name=event.name or None, at=event.at, properties=dict(event.properties), received_at=event.at,
            state="applied", customer_id=person.id,
        )  # fmt: skip
        if event.kind in ("track", "record", "message"):
            about = {"journey": event.journey, "of": event.of} if event.kind == "message" else {}
            yield Milestone, dict(
                customer_id=person.id, name=event.name, at=event.at, applied_at=event.at, event_id=number,
                properties={**event.properties, **about},
            )  # fmt: skip
    for journey in life.journeys:
        yield from _journey(journey, entries[journey.entered])


def _journey(journey: SimulatedJourney, entry: int) -> Iterator[tuple[type[Row], dict[str, Any]]]:
    entering, state = journey.entering, journey.state
    ended = journey.lines[-1].at if not journey.open else None
    yield Journey, dict(
        id=entering.id, customer_id=state.customer, playbook=entering.plan.playbook, version=entering.plan.version,
        key=entering.key, entry_event_id=entry, history_mark=0, entered_at=journey.entered, ended_at=ended,
        exit_at=ended, status="ended" if ended else "open", state=STATE.dump_python(state, mode="json"),
        seq=state.n, due=journey.due, step=state.step, inbox_last=journey.given,
    )  # fmt: skip
    for number in range(1, journey.given + 1):
        keys = sorted(journey.heard) if number == 1 else []
        kind = "goal" if journey.goal_reached and number == journey.given else "milestone"
        yield JourneyInbox, dict(
            journey_id=entering.id, number=number, kind=kind, name="told", at=journey.entered, data={"keys": keys},
            delivered_at=journey.entered,
        )  # fmt: skip
    occurrences: Counter[str] = Counter()
    for line in journey.lines:
        if line.what == "sent" and line.step is not None:
            occurrences[line.step] += 1
            number = occurrences[line.step]
            yield Message, dict(
                id=message_id(entering.id, line.step, number), journey_id=entering.id, step=line.step,
                occurrence=str(number), customer_id=state.customer, channel=line.channel, template=line.template,
                state="accepted", due_at=line.at, claimed_at=line.at, accepted_at=line.at, purpose="marketing",
            )  # fmt: skip
