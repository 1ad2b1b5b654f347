"""Sending rates hold across workers, and only messages that really go use them up."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.exceptions import ApplicationError
from whenever import Instant

from activities.rates import Rates
from store.database import Database
from tests.activities.conftest import Open

PER_SECOND = 20.0
SECONDS = 3.0


async def _spend(rates: Rates, database: Database, until: Instant) -> int:
    spent = 0
    while Instant.now() < until:
        if await rates.token(database, "email"):
            spent += Instant.now() < until
    return spent


async def test_four_workers_together_send_no_faster_than_the_channel_may(url: str) -> None:
    database = Database(url)
    until = Instant.now().add(seconds=SECONDS)
    workers = [Rates({"email": PER_SECOND}) for _ in range(4)]
    spent = sum(await asyncio.gather(*(_spend(rates, database, until) for rates in workers)))
    database.close()
    # Half a second's worth may be leased ahead by each, and is spent at its own time all the same.
    assert spent <= PER_SECOND * (SECONDS + 0.5)
    assert spent >= PER_SECOND * SECONDS * 0.5


def test_a_refused_message_gives_its_token_back(open_desk: Open) -> None:
    desk = open_desk("  - send: mail/one\n", traits={"consent": []}, per_second={"email": 1.0})
    rates = desk.engine.tools.rates
    asyncio.run(rates.token(desk.house.database, "email"))
    rates.give_back("email", Instant.now())
    assert desk.what() == ("refused", "no-consent")
    assert rates.take("email", Instant.now())


def test_without_room_for_it_now_the_message_waits_its_turn_unclaimed(
    open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.rates.PATIENCE", 0.2)
    desk = open_desk("  - send: mail/one\n", per_second={"email": 0.1})
    taken = Rates({"email": 0.1})
    assert asyncio.run(taken.token(desk.house.database, "email"))  # another worker has the next ten seconds
    with pytest.raises(ApplicationError, match="sending-rate"):
        desk.deliver()
    assert desk.sender.sent == []
