"""The analyses never say too much: over random playbooks and lives, what happens is what they hold to be possible."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.analyses.paths import Paths, paths_of
from lifecycle.analyses.subject import Subject, Written
from lifecycle.answers import answer
from lifecycle.events import Person
from lifecycle.facts import Demand, Facts, Outcome
from lifecycle.language.playbook import Playbook
from lifecycle.simulated import Happening
from lifecycle.simulator import Life
from messaging.conditions import JinjaConditions
from messaging.names import NOTHING, names_of, value_at
from tests.lifecycle.strategies import START, Author, compiled, playbooks, small_project, world
from tests.messaging.condition_strategies import EXPRESSIONS, FACTS

END = START.add(hours=24 * 400)

lives = st.integers(0, 2**48).map(lambda seed: Author(seed).life(people=False))


def known_ways(authored: dict[str, Any]) -> tuple[Paths, Any]:
    project, plan = small_project(), compiled(authored)
    assert project.map is not None
    written = Written(Playbook.model_validate(authored), plan)
    subject = Subject(project.map, {"random": written}, project.templates.infos, project.conditions)
    return paths_of(written, subject), plan


HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "defined": lambda value, _: True, "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "lteq": operator.le,
    "gt": operator.gt, "gteq": operator.ge, "in": lambda value, values: value in values,
}  # fmt: skip


def holds(demand: Demand, seen: Facts) -> bool:
    if ".0." in demand.name:  # a place in a list, which `value_at` does not look for by its written name
        return True
    value = value_at(names_of(seen), demand.name)
    return value is not NOTHING and HOLDS[demand.relation](value, demand.value)


@settings(max_examples=200, deadline=None)
@given(playbooks, lives)
def test_nobody_comes_to_a_step_sooner_or_with_less_than_is_held_for_sure(
    authored: dict[str, Any], happenings: list[Happening]
) -> None:
    paths, plan = known_ways(authored)
    asked: list[tuple[str, Facts]] = []

    def listening(step: Any, seen: Facts, *rest: Any) -> Any:
        name = next(name for name, one in plan.steps.items() if one is step)
        asked.append((name, seen))
        return answer(step, seen, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lifecycle.simulator.answer", listening)
        life = Life(world(plan), Person("cus_1", {"first_name": "Ada"}))
        life.run(happenings, END)
    for journey in life.journeys:
        for line in journey.lines:
            if line.step is not None and line.what not in ("exited", "goal"):
                assert line.step in paths.known, line
                hours = _hours(journey.lines[0].at, line.at)
                assert hours >= paths.known[line.step].soonest - 1e-6, (line, paths.known[line.step].soonest)
    for step, seen in asked:
        for demand in paths.known[step].demands:
            assert holds(demand, seen), (step, demand)


def _hours(start: Instant, end: Instant) -> float:
    return (end - start).total("hours")


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, FACTS)
def test_what_a_condition_demands_holds_wherever_it_came_to_that(expression: str, seen: Facts) -> None:
    conditions = JinjaConditions()
    verdict = conditions.evaluate(expression, seen)
    if verdict.missing:
        assert not conditions.never_missing(expression)
    told: list[Outcome] = ["else"] if verdict.missing else ["true"] if verdict.value else ["false", "else"]
    for outcome in told:
        for demand in conditions.demands(expression, outcome):
            assert holds(demand, seen), (outcome, demand)
