"""Carries out what erasures have left to do, in a worker: our own part, and the calls to providers.

Each is tried until it is done, in longer and longer steps. What a provider refuses, or does not do within some weeks,
is set aside as failed: `store.erasures.open` lists it, and somebody has to ask the provider by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from whenever import Instant

from intake.erasing import Forgetter
from lifecycle.language.template import Channel
from messaging.senders.failover import who_had
from messaging.sending import Outcome, Sender
from store import erasures
from store.database import Database
from store.errors import StoreError
from store.tables import Erasure
from trouble import place_of

log = structlog.get_logger()

BATCH = 20
FIRST, LONGEST = 60.0, 6 * 3600.0
"""Seconds after which what failed is tried again: twice as many each time, and never more than six hours."""

ATTEMPTS = 100
"""After so many a provider's call has failed for good: some three weeks."""

NO_SENDER = "no-sender"
"""The error of a call that nobody here can make: the account is not in the settings."""


class Forgetting:
    """`threads` is where senders block."""

    def __init__(self, forgetter: Forgetter, senders: Mapping[Channel, Sender], threads: ThreadPoolExecutor) -> None:
        self.forgetter, self.senders, self.threads = forgetter, senders, threads

    @property
    def database(self) -> Database:
        return self.forgetter.database

    async def step(self, now: Instant) -> int:
        """Do what is due at `now`, at most `BATCH`; how many that were."""
        due = await self.database.write(partial(erasures.take, now=now, limit=BATCH))
        for erasure in due:
            if erasure.provider == erasures.OURS:
                await self._ours(erasure, now)
            else:
                await self._providers(erasure, now)
        if any(erasure.provider != erasures.OURS for erasure in due):
            await asyncio.to_thread(self.database.purge)  # of the addresses that were emptied
        return len(due)

    async def _ours(self, erasure: Erasure, now: Instant) -> None:
        try:
            await self.forgetter.forget(erasure, now)
        except (StoreError, OperationalError):  # the database's trouble, which is not this erasure's
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must not wait for it
            code = type(error).__name__
            log.error("erasure.failed", customer=erasure.customer_id, because=code, at=place_of(error))  # noqa: TRY400
            until = now.add(seconds=_wait(erasure.attempts))
            await self.database.write(partial(erasures.put_off, number=erasure.id or 0, retry_at=until, error=code))

    async def _providers(self, erasure: Erasure, now: Instant) -> None:
        subject, number = erasure.subject or "", erasure.id or 0
        # What has an @ in it is an address: it is e-mail's.
        sender = self.senders["email" if "@" in subject else "sms"]
        if sender.stores:
            outcome = Outcome("later", wait=LONGEST)
            code: str | None = NO_SENDER
        else:
            asked = who_had(sender, erasure.provider)
            outcome = await asyncio.get_running_loop().run_in_executor(self.threads, asked.forget, subject)
            code = outcome.reason or outcome.what

        def store(session: Session) -> None:
            if outcome.what == "accepted":
                erasures.finish(session, number, now)
            elif outcome.what == "rejected" or erasure.attempts >= ATTEMPTS:
                erasures.fail(session, number, code)
            else:
                until = now.add(seconds=max(outcome.wait, _wait(erasure.attempts)))
                erasures.put_off(session, number, until, code)

        await self.database.write(store)
        if outcome.what == "rejected" or erasure.attempts >= ATTEMPTS:
            log.error("erasure.given_up", customer=erasure.customer_id, provider=erasure.provider, because=code)


def _wait(attempts: int) -> float:
    return float(min(FIRST * 2 ** min(attempts - 1, 20), LONGEST))
