"""Lists are walked page by page: every row once, in order, whatever is asked for, and never through a whole table."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from whenever import Instant

from store.database import Database
from store.lists import audits, events, messages, paging, segments, tasks
from store.lists.audits import AuditFilter
from store.lists.events import EventFilter
from store.lists.messages import MessageFilter
from store.lists.paging import Cursor, Page, read_cursor
from store.lists.tasks import TaskFilter
from store.shards import shard_of
from tests.store.many import analyze, fill
from tests.store.rows import at

ROWS = 3000

Listing = Callable[[Session, Cursor | None, int], Page[Any]]


@pytest.fixture
def many(database: Database) -> Database:
    database.write_now(lambda session: fill(session, ROWS))
    database.write_now(analyze)
    return database


def listing_of(listed: Callable[..., Page[Any]]) -> Callable[..., Page[Any]]:
    return lambda wanted, session, cursor, limit: listed(session, wanted, cursor, limit)


def second(number: float) -> Instant:
    return at(number / 3600)


def number(id: str) -> int:
    return int(id[1:])


def _asked(session: Session, listing: Listing, cursor: Cursor | None, limit: int) -> Page[Any]:
    return listing(session, cursor, limit)


def walked(database: Database, listing: Listing, limit: int) -> Iterator[Page[Any]]:
    """All pages, by the cursors as an address holds them."""
    cursor: Cursor | None = None
    while True:
        page = database.read_now(partial(_asked, listing=listing, cursor=cursor, limit=limit))
        yield page
        if page.older is None:
            return
        cursor = read_cursor(str(page.older))
        assert cursor


def ids(database: Database, listing: Listing, limit: int = 100) -> list[Any]:
    return [row[0] for page in walked(database, listing, limit) for row in page.rows]


MESSAGES: dict[str, tuple[MessageFilter, Callable[[int], bool]]] = {
    "all": (MessageFilter(), lambda i: True),
    "state": (MessageFilter(state="bounced"), lambda i: i >= 100 and i % 20 == 0),
    "channel": (MessageFilter(channel="sms"), lambda i: i % 10 == 0),
    "template": (MessageFilter(template="t/3"), lambda i: i % 300 % 20 == 3),
    "playbook": (MessageFilter(playbook="rare"), lambda i: i % 300 < 10),
    "a beginning of other playbooks": (MessageFilter(playbook="p1"), lambda i: i % 300 >= 10 and i % 20 == 1),
    "customer": (MessageFilter(customer="cus_77"), lambda i: i % 300 == 77),
    "customer and state": (MessageFilter(customer="cus_20", state="bounced"), lambda i: i % 300 == 20 and i >= 100),
    "period": (MessageFilter(since=second(100), until=second(200)), lambda i: 100 <= i < 200),
    "several": (MessageFilter(state="delivered", channel="email", since=second(50)),
                lambda i: i >= 100 and i % 20 != 0 and i % 10 != 0),
    "sender": (MessageFilter(sender="twilio"), lambda i: False),
}  # fmt: skip


@pytest.mark.parametrize("look", [paging.LOOK, 40])
def test_every_message_that_is_asked_for_comes_once_the_latest_first(
    many: Database, look: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "LOOK", look)
    for case, (wanted, holds) in MESSAGES.items():
        expected = [f"m{i}" for i in range(ROWS) if holds(i)]
        found = ids(many, partial(listing_of(messages.listed), wanted), 70)
        assert found == expected[::-1], case


EVENTS: dict[str, tuple[EventFilter, Callable[[int], bool]]] = {
    "all": (EventFilter(), lambda i: True),
    "failed": (EventFilter(state="failed"), lambda i: i % 1000 == 1),
    "pending": (EventFilter(state="pending"), lambda i: i % 1000 == 2),
    "applied": (EventFilter(state="applied"), lambda i: i % 1000 not in (1, 2)),
    "kind": (EventFilter(kind="identify"), lambda i: i % 3 == 0),
    "name": (EventFilter(kind="track", name="name3"), lambda i: i >= 50 and i % 3 != 0 and i % 7 == 3),
    "source": (EventFilter(source="key:1"), lambda i: i % 2 == 0),
    "customer": (EventFilter(whose=("user77@example.com", "cus_77")), lambda i: i % 300 == 77),
    "failed ones of a customer": (
        EventFilter(state="failed", whose=("user101@example.com", None)),
        lambda i: i == 1001,
    ),
}


@pytest.mark.parametrize("few", [events.FEW, 1])
def test_every_event_that_is_asked_for_comes_once_the_latest_first(
    many: Database, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "FEW", few)
    for case, (wanted, holds) in EVENTS.items():
        expected = [i + 1 for i in range(ROWS) if holds(i)]  # ids count from 1
        found = ids(many, partial(listing_of(events.listed), wanted), 70)
        assert found == expected[::-1], case


def test_an_event_that_waits_for_a_customer_is_found_by_the_name_before_they_are_known(many: Database) -> None:
    def listed(session: Session) -> list[int]:
        session.execute(text("UPDATE event SET shard = :shard WHERE id = 3"), {"shard": shard_of("ada")})
        session.execute(text("UPDATE event SET user_id = 'ada' WHERE id = 3"))
        return [row.id for row in events.listed(session, EventFilter(whose=("ada", None))).rows]

    assert many.write_now(listed) == [3]


def test_open_tasks_come_by_what_is_due_first_and_those_without_a_date_last(many: Database) -> None:
    wanted = [i for i in range(ROWS) if i % 2 == 0]
    dated = [f"k{i}" for i in wanted if i % 5]
    dateless = sorted(f"k{i}" for i in wanted if i % 5 == 0)
    for limit in (100, 7, 1200):
        found = ids(many, lambda session, cursor, limit: tasks.listed(session, TaskFilter(), cursor, limit), limit)
        assert found == dated + dateless


def test_done_tasks_come_by_the_latest_first(many: Database) -> None:
    found = ids(many, lambda session, cursor, limit: tasks.listed(session, TaskFilter("done"), cursor, limit))
    assert found == [f"k{i}" for i in reversed(range(ROWS)) if i % 2]


def test_tasks_of_one_person_of_nobody_of_a_customer_and_what_is_overdue(many: Database) -> None:
    def found(wanted: TaskFilter) -> set[int]:
        return {number(one) for one in ids(many, lambda s, c, limit: tasks.listed(s, wanted, c, limit))}

    openly = {i for i in range(ROWS) if i % 2 == 0}
    assert found(TaskFilter(assignee="sam2")) == {i for i in openly if i % 4 and i % 50 == 2}
    assert found(TaskFilter(assignee="")) == {i for i in openly if i % 4 == 0}
    assert found(TaskFilter(customer="cus_78")) == {i for i in openly if i % 300 == 78}
    assert found(TaskFilter(until=second(1000))) == {i for i in openly if i % 5 and i < 1000}
    assert many.read_now(lambda session: tasks.overdue(session, second(1000))) == 400
    assert many.read_now(lambda session: tasks.overdue(session, second(1000), 9)) == 10


def test_the_audit_log_is_asked_for_who_what_to_whom_and_when(many: Database) -> None:
    def found(wanted: AuditFilter) -> list[int]:
        return [one - 1 for one in ids(many, lambda s, c, limit: audits.listed(s, wanted, c, limit))]

    rows = range(ROWS)
    assert found(AuditFilter()) == [*reversed(rows)]
    assert found(AuditFilter(who="cli:sam1", what="erase")) == [
        i for i in reversed(rows) if i % 3 == 1 and i % 100 == 0
    ]
    assert found(AuditFilter(target="p17.77")) == [i for i in reversed(rows) if i % 300 == 77]
    assert found(AuditFilter(since=second(10), until=second(20))) == [*range(19, 9, -1)]


def test_members_of_a_segment_come_by_the_latest_first_and_are_counted_up_to_a_limit(
    many: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ids(many, lambda session, cursor, limit: segments.members(session, "everybody", cursor, limit), 70)
    assert found == [f"cus_{i}" for i in reversed(range(300))]
    sizes = many.read_now(lambda session: segments.sizes(session, ["nobody", "everybody"]))
    assert sizes == {"nobody": 0, "everybody": 300}
    monkeypatch.setattr(segments, "MOST", 99)
    assert many.read_now(lambda session: segments.sizes(session, ["everybody"])) == {"everybody": 100}


# --- back and forth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [paging.LOOK, 40])
def test_the_way_back_shows_the_same_rows(many: Database, look: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "LOOK", look)

    def listing(session: Session, cursor: Cursor | None, limit: int) -> Page[Any]:
        return tasks.listed(session, TaskFilter(assignee="sam2"), cursor, limit)

    onward = [page for page in walked(many, listing, 7) if page.rows]
    rows = [row for page in onward for row in page.rows]
    back, cursor = list(onward[-1].rows), onward[-1].newer
    while cursor is not None:
        page = many.read_now(partial(listing, cursor=read_cursor(str(cursor)), limit=7))
        fresh = [row for row in page.rows if row not in back]
        back, cursor = fresh + back, page.newer
    assert back == rows


def test_the_first_page_has_nothing_newer_and_the_last_nothing_older(many: Database) -> None:
    pages = list(walked(many, lambda s, c, limit: messages.listed(s, MessageFilter(), c, limit), 1000))
    assert [page.newer is None for page in pages] == [True, False, False]
    assert [page.older is None for page in pages] == [False, False, True]
    assert [len(page.rows) for page in pages] == [1000, 1000, 1000]
    newer = pages[1].newer
    first = many.read_now(lambda session: messages.listed(session, MessageFilter(), newer, 1000))
    assert (first.rows, first.newer) == (pages[0].rows, None)


def test_rows_that_come_meanwhile_move_nothing(many: Database) -> None:
    first = many.read_now(lambda session: messages.listed(session, MessageFilter(), None, 10))

    def more(session: Session) -> None:
        session.execute(
            text(
                "INSERT INTO message (id, journey_id, step, occurrence, customer_id, channel, template, state, attempt,"
                " due_at) SELECT 'new', journey_id, 's', 'new', customer_id, channel, template, state, attempt, due_at"
                " FROM message WHERE id = 'm2999'"
            )
        )

    many.write_now(more)
    second_page = many.read_now(lambda session: messages.listed(session, MessageFilter(), first.older, 10))
    assert [row.id for row in second_page.rows] == [f"m{i}" for i in range(2989, 2979, -1)]


def packed(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


BROKEN = [
    "", "x", "é", "=", "a" * 5000, "W10", packed(0, 0), packed(0, 99, 1), packed(2, 0, 1), packed(0, -1, 1, "m"),
    packed("0", 0, 1, "m"), packed(0, 0, "x", "m"), packed(0, 0, 10**40, "m"), packed(0, 0, 1.5e300, "m"),
    packed(0, 0, None, None), packed(0, 0, 1, "a\0b"), packed(0, 0, [1], {}), packed(0, 0, True, 5),
    packed(0, 0, -(2**63), "m"), packed(0, 0, 2**63), packed(0, 0, "\ud800", "\ud800"), packed(*range(300)),
    "[" * 300,
]  # fmt: skip


def test_a_cursor_that_nobody_gave_shows_the_first_page(many: Database) -> None:
    def read(session: Session, cursor: Cursor | None) -> list[Page[Any]]:
        return [
            messages.listed(session, MessageFilter(), cursor, 5),
            tasks.listed(session, TaskFilter(), cursor, 5),
            events.listed(session, EventFilter(), cursor, 5),
            segments.members(session, "everybody", cursor, 5),
            audits.listed(session, AuditFilter(), cursor, 5),
        ]

    first = many.read_now(partial(read, cursor=None))
    assert all(len(page.rows) == 5 for page in first)
    for broken in BROKEN:
        assert many.read_now(partial(read, cursor=read_cursor(broken))) == first, broken


# --- what it costs ---------------------------------------------------------------------------------------------------


def statements(database: Database, work: Callable[[Session], object]) -> list[str]:
    """The plans of all statements that a reading runs, as the database explains them."""
    plans: list[str] = []

    def read(session: Session) -> None:
        connection = session.connection()
        asked: list[tuple[str, Any]] = []

        def seen(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
            asked.append((statement, values))

        event.listen(connection, "before_cursor_execute", seen)
        work(session)
        event.remove(connection, "before_cursor_execute", seen)
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        for statement, values in asked:
            rows = connection.exec_driver_sql(f"{explain} {statement}", values)
            plans.append("\n".join(" ".join(map(str, row)) for row in rows))

    database.read_now(read)
    return plans


QUICK: dict[str, Callable[[Session], object]] = {
    **{f"messages by {name}": lambda session, wanted=wanted: messages.listed(session, wanted)  # type: ignore[misc]
       for name, (wanted, _) in MESSAGES.items()},
    **{f"events by {name}": lambda session, wanted=wanted: events.listed(session, wanted)  # type: ignore[misc]
       for name, (wanted, _) in EVENTS.items()},
    "open tasks": lambda session: tasks.listed(session, TaskFilter()),
    "done tasks": lambda session: tasks.listed(session, TaskFilter("done")),
    "tasks of sam": lambda session: tasks.listed(session, TaskFilter(assignee="sam2")),
    "tasks of a customer": lambda session: tasks.listed(session, TaskFilter(customer="cus_7")),
    "overdue tasks": lambda session: tasks.listed(session, TaskFilter(until=second(500))),
    "how many are overdue": lambda session: tasks.overdue(session, second(500)),
    "the audit log": lambda session: audits.listed(session, AuditFilter(who="nobody")),
    "acts upon a target": lambda session: audits.listed(session, AuditFilter(target="p17.77")),
    "members": lambda session: segments.members(session, "everybody"),
    "the backlog": events.backlog,
    "milestones that came lately": events.lately,
}  # fmt: skip
WALKED = ("message", "event", "task", "audit", "segment_member")


def walks_a_table(plan: str) -> bool:
    """SQLite scans a table by its ids where they are the order, and stops at the limit: that is an index as well."""
    scanned = any(f"SCAN {table}\n" in f"{plan}\n" for table in WALKED) and "TEMP B-TREE" in plan
    return scanned or any(f"Seq Scan on {table} " in plan for table in WALKED)


def test_every_list_goes_by_an_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL with rows enough for its planner to prefer an index where there is one."""
    monkeypatch.setattr(events, "LATELY", 1000)
    monkeypatch.setattr(paging, "LOOK", 500 if "postgresql" in str(database.url) else 50)
    database.write_now(lambda session: fill(session, 30_000 if "postgresql" in str(database.url) else 100))
    database.write_now(analyze)
    for case, work in QUICK.items():
        plans = statements(database, work)
        assert 1 <= len(plans) <= 4, case
        for plan in plans:
            assert not walks_a_table(plan), f"{case}: {plan}"


def test_what_is_one_customers_is_picked_by_the_customer_whatever_else_is_asked(database: Database) -> None:
    """Nearly all messages are in one state: to walk through those for one customer's would be to read them all."""
    database.write_now(lambda session: fill(session, 3000))
    database.write_now(analyze)
    wanted = MessageFilter(customer="cus_20", state="delivered")
    (plan,) = statements(database, lambda session: messages.listed(session, wanted))
    assert "ix_message_customer_id_channel_claimed_at" in plan
    assert "ix_message_state" not in plan


def test_the_check_sees_a_walk_through_a_whole_table(database: Database) -> None:
    database.write_now(lambda session: fill(session, 30_000 if "postgresql" in str(database.url) else 100))
    database.write_now(analyze)
    asked = text("SELECT * FROM message WHERE template = 'x' ORDER BY template, step LIMIT 50")
    (plan,) = statements(database, lambda session: session.execute(asked))
    assert walks_a_table(plan)
