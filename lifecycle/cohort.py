"""Many simulated customers, counted as they live: one after the other, so that memory does not grow with their number.

A life is drawn from a behaviour (`lifecycle.behaviour`), lived by the core (`lifecycle.simulator`), added to a `Tally`
and forgotten. Tallies of parts of a cohort add up to that of the whole. Days are those of the map's time zone, the
first one being that of the start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from whenever import Instant, TimeDelta

from lifecycle.behaviour import Conduct
from lifecycle.calendar import MIDNIGHT, resolve
from lifecycle.plan import Plan
from lifecycle.simulated import Happening, World, beginning
from lifecycle.simulator import Life
from lifecycle.timeline import Line

WEEK = 7 * 86_400
QUIET = "quiet-hours"
_COUNTED = frozenset({"sent", "refused", "deferred", "task", "goal"})
"""The lines of a timeline that are counted; most lines are others."""


@dataclass(slots=True)
class Tally:
    """What so many customers went through. Keys of the counters are tuples; instants are seconds since 1970.

    `sent` by day and channel; `steps` and `refused` by step (and reason); `goals` by whole days since entry; `ends` by
    outcome or reason; `quiet` what quiet hours put off, by channel, and the minute in which it goes instead; `weeks`
    customers by the most messages that they had in any seven days; `tasks` by step; `not_entered` by reason.
    """

    customers: int = 0
    entered: int = 0
    holdout: int = 0
    sent: Counter[tuple[int, str]] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    goals: Counter[int] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    quiet: Counter[tuple[str, int]] = field(default_factory=Counter)
    weeks: Counter[int] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)
    not_entered: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count what another part of the cohort went through as well."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, one.name, mine + theirs)


class Days:
    """The days of a cohort by the clocks of one zone: the first one is that of `start`."""

    def __init__(self, start: Instant, days: int, zone: str) -> None:
        date = start.to_tz(zone).date()
        self.dates = [date.add(days=number) for number in range(days)]
        begins = [resolve(day.at(MIDNIGHT), zone) for day in [*self.dates, date.add(days=days)]]
        self.end = begins[-1].subtract(seconds=1)
        self._begins = [begin.timestamp() for begin in begins[1:-1]]

    def of(self, second: int) -> int:
        """The number of the day of a second since 1970; what lies before the first day counts for it."""
        return bisect_right(self._begins, second)


class Cohort:
    """Customers who come to one playbook of `world`, and what they do. It can be handed to another process."""

    def __init__(self, world: World, plan: Plan, conduct: Conduct, start: Instant, days: int) -> None:
        self.world, self.plan, self.conduct, self.start = world, plan, conduct, start
        self.days = Days(start, days, world.map.time_zone)

    def live(self, numbers: Iterable[int]) -> Tally:
        """The lives of the customers with these numbers."""
        tally = Tally()
        for number in numbers:
            tally.customers += 1
            self._count(self.life(f"cus_{number}"), tally)
        return tally

    def life(self, customer: str, until: Instant | None = None) -> Life:
        """One customer's life until the end of the last day, or until another instant."""
        conduct = self.conduct
        person = conduct.person(customer)
        comes = conduct.comes(person, self.start)
        happenings = conduct.happenings(customer, comes)
        entry = self.plan.entry.milestone if self.plan.entry else None
        if entry not in conduct.doings:
            first = beginning(self.plan, comes, person.zone(self.world.map))
            if first is not None:
                happenings.append(first)
                happenings.sort(key=lambda one: one.at)
        life = Life(self.world, person, conduct.consent(customer), conduct.reacts)
        until = until or self.days.end
        life.run(before(happenings, until), until)
        return life

    def _count(self, life: Life, tally: Tally) -> None:
        seconds: list[int] = []
        mine = [journey for journey in life.journeys if journey.plan.playbook == self.plan.playbook]
        tally.entered += bool(mine)
        if not mine:
            tally.not_entered.update({why for name, why in life.not_entered if name == self.plan.playbook} or {"never"})
        for journey in life.journeys:
            if journey.entering.arm == "holdout":
                tally.holdout += 1
                continue
            for line in journey.lines:
                what = line.what
                if what not in _COUNTED:
                    continue
                if what == "sent":
                    second = line.at.timestamp()
                    seconds.append(second)
                    tally.sent[self.days.of(second), line.channel or ""] += 1
                    tally.steps[line.step or ""] += 1
                elif what == "refused":
                    tally.refused[line.step or "", line.reason or ""] += 1
                elif what == "deferred":
                    put_off(line, tally.quiet)
                elif what == "task":
                    tally.tasks[line.step or ""] += 1
                elif what == "goal":
                    tally.goals[whole_days(line.at - journey.entered)] += 1
            state = journey.state
            tally.ends[(state.reason if state.outcome == "exited" else state.outcome) or "under way"] += 1
        tally.weeks[busiest_week(seconds)] += 1


def before(happenings: Iterable[Happening], until: Instant) -> list[Happening]:
    """Those that happen by `until`."""
    return [one for one in happenings if one.at <= until]


def put_off(line: Line, quiet: Counter[tuple[str, int]]) -> None:
    """Count a line of a timeline where quiet hours decided when the message goes instead, to the minute."""
    if (line.reason or "").startswith(QUIET) and line.to:
        quiet[line.channel or "", Instant.parse_iso(line.to).timestamp() // 60 * 60] += 1


def whole_days(delta: TimeDelta) -> int:
    return int(delta.total("seconds")) // 86_400


def busiest_week(seconds: list[int]) -> int:
    """The most of these instants that lie within any seven days."""
    seconds.sort()
    most = first = 0
    for last, second in enumerate(seconds):
        while second - seconds[first] >= WEEK:
            first += 1
        most = max(most, last - first + 1)
    return most


def median(days: Counter[int]) -> int | None:
    """The median of counted numbers."""
    half, passed = days.total() / 2, 0
    for number in sorted(days):
        passed += days[number]
        if passed >= half:
            return number
    return None


def data_of(tally: Tally, cohort: Cohort, seed: int) -> dict[str, Any]:
    """A cohort's result as plain data, for `--format json` and for charts."""
    channels = sorted({channel for _, channel in tally.sent})
    zone = cohort.world.map.time_zone
    goal = cohort.plan.goal
    quiet: Counter[int] = Counter()
    for (_, second), count in tally.quiet.items():
        quiet[second] += count
    busiest = min(quiet, key=lambda minute: (-quiet[minute], minute)) if quiet else None
    arms = sum(tally.ends.values())
    return {
        "playbook": cohort.plan.playbook,
        "customers": tally.customers,
        "days": len(cohort.days.dates),
        "start": cohort.days.dates[0].format_iso(),
        "seed": seed,
        "entered": tally.entered,
        "not_entered": ranked(tally.not_entered),
        "holdout": tally.holdout,
        "messages": {channel: sum(n for (_, of), n in tally.sent.items() if of == channel) for channel in channels},
        "by_day": [
            {"date": date.format_iso(), **{channel: tally.sent[number, channel] for channel in channels}}
            for number, date in enumerate(cohort.days.dates)
        ],
        "by_step": dict(tally.steps.most_common()),
        "refused": [{"step": s, "reason": r, "messages": n} for (s, r), n in sorted(tally.refused.items())],
        "goal": None
        if goal is None
        else {
            "milestone": goal.milestone,
            "reached": tally.goals.total(),
            "share": round(tally.goals.total() / arms, 4) if arms else 0.0,
            "median_days": median(tally.goals),
            "by_day": {str(day): tally.goals[day] for day in sorted(tally.goals)},
        },
        "quiet_hours": {
            "deferred": tally.quiet.total(),
            "busiest": None
            if busiest is None
            else {"at": Instant.from_timestamp(busiest).to_tz(zone).to_fixed_offset().format_iso(),
                  "messages": quiet[busiest]},
        },
        "week": {
            "most": max(tally.weeks, default=0),
            "customers": {str(most): tally.weeks[most] for most in sorted(tally.weeks)},
        },
        "tasks": dict(tally.tasks.most_common()),
        "ends": ranked(tally.ends),
    }  # fmt: skip


def ranked(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first; of equals, by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
