"""Reads a forecast's customers from the database, as `lifecycle.forecast` wants them: nothing is written.

Customers are read in pages, in the order of their ids. Those are drawn at random: the first of them are as good a
sample as any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import attributes_of
from activities.transaction import from_row, unknown_pauses
from lifecycle import plan as p
from lifecycle.behaviour import DRAWN
from lifecycle.caps import Counted, reaches_back
from lifecycle.doing import Doing
from lifecycle.events import Entering, Person
from lifecycle.facts import Milestones
from lifecycle.forecast import Arrival, Customer, UnderWay
from lifecycle.language.behaviour import ENTRY
from lifecycle.language.map import Map
from lifecycle.ledger import COUNTED, TAKEN
from lifecycle.measured import Measured, measure
from lifecycle.quiet_hours import Reach
from lifecycle.simulated import Sent
from lifecycle.state import STATE, State
from messaging import addresses
from store import holds, pauses, playbooks, prospects
from store.database import Database
from store.journeys import UNDER_WAY
from store.tables import Customer as Known
from store.tables import Journey

PAGE = 250
WINDOW_DAYS = 28
"""Customers come as they did in the last so many days."""

MEASURED_DAYS = 180
"""Rates and delays are those of customers who came in the last so many days."""

CHANNELS = ("email", "sms")


class Recent(NamedTuple):
    """Who came lately. `days` is how many days were looked at: fewer than `WINDOW_DAYS` where there are no more."""

    arrivals: list[Arrival]
    days: int
    entered: dict[str, int]


def reach_of(map: Map, person: Person) -> Reach:
    """Where a person is, as the decision before a send sees it."""
    known = person.known(map)
    phone, zone, country, region = (
        str(value) if (value := known.get(name)) else None for name in ("phone", "time_zone", "country", "region")
    )
    return addresses.reach_of(phone, zone, country, region, map.time_zone)


def reach(map: Map) -> partial[Reach]:
    """`reach_of` for one map, which can be handed to another process."""
    return partial(reach_of, map)


def plan_of(session: Session, version: str) -> p.Plan:
    """The plan of a version; it is in the database as long as a journey is."""
    packed = playbooks.plan(session, version)
    if packed is None:
        raise LookupError(f"the version {version} is not in the database")
    return p.unpack(packed.decode())


def pages(database: Database, map: Map, now: Instant, at_most: int) -> Iterator[list[Customer]]:
    """Customers with journeys under way, page by page, so many in all at most."""
    after, read = "", 0
    while read < at_most:
        limit = min(PAGE, at_most - read)
        ids = database.read_now(partial(prospects.next_under_way, after=after, limit=limit))
        if not ids:
            return
        yield database.read_now(partial(read_customers, ids=ids, map=map, now=now))
        after, read = ids[-1], read + len(ids)


def read_customers(session: Session, ids: Collection[str], map: Map, now: Instant) -> list[Customer]:
    """These customers with their journeys under way."""
    found = prospects.customers(session, ids)
    persons = _persons(session, found)
    said = prospects.consents(session, ids)
    reader = _Journeys(session, ids, now)
    since = now - reaches_back(map.caps)
    counted: dict[str, list[Counted]] = {}
    for row in reader.messages:
        counts = row.state in COUNTED and row.purpose in ("marketing", None)
        if counts and row.claimed_at is not None and row.claimed_at >= since:
            counted.setdefault(row.customer_id, []).append(Counted(row.claimed_at, row.channel, row.topic))
    return [
        Customer(
            person,
            reader.came[name],
            said.get(name, {}),
            reader.under_way(name),
            reader.been[name],
            counted.get(name, []),
        )
        for name, person in persons.items()
    ]


def _persons(session: Session, found: Mapping[str, Known]) -> dict[str, Person]:
    histories = prospects.histories(session, list(found))
    companies = prospects.accounts(session, {one.account_id for one in found.values() if one.account_id})
    return {
        name: Person(
            name,
            attributes_of(one),
            one.stage,
            histories.get(name, {}),
            dict(companies[one.account_id].attributes) if one.account_id in companies else {},
        )
        for name, one in found.items()
    }


class _Journeys:
    """The journeys of some customers, and what goes with them."""

    def __init__(self, session: Session, ids: Collection[str], now: Instant) -> None:
        self.session, self.now = session, now
        self.came: dict[str, Instant] = {}
        self.been: dict[str, dict[str, set[str]]] = {}
        self.living: dict[str, list[Journey]] = {}
        for row in prospects.journeys(session, ids):
            self.came.setdefault(row.customer_id, row.entered_at)
            self.been.setdefault(row.customer_id, {}).setdefault(row.playbook, set()).add(row.key)
            if row.status in UNDER_WAY and row.exit_at is None and not row.simulated:
                self.living.setdefault(row.customer_id, []).append(row)
        journeys = [row for rows in self.living.values() for row in rows]
        self.messages = prospects.messages(session, ids)
        self.sent: dict[str, list[prospects.Mail]] = {}
        for mail in self.messages:
            self.sent.setdefault(mail.journey_id, []).append(mail)
        self.inbox = prospects.inbox(session, [row.id for row in journeys])
        self.events = prospects.entry_events(session, {row.entry_event_id for row in journeys})
        self.paused = bool(pauses.unfinished(session))
        packed = playbooks.plans(session, {row.version for row in journeys})
        self.plans = {version: p.unpack(plan.decode()) for version, plan in packed.items()}

    def under_way(self, customer: str) -> list[UnderWay]:
        return [self._journey(row) for row in self.living.get(customer, ())]

    def _journey(self, row: Journey) -> UnderWay:
        plan = self.plans[row.version]
        event = self.events.get(row.entry_event_id)
        name = (plan.entry and plan.entry.milestone) or (event.name if event else None)
        properties = {**(event.properties if event else {}), "name": name}
        arm = "holdout" if row.arm == "holdout" else "journey"
        state = STATE.validate_python(row.state) if row.state else _new(row)
        inbox = self.inbox.get(row.id, [])
        heard = {key for one in inbox for key in (one.data or {}).get("keys", ())}
        news: Sequence[object] = ()
        if self.paused:
            queued = holds.on(self.session, row.id)
            news = list(unknown_pauses(self.session, row, state, state.clock, CHANNELS, queued))
        mine = self.sent.get(row.id, [])
        return UnderWay(
            Entering(plan, row.id, row.key, row.per_value, arm, properties),  # type: ignore[arg-type]
            state,
            [from_row(one) for one in inbox if one.number > state.seen],
            news,  # type: ignore[arg-type]
            heard,
            any(one.kind == "goal" for one in inbox),
            {one.step: one.state for one in mine},
            [
                (
                    Sent(row.customer_id, row.id, one.step, int(one.occurrence), one.channel, one.claimed_at),
                    frozenset(name for name in DRAWN if f"{name}:{one.step}" in heard),
                )
                for one in mine
                if one.state in TAKEN and one.claimed_at is not None and one.occurrence.isdigit()
            ],
        )


def _new(row: Journey) -> State:
    return State(row.customer_id, "UTC", row.entered_at, row.entered_at)


def recent(session: Session, covered: Collection[str], now: Instant) -> Recent:
    """Who came in the last weeks, whole ones if there are any; `covered` milestones are drawn for whoever is under way.

    An event that entered somebody who was under way, by a milestone that is covered, is no arrival.
    """
    first = prospects.first_entry(session)
    age = int((now - first).total("hours") // 24) if first else 0
    days = min(WINDOW_DAYS, age - age % 7 if age >= 7 else max(age, 1))
    since = now.subtract(hours=24 * days)
    rows = prospects.entered_since(session, since)
    ids = sorted({row.customer for row in rows})
    arrivals: list[Arrival] = []
    entered: dict[str, int] = {}
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        arrivals.extend(arrivals_of(session, page, rows, set(covered), entered))
    return Recent(arrivals, days, entered)


def arrivals_of(
    session: Session,
    ids: Collection[str],
    rows: Sequence[prospects.Entered],
    covered: set[str],
    entered: dict[str, int],
) -> Iterator[Arrival]:
    """The arrivals of these customers, whose journeys are among `rows`; `entered` counts them by playbook."""
    found = prospects.customers(session, ids)
    persons, said = _persons(session, found), prospects.consents(session, ids)
    had: dict[str, list[Journey]] = {}
    for journey in prospects.journeys(session, ids):
        had.setdefault(journey.customer_id, []).append(journey)
    by_event: dict[int, list[prospects.Entered]] = {}
    for row in rows:
        if row.customer in persons:
            by_event.setdefault(row.event_id, []).append(row)
    events = prospects.entry_events(session, by_event)
    for number, journeys in by_event.items():
        event, customer, at = events.get(number), journeys[0].customer, journeys[0].entered_at
        if event is None:
            continue
        for row in journeys:
            entered[row.playbook] = entered.get(row.playbook, 0) + 1
        earlier = [one for one in had[customer] if one.entered_at < at and one.entry_event_id != number]
        busy = any(one.ended_at is None or one.ended_at > at for one in earlier)
        name = event.name or ""
        if busy and name in covered:
            continue
        been: dict[str, set[str]] = {}
        for one in earlier:
            been.setdefault(one.playbook, set()).add(one.key)
        yield Arrival(
            _before(persons[customer], at, name, new=not earlier),
            said.get(customer, {}),
            "due" if event.kind == "due" else "milestone",
            name,
            event.properties,
            at,
            {playbook: frozenset(keys) for playbook, keys in been.items()},
        )


def _before(person: Person, at: Instant, name: str, *, new: bool) -> Person:
    """Somebody before they came: without what came later, as far as that is known."""
    history = {
        milestone: Milestones(1, seen.first, seen.first) if seen.last is None or seen.last >= at else seen
        for milestone, seen in person.history.items()
        if seen.first is not None and seen.first < at
    }
    return Person(person.id, person.attributes, None if new else person.stage, history, person.account)


def measured(
    session: Session, names: Collection[str], now: Instant, upto: str | None = None
) -> dict[str, tuple[Doing, Measured]]:
    """What customers were seen to do, and what became of messages; what too few were watched for is left out.

    With `upto`, of customers whose ids are no higher: a sample.
    """
    since = now.subtract(hours=24 * MEASURED_DAYS)
    plain = sorted(name for name in names if name not in DRAWN)
    waits: dict[str, list[tuple[float, bool]]] = {}
    for one in prospects.waits(session, plain, since, now, upto):
        waits.setdefault(one.name, []).append((one.seconds, one.happened))
    for one in prospects.reactions(session, [name for name in DRAWN if name in names], since, now, upto):
        waits.setdefault(one.name, []).append((one.seconds, one.happened))
    found = {}
    for name, all_of_it in waits.items():
        seen = measure(all_of_it)
        if seen is not None:
            found[name] = Doing(name, seen.rate, seen.curve, ENTRY), seen
    return found
