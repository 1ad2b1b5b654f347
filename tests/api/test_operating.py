"""Skipping, ending and enrolling by call: with a reason, once for each Idempotency-Key; and a customer's timeline.

Temporal is away here: what needs it is tested where it runs, in tests/intake/test_commands.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from store import audit, messages
from store.tables import Message
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
    assert journey["next"]["what"] == "comes to its last step"
    assert journey["next"]["at"] == day(8).to_tz("Europe/Paris").to_fixed_offset().format_iso()
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


async def test_an_address_is_suppressed_shown_and_lifted_with_a_reason(house: House, doors: Doors) -> None:
    house.identify(email="ada@example.com")
    asked = {**WHY, "channel": "email", "scope": "marketing"}
    made = [await call(doors, "customers/ada/suppressions", asked, "k1") for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json() == {"id": house.customer().id, "channel": "email", "scope": "marketing"}
    headers = doors.token("operate", "crm")
    shown = (await doors.client.get("/v1/customers/ada/suppressions", headers=headers)).json()["suppressions"]
    assert [(one["reason"], one["scope"], one["made_by"], one["liftable"]) for one in shown] == [
        ("by-hand", "marketing", "api:crm", True)
    ]
    path = "/v1/customers/ada/suppressions/email"
    problem(await doors.client.delete(path, headers=headers), 422)
    lifted = await doors.client.delete(path, headers=headers, params={"reason": "works", "cause": "by-hand"})
    assert (lifted.status_code, lifted.json()) == (200, {"lifted": ["by-hand"]})
    problem(await doors.client.delete(path, headers=headers, params={"reason": "works"}), 409)
    problem(await call(doors, "customers/ada/suppressions", {**WHY, "channel": "sms"}), 422)
    acts = house.read(lambda session: audit.about(session, house.customer().id))
    assert [(act.what, act.reason) for act in acts] == [("suppress", "called us"), ("lift", "works")]


async def test_a_note_is_kept_once_for_a_key(house: House, doors: Doors) -> None:
    for _ in range(2):
        made = await call(doors, "customers/ada/notes", {"text": " rings at six "}, "k1")
        assert (made.status_code, made.json()) == (201, {"id": house.customer().id})
    (act,) = house.read(lambda session: audit.about(session, house.customer().id))
    assert (act.what, act.who, act.reason) == ("note", "api:crm", "rings at six")
    for text in (" ", "x" * 2001, "a\0b"):
        problem(await call(doors, "customers/ada/notes", {"text": text}), 422)
    problem(await call(doors, "customers/nobody/notes", {"text": "x"}), 404)


async def test_a_consent_that_a_person_changes_is_in_the_audit_log_and_needs_a_known_customer(
    house: House, doors: Doors
) -> None:
    headers = {**doors.token("operate", "crm"), "Idempotency-Key": "k1"}
    said = {"granted": True, "source": "phone", "reason": "called us"}
    for _ in range(2):
        done = await doors.client.put("/v1/customers/ada/consents/news", json=said, headers=headers)
        assert (done.status_code, done.json()["state"]) == (200, "given")
    other = {**said, "granted": False}
    problem(await doors.client.put("/v1/customers/ada/consents/news", json=other, headers=headers), 409)
    problem(await doors.client.put("/v1/customers/nobody/consents/news", json=said, headers=headers), 404)
    (act,) = house.read(lambda session: audit.about(session, house.customer().id))
    assert (act.what, act.who, act.reason) == ("consent", "api:crm", "called us")


async def test_a_message_is_sent_again_by_call(house: House, doors: Doors) -> None:
    journey, message = house.journey(), "m1"
    row = Message(
        id=message, journey_id=journey.id, step="one", occurrence="1", customer_id=journey.customer_id, channel="email",
        template="mail/one", state="accepted", due_at=START,
    )  # fmt: skip
    house.write(lambda session: messages.add(session, row))
    first, again = [await call(doors, f"messages/{message}/resend", key="k1") for _ in range(2)]
    assert (first.status_code, first.json()) == (202, again.json())
    assert "being sent again" in problem(await call(doors, f"messages/{message}/resend"), 409)
    problem(await call(doors, "messages/none/resend"), 404)
    problem(await call(doors, f"messages/{message}/resend", {}), 422)
