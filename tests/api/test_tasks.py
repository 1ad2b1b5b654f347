"""Tasks by call: listed page by page, and closed with a reason, once for each Idempotency-Key."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from store import audit, tasks
from store.tables import Task
from tests.api.calls import problem
from tests.api.house import NOW, House
from tests.store.rows import add_journey


def add(house: House, number: int, **values: Any) -> str:
    def write(session: Session) -> str:
        journey = add_journey(session, "ada", f"welcome.{number}", key=str(number))
        given: dict[str, Any] = {"title": f"Call {number}", "created_at": NOW, **values}
        row = Task(id=f"t{number}", journey_id=journey.id, step="s", occurrence="1", customer_id=journey.customer_id,
                   **given)  # fmt: skip
        assert tasks.add(session, row)
        return journey.customer_id

    return house.database.write_now(write)


async def test_tasks_are_listed_page_by_page(house: House) -> None:
    for number in range(1, 6):
        add(house, number, due_at=NOW.add(hours=number - 3), assignee="sam" if number % 2 else "kim")
    headers = house.token("read")
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        answer = (await house.client.get("/v1/tasks", params=query, headers=headers)).json()
        found += [one["id"] for one in answer["tasks"]]
        if answer["next"] is None:
            break
        query["after"] = answer["next"]
    assert found == ["t1", "t2", "t3", "t4", "t5"]
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"overdue": "true"}, ["t1", "t2"]), ({"assignee": "kim"}, ["t2", "t4"]), ({"state": "done"}, []),
        ({"customer": "ada", "limit": 1}, ["t1"]), ({"after": "broken", "limit": 1}, ["t1"]),
    ]  # fmt: skip
    for more, ids in asked:
        answer = (await house.client.get("/v1/tasks", params=more, headers=headers)).json()
        assert [one["id"] for one in answer["tasks"]] == ids, more
    problem(await house.client.get("/v1/tasks", params={"customer": "nobody"}, headers=headers), 404)
    problem(await house.client.get("/v1/tasks", params={"state": "lost"}, headers=headers), 422)


async def test_a_task_is_closed_once_for_a_key(house: House) -> None:
    customer = add(house, 1)
    headers = {**house.token("operate", "crm"), "Idempotency-Key": "k1"}
    for _ in range(2):
        answer = await house.client.post("/v1/tasks/t1/done", json={"reason": "renews"}, headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (200, "done")
    other = {**headers, "Idempotency-Key": "k2"}
    problem(await house.client.post("/v1/tasks/t1/done", json={"reason": "renews"}, headers=other), 409)
    problem(await house.client.post("/v1/tasks/t9/done", json={"reason": "renews"}, headers=other), 404)
    problem(await house.client.post("/v1/tasks/t1/done", json={}, headers=other), 422)
    read = house.token("read")
    problem(await house.client.post("/v1/tasks/t1/done", json={"reason": "x"}, headers=read), 403)
    (act,) = house.database.read_now(lambda session: audit.about(session, customer))
    assert (act.what, act.who, act.reason) == ("task done", "api:crm", "renews")
