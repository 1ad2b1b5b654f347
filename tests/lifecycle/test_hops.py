"""A chain of events that journeys make ends after ten hops."""

from __future__ import annotations

from lifecycle.events import Person
from lifecycle.hops import HOP_LIMIT, within_limit
from lifecycle.simulated import Happening
from lifecycle.simulator import Life
from tests.lifecycle.strategies import START, compiled, world

ENTRY = {"milestone": "alpha", "reentry": "after_exit"}


def test_an_event_of_ten_hops_is_made_and_one_of_eleven_is_not() -> None:
    assert HOP_LIMIT == 10
    assert within_limit(10)
    assert not within_limit(11)


def test_a_simulated_playbook_that_enters_itself_comes_to_rest_after_ten_hops() -> None:
    plan = compiled({"playbook": "random", "stage": "customer", "entry": ENTRY, "steps": [{"record": "alpha"}]})
    life = Life(world(plan), Person("cus_1"))
    life.run([Happening(START, "milestone", "alpha")], START.add(hours=1))
    assert len(life.journeys) == 1 + 10  # by the event from outside, and by one of each number of hops
