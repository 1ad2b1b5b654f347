"""`milepost events`: what came in, what failed, and what the map does not know."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from whenever import Instant

from cli.common import database as database_of
from store import events
from store.database import Database
from store.events import Arrival
from tests.cli.conftest import Milepost

NOW = Instant.from_utc(2026, 3, 2, 9)


@pytest.fixture
def database(milepost: Milepost, project: Path) -> Iterator[Database]:
    opened = database_of(project)
    yield opened
    opened.close()


def sent(database: Database, *names: str, user: str = "ada@example.com") -> list[int]:
    number = database.read_now(events.waiting)
    arrivals = [
        Arrival("test", f"{user}-{number}-{at}", user, "track", NOW, NOW, name, {"address": "1 Example Street"})
        for at, name in enumerate(names)
    ]
    return [given for given in database.write_now(lambda session: events.accept(session, arrivals)) if given]


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_tail_shows_what_came_and_what_it_entered_and_nothing_of_the_person(milepost: Milepost) -> None:
    milepost("track", "ada@example.com", "purchase", "--set", "revenue=49", "--attribute", "first_name=Ada")
    answer = milepost("events", "tail", "--format", "json")
    identify, track = rows(answer.out)
    assert (identify["kind"], identify["name"], identify["entered"]) == ("identify", None, [])
    assert (track["kind"], track["name"], track["entered"]) == ("track", "purchase", ["welcome"])
    assert track["customer"].startswith("cus_")
    text = milepost("events", "tail").out
    assert re.search(r"cus_\w+ +applied +track purchase +entered welcome$", text, re.MULTILINE)
    assert "Ada" not in answer.out + text
    assert "ada@example.com" not in answer.out + text


def test_the_tail_says_what_was_not_entered_and_why(milepost: Milepost) -> None:
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    assert rows(milepost("events", "tail", "--format", "json").out)[-1]["not_entered"] == [
        {"playbook": "welcome", "because": "the customer has been in it before"}
    ]
    assert milepost("events", "tail").out.endswith("track purchase  not welcome: the customer has been in it before\n")


def test_the_tail_is_of_one_customer_and_of_so_many(milepost: Milepost, database: Database) -> None:
    sent(database, "alpha", "beta")
    sent(database, "gamma", user="grace")
    one = rows(milepost("events", "tail", "--customer", "grace", "--format", "json").out)
    assert [row["name"] for row in one] == ["gamma"]  # though nothing of hers is applied yet
    last = rows(milepost("events", "tail", "--limit", "2", "--format", "json").out)
    assert [row["name"] for row in last] == ["beta", "gamma"]
    unknown = milepost("events", "tail", "--customer", "nobody")
    assert (unknown.code, unknown.err) == (2, "milepost: there is no customer `nobody`\n")


def test_following_shows_what_comes_in_and_each_event_again_once_it_is_done(
    milepost: Milepost, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = sent(database, "alpha")
    looks = 0

    def look(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            sent(database, "beta", user="grace")
        elif looks == 2:
            database.write_now(lambda session: events.mark_applied(session, first, NOW, "cus_1", {"entered": []}))
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", look)
    answer = milepost("events", "tail", "--follow", "--format", "json")
    told = [(row["name"], row["state"]) for row in rows(answer.out)]
    assert (answer.code, told) == (130, [("alpha", "pending"), ("beta", "pending"), ("alpha", "applied")])


def test_what_failed_is_shown_with_its_error_and_retried_by_its_number(milepost: Milepost, database: Database) -> None:
    first, second, third = sent(database, "alpha", "beta", "gamma")
    for one in (first, second):
        database.write_now(partial(events.set_aside, event_id=one, error="RuntimeError"))
    failed = milepost("events", "failed", "--format", "json").data
    assert (failed["count"], [row["id"] for row in failed["failed"]]) == (2, [second, first])
    assert {(row["error"], row["attempts"]) for row in failed["failed"]} == {("RuntimeError", 1)}
    for wrong in ((str(first), str(third)), (str(first), "4711"), ()):
        assert milepost("events", "retry", *wrong).code == 2
    assert milepost("events", "failed", "--format", "json").data["count"] == 2
    assert milepost("events", "retry", str(first), "--format", "json").data == {"retried": 1}
    event = database.read_now(lambda session: events.get(session, first))
    assert event is not None
    assert (event.state, event.attempts, event.error) == ("pending", 0, "RuntimeError")
    assert milepost("events", "retry", "--all", "--format", "json").data == {"retried": 1}
    assert milepost("events", "failed").err == "No event has failed.\n"


def test_what_the_map_does_not_know_is_counted_with_the_nearest_name(milepost: Milepost, database: Database) -> None:
    sent(database, "purchse", "Cart Viewed", "purchse", "Order Completed", "alpha")
    (slip, new) = milepost("events", "undeclared", "--format", "json").data["undeclared"]
    assert (slip["name"], slip["count"], slip["suggestion"]) == ("purchse", 2, "did you mean `purchase`?")
    assert (new["name"], new["count"], new["suggestion"]) == ("Cart Viewed", 1, None)
    assert slip["first"] == slip["last"] == "2026-03-02T09:00:00Z"
    answer = milepost("events", "undeclared")
    assert "2  purchse  (2026-03-02 to 2026-03-02); did you mean `purchase`?" in answer.out
    assert "playbooks/map.yaml" in answer.err
