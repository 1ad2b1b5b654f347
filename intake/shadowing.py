"""A shadow: a version that nobody takes, shown beside the version that runs, over the events that are stored.

The core decides the same wherever it runs, so what a version would have done is found by living each customer's stored
life again (`lifecycle.replaying`), whenever somebody asks: with the version that runs and with the shadow. Nothing is
sent, by construction: there is a read-only transaction, and no sender. It costs nothing while events come in.

How the first of the two lives agrees with the ledger is counted as well: it tells how far to believe the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy.orm import Session
from whenever import Instant

from activities.transaction import handling_of, paused
from intake import known
from intake.asking import Conflict
from intake.reachable import Reachable
from intake.reader import Unknown
from lifecycle.comparing import Difference, lived
from lifecycle.differences import Sums
from lifecycle.language.faults import did_you_mean
from lifecycle.plan import Plan, unpack
from lifecycle.recorded import Act, Agreement, Answer, Applied, Entered, Lying, Record, Versions
from lifecycle.replaying import Replay
from lifecycle.simulated import World
from store import audit, consents, customers, journeys, pauses, playbooks, shadows
from store.tables import Audit, Customer, Event, Shadow

TICK = 20
"""After how many customers progress is told."""

State = Literal["registered", "replaced", "same"]


def register(
    session: Session, plan: Plan, source: str, *, since: Instant | None, who: str, now: Instant
) -> tuple[Shadow, State]:
    """Show a plan beside the version of its playbook that runs, from `since` on (UTC; None: from now, or as before).

    Raises Conflict where it is the version that runs, or where time enters the two differently: nobody knows whom
    another schedule would have entered.
    """
    running = running_plan(session, plan.playbook)
    if running is not None and running.version == plan.version:
        raise Conflict(f"the file of {plan.playbook} is the version that runs ({plan.version}); change it first")
    if _timed(plan) != _timed(running):
        raise Conflict(
            f"time enters {plan.playbook}, and otherwise than in the version that runs: whom it would have entered "
            "cannot be known; try it with `milepost simulate`"
        )
    earlier = shadows.get(session, plan.playbook)
    state: State = "registered" if earlier is None else "replaced"
    if earlier is not None and earlier.version == plan.version:
        if since in (None, earlier.since):
            return earlier, "same"
        state = "same"
    row = shadow_of(plan, source, since or now, who, now)
    shadows.put(session, row)
    data = {"version": plan.version, "since": row.since.format_iso()}
    audit.record(session, Audit(at=now, who=who, what="shadow", target=plan.playbook, data=data))
    return row, state


def shadow_of(plan: Plan, source: str, since: Instant, who: str, now: Instant) -> Shadow:
    """A plan as a shadow that counts from `since` on."""
    return Shadow(
        playbook=plan.playbook,
        version=plan.version,
        plan=plan.packed.encode(),
        source=source,
        since=since,
        registered_at=now,
        registered_by=who,
    )


def stop(session: Session, playbook: str, *, who: str, now: Instant) -> Shadow:
    """Forget the shadow of a playbook; what it was. Raises Unknown where there is none."""
    row = find(session, playbook)
    shadows.remove(session, playbook)
    data = {"version": row.version}
    audit.record(session, Audit(at=now, who=who, what="shadow stopped", target=playbook, data=data))
    return row


def find(session: Session, playbook: str) -> Shadow:
    """The shadow of a playbook; Unknown where it has none."""
    row = shadows.get(session, playbook)
    if row is None:
        hint = did_you_mean(playbook, shadows.names(session))
        more = hint or f"register one with `milepost playbook shadow {playbook}`"
        raise Unknown(f"there is no shadow of `{playbook}`; {more}")
    return row


def running_plan(session: Session, playbook: str) -> Plan | None:
    """The version of a playbook that new journeys take."""
    version = playbooks.active(session).get(playbook)
    packed = playbooks.plan(session, version) if version else None
    return unpack(packed.decode()) if packed else None


def _timed(plan: Plan | None) -> Any:
    """What time has to do with the entry."""
    entry = plan.entry if plan else None
    return (entry.schedule, entry.date, entry.yearly, entry.at, entry.spread) if entry and entry.timed else None


@dataclass
class Diff:
    """What a shadow would have done until `now`, beside the version that runs; `sums` and `agreement` fill in `run`.

    `world` holds map, templates and conditions; `secret` keys the hashes of suppressed addresses. Customers who were
    erased, or merged from several, are counted in `left_out`: of the first there is nothing to live, and of the others
    nobody knows any more which of them did what.
    """

    session: Session
    world: World
    shadow: Shadow
    secret: bytes
    now: Instant
    sums: Sums = field(default_factory=Sums)
    agreement: Agreement = field(default_factory=Agreement)
    left_out: dict[str, int] = field(default_factory=lambda: {"erased": 0, "merged": 0})
    _plans: dict[str, Plan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.knows = Reachable(self.session, self.world.map, self.secret)
        self.world = replace(self.world, reach=self.knows.reach)
        plan, since = unpack(self.shadow.plan.decode()), playbooks.since(self.session)
        active = {name: (self._plan(version), since[name]) for name, version in playbooks.active(self.session).items()}
        running = active.get(plan.playbook)
        self.running: Plan | None = running[0] if running else None
        self.running_since: Instant | None = running[1] if running else None
        sides = (self.running, plan)
        self.sides = [Versions(plan.playbook, self.shadow.since, active, shown) for shown in sides]
        self._pauses = [_lying(one) for one in pauses.ever(self.session)]
        self._several = shadows.of_several(self.session)

    def total(self) -> int:
        """How many customers there are to look at."""
        return shadows.count_since(self.session, self.shadow.since)

    def run(self, tick: Callable[[int], object] = lambda done: None, only: str | None = None) -> Iterator[Difference]:
        """Live everybody to whom something happened since the shadow counts, or `only` one (our id), and give those in
        whom something differs.
        """
        for number, (customer, events) in enumerate(shadows.events_since(self.session, self.shadow.since, only)):
            if number % TICK == 0:
                tick(number)
            if difference := self._one(customer, events):
                yield difference

    def _one(self, customer: str, events: Sequence[Event]) -> Difference | None:
        row, since = customers.by_id(self.session, customer), self.shadow.since
        if row is None or row.erased_at is not None or customer in self._several:
            self.left_out["merged" if customer in self._several else "erased"] += 1
            return None
        record = self.record(row, events)
        old, new = self.lives(record)
        self.agreement.add(record.sent, old.sent, since)
        sides = ((lived(one, since) for one in life.journeys if one.last >= since) for life in (old, new))
        return self.sums.add(customer, *sides)

    def lives(self, record: Record) -> tuple[Replay, Replay]:
        """A customer's life with the version that runs, and with the shadow."""
        old, new = (Replay(self.world, record, versions, self.knows) for versions in self.sides)
        old.live(self.now)
        new.live(self.now)
        return old, new

    def record(self, customer: Customer, events: Sequence[Event]) -> Record:
        """All that is stored of a customer, with their applied `events`."""
        session = self.session
        had = journeys.outlines(session, customer.id)
        names = [one.id for one in had]
        acts = [Act(at, journey, "exit", name) for journey, at, name in shadows.exits_by_hand(session, names)]
        acts += [Act(at, journey, "skip", what) for journey, at, what in shadows.skips(session, names)]
        applied = [
            Applied(event.applied_at, known.event_of(session, event, customer, self.world.map))
            for event in events
            if event.source != "journey" and event.applied_at is not None
        ]
        # A row of consent does not say when it was stored; the event that was made with it does.
        stored = {event.message_id: event.received_at for event in events if event.kind == "consent"}
        answers = [
            Answer(
                stored.get(f"{'given' if row.granted else 'withdrawn'}/{customer.id}/{row.id}", row.at),
                f"{row.topic}:{row.channel}" if row.channel else row.topic,
                row.granted,
            )
            for row in consents.history(session, customer.id)
        ]
        return Record(
            customer.id,
            sorted([*applied, *acts], key=lambda one: one.at),
            [Entered(self._plan(one.version), one.entry_event_id) for one in had],
            [
                one
                for one in self._pauses
                if one.scope not in ("customer", "journey") or one.target in {customer.id, *names}
            ],
            answers,
            customer.account_id,
            shadows.sent(session, customer.id),
        )

    def _plan(self, version: str) -> Plan:
        if version not in self._plans:
            packed = playbooks.plan(self.session, version)
            assert packed is not None  # a foreign key leads there
            self._plans[version] = unpack(packed.decode())
        return self._plans[version]


def _lying(pause: Any) -> Lying:
    return Lying(pause.scope, pause.target, paused(pause), pause.ended_at, handling_of(pause.handling))
