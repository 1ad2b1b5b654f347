"""What an event is to the journeys that are under way: it ends one, is its goal, or is something that it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whenever import Instant

from lifecycle import calendar
from lifecycle.events import Applied, Event, OpenJourney, Person, Wake, touches
from lifecycle.facts import Conditions, Facts
from lifecycle.language.map import Map
from lifecycle.language.segments import MILESTONES
from lifecycle.language.times import parse_span
from lifecycle.plan import Plan


def counts(event: Event, name: str, plan: Plan, journey: str, per: str | None) -> bool:
    """Whether a milestone that an event makes counts for a journey, which was entered for the value `per`.

    With `per`, a product's milestone counts only with the same value; a message's only for its own journey.
    """
    if event.journey is not None and name == event.name:
        return event.journey == journey
    if name.startswith(MILESTONES):  # it is about the customer, whatever the occurrence
        return True
    asked = plan.entry.per if plan.entry else None
    return asked is None or str(event.properties.get(asked)) == per


def missed(
    milestone: Event, person: Person, journey: OpenJourney, map: Map, conditions: Conditions, at: Instant
) -> list[Wake]:
    """What a milestone that was applied at `at` is to a journey that did not know then that it was its customer's.

    It counts as one since the entry; a wait that asks for a new one is not over by what lies in the past.
    """
    done = Applied(person, [milestone.name])
    News(milestone, done, map, conditions, at, lambda event: person.facts(map, at, event=event), past=True).to(
        [journey], set()
    )
    return done.wakes


@dataclass(slots=True)
class News:
    """An event and what it made happen (`done`), for journeys: what wakes them is written into `done`, too.

    `facts` gives the customer's after the event, with that of a journey's entry. `past`: it happened before anybody
    knew that it concerns them. `gone` are the journeys that it ended.
    """

    event: Event
    done: Applied
    map: Map
    conditions: Conditions
    now: Instant
    facts: Callable[[Mapping[str, Any]], Facts]
    past: bool = False
    gone: set[str] = field(default_factory=set)

    def to(self, journeys: Iterable[OpenJourney], touched: set[str]) -> None:
        """Tell these journeys; all hear of their ends before any hears of anything else.

        `touched` are the names that conditions look at whose value the event changed.
        """
        going = [journey for journey in journeys if not self._ends(journey, touched)]
        for journey in going:
            for name in self.done.milestones:
                self._wake(journey, name)
            for dotted in journey.plan.attributes:
                if dotted in touched:
                    self.done.wakes.append(Wake(journey.id, "attribute", dotted))

    def _ends(self, journey: OpenJourney, touched: set[str]) -> bool:
        wake = self._goal(journey) or self._leave(journey, touched)
        if wake is None:
            return False
        self.done.wakes.append(wake)
        if wake.kind == "exit":
            self.gone.add(journey.id)
            return True
        journey.goal_reached = True
        return False

    def _goal(self, journey: OpenJourney) -> Wake | None:
        goal = journey.plan.goal
        if goal is None or journey.goal_reached or goal.milestone not in self.done.milestones:
            return None
        if not self._counts(journey, goal.milestone):
            return None
        if goal.within:
            zone = self.done.person.zone(self.map)
            window = calendar.add(journey.entered, parse_span(goal.within), zone)
            if self.now > calendar.thaw(window, journey.entered, journey.frozen):
                return None
        if goal.then == "continue":
            return Wake(journey.id, "goal", goal.milestone)
        return Wake(journey.id, "exit", goal.milestone, outcome="goal")

    def _leave(self, journey: OpenJourney, touched: set[str]) -> Wake | None:
        for leave in journey.plan.exits:
            if leave.milestone:
                if leave.milestone in self.done.milestones and self._counts(journey, leave.milestone):
                    return Wake(journey.id, "exit", leave.milestone, outcome="exited")
            elif leave.condition and (touches(leave.names, touched) or self._of_account(leave.names)):
                facts = self.facts(journey.event)
                if self.conditions.evaluate(leave.condition, facts).value:
                    return Wake(journey.id, "exit", leave.condition, outcome="exited")
        return None

    def _of_account(self, names: Iterable[str]) -> bool:
        """Whether a condition looks at the account, which a call about somebody else may have changed meanwhile."""
        return not self.past and any(name.startswith("account.") for name in names)

    def _counts(self, journey: OpenJourney, name: str) -> bool:
        return counts(self.event, name, journey.plan, journey.id, journey.per)

    def _wake(self, journey: OpenJourney, name: str) -> None:
        if not self._counts(journey, name):
            return
        of = self.event.of if name == self.event.name else None
        news = []
        for key in (f"{name}:{of}", name) if of else (name,):
            interest = journey.plan.interest.get(key)
            if (interest == "all" and not self.past) or (interest == "first" and key not in journey.heard):
                news.append(key)
        if news:
            journey.heard.update(news)
            self.done.wakes.append(Wake(journey.id, "milestone", name, tuple(news), of))
