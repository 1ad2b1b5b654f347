"""Skipping, ending and enrolling by call: with a reason, once for each Idempotency-Key; and a customer's timeline.

Temporal is away here: what needs it is tested where it runs, in tests/intake/test_commands.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from store import audit
from tests.api.calls import problem
from tests.api.house import House as Doors
from tests.intake.house import START, House, day

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase}\nsteps: [{wait: 3 days}, {wait: 5 days}]\n",
    "boost": "steps: [{wait: 1 day}]\n",
}
WHY = {"reason": "called us"}


@pytest.fixture
def house(tmp_path: Path, url: str) -> Iterator[House]:
    built = House.build(tmp_path, url, PLAYBOOKS)
    built.track("purchase")
    yield built
    built.database.close()


@pytest.fixture
def doors(house: House) -> Doors:
    return Doors.build(house.database, map=house.applier.map, applier=house.applier, clock=lambda: day(1))


async def call(doors: Doors, path: str, body: object = WHY, key: str | None = None) -> httpx.Response:
    headers = {**doors.token("operate", "crm"), **({"Idempotency-Key": key} if key else {})}
    return await doors.client.post(f"/v1/{path}", json=body, headers=headers)


async def test_a_journey_is_ended_also_where_temporal_is_away_and_once_for_a_key(house: House, doors: Doors) -> None:
    journey = house.journey().id
    ended = await call(doors, f"journeys/{journey}/exit", key="7f1c")
    assert ended.status_code == 200
    assert (ended.json()["id"], ended.json()["playbook"], ended.json()["told"]) == (journey, "welcome", False)
    assert house.journey().exit_reason == "called us"
    again = await call(doors, f"journeys/{journey}/exit", key="7f1c")
    assert (again.status_code, again.json()) == (200, ended.json())
    assert "ended already" in problem(await call(doors, f"journeys/{journey}/exit"), 409)
    (act,) = house.read(lambda session: audit.about(session, journey))
    assert (act.what, act.who, act.reason) == ("exit", "api:crm", "called us")


async def test_a_skip_needs_temporal_and_changes_nothing_without(house: House, doors: Doors) -> None:
    with_key = await call(doors, f"journeys/{house.journey().id}/skip", {**WHY, "what": "message"}, "7f1c")
    assert "Temporal" in problem(with_key, 503)
    assert with_key.headers["retry-after"] == "5"
    assert house.journey().exit_at is None
    assert house.read(lambda session: audit.about(session, house.journey().id)) == []


async def test_a_customer_is_enrolled_once_for_a_key_and_the_event_tells_what_that_did(
    house: House, doors: Doors
) -> None:
    body = {**WHY, "playbook": "boost"}
    first, again = [await call(doors, "customers/ada/enrol", body, "7f1c") for _ in range(2)]
    assert (first.status_code, first.json()) == (202, again.json())
    other = await call(doors, "customers/ada/enrol", {**WHY, "playbook": "welcome"}, "7f1c")
    assert "another request" in problem(other, 409)
    house.apply(day(1))
    assert sorted(journey.playbook for journey in house.journeys()) == ["boost", "welcome"]
    told = await doors.client.get(f"/v1/events/{first.json()['id']}", headers=doors.token("read"))
    assert [one["playbook"] for one in told.json()["entered"]] == ["boost"]
    (act,) = house.read(lambda session: audit.about(session, house.customer().id))
    assert (act.what, act.who, act.reason) == ("enrol", "api:crm", "called us")


async def test_a_customers_timeline_says_what_was_and_what_comes_next(house: House, doors: Doors) -> None:
    headers = doors.token("read")
    told = await doors.client.get("/v1/customers/ada/timeline", headers=headers)
    assert told.status_code == 200
    (journey,) = told.json()["journeys"]
    assert (told.json()["id"], journey["playbook"], journey["state"]) == (house.customer().id, "welcome", "starting")
    first = told.json()["timeline"][0]
    assert (first["what"], first["journey"]) == ("entered", house.journey().id)
    assert first["at"] == START.to_tz("Europe/Paris").to_fixed_offset().format_iso()


async def test_what_there_is_not_and_what_makes_no_sense(house: House, doors: Doors) -> None:
    journey = house.journey().id
    for path, body, status in [
        ("journeys/nobody/exit", WHY, 404), ("journeys/nobody/skip", WHY, 404), ("customers/nobody/enrol", WHY, 422),
        ("customers/nobody/enrol", {**WHY, "playbook": "boost"}, 404),
        ("customers/ada/enrol", {**WHY, "playbook": "ada@example.com"}, 404),
        (f"journeys/{journey}/exit", {}, 422), (f"journeys/{journey}/exit", {"reason": " "}, 422),
        (f"journeys/{journey}/skip", {**WHY, "what": "all"}, 422), (f"journeys/{journey}/skip", {}, 422),
    ]:  # fmt: skip
        answer = await call(doors, path, body)
        problem(answer, status)
        assert "ada@" not in answer.text
    problem(await doors.client.get("/v1/customers/nobody/timeline", headers=doors.token("read")), 404)
    assert house.journey().exit_at is None
