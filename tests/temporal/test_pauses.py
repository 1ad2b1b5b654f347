"""Pauses as rows on Temporal's real server: nobody is told, journeys meet them (design.md, section 9; rules 6, 12)."""

from __future__ import annotations

import pytest

from embedded import TemporalServer
from tests.temporal.stage import Steps, day, staged

TIP: Steps = [{"wait": "3 days"}, {"send": "mail/one", "id": "tip"}]
"""A message of marketing that is due on day 3."""

RECEIPT: Steps = [
    {"wait_for": {"milestone": "alpha"}, "timeout": "20 days", "reached": [{"send": "mail/receipt", "id": "paid"}]},
    {"wait": "1 day"},
    {"send": "mail/one", "id": "tip"},
]
"""A receipt as soon as the customer does something, and marketing a day later."""


@pytest.mark.parametrize(("policy", "goes_on"), [("continue", 5.0), ("freeze", 6.0)])
async def test_a_pause_of_the_playbook_stops_marketing_and_lets_a_receipt_pass(
    server: TemporalServer, url: str, policy: str, goes_on: float
) -> None:
    async with staged(server, url, quiet=RECEIPT) as stage:
        await stage.enter("ada")
        pause = await stage.pause(1, policy=policy)
        await stage.reach("ada", 2, "alpha")
        assert await stage.sent("ada") == [("paid", 2.0)]
        await stage.reach("ada", 5)
        assert await stage.sent("ada") == [("paid", 2.0)]
        held = await stage.look("ada", 5)
        assert held.word == "held"
        assert "its playbook is paused since" in held.next.why
        await stage.end(pause, 5)
        await stage.wake("ada", 5)
        await stage.reach("ada", 9)
        assert await stage.sent("ada") == [("paid", 2.0), ("tip", goes_on)]
        assert await stage.holds() == 0


async def test_a_pause_that_includes_transactional_messages_holds_the_receipt_too(
    server: TemporalServer, url: str
) -> None:
    async with staged(server, url, quiet=RECEIPT) as stage:
        await stage.enter("ada")
        pause = await stage.pause(1, include_transactional=True)
        await stage.reach("ada", 2, "alpha")
        assert await stage.sent("ada") == []
        await stage.end(pause, 4)
        await stage.wake("ada", 4)
        assert await stage.sent("ada") == [("paid", 4.0), ("tip", 4.0)]  # time ran on: a day has gone by since


async def test_time_for_which_the_clock_stood_puts_a_timeout_off_though_nobody_was_told(
    server: TemporalServer, url: str
) -> None:
    """Rule 6: paused from day 2 to 5, a timeout on day 10, a milestone on day 11: the true deadline is day 13."""
    steps: Steps = [
        {
            "wait_for": {"milestone": "alpha"},
            "timeout": "10 days",
            "reached": [{"send": "mail/one", "id": "in-time"}],
            "timed_out": [{"send": "mail/two", "id": "too-late"}],
        }
    ]
    async with staged(server, url, quiet=steps) as stage:
        await stage.enter("ada", "bo")
        pause = await stage.pause(2, policy="freeze")
        await stage.end(pause, 5)
        await stage.reach("ada", 11, "alpha")
        for one in ("ada", "bo"):
            await stage.reach(one, 20)
        assert await stage.sent("ada") == [("in-time", 11.0)]
        assert await stage.sent("bo") == [("too-late", 13.0)]


async def test_a_frozen_journey_that_met_the_pause_keeps_what_remained_of_its_wait(
    server: TemporalServer, url: str
) -> None:
    async with staged(server, url, quiet=TIP) as stage:
        await stage.enter("ada")
        pause = await stage.pause(1, policy="freeze")
        await stage.reach("ada", 4)  # its timer fired on day 3, and stood for nothing
        assert await stage.holds() == 1
        await stage.end(pause, 5)
        await stage.wake("ada", 5)
        await stage.reach("ada", 9)
        assert await stage.sent("ada") == [("tip", 7.0)]


@pytest.mark.parametrize(
    ("handling", "ends", "sent", "refused"),
    [
        ("send", 5, [("tip", 5.0), ("next", 6.0)], []),
        ("skip", 5, [("next", 6.0)], [("tip", "paused")]),
        ("send", 6.5, [("next", 6.5)], [("tip", "expired")]),
    ],
    ids=["send", "skip", "nothing beyond its expiry"],
)
async def test_what_came_due_while_time_ran_on_is_sent_or_skipped_at_the_end(
    server: TemporalServer,
    url: str,
    handling: str,
    ends: float,
    sent: list[tuple[str, float]],
    refused: list[tuple[str, str]],
) -> None:
    steps = [*TIP, {"wait": {"until": "day 6"}}, {"send": "mail/two", "id": "next"}]
    async with staged(server, url, quiet=steps) as stage:
        await stage.enter("ada")
        pause = await stage.pause(1)
        await stage.reach("ada", ends)
        await stage.end(pause, ends, handling=handling)
        await stage.wake("ada", ends)
        await stage.reach("ada", 9)
        assert await stage.sent("ada") == sent
        assert await stage.refused("ada") == refused


async def test_skip_reaches_a_journey_that_came_due_in_the_pause_and_was_looked_at_after_it(
    server: TemporalServer, url: str
) -> None:
    async with staged(server, url, quiet=TIP) as stage:
        await stage.enter("ada")
        pause = await stage.pause(1)
        await stage.end(pause, 5, handling="skip")  # as if no worker had run in the meantime
        await stage.reach("ada", 6)
        assert (await stage.sent("ada"), await stage.refused("ada")) == ([], [("tip", "paused")])


async def test_spread_wakes_so_many_a_minute_and_whoever_comes_due_meanwhile_waits_behind_them(
    server: TemporalServer, url: str
) -> None:
    minute = 1 / 1440
    async with staged(server, url, quiet=TIP) as stage:
        await stage.enter("0")
        await stage.enter("1", at=0.5)
        await stage.enter("2", at=2 + minute)  # due on day 5, a minute after the end
        pause = await stage.pause(1)
        for number in range(3):
            await stage.reach(f"{number}", 5)
        assert await stage.holds() == 2
        await stage.end(pause, 5, spread=1)
        gone = []
        for passed in range(4):
            now = 5 + passed * minute
            await stage.reach("2", now)
            for number in range(3):
                await stage.wake(f"{number}", now)
            gone.append([len(await stage.sent(f"{number}")) for number in range(3)])
        assert gone == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]
        assert await stage.holds() == 0


async def test_a_pause_of_a_channel_holds_its_messages_and_lets_the_other_channel_pass(
    server: TemporalServer, url: str
) -> None:
    text = [{"wait": "3 days"}, {"send": "text/one", "id": "text"}]
    async with staged(server, url, quiet=TIP, loud=text) as stage:
        await stage.enter("ada")
        pause = await stage.pause(1, "channel", "sms")
        await stage.reach("ada", 3.1)
        assert await stage.sent("ada") == [("tip", 3.0)]
        await stage.end(pause, 3.2)
        await stage.wake("ada", 3.2)
        assert await stage.sent("ada") == [("tip", 3.0), ("text", 3.2)]


async def test_a_pause_of_a_customer_stops_their_clock_in_every_playbook_and_nobody_elses(
    server: TemporalServer, url: str
) -> None:
    other = [{"wait": "2 days"}, {"send": "mail/two", "id": "other"}]
    async with staged(server, url, quiet=TIP, loud=other) as stage:
        await stage.enter("ada", "bo")
        pause = await stage.pause(1, "customer", stage.id("ada"))
        for one in ("ada", "bo"):
            await stage.reach(one, 5)
        await stage.end(pause, 5)
        await stage.wake("ada", 5)
        await stage.reach("ada", 9)
        assert await stage.sent("ada") == [("other", 6.0), ("tip", 7.0)]
        assert await stage.sent("bo") == [("other", 2.0), ("tip", 3.0)]


@pytest.mark.parametrize(("first", "ends"), [("freeze", 7), ("continue", 5)])
async def test_what_two_pauses_hold_goes_on_after_the_second_one(
    server: TemporalServer, url: str, first: str, ends: float
) -> None:
    async with staged(server, url, quiet=TIP) as stage:
        await stage.enter("ada")
        one = await stage.pause(1, policy=first)
        two = await stage.pause(2, "everything", "")
        await stage.reach("ada", 4)
        await stage.end(one, 4)
        await stage.wake("ada", 4)
        await stage.reach("ada", ends)
        assert await stage.sent("ada") == []
        assert "everything is paused since" in (await stage.look("ada", ends)).next.why
        await stage.end(two, ends)
        await stage.wake("ada", ends)
        assert await stage.sent("ada") == [("tip", ends)]


async def test_a_pause_with_an_end_ends_by_itself(server: TemporalServer, url: str) -> None:
    async with staged(server, url, quiet=TIP) as stage:
        await stage.enter("ada")
        await stage.pause(1, ends_at=day(5))
        await stage.reach("ada", 4)
        assert "until 2026-03-25 09:00" in (await stage.look("ada", 4)).next.why
        await stage.wake("ada", 4.9)
        assert await stage.sent("ada") == []
        await stage.wake("ada", 5)
        assert await stage.sent("ada") == [("tip", 5.0)]


async def test_who_enters_while_paused_is_held_from_the_start_but_for_a_receipt(
    server: TemporalServer, url: str
) -> None:
    steps = [{"send": "mail/receipt", "id": "paid"}, {"send": "mail/one", "id": "hello"}]
    async with staged(server, url, quiet=steps, loud=steps[1:]) as stage:
        pause = await stage.pause(-1)
        loud = await stage.pause(-1, target="loud", policy="freeze")
        await stage.enter("ada")
        assert await stage.sent("ada") == [("paid", 0.0)]
        assert await stage.holds() == 2
        await stage.end(pause, 1)
        await stage.wake("ada", 1)
        assert await stage.sent("ada") == [("paid", 0.0), ("hello", 1.0)]
        await stage.end(loud, 2)
        await stage.wake("ada", 2)
        assert await stage.sent("ada") == [("paid", 0.0), ("hello", 1.0), ("hello", 2.0)]
