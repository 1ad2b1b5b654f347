"""Very many rows at once, made by the database itself: for tests and measures of lists."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from store.statements import dialect
from tests.store.rows import START

BEGAN = int(START.timestamp())
PLAYBOOKS = 20
"""Each has a twentieth of the messages, but for `rare`, which the oldest hundred belong to."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"


def _run(session: Session, into: str, columns: dict[str, str], first: int, last: int) -> None:
    names, values = ", ".join(columns), ", ".join(columns.values())
    session.execute(
        text(f"INSERT INTO {into} ({names}) {_NUMBERS.format(first=first, last=last)} SELECT {values} FROM n")
    )


def _at(session: Session, seconds: str) -> str:
    if dialect(session) == "postgresql":
        return f"to_timestamp({BEGAN} + {seconds})"
    return f"({BEGAN} + {seconds}) * 1000000"


def fill(session: Session, number: int, *, only_messages: bool = False) -> None:
    """So many messages, events, tasks, members of `everybody` and acts; a tenth as many customers and journeys.

    Row i is of second i. Message i belongs to customer i % (a tenth), and so on for the others.
    """
    no = "false" if dialect(session) == "postgresql" else "0"
    start = _at(session, "0")
    people = max(number // 10, 1)
    who = f"'cus_' || (i % {people})"
    playbook = f"CASE WHEN i % {people} < 10 THEN 'rare' ELSE 'p' || (i % {PLAYBOOKS}) END"
    journey = f"{playbook} || '.' || (i % {people})"
    _run(session, "customer", {
        "id": "'cus_' || i", "user_id": "'user' || i || '@example.com'", "attributes": "'{}'", "created_at": start,
        "updated_at": start, "email": "'user' || i || '@example.com'",
    }, 0, people - 1)  # fmt: skip
    session.execute(text("INSERT INTO playbook_version (id, playbook, plan, source, created_at)"
                         f" VALUES ('v1', 'p1', '', '', {start})"))  # fmt: skip
    _run(session, "journey", {
        "id": journey, "customer_id": "'cus_' || i", "playbook": playbook, "version": "'v1'", "arm": "'journey'",
        "key": "''", "entry_event_id": "1", "history_mark": "0", "entered_at": start, "status": "'open'", "seq": "0",
        "inbox_last": "0", "simulated": no, "shard": "0",
    }, 0, people - 1)  # fmt: skip
    _run(session, "message", {
        "id": "'m' || i", "journey_id": journey, "step": "'s'", "occurrence": "'o' || i", "customer_id": who,
        "channel": "CASE WHEN i % 10 = 0 THEN 'sms' ELSE 'email' END",
        "template": f"'t/' || (i % {people} % {PLAYBOOKS})",
        "state": "CASE WHEN i < 100 THEN 'lost' WHEN i % 20 = 0 THEN 'bounced' ELSE 'delivered' END",
        "attempt": "1", "due_at": _at(session, "i"), "recipient": f"'user' || (i % {people}) || '@example.com'",
        "subject": "'Subject ' || i", "text": "'Hello, this is the text of a message.'", "sender": "'outbox'",
    }, 0, number - 1)  # fmt: skip
    if only_messages:
        return
    _run(session, "event", {
        "source": "CASE WHEN i % 2 = 0 THEN 'key:1' ELSE 'cli' END", "message_id": "'e' || i",
        "user_id": f"'user' || (i % {people}) || '@example.com'",
        "kind": "CASE WHEN i % 3 = 0 THEN 'identify' ELSE 'track' END",
        "name": "CASE WHEN i % 3 = 0 THEN NULL WHEN i < 50 THEN 'seldom' ELSE 'name' || (i % 7) END",
        "properties": "'{}'", "at": _at(session, "i"), "received_at": _at(session, "i"),
        "state": "CASE WHEN i % 1000 = 1 THEN 'failed' WHEN i % 1000 = 2 THEN 'pending' ELSE 'applied' END",
        "attempts": "0", "hops": "0", "backfill": no, "shard": "0",
        "customer_id": f"CASE WHEN i % 1000 < 3 AND i % 1000 > 0 THEN NULL ELSE {who} END",
    }, 0, number - 1)  # fmt: skip
    _run(session, "task", {
        "id": "'k' || i", "journey_id": journey, "step": "'s'", "occurrence": "'o' || i", "customer_id": who,
        "title": "'Call ' || i", "assignee": "CASE WHEN i % 4 = 0 THEN NULL ELSE 'sam' || (i % 50) END",
        "due_at": f"CASE WHEN i % 5 = 0 THEN NULL ELSE {_at(session, 'i')} END",
        "state": "CASE WHEN i % 2 = 0 THEN 'open' ELSE 'done' END", "created_at": start,
        "done_at": f"CASE WHEN i % 2 = 0 THEN NULL ELSE {_at(session, 'i')} END",
    }, 0, number - 1)  # fmt: skip
    _run(session, "segment_member", {"segment": "'everybody'", "customer_id": "'cus_' || i",
                                     "since": _at(session, "i")}, 0, people - 1)  # fmt: skip
    _run(session, "audit", {
        "at": _at(session, "i"), "who": "'cli:sam' || (i % 3)",
        "what": "CASE WHEN i % 100 = 0 THEN 'erase' ELSE 'skip' END", "target": journey, "reason": "'because'",
    }, 0, number - 1)  # fmt: skip


def analyze(session: Session) -> None:
    """Let PostgreSQL count, as it does by itself in time. SQLite never does."""
    if dialect(session) == "postgresql":
        session.execute(text("ANALYZE"))
