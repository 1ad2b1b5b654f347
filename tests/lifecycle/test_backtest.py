"""What a backtest counts."""

from __future__ import annotations

import json

from lifecycle.backtest import Backtest, Counts
from tests.lifecycle.strategies import compiled, world

STEPS = [
    {"id": "first", "send": "mail/one"},
    {"wait": "20 days"},
    {"id": "last", "send": "mail/one"},
]
RANDOM = {"playbook": "random", "stage": "customer", "entry": "purchase", "steps": STEPS}


def backtest(*lines: str, **authored: object) -> Backtest:
    work = Backtest(world(compiled({**RANDOM, **authored})))
    for line in lines:
        assert work.take(line) is None
    return work


def call(user: str, event: str, day: str) -> str:
    return json.dumps({"type": "track", "userId": user, "event": event, "timestamp": f"{day}T12:00:00Z"})


def test_everybody_lives_until_all_has_ended() -> None:
    report = backtest(call("a", "purchase", "2026-01-20"), call("b", "purchase", "2026-01-20")).run()
    counts = report.playbooks["random"]
    assert (report.customers, report.events, counts.entered, counts.sent) == (2, 2, 2, 4)
    assert counts.messages == {"first": {"2026-01": 2}, "last": {"2026-02": 2}}
    assert counts.exits == {"finished": 2}
    assert counts.busiest == ("2026-01-20", 2)


def test_events_count_in_the_order_of_their_times() -> None:
    lines = (call("a", "beta", "2026-01-25"), call("a", "purchase", "2026-01-20"))
    counts = backtest(*lines, exit=["beta"]).run().playbooks["random"]
    assert counts.messages == {"first": {"2026-01": 1}}
    assert counts.exits == {"beta": 1}


def test_a_goal_is_an_exit_of_its_own() -> None:
    lines = (call("a", "purchase", "2026-01-20"), call("a", "beta", "2026-01-25"))
    assert backtest(*lines, goal="beta").run().playbooks["random"].exits == {"goal": 1}


def test_customers_are_counted_once_however_often_they_enter() -> None:
    lines = [call("a", "purchase", f"2026-0{month}-01") for month in (1, 3, 5)]
    entry = {"milestone": "purchase", "reentry": "after_exit"}
    counts = backtest(*lines, entry=entry).run().playbooks["random"]
    assert (counts.entered, counts.exits, counts.sent) == (1, {"finished": 3}, 6)


def test_an_event_without_a_time_cannot_be_lived_through() -> None:
    work = backtest()
    assert work.take('{"type": "track", "userId": "a", "event": "purchase"}') == "it has no `timestamp`"
    grouped = work.take('{"type": "group", "userId": "a", "groupId": "g", "timestamp": "2026-01-05T10:00:00Z"}')
    assert grouped == "its `type` is none of `track`, `identify`"
    assert (work.events, work.customers) == (0, 0)


def test_attributes_without_a_time_held_from_the_beginning() -> None:
    plain = '{"type": "identify", "userId": "a", "traits": {"plan": "pro"}}'
    entry = {"milestone": "purchase", "if": 'customer.plan == "pro"'}
    for lines in ((call("a", "purchase", "2026-01-20"), plain), (plain, call("a", "purchase", "2026-01-20"))):
        assert backtest(*lines, entry=entry).run().playbooks["random"].entered == 1


def test_values_are_of_their_declared_types_as_at_every_door() -> None:
    identify = {"type": "identify", "userId": "a", "timestamp": "2026-01-01T00:00:00Z"}
    work = backtest(json.dumps({**identify, "traits": {"score": "7"}}))
    assert work.take(json.dumps({**identify, "traits": {"score": "much"}})) == (
        "`score` is a number such as 49.5, and this is none"
    )


def test_progress_is_told_to_the_end() -> None:
    told: list[int] = []
    backtest(*(call(str(number), "purchase", "2026-01-20") for number in range(120))).run(told.append)
    assert told == [0, 50, 100, 120]


def test_of_two_busiest_days_the_first_is_named() -> None:
    counts = Counts()
    counts.days.update({"2026-02-01": 3, "2026-01-01": 3, "2026-03-01": 1})
    assert counts.busiest == ("2026-01-01", 3)
    assert Counts().busiest is None
