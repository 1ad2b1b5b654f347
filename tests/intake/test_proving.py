"""A playbook's own tests, as its page tells of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from intake.proving import prove
from project import load

ROOT = Path(__file__).parents[2]
PLAYBOOK = "thank-you"


def test_a_playbook_whose_tests_pass_says_how_much_they_go_through() -> None:
    found = load(ROOT)
    proof = prove(found.plans[PLAYBOOK], found.scenarios[PLAYBOOK], found.world())
    assert proof.scenarios == len(found.scenarios[PLAYBOOK].scenarios) > 0
    assert (proof.failures, proof.missed) == ([], [])
    assert proof.steps[0] == proof.steps[1] == len(found.plans[PLAYBOOK].steps)


def test_a_scenario_that_goes_otherwise_is_named_with_the_reason() -> None:
    found = load(ROOT)
    scenarios = found.scenarios[PLAYBOOK]
    first = scenarios.scenarios[0]
    only = scenarios.model_copy(update={"scenarios": [first.model_copy(update={"given": [], "expect": first.expect})]})
    # Nobody of these scenarios ever enters: what they expect does not come.
    world = replace(found.world(), plans=[])
    proof = prove(found.plans[PLAYBOOK], only, world)
    assert [name for name, _ in proof.failures] == [first.name]
    assert proof.failures[0][1]
    assert proof.missed
