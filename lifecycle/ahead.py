"""What comes next for one customer, and what after that, as far as it is certain: pure.

The journeys go on in memory, all of one customer together, driven by the same core as everywhere: hours for messages,
caps and priorities move what they will move. Nothing from outside happens meanwhile; that is what makes it certain only
so far. Each journey is followed up to its next branch (what it decides by may change until then), the next milestone
that it waits for, or `MOST` lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from whenever import Instant

from lifecycle import plan as p
from lifecycle import policies
from lifecycle.commands import Command, Decide, Deliver
from lifecycle.events import Person
from lifecycle.forecast import Customer, taken_up
from lifecycle.inputs import Input, Moved, Result
from lifecycle.language.template import TemplateInfo
from lifecycle.plan import StepId
from lifecycle.simulated import SimulatedJourney, World
from lifecycle.simulator import Life
from lifecycle.state import DEFERRED, ENDED, LISTENING
from lifecycle.timeline import Line

MOST = 8
"""Lines of a journey that are looked ahead."""

DAYS = 400
"""How far, at most."""

Reaches: TypeAlias = Callable[[TemplateInfo], tuple[Literal["known", "none", "invalid"], tuple[str, str] | None]]
"""Whether a message of a template has an address to go to, and what suppresses that: see `policies.Asked`."""


_NOTHING_DONE = frozenset({"waiting", "branch", "deferred"})
"""Lines by which a journey goes on, and nothing is done."""


class Then(NamedTuple):
    """Where certainty ends. `decides`: at a branch, at `at`. `listens`: for `keys`, from `at` to `until` at the latest;
    `otherwise` are the lines from then on where none of them happens, up to the next place like this.

    `held`: a pause lies on it. `more`: it goes on as it is written, `at` being the next instant.
    """

    what: Literal["decides", "listens", "held", "more"]
    step: StepId | None
    at: Instant | None = None
    until: Instant | None = None
    keys: tuple[str, ...] = ()
    otherwise: tuple[Line, ...] = ()


class Ahead(NamedTuple):
    """What comes in one journey: lines as its timeline will have them, and then; None where it comes to its end."""

    lines: tuple[Line, ...]
    then: Then | None

    @property
    def first(self) -> Line | None:
        """What is done next: to wait, to decide and to put off does nothing. It may be one of `then.otherwise`."""
        otherwise = self.then.otherwise if self.then else ()
        return next((line for line in (*self.lines, *otherwise) if line.what not in _NOTHING_DONE), None)

    @property
    def unless(self) -> tuple[StepId, ...]:
        """The keys of what is waited for, where `first` is done only if none of it comes."""
        return self.then.keys if self.then and self.first in self.then.otherwise else ()


def ahead(world: World, customer: Customer, now: Instant, reaches: Reaches) -> Mapping[str, Ahead]:
    """By journey what comes after `now`. What is due already counts as done now."""
    life = _Certain(world, customer.person, customer.consent, reaches)
    life.now = now
    life.been = {name: set(keys) for name, keys in customer.been.items()}
    life.posted.counted = sorted(customer.counted, key=lambda one: one.at)
    found = [taken_up(one, now) for one in customer.journeys]
    for journey in found:
        life.put_off(journey)
    for journey in found:
        life.take_up(journey, now)
    life.run((), now.add(hours=24 * DAYS))
    return {journey.entering.id: life.told(journey) for journey in found}


class _Certain(Life):
    """A life that stops where it would have to guess."""

    def __init__(self, world: World, person: Person, consent: Mapping[str, bool], reaches: Reaches) -> None:
        super().__init__(world, person, consent)
        self.reaches = reaches
        self.listened: dict[str, tuple[int, Then]] = {}

    def put_off(self, journey: SimulatedJourney) -> None:
        """A message that was put off already competes with those of other journeys."""
        state = journey.state
        step = journey.plan.steps[state.step] if state.step else None
        if state.phase is DEFERRED and isinstance(step, p.Send) and state.due is not None:
            template = self.world.templates.get((step.template, step.channel))
            if template is not None:
                self.posted.put_off(template, journey.entering, state.due, state)

    def told(self, journey: SimulatedJourney) -> Ahead:
        """What comes in a journey that was followed to its end."""
        lines = tuple(journey.lines)
        first = self.listened.get(journey.entering.id)
        if first is None:
            return Ahead(lines, self._then(journey))
        certain, then = first
        return Ahead(lines[:certain], then._replace(otherwise=lines[certain:]))

    def _then(self, journey: SimulatedJourney) -> Then | None:
        state = journey.state
        if state.phase is ENDED:
            return None
        step = journey.plan.steps[state.step] if state.step else None
        if state.held:
            return Then("held", state.step)
        if isinstance(step, p.Branch):
            return Then("decides", state.step, state.clock)
        return Then("more", state.step, state.due or state.clock)

    def take_up(self, journey: SimulatedJourney, now: Instant) -> None:
        super().take_up(journey, now)
        self._stop(journey)

    def _feed(self, journey: SimulatedJourney, input: Input, now: Instant) -> None:
        super()._feed(journey, input, now)
        self._stop(journey)

    def _stop(self, journey: SimulatedJourney) -> None:
        state, name = journey.state, journey.entering.id
        step = journey.plan.steps[state.step] if state.step else None
        if isinstance(step, p.WaitFor) and state.phase is LISTENING and not state.held:
            first = self.listened.setdefault(
                name, (len(journey.lines), Then("listens", state.step, state.clock, state.due, step.keys))
            )
            if (state.step, state.due) != (first[1].step, first[1].until):
                journey.due = None
        if len(journey.lines) >= MOST:
            journey.due = None

    def _perform(self, journey: SimulatedJourney, command: Command, now: Instant) -> Result | Moved | None:
        if isinstance(command, Decide) and command.question == "branch":
            return None
        return super()._perform(journey, command, now)

    def _asked(
        self, journey: SimulatedJourney, command: Deliver, template: TemplateInfo, now: Instant
    ) -> policies.Asked:
        address, suppression = self.reaches(template)
        return super()._asked(journey, command, template, now)._replace(address=address, suppression=suppression)
