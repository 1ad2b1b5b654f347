"""Keys of the API: what each scope opens, and that nothing opens without one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from api.keys import digest_of
from store import tokens
from store.tables import Token
from tests.api.calls import CALLS, problem
from tests.api.house import NOW, House


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_a_call_without_a_good_key_is_refused_and_changes_nothing(
    house: House, method: str, path: str, body: Any
) -> None:
    before = house.digest()
    for given in (
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nobody's"},
    ):
        answer = await house.client.request(method, path, json=body, headers=given)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert house.digest() == before


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("scope", ["read", "operate", "ingest"])
async def test_a_key_opens_what_its_scope_says(house: House, scope: Any, method: str, path: str, body: Any) -> None:
    house.message()
    answer = await house.client.request(method, path, json=body, headers=house.token(scope))
    if scope == "operate" or (scope == "read" and method == "GET"):
        assert answer.status_code in (200, 201, 404)
    else:
        assert f"This key has the scope `{scope}`" in problem(answer, 403)
        assert not house.answers()


async def test_a_revoked_key_opens_nothing_from_its_next_call_on(house: House) -> None:
    headers = house.token("read")
    assert (await house.client.get("/v1/pauses", headers=headers)).status_code == 200
    house.database.write_now(lambda session: tokens.revoke(session, 1, NOW))
    assert "was revoked" in problem(await house.client.get("/v1/pauses", headers=headers), 401)


def test_a_key_is_not_stored(house: House) -> None:
    key = house.token("read")["Authorization"].removeprefix("Bearer ")
    (row,) = house.database.read_now(lambda session: list(session.scalars(select(Token))))
    assert row.digest == digest_of(key)
    assert key not in str(row)
    assert len(key) > 43
