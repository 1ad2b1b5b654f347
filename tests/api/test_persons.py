"""Persons by call: everything that is held of one, and their erasure."""

from __future__ import annotations

from store import audit
from tests.api.calls import problem
from tests.api.house import House

REASON = {"reason": "asked for it"}


async def test_a_person_is_exported_then_erased_and_known_by_our_id_alone(house: House) -> None:
    house.message()
    headers, ours = house.token("operate"), house.customer().id
    held = (await house.client.get("/v1/customers/ada/export", headers=headers)).json()
    assert (held["customer"]["user_id"], held["consents"][0]["topic"], len(held["messages"])) == ("ada", "offers", 1)
    erased = await house.client.post("/v1/customers/ada/erase", json=REASON, headers=headers)
    assert (erased.status_code, erased.json()) == (
        202, {"id": ours, "erased_at": "2026-03-02T09:00:00Z", "new": True},
    )  # fmt: skip
    again = await house.client.post("/v1/customers/ada/erase", json=REASON, headers=headers)
    assert again.json() == {**erased.json(), "new": False}
    problem(await house.client.get("/v1/customers/ada/export", headers=headers), 404)
    assert (await house.client.get(f"/v1/customers/{ours}/export", headers=headers)).status_code == 200
    (act,) = house.database.read_now(lambda session: audit.about(session, ours))
    assert (act.what, act.who, act.reason) == ("erase", "api:a operate key", "asked for it")


async def test_a_repeated_call_with_its_key_erases_nobody_who_came_under_that_name_since(house: House) -> None:
    house.message()
    headers = {**house.token("operate"), "Idempotency-Key": "k1"}
    first = await house.client.post("/v1/customers/ada/erase", json=REASON, headers=headers)
    await house.client.put("/v1/customers/ada/consents/offers", json={"granted": True, "source": "x"}, headers=headers)
    back = house.customer()
    assert back.id != first.json()["id"]
    again = await house.client.post("/v1/customers/ada/erase", json=REASON, headers=headers)
    assert again.json() == {**first.json(), "new": False}
    assert house.customer().erased_at is None


async def test_an_erasure_needs_a_reason_a_key_that_operates_and_somebody(house: House) -> None:
    house.message()
    operate, path = house.token("operate"), "/v1/customers/ada/erase"
    problem(await house.client.post(path, json={}, headers=operate), 422)
    problem(await house.client.post(path, json=REASON, headers=house.token("read")), 403)
    problem(await house.client.post(path, json=REASON), 401)
    answer = await house.client.post("/v1/customers/bo@example.com/erase", json=REASON, headers=operate)
    problem(answer, 404)
    assert "bo@" not in answer.text
    problem(await house.client.get("/v1/customers/ada/export", headers=house.token("read")), 403)
    assert house.customer().erased_at is None


async def test_a_link_in_an_old_mail_keeps_nothing_of_who_was_erased(house: House) -> None:
    link = house.parts.links.unsubscribe(house.message())
    await house.client.post("/v1/customers/ada/erase", json=REASON, headers=house.token("operate"))
    before = house.digest()
    answer = await house.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert house.digest() == before
