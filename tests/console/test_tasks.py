"""Tasks: listed by what is due first, done, opened again and given to somebody else, each with a reason."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from store import audit
from store import tasks as stored
from store.tables import Audit, Task
from tests.console.desk import Desk
from tests.console.stored import MARKUP, counted, customer_id, form_of, write_task
from tests.intake.house import START


def task(desk: Desk, id: str = "t1") -> Task:
    found = desk.house.read(lambda session: stored.get(session, id))
    assert found
    return found


def acts(desk: Desk) -> list[Audit]:
    customer = customer_id(desk)
    return desk.house.read(lambda session: audit.about(session, customer))


def titles(page: str) -> list[str]:
    return re.findall(r'<th scope="row" role="rowheader">([^<]*)</th>', page)


async def test_open_tasks_come_by_what_is_due_first(desk: Desk) -> None:
    for number in (3, 1, 2):
        write_task(desk, number)
    write_task(desk, 4, due_at=None)
    write_task(desk, 5, state="done", done_at=START)
    desk.now = START.add(hours=2)
    page = (await desk.get("/tasks", "viewer")).text
    assert titles(page) == ["Call 1", "Call 2", "Call 3", "Call 4"]
    assert "1 overdue" in page
    assert "no date" in page
    assert "/done" not in page  # a viewer acts on nothing
    assert titles((await desk.get("/tasks?due=overdue")).text) == ["Call 1"]
    assert titles((await desk.get("/tasks?state=done")).text) == ["Call 5"]


async def test_what_is_due_soon_whose_it_is_and_whom_it_is_about(desk: Desk) -> None:
    write_task(desk, 1, assignee="support")
    write_task(desk, 2, assignee=None, due_at=START.add(hours=24 * 8))
    write_task(desk, 3, user="grace")
    assert titles((await desk.get("/tasks?due=week")).text) == ["Call 1", "Call 3"]
    assert titles((await desk.get("/tasks?assignee=nobody")).text) == ["Call 2"]
    assert titles((await desk.get("/tasks?customer=grace")).text) == ["Call 3"]
    assert titles((await desk.get("/tasks?from=2026-03-05")).text) == ["Call 2"]
    mine = (await desk.get("/tasks", "support")).text
    assert 'href="/console/tasks?assignee=support"' in mine
    assert titles((await desk.get("/tasks?assignee=support", "support")).text) == ["Call 1"]


async def test_a_task_is_done_with_what_came_of_it_and_opened_again_by_undo(desk: Desk) -> None:
    write_task(desk)
    answer = await desk.post("/tasks/t1/done", {"reason": "she will renew"}, "support")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/tasks")
    assert (task(desk).state, task(desk).done_at) == ("done", START)
    shown = (await desk.get("/tasks", "support")).text
    assert "Done: Call 1." in shown
    assert '<a href="/console/tasks/t1/reopen">Undo</a>' in shown
    await desk.post("/tasks/t1/reopen", {"reason": "a slip"}, "support")
    assert task(desk).state == "open"
    assert [(one.what, one.who, one.reason) for one in acts(desk)] == [
        ("task done", "user:support", "she will renew"),
        ("task reopened", "user:support", "a slip"),
    ]


async def test_a_task_is_given_to_somebody_else_and_to_nobody(desk: Desk) -> None:
    write_task(desk)
    await desk.post("/tasks/t1/assign", {"assignee": "kim@example.com", "reason": "sam is away"}, "support")
    assert task(desk).assignee == "kim@example.com"
    assert 'value="kim@example.com"' in (await desk.get("/tasks/t1/assign", "support")).text
    await desk.post("/tasks/t1/assign", {"assignee": "", "reason": "kim is away too"}, "support")
    assert task(desk).assignee is None


async def test_a_form_that_is_sent_twice_is_carried_out_once(desk: Desk) -> None:
    from tests.console.desk import fields_of

    write_task(desk)
    fields = fields_of((await desk.get("/tasks/t1/assign", "support")).text, "/console/tasks/t1/assign")
    given = {**fields, "assignee": "kim", "reason": "away"}
    assert (await desk.send("/tasks/t1/assign", given, "support")).status_code == 303
    again = await desk.send("/tasks/t1/assign", {**given, "assignee": "lee"}, "support")
    assert (again.status_code, task(desk).assignee) == (409, "kim")
    forged = await desk.send("/tasks/t1/assign", {**given, "form": "made up"}, "support")
    assert (forged.status_code, len(acts(desk))) == (403, 1)


async def test_what_makes_no_sense_is_a_page_and_changes_nothing(desk: Desk) -> None:
    write_task(desk)
    for form, status in [({"reason": ""}, 422), ({"reason": " "}, 422), ({}, 422)]:
        assert (await desk.post("/tasks/t1/done", form, "support")).status_code == status
    long = {"assignee": "x" * 201, "reason": "y"}
    assert (await desk.post("/tasks/t1/assign", long, "support")).status_code == 422
    assert (await desk.get("/tasks/none/done", "support")).status_code == 404
    assert (await desk.get("/tasks/%00/done", "support")).status_code == 404
    assert "open already" in (await desk.get("/tasks/t1/reopen", "support")).text
    assert (task(desk).state, acts(desk)) == ("open", [])


@pytest.mark.parametrize("role", ["viewer", "marketing"])
async def test_a_role_that_may_not_act_gets_403_and_no_word_of_the_task(desk: Desk, role: str) -> None:
    write_task(desk, title="Call about the lawsuit")
    for act in ("done", "reopen", "assign"):
        for answer in (
            await desk.get(f"/tasks/t1/{act}", role),
            await desk.send(f"/tasks/t1/{act}", {**await form_of(desk, role), "reason": "x"}, role),
        ):
            assert (answer.status_code, "may not do this" in answer.text) == (403, True)
            assert "lawsuit" not in answer.text
    assert task(desk).state == "open"


async def test_markup_in_a_task_is_text(desk: Desk) -> None:
    write_task(desk, user=MARKUP, title=MARKUP, assignee=MARKUP)
    for place in ("/tasks", "/tasks/t1/done", "/tasks/t1/assign"):
        text = (await desk.get(place)).text
        assert MARKUP not in text
        assert "&lt;script&gt;" in text


async def test_an_empty_list_says_how_tasks_come_about(desk: Desk) -> None:
    assert "Nothing is to be done" in (await desk.get("/tasks")).text
    assert "No task is like this" in (await desk.get("/tasks?assignee=zoe")).text


async def test_a_page_asks_the_database_a_few_things_however_many_rows_it_shows(desk: Desk) -> None:
    for number in range(1, 56):
        write_task(desk, number)
    for query in ("", "?assignee=sam", "?state=done", "?customer=ada"):
        with counted(desk) as asked:
            await desk.get(f"/tasks{query}")
        assert len(asked) <= 7, asked


async def test_tasks_of_somebody_who_was_erased_are_left_as_they_are(desk: Desk) -> None:
    from store import erasing
    from store.personal import Person

    write_task(desk)

    def erase(session: Session) -> None:
        (customer,) = erasing.rows(session, [task(desk).customer_id])
        erasing.mark(session, customer, "erased:1", START)
        erasing.scrub(session, Person([customer.id], START, START))

    desk.house.write(erase)
    answer = await desk.post("/tasks/t1/reopen", {"reason": "x"}, "support")
    assert (answer.status_code, "was erased" in answer.text) == (409, True)
