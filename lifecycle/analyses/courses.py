"""All ways that customers can take through a playbook in time, for the worst week (`lifecycle.analyses.weeks`).

A way is a row of steps, each at a time in hours. A wait for a milestone is met at once or times out; a wait for a date
of the customer may end at once. Playbooks that a step enrols in, or enters by a record, go on beside it from there.
Clocks do not change here, and nobody is paused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from lifecycle import plan as p
from lifecycle.analyses.paths import Paths
from lifecycle.analyses.subject import Subject
from lifecycle.caps import applies
from lifecycle.language.map import Cap
from lifecycle.language.times import Moment, Span, parse_clock, parse_moment, parse_span

DAY = 24.0
MOST_NODES = 4_000


class TooMany(Exception):
    """A playbook with more ways than can be looked at in a moment."""


class Sent(NamedTuple):
    """A message that is due, `at` in hours after the midnight before entry."""

    at: float
    playbook: str
    step: p.StepId


class Point(NamedTuple):
    """A node as `Course.most` reads it: the numbers of those that follow, and of what follows an accepted message."""

    at: float
    step: p.StepId
    ways: list[int]
    accepted: int | None
    led_to: list[Course]


class Node(NamedTuple):
    """A step at a time; `loops` are the repeats that it is in: id, when it began, and how often."""

    step: p.StepId
    at: float
    loops: tuple[tuple[p.StepId, float, int], ...] = ()


Best = tuple[int, Any]
"""How many messages, and which: a Sent, None, or pairs of such."""

NOTHING: Best = (0, None)
On = Callable[..., Iterator[Node]]


def messages(which: Any) -> Iterator[Sent]:
    """The messages of a Best."""
    waiting = [which]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Sent):
            yield one
        elif one is not None:
            waiting.extend(one)


@dataclass
class World:
    """The playbooks of a project, and the ways through them that were worked out so far."""

    subject: Subject
    paths: dict[str, Paths]
    courses: dict[tuple[str, float, int, frozenset[str]], Course] = field(default_factory=dict)
    counted: dict[tuple[str, int], set[p.StepId]] = field(default_factory=dict)

    def course(self, playbook: str, start: float, weekday: int, above: frozenset[str] = frozenset()) -> Course:
        key = (playbook, start, weekday, above)
        if key not in self.courses:
            self.courses[key] = Course(self, playbook, start, weekday, above)
        return self.courses[key]

    def plan(self, playbook: str) -> p.Plan:
        return self.subject.playbooks[playbook].plan

    def counting(self, playbook: str, cap: Cap) -> set[p.StepId]:
        """The steps of a playbook whose messages fall under a cap."""
        key = (playbook, id(cap))
        if key not in self.counted:
            self.counted[key] = {
                step_id
                for step_id, step in self.plan(playbook).steps.items()
                if isinstance(step, p.Send)
                and not step.transactional
                and applies(cap, step.channel, self.subject.template_of(step).topic)
            }
        return self.counted[key]

    @cached_property
    def led_to(self) -> dict[tuple[str, p.StepId], list[str]]:
        """The playbooks that a step begins, by playbook and step."""
        entered: dict[str | None, list[str]] = {}
        for name, written in self.subject.playbooks.items():
            entry = written.plan.entry
            if entry is not None and entry.milestone is not None:
                entered.setdefault(entry.milestone, []).append(name)
        found: dict[tuple[str, p.StepId], list[str]] = {}
        for name, written in self.subject.playbooks.items():
            for step_id, step in written.plan.steps.items():
                if isinstance(step, p.Record):
                    found[name, step_id] = entered.get(step.milestone, [])
                elif isinstance(step, p.Enrol) and step.playbook in self.subject.playbooks:
                    found[name, step_id] = [step.playbook]
        return found

    @cached_property
    def blocked(self) -> dict[tuple[str, p.StepId], set[int | str]]:
        """The ways on from a step that nobody takes, by playbook and step."""
        found: dict[tuple[str, p.StepId], set[int | str]] = {}
        for name, paths in self.paths.items():
            for edge in paths.blocked:
                found.setdefault((name, edge.step), set()).add(edge.arm)
        return found


@dataclass
class Course:
    """All ways of one playbook from its entry at `start`; `weekday` is that of hour 0, Monday being 0. `above` are the
    playbooks that led to it.
    """

    world: World
    playbook: str
    start: float
    weekday: int
    above: frozenset[str] = frozenset()

    @cached_property
    def points(self) -> list[Point]:
        """Every node, those that follow before those that they follow; the last one is where the playbook begins."""
        plan = self.world.plan(self.playbook)
        points: list[Point] = []
        if plan.first is None:
            return points
        ways: dict[Node, list[Node]] = {}
        numbers: dict[Node, int] = {}
        waiting = [(Node(plan.first, self.start), False)]
        while waiting:
            node, behind = waiting.pop()
            if behind:
                numbers[node] = len(points)
                step = plan.steps[node.step]
                accepted = Node(step.next, node.at, node.loops) if isinstance(step, p.Send) and step.next else None
                points.append(
                    Point(
                        node.at, node.step, [numbers[one] for one in ways[node]],
                        numbers[accepted] if accepted else None, list(self._led_to(node)),
                    )
                )  # fmt: skip
            elif node not in ways:
                if len(ways) >= MOST_NODES:
                    raise TooMany
                ways[node] = list(self._ways(node, plan))
                waiting.append((node, True))
                waiting.extend((one, False) for one in ways[node])
        return points

    def sends(self, cap: Cap) -> Iterator[float]:
        """When any message under a cap, of it or of what it leads to, can be due."""
        counting = self.world.counting(self.playbook, cap)
        for point in self.points:
            if point.step in counting:
                yield point.at
            for course in point.led_to:
                yield from course.sends(cap)

    def most(self, cap: Cap, begin: float, end: float) -> Best:
        """The most messages under a cap from `begin` on and before `end`, and which these are."""
        counting = self.world.counting(self.playbook, cap)
        best: list[Best] = []
        for at, step, ways, accepted, led_to in self.points:
            found = NOTHING
            if at < end:
                for way in ways:
                    if best[way][0] > found[0]:
                        found = best[way]
                if step in counting and begin <= at:
                    count, which = NOTHING if accepted is None else best[accepted]
                    if count + 1 > found[0]:
                        found = (count + 1, (Sent(at, self.playbook, step), which))
                for course in led_to:
                    more, others = course.most(cap, begin, end)
                    found = (found[0] + more, (found[1], others)) if more else found
            best.append(found)
        return best[-1] if best else NOTHING

    def _led_to(self, node: Node) -> Iterator[Course]:
        above = self.above | {self.playbook}
        for other in self.world.led_to.get((self.playbook, node.step), ()):
            if other not in above:
                yield self.world.course(other, node.at, self.weekday, above)

    def _ways(self, node: Node, plan: p.Plan) -> Iterator[Node]:
        step, at, loops = plan.steps[node.step], node.at, node.loops
        blocked = self.world.blocked.get((self.playbook, node.step), ())

        def on(target: p.Target, when: float = at, arm: int | str = "") -> Iterator[Node]:
            if target is not None and arm not in blocked:
                yield Node(target, when, loops)

        match step:
            case p.Wait(span=str() as span):
                yield from on(step.next, self._plus(at, parse_span(span)))
            case p.Wait():
                yield from self._until(step, on, at)
            case p.WaitFor():
                yield from on(step.reached, at, "reached")
                yield from on(step.timed_out, self._plus(at, parse_span(step.timeout)), "timed_out")
            case p.Branch():
                for index, (_, target) in enumerate(step.arms):
                    yield from on(target, at, index)
                yield from on(step.otherwise, at, "else")
            case p.Repeat():
                yield from self._again(node, step)
            case _:
                for target in plan.targets(node.step):
                    yield from on(target)

    def _again(self, node: Node, step: p.Repeat) -> Iterator[Node]:
        rest = tuple(loop for loop in node.loops if loop[0] != node.step)
        begun, count = next(((begin, n) for key, begin, n in node.loops if key == node.step), (node.at, 0))
        due = max(node.at, self._plus(begun, parse_span(step.every), count)) if count else node.at
        if count < step.at_most and step.body is not None:
            yield Node(step.body, due, (*rest, (node.step, begun, count + 1)))
        if step.next is not None and (count >= step.at_most or step.until):
            yield Node(step.next, node.at, rest)

    def _until(self, step: p.Wait, on: On, at: float) -> Iterator[Node]:
        moment = parse_moment(step.until or "")
        clock = moment.at or (parse_clock(step.at) if step.at else None)
        hour = clock.hour + clock.minute / 60 if clock else None
        if moment.day is not None:
            due = moment.day * DAY + (self.start % DAY if hour is None else hour) + self.start // DAY * DAY
            yield from on(step.next, due) if due > at else on(step.passed)
        else:
            yield from on(step.next, self._next(at, moment, hour))
            if moment.weekday is None:
                yield from on(step.passed)

    def _next(self, at: float, moment: Moment, hour: float | None) -> float:
        """The first time from now on at this clock time, on this weekday if there is one."""
        for day in range(8):
            midnight = (at // DAY + day) * DAY
            due = max(at, midnight) if hour is None else midnight + hour
            fits = moment.weekday is None or int(self.weekday + midnight // DAY) % 7 == moment.weekday
            if fits and due >= at:
                return due
        return at

    def _plus(self, at: float, span: Span, times: int = 1) -> float:
        due = at + times * (span.months * 30 * DAY + span.days * DAY + span.seconds / 3600)
        for _ in range(times * span.working):
            due += DAY
            while int(self.weekday + due // DAY) % 7 > 4:
                due += DAY
        return due
