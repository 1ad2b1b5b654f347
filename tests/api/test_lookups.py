"""Keys that are looked up for many calls at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from api.lookups import Lookups
from store import tokens
from store.database import Database
from store.errors import DatabaseBusy
from store.tables import Token

T = TypeVar("T")
NOW = Instant.from_utc(2026, 3, 2, 9)


class Slow(Database):
    """One whose reads are counted, and return only when they may."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads, self.fails = 0, False
        self.has_read, self.may_return = asyncio.Event(), asyncio.Event()

    async def read(self, fn: Callable[[Session], T]) -> T:
        self.reads += 1
        found = await super().read(fn)
        self.has_read.set()
        await self.may_return.wait()
        if self.fails:
            raise DatabaseBusy("busy")
        return found


@pytest.fixture
def database(url: str) -> Iterator[Slow]:
    with closing(Slow(url)) as opened:
        for digest in ("a", "b"):
            key = Token(name=digest, digest=digest, scope="ingest", created_at=NOW)
            opened.write_now(partial(_add, key))
        yield opened


def _add(key: Token, session: Session) -> None:
    tokens.add(session, key)


def _name(token: Token | None) -> str | None:
    return token.name if token else None


async def test_calls_that_come_together_share_one_look(database: Slow) -> None:
    database.may_return.set()
    lookups = Lookups(database)
    found = await asyncio.gather(*(lookups.find(digest) for digest in "abcabcabc"))
    assert [_name(one) for one in found] == ["a", "b", None] * 3
    assert database.reads == 1


async def test_whoever_comes_while_a_look_is_under_way_is_answered_by_the_next(database: Slow) -> None:
    lookups = Lookups(database)
    before = asyncio.create_task(lookups.find("a"))
    await database.has_read.wait()
    number = database.read_now(tokens.every)[0].id
    assert number is not None
    assert await database.write(lambda session: tokens.revoke(session, number, NOW))
    after = asyncio.create_task(lookups.find("a"))
    await asyncio.sleep(0.01)
    database.may_return.set()
    assert _name(await before) == "a"
    assert await after is None
    assert database.reads == 2


async def test_a_caller_that_goes_away_takes_no_other_with_it(database: Slow) -> None:
    lookups = Lookups(database)
    leaving, staying = (asyncio.create_task(lookups.find("a")) for _ in range(2))
    await database.has_read.wait()
    leaving.cancel()
    database.may_return.set()
    assert _name(await staying) == "a"
    assert leaving.cancelled()


async def test_trouble_reaches_every_caller_and_is_over_with_the_next_look(database: Slow) -> None:
    database.may_return.set()
    database.fails, lookups = True, Lookups(database)
    answers = await asyncio.gather(*(lookups.find(digest) for digest in "ab"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [DatabaseBusy, DatabaseBusy]
    database.fails = False
    assert _name(await lookups.find("a")) == "a"
