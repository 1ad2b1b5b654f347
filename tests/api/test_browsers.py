"""Keys that are public: from the listed sites, the listed milestones, and never a consent."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from store import tokens
from tests.api.calls import problem
from tests.api.house import NOW, House

SITE = "https://shop.example.com"


@pytest.fixture
def key(house: House) -> str:
    return house.key("browser", milestones=["purchase"], origins=[SITE])


async def send(house: House, key: str, path: str, call: dict[str, Any], origin: str | None = SITE) -> httpx.Response:
    """As Segment's library in browsers does: no header of its own, so that nothing is asked beforehand."""
    headers = {"Content-Type": "text/plain", **({"Origin": origin} if origin else {})}
    body = json.dumps({**call, "writeKey": key}).encode()
    return await house.client.post(f"/v1/{path}", content=body, headers=headers)


async def test_a_page_sends_what_its_key_was_made_for_and_reads_the_answer(house: House, key: str) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("t", {"anonymousId": "visitor", "event": "purchase"}),
        ("p", {"anonymousId": "visitor", "name": "Pricing"}),
        ("i", {"userId": "ada", "anonymousId": "visitor", "traits": {"firstName": "Ada"}}),
        ("a", {"userId": "ada", "previousId": "visitor"}),
    ]
    for path, call in calls:
        answer = await send(house, key, path, call)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SITE)
        assert answer.headers["vary"] == "Origin"
    assert len(house.events()) == 4


async def test_what_it_was_not_made_for_is_refused_with_a_sentence(house: House, key: str) -> None:
    calls: list[tuple[str, dict[str, Any], str]] = [
        ("track", {"userId": "ada", "event": "refund"}, "milestone"),
        ("group", {"userId": "ada", "groupId": "larkspur"}, "account"),
        ("screen", {"userId": "ada"}, "milestone"),
        ("identify", {"userId": "ada", "traits": {"consent": ["offers"]}}, "consent"),
        ("identify", {"userId": "ada", "context": {"traits": {"consent": {"offers": False}}}}, "consent"),
    ]
    for path, call, says in calls:
        answer = await send(house, key, path, call)
        assert says in problem(answer, 403)
        assert answer.headers["access-control-allow-origin"] == SITE
    batch = [{"type": "track", "userId": "ada", "event": name} for name in ("purchase", "refund")]
    told = (await send(house, key, "batch", {"batch": batch})).json()
    assert [one["index"] for one in told["rejected"]] == [1]
    assert len(house.events()) == 1
    headers = {"Authorization": f"Bearer {key}", "Origin": SITE}
    plain = {"customer": "ada", "milestone": "refund"}
    problem(await house.client.post("/v1/events", json=plain, headers=headers), 403)
    dry = {"customer": "ada", "milestone": "purchase"}
    problem(await house.client.post("/v1/events?dry_run=true", json=dry, headers=headers), 403)
    problem(await house.client.get("/v1/events/x", headers=headers), 403)
    problem(await house.client.put("/v1/customers/ada/consents/offers", json={}, headers=headers), 403)


async def test_it_is_of_no_use_on_another_site(house: House, key: str) -> None:
    call = {"userId": "ada", "event": "purchase"}
    for origin in (None, "null", "https://evil.example.com", "http://shop.example.com", f"{SITE}.example.com"):
        answer = await send(house, key, "track", call, origin)
        assert "site" in problem(answer, 403)
        assert "access-control-allow-origin" not in answer.headers
    assert not house.events()


async def test_a_browser_that_asks_first_is_told_whether_it_may(house: House, key: str) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for path in ("track", "t", "batch", "events"):
        answer = await house.client.options(f"/v1/{path}", headers={"Origin": SITE, **asks})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SITE)
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        for other in ("https://evil.example.com", ""):
            problem(await house.client.options(f"/v1/{path}", headers={"Origin": other, **asks}), 403)
    house.database.write_now(lambda session: tokens.revoke(session, 1, NOW))
    problem(await house.client.options("/v1/track", headers={"Origin": SITE, **asks}), 403)
