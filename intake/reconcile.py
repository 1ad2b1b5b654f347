"""Settles what no journey asks about any more; runs in a worker, once a minute.

- A claim that has been `sending` for longer than any attempt takes: its worker is dead, so it is `unknown`.
- An `unknown` SMS: Twilio is asked. It has it, or it is `lost`: after five minutes, and once the journey went on.
- An accepted SMS of whose end nobody told: callbacks get lost, so Twilio is asked some times in its first day, and its
  answer is stored as the callback that never came.

An unknown e-mail stays so until a callback tells of it: that no news came proves nothing (rules.md 8). Only a journey
sends again, so what it still asks about is left to it. Several workers may do this at once: they ask more than they
need, and settle the same.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlencode

import structlog
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from activities.claiming import absence_proves, is_this
from lifecycle.language.template import Channel
from lifecycle.ledger import UNKNOWN
from lifecycle.state import DEFERRED, READY, STATE, WORKING
from messaging.senders.failover import who_had
from messaging.sending import Outcome, Outgoing, Sender
from store import callbacks, journeys, messages, reviews
from store.database import Database
from store.tables import Callback, Journey, Message

log = structlog.get_logger()

LONGEST_ATTEMPT = TimeDelta(minutes=4)
"""An attempt to deliver is given up before this (`workflows.journey.SENDING`); the rest is for clocks."""

SETTLING = TimeDelta(minutes=1)
"""A callback usually tells sooner than this; before it, nobody is asked."""

AGES: tuple[TimeDelta, ...] = (TimeDelta(minutes=10), TimeDelta(hours=1), TimeDelta(hours=6), TimeDelta(hours=24))
"""How old an accepted SMS is when Twilio is asked what became of it."""

PAGE = 100
"""How many rows one pass looks at of each kind, and so how many questions it asks at most: the rest comes next."""

AT_ONCE = 4
"""How many questions are under way at once, in threads of their own: messages have the others, and do not wait."""

ASKING = frozenset({READY, WORKING, DEFERRED})
"""Phases in which a journey that stands at a send still asks about its message."""


_STATUSES = {"delivered": "delivered", "undelivered": "undelivered", "dropped": "canceled"}
"""What Twilio's callbacks call the end of an SMS."""


class Settled(NamedTuple):
    """What one pass did, in numbers of messages."""

    interrupted: int = 0
    found: int = 0
    lost: int = 0
    ended: int = 0


class Reconciler:
    """`threads` is where senders block."""

    def __init__(self, database: Database, senders: Mapping[Channel, Sender], threads: ThreadPoolExecutor) -> None:
        self.database, self.senders, self.threads = database, senders, threads
        self._unknown_after = ""
        self._asked_until: dict[TimeDelta, tuple[Instant, str]] = {}

    async def run(self, now: Instant) -> Settled:
        """One pass at `now`, which is real time. What senders cannot tell is asked again at the next."""
        interrupted = await self._interrupted(now)
        found, lost = await self._unknown(now)
        settled = Settled(interrupted, found, lost, await self._without_end(now))
        if any(settled):
            log.info("messages.settled", **settled._asdict())
        return settled

    async def _interrupted(self, now: Instant) -> int:
        def settle(session: Session) -> int:
            old = reviews.claimed_before(session, now - LONGEST_ATTEMPT, PAGE)
            return sum(
                messages.settle(session, one.id, one.attempt, "ambiguous", now, reason="interrupted") for one in old
            )

        return await self.database.write(settle)

    # --- unknown SMS -----------------------------------------------------------------------------------------------

    async def _unknown(self, now: Instant) -> tuple[int, int]:
        """How many were found at the provider, and how many are lost."""
        after = self._unknown_after
        rows = await self.database.read(lambda session: messages.in_state(session, [UNKNOWN], PAGE, after, "sms"))
        self._unknown_after = rows[-1].id if len(rows) == PAGE else ""
        old = [row for row in rows if row.claimed_at is not None and row.claimed_at < now - SETTLING]
        answers = await self._ask(old)
        present = [(row, answer) for row, answer in answers if answer.what == "accepted"]
        absent = [row for row, answer in answers if answer.what == "absent" and absence_proves(row, now)]

        def settle(session: Session) -> tuple[int, int]:
            found = [(row, answer) for row, answer in present if is_this(session, row, answer)]
            accepted = sum(
                messages.learn(session, row.id, "accepted", now, answer.provider_id) for row, answer in found
            )
            for row, answer in found:
                if answer.final:
                    _as_callback(session, row, answer, now)
            given_up = [row for row in absent if not _asks(journeys.get(session, row.journey_id), row)]
            lost = sum(messages.settle(session, row.id, row.attempt, "abandoned", now) for row in given_up)
            return accepted, lost

        return await self.database.write(settle) if present or absent else (0, 0)

    # --- accepted SMS ----------------------------------------------------------------------------------------------

    async def _without_end(self, now: Instant) -> int:
        """How many have come to an end that no callback told of."""
        return sum([await self._of_age(age, now) for age in AGES])

    async def _of_age(self, age: TimeDelta, now: Instant) -> int:
        # What a worker that was away has missed is asked once, at the first age.
        begin = (now - AGES[-1] if age == AGES[0] else now - age, "")
        after = self._asked_until.setdefault(age, begin)
        rows = await self.database.read(lambda session: reviews.without_end(session, "sms", after, now - age, PAGE))
        if not rows:
            return 0
        last = rows[-1]
        assert last.accepted_at is not None
        answers = await self._ask(rows)
        self._asked_until[age] = (last.accepted_at, last.id)
        ended = [(row, one) for row, one in answers if one.final and one.provider_id == row.provider_id]
        return await self.database.write(
            lambda session: sum(_as_callback(session, row, answer, now) for row, answer in ended)
        )

    async def _ask(self, rows: Sequence[Message]) -> list[tuple[Message, Outcome]]:
        """What the provider of each message says about it; those left out that nobody can be asked about."""
        asked = [row for row in rows if row.recipient is not None and row.text and not self.senders["sms"].stores]
        limit = asyncio.Semaphore(AT_ONCE)

        async def ask(row: Message) -> Outcome:
            async with limit:
                return await asyncio.get_running_loop().run_in_executor(self.threads, self._look_up, row)

        return list(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))

    def _look_up(self, row: Message) -> Outcome:
        assert row.recipient is not None
        assert row.claimed_at is not None
        message = Outgoing(row.id, "sms", row.recipient, row.text or "")
        return who_had(self.senders["sms"], row.sender).look_up(message, row.claimed_at)


def _as_callback(session: Session, row: Message, answer: Outcome, now: Instant) -> bool:
    """Store an answer as the callback that never came, so that all follows from it that follows from one.

    False where another worker asked the same and was told the same.
    """
    assert answer.final is not None
    told = {"id": row.id, "MessageSid": answer.provider_id or "", "MessageStatus": _STATUSES[answer.final]}
    body = urlencode(told).encode()
    digest = hashlib.sha256(b"asked\0" + body).hexdigest()
    return callbacks.insert_new(session, Callback(provider="twilio-status", digest=digest, body=body, received_at=now))


def _asks(journey: Journey | None, message: Message) -> bool:
    """Whether a journey stands at the step of a message, or is still on its way there, and so will ask.

    The stored position lags: while an attempt is out, it is that before the step (rules.md 7).
    """
    if journey is None or journey.status == "ended" or journey.exit_at is not None or journey.state is None:
        return False
    state = STATE.validate_python(journey.state)
    if message.occurrence.isdecimal() and state.occurrences.get(message.step, 0) < int(message.occurrence):
        return True
    at = state.step == message.step and str(state.occurrences.get(message.step)) == message.occurrence
    return at and state.phase in ASKING
