"""What one playbook will send in the next days, from samples: a forecast (`milepost forecast`) small enough for a page.

It is made of the same parts: those inside go on by the core from where they are stored, customers come as they came in
the last weeks, and do what customers were seen to do. However many there are, no more are looked at than `SAMPLE` of
each kind, so it takes a second or two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy.orm import Session
from whenever import Date, Instant, TimeDelta

from intake import forecasting
from lifecycle.behaviour import DRAWN, Conduct
from lifecycle.cohort import Days
from lifecycle.forecast import Ahead, Arrival, Coming, Customer, again
from lifecycle.language.map import Map
from lifecycle.plan import Plan, Record, unpack
from lifecycle.simulated import World
from lifecycle.simulator import Life
from store import playbooks, prospects, results
from store.database import Database

SAMPLE = 400
"""So many of those inside, and of those who came lately, are looked at."""

WATCHED = 2_000
"""By so many customers what customers do is measured."""

DAYS = 14


@dataclass(slots=True)
class Foreseen:
    """Messages of a playbook by day and channel, the first day being today; `dates` by the clocks of the map's zone.
    Of the `inside`, `looked_at` were looked at; `a_day` customers came a day in the last `days`.
    """

    playbook: str
    dates: list[Date]
    messages: dict[str, list[int]]
    inside: int
    looked_at: int
    a_day: float
    days: int
    measured: bool = True

    @property
    def most(self) -> int:
        """The most messages of one day."""
        return max((sum(day) for day in zip(*self.messages.values(), strict=True)), default=0)

    @property
    def total(self) -> int:
        return sum(sum(counts) for counts in self.messages.values())


@dataclass(slots=True)
class _Read:
    """What a forecast is made of. `weights` are of those inside, and of those who come."""

    plans: list[Plan] = field(default_factory=list)
    conduct: Conduct | None = None
    customers: list[Customer] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    inside: int = 0
    entered: int = 0
    days: int = 1
    measured: bool = False


def foresee(database: Database, map: Map, world: World, playbook: str, now: Instant) -> Foreseen:
    """What a playbook will send. Blocking, and a second's work of a core: not on an event loop's own thread."""
    found = database.read_now(partial(_read, map=map, playbook=playbook, now=now))
    assert found.conduct is not None
    calendar = Days(now, DAYS, map.time_zone)
    there = replace(world, plans=found.plans, strict_consent=True, reach=forecasting.reach(map))
    ahead = Ahead(there, found.conduct, now, calendar.end)
    counts: dict[str, list[float]] = {}
    for life, weight in _lives(ahead, found, now, calendar.end):
        for journey in life.journeys:
            for line in journey.lines if journey.plan.playbook == playbook else ():
                if line.what == "sent" and line.at <= calendar.end:
                    day = calendar.of(max(line.at, now).timestamp())
                    counts.setdefault(line.channel or "", [0.0] * DAYS)[day] += weight
    messages = {channel: [round(one) for one in days] for channel, days in sorted(counts.items())}
    return Foreseen(
        playbook, calendar.dates, messages, found.inside, len(found.customers), found.entered / found.days, found.days,
        found.measured,
    )  # fmt: skip


def _lives(ahead: Ahead, found: _Read, now: Instant, until: Instant) -> Iterator[tuple[Life, float]]:
    for customer in found.customers:
        yield ahead.go_on(customer), found.inside / len(found.customers)
    coming: Collection[Coming] = list(again(found.arrivals, TimeDelta(hours=24 * found.days), now, until))
    for one in coming:
        yield ahead.come(one), found.entered / len(found.arrivals)


def _read(session: Session, map: Map, playbook: str, now: Instant) -> _Read:
    active = playbooks.active(session)
    found = _Read([unpack(one.plan.decode()) for one in playbooks.those(session, list(active.values()))])
    made = {step.milestone for plan in found.plans for step in plan.steps.values() if isinstance(step, Record)}
    names = {name for name, rule in map.milestones.items() if rule.when is None} - made | set(DRAWN)
    seen = forecasting.measured(session, names, now, prospects.one_of(session, WATCHED))
    found.conduct = Conduct.of(map, found.plans, {name: doing for name, (doing, _) in seen.items()})
    found.measured = bool(seen)
    found.inside = sum(one.people for one in results.standing(session, playbook).get(playbook, ()))
    ids = prospects.some_inside(session, playbook, SAMPLE)
    for first in range(0, len(ids), forecasting.PAGE):
        page = ids[first : first + forecasting.PAGE]
        found.customers += forecasting.read_customers(session, page, map, now)
    if playbook in active:
        _come(session, found, playbook, now)
    return found


def _come(session: Session, found: _Read, playbook: str, now: Instant) -> None:
    """Those who came lately, in whole weeks if there are any."""
    assert found.conduct is not None
    first = prospects.first_entry(session)
    age = int((now - first).total("hours") // 24) if first else 0
    found.days = min(forecasting.WINDOW_DAYS, age - age % 7 if age >= 7 else max(age, 1))
    since = now.subtract(hours=24 * found.days)
    found.entered, rows = prospects.some_entered(session, playbook, since, SAMPLE)
    ids = sorted({row.customer for row in rows})
    for start in range(0, len(ids), forecasting.PAGE):
        page = ids[start : start + forecasting.PAGE]
        mine = [row for row in rows if row.customer in set(page)]
        found.arrivals += forecasting.arrivals_of(session, page, mine, set(found.conduct.doings), {})
    if found.arrivals and len(rows) < found.entered:
        found.entered = round(found.entered * len(found.arrivals) / len(rows))
    elif found.arrivals:
        found.entered = len(found.arrivals)
