"""What is said to come next is what then comes: customers of the shipped playbooks, looked at at random instants."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from whenever import Instant

from lifecycle.ahead import Ahead, ahead
from lifecycle.events import Person
from lifecycle.forecast import Customer, UnderWay
from lifecycle.simulated import Happening, World
from lifecycle.simulator import Life
from lifecycle.timeline import Line
from project import load
from tests.foretold import broken

ROOT = Path(__file__).parents[2]
START = Instant.from_utc(2026, 1, 5, 9)
DAYS = 120
CUSTOMERS = 100
ZONES = ("Europe/Paris", "America/New_York", "Asia/Tokyo", None)
HAPPENS = ("first_use", "activated", "invited_teammate", "asked_for_help", "tool_connected", "purchase", "review_left",
           "message.clicked", "renewal_due", "purchase_refunded", "subscribed", "upgraded")  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return replace(load(ROOT).world(), strict_consent=True)


def life_of(world: World, seed: int) -> tuple[Life, list[Happening], Instant]:
    """A customer, what will happen to them, and when somebody looks."""
    chance = random.Random(seed)
    attributes = {
        "email": "ada@example.com", "phone": "+33612345678", "time_zone": chance.choice(ZONES), "language": "en",
        "first_name": "Ada", "plan": chance.choice(("free", "pro", "business")), "success_manager": "sam@example.com",
    }  # fmt: skip
    known = {name: value for name, value in attributes.items() if value is not None and chance.random() < 0.9}
    consent = {topic: chance.random() < 0.8 for topic in world.map.topics}
    person = Person(f"cus_{seed:016x}", known, None, {}, {})
    first = Happening(START.add(seconds=chance.randrange(86_400)), "milestone", "purchase", {"revenue": 49})
    rest = [
        Happening(
            START.add(seconds=chance.randrange(86_400, DAYS * 86_400)), "milestone", chance.choice(HAPPENS),
            {"revenue": 49, "rating": 5},
        )
        for _ in range(chance.randrange(8))
    ]  # fmt: skip
    looked = START.add(seconds=chance.randrange(86_400, DAYS * 86_400 // 2))
    return Life(world, person, consent), sorted([first, *rest], key=lambda one: one.at), looked


def stored(life: Life) -> Customer:
    """The customer as a database would give them."""
    journeys = [
        UnderWay(one.entering, deepcopy(one.state), heard=set(one.heard), goal_reached=one.goal_reached,
                 messages=dict(one.messages))
        for one in life.journeys
        if one.open and one.lines
    ]  # fmt: skip
    been = {name: set(keys) for name, keys in life.been.items()}
    return Customer(deepcopy(life.person), START, dict(life.consent), journeys, been, list(life.posted.counted))


def look(world: World, seed: int) -> list[tuple[Ahead, list[Line], list[Instant]]]:
    """What is told of each journey, the lines that it gained then, and when something came from outside."""
    life, happenings, now = life_of(world, seed)
    life.run([one for one in happenings if one.at < now], now)
    life.now = max(life.now, now)
    known = life.person
    told = ahead(
        world, stored(life), now,
        lambda template: ("known" if known.attributes.get({"email": "email", "sms": "phone"}[template.channel])
                          else "none", None),
    )  # fmt: skip
    had = {one.entering.id: len(one.lines) for one in life.journeys}
    later = [one for one in happenings if one.at >= now]
    life.run(later, START.add(hours=24 * (DAYS + 60)))
    came = {one.entering.id: one.lines[had.get(one.entering.id, 0) :] for one in life.journeys}
    return [(one, came[name], [happening.at for happening in later]) for name, one in told.items()]


def test_what_is_told_comes_for_a_hundred_customers(world: World) -> None:
    told = sent = certain = 0
    for seed in range(CUSTOMERS):
        for one, came, outside in look(world, seed):
            assert broken(one, came, outside) == [], seed
            told += 1
            until = min(outside, default=Instant.MAX)
            held_to = [line for line in one.lines if line.at < until]
            certain += len(held_to)
            sent += sum(line.what == "sent" for line in held_to)
    assert told > 60
    assert certain > 100
    assert sent > 20


def test_something_else_would_be_seen(world: World) -> None:
    """The control: of journeys that are told an hour late, none agrees."""
    lines = [one for seed in range(20) for one in look(world, seed) if one[0].lines]
    assert lines
    for told, came, outside in lines:
        late = told._replace(lines=tuple(line._replace(at=line.at.add(hours=1)) for line in told.lines))
        if late.lines[0].at < min(outside, default=Instant.MAX):
            assert broken(late, came, outside) != []
        assert broken(told._replace(lines=told.lines[:1]), [], [Instant.MAX]) != []


def test_it_stops_where_it_would_have_to_guess(world: World) -> None:
    """No line that is told comes from a branch, or from the end of a wait for a milestone."""
    whats = {
        line.what
        for seed in range(CUSTOMERS)
        for one, _, _ in look(world, seed)
        for line in one.lines
        if not (line.what == "branch" and line.to == "passed")
    }
    assert "branch" not in whats
    assert "sent" in whats
