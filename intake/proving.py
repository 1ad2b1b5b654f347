"""A playbook's own tests, run for its page: whether there are any, whether they pass, and what they go through."""

from __future__ import annotations

from dataclasses import dataclass, field

from lifecycle.coverage import Coverage
from lifecycle.language.scenario import Scenarios
from lifecycle.plan import Plan
from lifecycle.scenarios import trials
from lifecycle.simulated import World


@dataclass(slots=True)
class Proof:
    """`failures` are scenarios that went otherwise, each with why; `missed` are steps and ways that none goes through.
    `steps` and `ways`: how many were gone through, of how many.
    """

    scenarios: int
    failures: list[tuple[str, str]] = field(default_factory=list)
    steps: tuple[int, int] = (0, 0)
    ways: tuple[int, int] = (0, 0)
    missed: list[str] = field(default_factory=list)


def prove(plan: Plan, scenarios: Scenarios, world: World) -> Proof:
    """Run the scenarios of a playbook. It takes milliseconds each: not on an event loop's own thread."""
    coverage = Coverage.of(plan)
    run = list(trials(plan, scenarios, world, coverage))
    return Proof(
        len(run),
        [(one.failure.scenario, one.failure.why) for one in run if one.failure is not None],
        (len(coverage.seen_steps & coverage.steps), len(coverage.steps)),
        (len(coverage.seen_arms), len(coverage.arms)),
        coverage.missed,
    )
