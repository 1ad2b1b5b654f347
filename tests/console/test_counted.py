"""A count is kept for a while, made once however many wait, and never shown when it is old."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from console import counted
from console.counted import Counted
from store.database import Database
from store.errors import DatabaseBusy
from tests.intake.house import START


class Counting:
    """A count that says how often it was made, and can be held up."""

    def __init__(self, url: str) -> None:
        self.database, self.counted = Database(url), Counted()
        self.made, self.now = 0, START
        self.free = threading.Event()
        self.free.set()
        self.fails: Exception | None = None

    def count(self, session: Session) -> int:
        self.made += 1
        made = self.made
        self.free.wait(60)
        if self.fails is not None:
            raise self.fails
        return made

    def clock(self) -> Instant:
        return self.now

    async def get(self) -> Any:
        return (await self.counted.get("it", self.database, self.count, self.clock)).value

    async def soon(self) -> Any:
        found = await self.counted.soon("it", self.database, self.count, self.clock)
        return found and found.value

    async def settled(self) -> None:
        await asyncio.gather(*self.counted.under_way.values(), return_exceptions=True)


@pytest.fixture
def counting(url: str) -> Any:
    made = Counting(url)
    yield made
    made.free.set()
    made.database.close()


async def test_a_new_count_is_not_made_again(counting: Counting) -> None:
    assert [await counting.get() for _ in range(5)] == [1] * 5


async def test_whoever_keeps_looking_sees_the_old_one_until_the_next_is_made(counting: Counting) -> None:
    assert await counting.get() == 1
    counting.now = START.add(seconds=40)
    counting.free.clear()
    assert await counting.get() == 1
    counting.free.set()
    await counting.settled()
    assert await counting.get() == 2


async def test_whoever_comes_after_a_long_time_waits_for_a_new_one(counting: Counting) -> None:
    assert await counting.get() == 1
    counting.now = START.add(seconds=counted.OLD)
    assert await counting.get() == 2


async def test_many_who_wait_count_once(counting: Counting) -> None:
    assert await asyncio.gather(*(counting.get() for _ in range(20))) == [1] * 20


async def test_a_page_does_not_wait_long_for_what_it_can_show_later(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "PATIENCE", 0.05)
    counting.free.clear()
    assert await counting.soon() is None
    counting.free.set()
    await counting.settled()
    assert (await counting.soon(), counting.made) == (1, 1)


async def test_a_count_that_fails_is_told_and_tried_again(counting: Counting) -> None:
    counting.fails = DatabaseBusy("busy")
    with pytest.raises(DatabaseBusy):
        await counting.get()
    counting.fails = None
    assert await counting.get() == 2


async def test_whoever_stops_waiting_takes_nothing_from_others(counting: Counting) -> None:
    counting.free.clear()
    gone, there = asyncio.create_task(counting.get()), asyncio.create_task(counting.get())
    await asyncio.sleep(0.05)
    gone.cancel()
    counting.free.set()
    assert await there == 1
