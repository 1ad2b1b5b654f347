"""Looking keys up for many calls at once.

Every call is let in by what the database says after the call came: a key that was revoked opens nothing from then on,
in any process, so none is kept. But calls that come while a look is under way share the next one: to look costs a
transaction and two changes of thread, which is more than all else that a call does before its event is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from store import tokens
from store.database import Database
from store.tables import Token


class Lookups:
    """Keys by what is stored of them, for one process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._asked: dict[str, asyncio.Future[Token | None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def find(self, digest: str) -> Token | None:
        """The key with this hash, unless it was revoked. Raises StoreError."""
        answer = self._asked.get(digest)
        if answer is None:
            answer = self._asked[digest] = asyncio.get_running_loop().create_future()
        if self._looking is None:
            # A task of its own: where one caller goes away, the others are answered all the same.
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(answer)

    async def _look(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    found = await self.database.read(partial(_find, list(asked)))
                except Exception as error:  # noqa: BLE001 - every caller gets an answer, and the next ones their turn
                    for answer in asked.values():
                        answer.set_exception(error)
                else:
                    for digest, answer in asked.items():
                        answer.set_result(found[digest])
        finally:
            self._looking = None


def _find(digests: Sequence[str], session: Session) -> dict[str, Token | None]:
    return {digest: tokens.by_digest(session, digest) for digest in digests}
