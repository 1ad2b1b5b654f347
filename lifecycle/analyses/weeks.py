"""The most marketing messages that one person can be due in a stretch of a cap's length, over playbooks run together.

- Together are playbooks that the same thing enters in the same moment, and those that they enrol in or enter by a
  record. Two that only happen to overlap are no mistake of anybody's: the cap is there for them.
- The worst case is the most over all ways that customers can take (`lifecycle.analyses.courses`); every weekday of
  entry is tried where a playbook looks at weekdays. No way is counted that nobody can take.
- Where a playbook has more ways than can be looked at in a moment, nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from lifecycle import plan as p
from lifecycle.analyses.courses import DAY, Sent, TooMany, World, messages
from lifecycle.analyses.paths import Paths
from lifecycle.analyses.sense import contradiction
from lifecycle.analyses.subject import Subject
from lifecycle.language.faults import Faults
from lifecycle.language.map import Cap
from lifecycle.language.times import parse_moment, parse_span

ENTRY = 10.0
"""The hour of the day at which the customers here come in, as in a simulation."""


def check_caps(subject: Subject, paths: dict[str, Paths], faults: Faults) -> None:
    """Advise on each cap that playbooks which run together can break."""
    world = World(subject, paths)
    for together in _groups(subject):
        for cap in subject.map.caps:
            try:
                worst = _worst(together, cap, world)
            except TooMany:
                continue
            if len(worst) > cap.at_most:
                _report(worst, cap, subject, faults)


def _groups(subject: Subject) -> Iterator[list[str]]:
    """The playbooks that enter a customer in the same moment, as many together as can be."""
    by_cause: dict[object, list[str]] = {}
    for name, written in subject.playbooks.items():
        entry = written.plan.entry
        if entry is not None:
            cause = (entry.milestone, entry.schedule, entry.date, entry.at, entry.yearly)
            by_cause.setdefault(cause, []).append(name)
    for names in by_cause.values():
        apart = {pair for pair in combinations(names, 2) if _apart(*pair, subject)}
        done: set[frozenset[str]] = set()
        for first in names:
            together = [first]
            for name in names:
                if name != first and not any({(one, name), (name, one)} & apart for one in together):
                    together.append(name)
            if frozenset(together) not in done:
                done.add(frozenset(together))
                yield together


def _apart(one: str, other: str, subject: Subject) -> bool:
    """Whether the conditions of two entries are never true of the same customer."""
    entries = [subject.playbooks[name].plan.entry for name in (one, other)]
    asked = [d for entry in entries if entry and entry.condition for d in subject.conditions.demands(entry.condition)]
    return contradiction(asked, subject.map) is not None


def _worst(together: list[str], cap: Cap, world: World) -> list[Sent]:
    """The messages of the fullest stretch, in their order; no more is looked for where all of them fit."""
    sends = sum(_sends(name, cap, world) for name in _with_led_to(together, world))
    if sends <= cap.at_most:
        return []
    every = parse_span(cap.every)
    length = every.months * 28 * DAY + every.days * DAY + every.working * DAY + every.seconds / 3600
    found: list[Sent] = []
    for weekday in range(7) if any(_by_weekday(world.plan(name)) for name in together) else (0,):
        courses = [world.course(name, ENTRY, weekday) for name in together]
        begins = sorted({at for course in courses for at in course.sends(cap)})
        for begin in begins:
            parts = [course.most(cap, begin, begin + length) for course in courses]
            if sum(count for count, _ in parts) > max(len(found), cap.at_most):
                found = sorted(sent for _, which in parts for sent in messages(which))
    return found


def _with_led_to(together: Iterable[str], world: World) -> set[str]:
    found: set[str] = set()
    waiting = list(together)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(other for (of, _), others in world.led_to.items() if of == name for other in others)
    return found


def _sends(playbook: str, cap: Cap, world: World) -> float:
    """At most so many messages under a cap, in all; without end where there is a repeat."""
    if any(isinstance(step, p.Repeat) for step in world.plan(playbook).steps.values()):
        return float("inf")
    return len(world.counting(playbook, cap))


def _by_weekday(plan: p.Plan) -> bool:
    for step in plan.steps.values():
        if isinstance(step, p.Wait):
            if step.until is not None and parse_moment(step.until).weekday is not None:
                return True
            if step.span is not None and parse_span(step.span).working:
                return True
    return False


def _report(worst: list[Sent], cap: Cap, subject: Subject, faults: Faults) -> None:
    """In each playbook that takes part, at the last of its messages in that stretch."""
    last = {sent.playbook: sent for sent in worst}
    names = " and ".join(f"`{name}`" for name in last)
    which = f"{cap.topic or 'marketing'} {'SMS' if cap.channel == 'sms' else 'e-mails' if cap.channel else 'messages'}"
    message = (
        f"{names} can be due to send one person {len(worst)} {which} within `{cap.every}`, "
        f"from day {int(worst[0].at // DAY)} on; the cap allows {cap.at_most}"
    )
    hint = "send one of them later, or not at all: the cap would choose for you"
    for sent in last.values():
        faults.add(subject.playbooks[sent.playbook].place(sent.step, "send"), "over-cap", message, hint, "warning")
