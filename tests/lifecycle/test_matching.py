"""Which step of another version a step is: by its place, then by its id, else it is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lifecycle.matching import match, nearest
from lifecycle.plan import Plan
from tests.lifecycle.strategies import compiled

Steps = Sequence[Mapping[str, Any]]
ONE, TWO, RECEIPT = {"send": "mail/one"}, {"send": "mail/two"}, {"send": "mail/receipt"}


def playbook(*steps: Mapping[str, Any]) -> Plan:
    return compiled({"playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": [*steps]})


def wait(days: int, **more: Any) -> dict[str, Any]:
    return {"wait": f"{days} days", **more}


@pytest.mark.parametrize(
    ("before", "after", "step", "to"),
    [
        pytest.param([ONE, wait(3), TWO], [ONE, wait(2), TWO], "wait-3-days", "wait-2-days", id="another length"),
        pytest.param([wait(3), TWO], [wait(2), TWO], "wait-3-days", "wait-2-days", id="the first step"),
        pytest.param([ONE, wait(3)], [ONE, wait(2)], "wait-3-days", "wait-2-days", id="the last step"),
        pytest.param(
            [ONE, wait(3), {"wait": {"until": "day 9"}}, TWO], [ONE, wait(2), {"wait": {"until": "day 8"}}, TWO],
            "until-day-9", "until-day-8", id="two in a row",
        ),
        pytest.param([ONE, wait(3, id="rest"), TWO], [ONE, TWO, wait(9, id="rest")], "rest", "rest", id="moved"),
        pytest.param(
            [ONE, wait(1), TWO, wait(1), RECEIPT], [wait(1), {"task": "Call", "assign": "bo"}, ONE, wait(1), TWO,
            wait(1), RECEIPT], "wait-1-days", "wait-1-days-2", id="its number has become another's",
        ),
        pytest.param([ONE, wait(3), TWO], [ONE, TWO], "wait-3-days", None, id="gone"),
        pytest.param([ONE, wait(3), TWO], [ONE, wait(1), RECEIPT, wait(2), TWO], "wait-3-days", None, id="which one?"),
        pytest.param([ONE, wait(1), TWO], [wait(1), RECEIPT, ONE, wait(1), {"record": "gamma"}, TWO], "wait-1-days",
                     None, id="its id is another's, and its place is not the same"),
        pytest.param([ONE, wait(3, id="x"), TWO], [ONE, {"send": "text/one", "id": "x"}, TWO], "x", None,
                     id="its id does something else"),
        pytest.param([ONE, wait(3), TWO], [ONE, wait(3), RECEIPT, TWO], "wait-3-days", "wait-3-days", id="followed"),
    ],
)  # fmt: skip
def test_a_step_is_found_by_its_place_or_by_its_id(before: Steps, after: Steps, step: str, to: str | None) -> None:
    assert match(playbook(*before), playbook(*after)).get(step) == to


def test_a_version_matches_itself_step_by_step() -> None:
    plan = playbook(ONE, wait(1), TWO, wait(1), {"repeat": {"every": "1 days", "at_most": 3}, "steps": [RECEIPT]})
    assert match(plan, plan) == {step: step for step in plan.steps}


def test_for_a_step_that_is_gone_the_one_in_its_place_is_suggested() -> None:
    old, new = playbook(ONE, wait(3), TWO), playbook(ONE, wait(1), RECEIPT, wait(2), TWO)
    assert nearest(old, new, "wait-3-days") == "wait-1-days"
    assert nearest(old, playbook(ONE, TWO), "wait-3-days") == "two"
