"""A second driver of the core, independent of the simulator: one journey the way Temporal runs it, without Temporal.

State and messages travel as JSON. The journey's inbox is delivered late, twice and out of order; an activity looks at
the stored rows itself; some activities are repeated after their commit. The end of a pause comes from a person or from
the inbox. With `lazy`, nobody tells the journey of a pause: its activities find it (rules.md 6), and of its end it
hears from the inbox where it was held, else from nobody (rules.md 12).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field, TypeAdapter
from whenever import Instant

from lifecycle.answers import answer
from lifecycle.applying import apply
from lifecycle.commands import Command, Decide, Deliver, Finish, Move, RecordMilestone, SetAttributes, WaitUntil
from lifecycle.course import COURSE, Course, due_of
from lifecycle.events import Entering, Event, OpenJourney, Person
from lifecycle.inputs import Exited, FromInbox, MoveAsked, Moved, Paused, Result, Resumed, Skipped, TimerFired
from lifecycle.interpreter import effects, pending
from lifecycle.moving import Past, Way, moved
from lifecycle.policies import Asked, Counted, Reach, decide
from lifecycle.simulated import Happening, World
from lifecycle.simulator import row_of
from lifecycle.state import STATE, Phase, State
from lifecycle.timeline import Line

_ROW: TypeAdapter[FromInbox] = TypeAdapter(Annotated[FromInbox, Field(discriminator="kind")])


@dataclass
class Rig:
    """One customer and at most one journey. `stored` is what a database would hold."""

    world: World
    person: Person
    seed: int
    lazy: bool = False
    events: list[Event] = field(default_factory=list)
    rows: list[FromInbox] = field(default_factory=list)
    pause: Paused | None = None
    resume: Resumed | None = None
    held: bool = False
    stored: dict[int, Line] = field(default_factory=dict)
    sent: list[tuple[str, int]] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)
    queue: list[Event] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    answered: dict[int, tuple[list[FromInbox], Result | Moved | None]] = field(default_factory=dict)
    course: Course | None = None
    entering: Entering | None = None
    heard: set[str] = field(default_factory=set)
    goal: bool = False
    now: Instant = Instant.MIN
    past: list[Past] = field(default_factory=list)
    moves: int = 0
    way: Way | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.plan = self.world.plans[0]

    def live(self, happenings: list[Happening], until: Instant) -> list[Line]:
        for happening in happenings:
            self._timers(happening.at, including=False)
            self.now = happening.at
            self._happen(happening)
            self._recorded(happening.at)
        self._timers(until, including=True)
        return [self.stored[seq] for seq in sorted(self.stored)]

    def _timers(self, limit: Instant, *, including: bool) -> None:
        while self.course is not None:
            self.course = COURSE.validate_json(COURSE.dump_json(self.course))
            due = due_of(self.plan, self.course.state)
            if due is None or due > limit or (due == limit and not including):
                return
            self.now = max(self.now, due)
            self.course.feed(self.plan, TimerFired(due), self.now)
            self._work(self.now)
            self._recorded(self.now)

    def _recorded(self, now: Instant) -> None:
        while self.queue:
            self._apply(self.queue.pop(0), now)

    def _happen(self, happening: Happening) -> None:
        at = happening.at
        if happening.what in ("milestone", "set"):
            kind = "set" if happening.what == "set" else "track"
            self._apply(Event(len(self.events) + 1, kind, happening.name, at, happening.properties), at)  # type: ignore[arg-type]
            return
        if self.course is None or self.course.state.phase is Phase.ENDED:
            return
        if happening.what == "skip":
            self.course.feed(self.plan, Skipped(at), at)
        elif happening.what == "exit":
            self._signal([Exited(len(self.rows) + 1, at, "exited", happening.name)], at)
        elif happening.what == "move":
            self.way = Way(self.plan, happening.properties["plan"], happening.properties.get("targets"))
            self.moves += 1
            self._signal([MoveAsked(len(self.rows) + 1, at, self.moves)], at)
        elif happening.what == "pause":
            more, policy = happening.properties, "continue" if happening.name == "continue" else "freeze"
            self.pause = Paused(at, "pause", policy, more.get("channel"), bool(more.get("transactional")))  # type: ignore[arg-type]
            if not self.lazy:
                self.course.feed(self.plan, self.pause, at)
        else:
            self._resume(Resumed(at, "pause", "skip" if happening.name == "skip" else "send"))
        self._work(at)

    def _resume(self, command: Resumed) -> None:
        """A person tells the journey, or its inbox does; one that never met the pause hears of it from nobody."""
        self.resume = command
        assert self.course is not None
        if self.lazy and not self.held:
            return
        if self.lazy or self.random.random() < 0.5:
            self._signal([replace(command, number=len(self.rows) + 1)], command.at)
        else:
            self.course.feed(self.plan, command, command.at)

    # --- events ----------------------------------------------------------------------------------------------------

    def _apply(self, event: Event, now: Instant) -> None:
        if event not in self.events:
            self.events.append(event)
        journeys = []
        if self.course is not None and self.entering is not None and self.course.state.phase is not Phase.ENDED:
            entering, state = self.entering, self.course.state
            frozen = state.frozen
            journeys = [
                OpenJourney(entering.id, self.plan, state.entered, entering.event, None, self.heard, frozen, self.goal)
            ]
        been = {self.plan.playbook: {self.entering.key}} if self.entering else {}
        world = self.world
        done = apply(event, self.person, journeys, been, [self.plan], world.map, world.conditions, now)
        self.person = done.person
        if self.entering is not None:
            self.past += [Past(event, name, now) for name in done.milestones]
        if journeys:
            self.goal = journeys[0].goal_reached
        news = [row_of(wake, len(self.rows) + 1 + i, event.id, now) for i, wake in enumerate(done.wakes)]
        if news:
            self._signal(news, now)
            self._work(now)
        for entering in done.entered:
            self.entering = entering
            state = State(self.person.id, self.person.zone(world.map), now, now)
            self.course = Course.begin(self.plan, state, now)
            self._work(now)

    def _signal(self, rows: list[FromInbox], now: Instant) -> None:
        self.rows.extend(rows)
        arriving = [*rows, *self.random.sample(self.rows, k=min(2, len(self.rows)))]
        self.random.shuffle(arriving)
        assert self.course is not None
        for row in arriving:
            self.course.receive(self.plan, [_ROW.validate_json(_ROW.dump_json(row))], now)

    # --- activities ------------------------------------------------------------------------------------------------

    def _work(self, now: Instant) -> None:
        course = self.course
        while course is not None:
            wanted = pending(self.plan, course.state)
            if isinstance(wanted, WaitUntil):
                return
            rows, pauses, result = self._activity(course, wanted, now)
            if self.random.random() < 0.3:  # the worker died after the commit
                assert self._activity(course, wanted, now) == (rows, pauses, result)
            course.receive(self.plan, rows, now)
            if pauses:
                course.learn(self.plan, pauses, now)
                continue
            if isinstance(result, Moved) and result.version:
                assert self.way is not None
                self.plan = self.way.new
            if result is not None:
                course.feed(self.plan, result, now)
            course.lines = []
            if isinstance(wanted, Finish):
                return

    def _activity(
        self, course: Course, wanted: Command, now: Instant
    ) -> tuple[list[FromInbox], list[Paused | Resumed], Result | Moved | None]:
        state = STATE.validate_json(STATE.dump_json(course.state, exclude_defaults=True))
        assert state == course.state
        if state.n in self.answered:
            return (self.answered[state.n][0], [], self.answered[state.n][1])
        if news := self._unknown_pauses(state, wanted, course.confirmed.clock):
            return ([], news, None)
        mine = Course(state, state)
        rows = [row for row in self.rows if row.number > state.seen]
        mine.receive(self.plan, rows, now)
        self._carry_out(effects(self.plan, state), now)
        result: Result | Moved | None
        if isinstance(wanted, Move):
            wanted = pending(self.plan, mine.state)  # what came in may keep it from resting
            result = self._move(wanted, mine.state, now) if isinstance(wanted, Move) else None
        else:
            result = Result("blocked") if mine.state.leaving else self._do(wanted, mine.state, now)
        if result is not None:
            to = self.way.new if self.way and isinstance(result, Moved) and result.version else self.plan
            commands = mine.feed(to, result, now)
            if not (isinstance(result, Result) and result.what == "blocked"):
                self._carry_out(commands[:-1], now)
        for line in [*course.lines, *mine.lines]:
            assert self.stored.setdefault(line.seq, line) == line
        self.answered[state.n] = (rows, result)
        return (rows, [], result)

    def _unknown_pauses(self, state: State, wanted: Command, since: Instant) -> list[Paused | Resumed]:
        pause, resume = self.pause, self.resume
        if pause is None or pause.id in {*state.lifted, *(one.id for one in state.pauses)}:
            return []
        if pause.channel is not None and not (isinstance(wanted, Deliver) and wanted.channel == pause.channel):
            return []
        if resume is None:
            self.held = True
            return [pause]
        matters = pause.policy == "freeze" or resume.handling == "skip"
        return [pause, resume] if matters and resume.at > since else []

    def _move(self, wanted: Move, state: State, now: Instant) -> Moved:
        assert self.way is not None
        assert self.entering is not None
        seen = OpenJourney(
            self.entering.id, self.way.new, state.entered, self.entering.event, None, set(self.heard), state.frozen,
            self.goal,
        )  # fmt: skip
        past = [one for one in self.past if one.name in self.way.asks]
        words = self.world.map, self.world.conditions
        return moved(self.way, state, wanted.apply, now, past, seen, self.person, words)

    def _do(self, wanted: Command, state: State, now: Instant) -> Result | None:
        world = self.world
        if isinstance(wanted, Deliver):
            template = world.templates[wanted.template, wanted.channel]
            asked = Asked(
                template, world.map, now,
                expires=wanted.expires, consent=True, stage=self.person.stage, counted=self.counted,
                reach=Reach((self.person.zone(world.map),)),
            )  # fmt: skip
            decision = decide(asked)
            if decision.outcome == "defer":
                self.states[wanted.step] = "pending"
                return Result("deferred", decision.reason, decision.until)
            self.states[wanted.step] = "refused" if decision.reason else "accepted"
            if decision.reason is not None:
                return Result("refused", decision.reason)
            self.sent.append((wanted.step, wanted.occurrence))
            if template.purpose == "marketing":
                self.counted.append(Counted(now, template.channel, template.topic))
            return Result("sent")
        if isinstance(wanted, Decide):
            reached = None
            if state.reached:
                event = next((e for e in self.events if e.id == state.reached[1]), None)
                reached = {**(event.properties if event else {}), "name": state.reached[0]}
            assert self.entering is not None
            facts = self.person.facts(world.map, now, event=self.entering.event, reached=reached, messages=self.states)
            return answer(self.plan.steps[wanted.step], facts, world.conditions, state.zone, len(self.rows))
        return None if isinstance(wanted, Finish) else Result("done")

    def _carry_out(self, commands: tuple[Command, ...], now: Instant) -> None:
        for command in commands:
            number = len(self.events) + 1
            if isinstance(command, SetAttributes):
                self.person.attributes.update(command.values)
                event = Event(number, "set", "", now, dict(command.values))
            else:
                assert isinstance(command, RecordMilestone)
                event = Event(number, "record", command.milestone, now)
            self.events.append(event)
            self.queue.append(event)
