"""What the core costs by itself: simulated journeys, and the decision before a send. CPU time of this one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from whenever import Instant

from bench.figures import Figure
from bench.shape import ENTRY, MILESTONE, ROOT
from bench.shape import project as four_messages
from lifecycle import policies
from lifecycle.events import Person
from lifecycle.simulated import Happening, World
from lifecycle.simulator import Life
from project import Project, load

FEWEST = 5000
"""Ninety-day journeys a second and core."""

LONGEST_DECISION = 50
"""Microseconds."""

_START = Instant.from_utc(2026, 1, 5, 9)
_DAY = 24
_ROUNDS = 7
_ROUND = 0.4


def simulations() -> list[Figure]:
    shipped = load(ROOT).world("first-90-days")
    short = four_messages("45 days", "45 days").world()
    bought = Happening(_START, "milestone", ENTRY, {"revenue": 49})
    begun = Happening(_START.add(hours=3 * _DAY), "milestone", MILESTONE)
    return [
        _simulation("first-90-days", shipped, (bought, begun)),
        _simulation("four messages over ninety days", short, (bought,)),
    ]


def _simulation(name: str, world: World, happenings: Sequence[Happening]) -> Figure:
    until = _START.add(hours=100 * _DAY)

    def live() -> Life:
        life = Life(world, Person("cus_1", {"first_name": "Ada"}))
        life.run(happenings, until)
        return life

    (journey,) = live().journeys
    assert not journey.open
    lines = [line.what for line in journey.lines]
    size = f"{journey.state.n} inputs, {lines.count('sent')} messages, {len(lines)} lines of timeline"
    note = f"{name}: {size}."
    reason = f"One such journey is {size}, and its time is that of its inputs."
    return Figure(name, 1 / _seconds(live), "a second and core", FEWEST, "least", reason, note)


def decisions() -> list[Figure]:
    """A text message in Texas, where all that there is to look at is looked at: one that goes, and one put off."""
    goes = _asked(load(ROOT), _START)
    night = _START.add(hours=20)
    later = goes._replace(
        now=night,
        counted=[
            policies.Counted(at, "sms", "text_tips") for at in (night.subtract(hours=30), night.subtract(hours=50))
        ],
        pauses=[policies.Lying("channel", "a test", night.add(hours=3))],
        expires=night.add(hours=10 * _DAY),
    )
    assert policies.decide(goes).outcome == "send"
    assert policies.decide(later).reason == "frequency-cap, quiet-hours, paused"
    return [
        Figure(name, _seconds(partial(answer, asked)) * 1e6, "µs", LONGEST_DECISION)
        for name, answer, asked in (
            ("may this message go?", policies.decide, goes),
            ("and why, rule by rule", policies.explain, goes),
            ("not now: until when?", policies.decide, later),
            ("and why not now, rule by rule", policies.explain, later),
        )
    ]


def _asked(found: Project, now: Instant) -> policies.Asked:
    """Four messages count already, one short of the cap on text messages; and another one is put off."""
    assert found.map is not None
    return policies.Asked(
        found.templates.infos["onboarding/first-use-nudge", "sms"],
        found.map,
        now.add(hours=8),
        expires=now.add(hours=3 * _DAY),
        consent=True,
        stage="onboarding",
        reach=policies.Reach(("America/Chicago",), "US", "TX"),
        counted=[
            policies.Counted(now.subtract(hours=20), "sms", "text_tips"),
            *(policies.Counted(now.subtract(hours=_DAY * days), "email", "tips") for days in (1, 3, 5)),
        ],
        rivals=[policies.Rival(3, now.add(hours=_DAY), "another", "sms", "text_tips")],
        journey="this",
    )


def _seconds(work: Callable[[], object]) -> float:
    """Seconds that `work` takes once: the median over rounds of many."""
    work()
    times = 1
    while (taken := _cpu(work, times)) < _ROUND / 10:
        times *= 2
    times = max(1, round(times * _ROUND / taken))
    return median(_cpu(work, times) for _ in range(_ROUNDS)) / times


def _cpu(work: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        work()
    return time.thread_time() - began
