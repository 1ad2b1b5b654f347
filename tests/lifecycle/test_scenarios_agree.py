"""A scenario lives through what the simulation does: the same random playbooks and lives, written down as a test file.

`tests/temporal/test_agreement.py` holds Temporal to the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml
from hypothesis import given, settings

from lifecycle.coverage import Coverage
from lifecycle.events import Person
from lifecycle.language.faults import Faults
from lifecycle.language.scenario import Scenarios
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.scenarios import trials
from lifecycle.simulated import Happening
from lifecycle.simulator import Life
from tests.lifecycle.strategies import START, compiled, lives, playbooks, world

CUSTOMER = {"first_name": "Ada", "time_zone": "Europe/Paris"}


@settings(max_examples=200, deadline=None)
@given(playbooks, lives)
def test_a_scenario_goes_through_what_the_simulation_does(
    authored: dict[str, Any], happenings: list[Happening]
) -> None:
    # Scenarios have no word for a skip, nor for a pause of one channel.
    happenings = [
        replace(one, properties={}) if one.what == "pause" else one for one in happenings if one.what != "skip"
    ]
    plan = compiled(authored)
    life = Life(world(plan), Person("customer-1", dict(CUSTOMER), plan.stage))
    life.run(happenings, START.add(hours=24 * 1500))
    simulated = sorted((line for journey in life.journeys for line in journey.lines), key=lambda line: line.at)

    faults = Faults()
    source = read("random.test.yaml", yaml.dump(file_of(happenings)).encode(), faults)
    scenarios = validate(Scenarios, source, faults) if source else None
    assert scenarios, list(faults)
    (trial,) = trials(plan, scenarios, world(plan), Coverage.of(plan))
    assert trial.lines == simulated


def file_of(happenings: list[Happening]) -> dict[str, Any]:
    start = START.to_tz(CUSTOMER["time_zone"])
    return {
        "customer": CUSTOMER,
        "start": f"{start.date()} {start.hour:02}:{start.minute:02}",
        "scenarios": [{"name": "a life", "given": [given_of(one) for one in happenings], "never": []}],
    }


def given_of(one: Happening) -> dict[str, Any]:
    local = one.at.to_tz(CUSTOMER["time_zone"])
    day = (local.date().to_stdlib() - START.to_tz(CUSTOMER["time_zone"]).date().to_stdlib()).days
    when = {"day": day, "at": f"{local.hour:02}:{local.minute:02}"}
    if one.what == "milestone":
        return {**when, "milestone": one.name, **one.properties}
    if one.what == "set":
        return {**when, "set": {f"customer.{name}": value for name, value in one.properties.items()}}
    return {**when, one.what: one.name}
