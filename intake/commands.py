"""What people do to one journey: pause, resume, skip, exit.

What must outlive everything is stored first, with the audit log, in one transaction; then the workflow is told by an
Update, and where it stands after that is stored by us, who asked (rules.md 7). A journey meets a stored pause or exit
by itself at its next activity, so an Update that nobody answers delays the command and loses nothing.
The end of a pause that an Update does not bring, the inbox does (`intake.resuming`).
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sqlalchemy.orm import Session
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode
from whenever import Instant

from activities.contract import Act, Standing
from activities.transaction import trace_of
from intake import asking, reader
from intake.asking import Conflict
from intake.dispatcher import deliver
from intake.pauses import Impossible
from intake.reader import Position
from lifecycle.course import due_of
from lifecycle.inputs import ByPerson, Paused, Resumed, Skipped
from lifecycle.interpreter import refusal
from lifecycle.state import STATE, Phase
from store import audit, holds, inbox, journeys, pauses, traces
from store.database import Database
from store.tables import Audit, Journey, Pause

PATIENCE = 10.0
"""Seconds to wait for a worker's answer."""

BY_HAND = "ended by hand"
"""How timelines tell an exit by a person. The person's own words stay in the database: they might name somebody."""


class NoAnswer(Exception):
    """Nobody answered for the journey in time; `str()` says what is stored and what will happen."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands given by `who` (for the audit log) at `now`. All raise reader.Unknown for an unknown journey, Conflict,
    and NoAnswer where no worker or Temporal answers.

    With `key` (an Idempotency-Key, see `intake.asking`) what was carried out is answered by where the journey stands
    now. The workflow knows the key too: a repeat that comes while the first is under way is the same.
    """

    database: Database
    who: str
    now: Instant
    key: str | None = None

    async def pause(
        self,
        client: Client | None,
        journey: str,
        policy: Literal["freeze", "continue"],
        reason: str,
        ends_at: Instant | None = None,
    ) -> Position:
        """Hold the journey, until `ends_at` where that is given. With `freeze` its clock stands, with `continue` it
        runs on. Without a client the pause is stored, and NoAnswer says so. Impossible for an end that is past.
        """
        asked = {"policy": policy} | ({"ends_at": ends_at.format_iso()} if ends_at else {})

        def store(session: Session) -> int | None:
            if asking.before(session, "pause", journey, self.key, asked, ("pause",)):
                return None
            self.going(session, journey)
            if ends_at is not None and ends_at <= self.now:
                raise Impossible("a pause ends after it has begun: give an end that is still ahead")
            lying = pauses.active_on(session, "journey", journey)
            if lying:
                raise Conflict(f"the journey is paused already ({lying[0].reason}); resume it first")
            row = Pause(
                scope="journey",
                target=journey,
                policy=policy,
                reason=reason,
                started_at=self.now,
                made_by=self.who,
                ends_at=ends_at,
            )
            number = pauses.start(session, row)
            holds.add(session, journey, [number], self.now)
            self._log(session, "pause", journey, reason, pause=number, **asked)
            return number

        number = await self.database.write(store)
        if number is None:
            return await self.look(journey)
        stored = "the pause is stored, and holds the journey before its next message"
        standing = await self._act(client, journey, Paused(self.now, str(number), policy), stored)
        if standing is not None and not standing.refused:
            await self._store(journey, standing)
        elif await self._is_over(client, journey):

            def withdraw(session: Session) -> None:
                pauses.withdraw(session, number)
                self._log(session, "pause withdrawn", journey, "the journey had ended", pause=number)

            await self.database.write(withdraw)
            raise Conflict("the journey has ended meanwhile")
        return await self.look(journey)

    async def resume(
        self, client: Client | None, journey: str, handling: Literal["send", "skip"], reason: str
    ) -> Position:
        """End the journey's pause. `handling` says what becomes of what came due under `continue`.

        Without a client the end is stored, and NoAnswer says so.
        """

        def store(session: Session) -> list[int]:
            if asking.before(session, "resume", journey, self.key, {"handling": handling}, ("pause",)):
                return []
            position = self.going(session, journey)
            lying = [row.id for row in pauses.active_on(session, "journey", journey) if row.id is not None]
            if not lying:
                held = f"; {position.next.why}" if position.word == "held" else ""
                raise Conflict(f"the journey itself is not paused{held}")
            for number in lying:
                pauses.end(session, number, self.now, handling)
                self._log(session, "resume", journey, reason, pause=number, handling=handling)
            return lying

        stored = "the end of the pause is stored, and the journey goes on when a worker runs"
        for number in await self.database.write(store):
            standing = await self._act(client, journey, Resumed(self.now, str(number), handling), stored)
            # Refused or not there: it never heard of the pause, and looks at the stored row before its next message.
            if standing is not None and not standing.refused:
                await self._store(journey, standing)
                await self.database.write(partial(holds.remove, pause_id=number, journey_ids=[journey]))
        return await self.look(journey)

    async def skip(self, client: Client, journey: str, what: Literal["wait", "message"], reason: str) -> Position:
        """End the present wait, or drop the next message."""
        command = Skipped(self.now, what)

        def check(session: Session) -> bool:
            if asking.before(session, "skip", journey, self.key, {"what": what}):
                return True
            position = self.going(session, journey)
            if position.word == "starting":
                raise Conflict("the journey has not begun yet: the worker has not told Temporal of it")
            why_not = refusal(position.state, command)
            if why_not:
                raise Conflict(why_not)
            return False

        if await self.database.write(check):
            return await self.look(journey)
        stored = "nothing is stored, but the skip may still happen when a worker runs; look again then"
        standing = await self._act(client, journey, command, stored)
        if standing is None:
            raise NoAnswer("Temporal does not run this journey now, so nothing was skipped; is the worker running?")
        if standing.refused:
            raise Conflict(standing.refused)
        await self._store(journey, standing)

        def told(session: Session) -> None:
            if not asking.before(session, "skip", journey, self.key, {"what": what}):
                self._log(session, "skip", journey, reason, what=what)

        await self.database.write(told)
        return await self.look(journey)

    async def exit(self, client: Client | None, journey: str, reason: str) -> tuple[Position, bool]:
        """End the journey for good, and whether its workflow was told; if not, the worker does that when it can.

        From now on nothing more is sent, whoever has heard of it.
        """

        def store(session: Session) -> None:
            if asking.before(session, "exit", journey, self.key, {}):
                return
            self.going(session, journey)
            if not journeys.stamp_exit(session, journey, self.now, "exited", reason):
                raise Conflict("the journey is ending already")
            inbox.append(session, journey, [inbox.Entry("exit", BY_HAND, self.now, None, {"outcome": "exited"})])
            self._log(session, "exit", journey, reason)

        await self.database.write(store)
        told = client is not None and await self._tell(client, journey)
        return await self.look(journey), told

    async def look(self, journey: str) -> Position:
        """Where the journey stands now."""
        return await self.database.read(lambda session: _position(session, journey, Instant.now()))

    def going(self, session: Session, journey: str) -> Position:
        """Where a journey stands that can be acted on; Conflict for one that has ended, or is in the holdout."""
        position = _position(session, journey, self.now)
        if position.word == "holdout":
            raise Conflict("the journey is in the holdout: nothing is sent in it that could be held or ended")
        if position.word == "ended":
            raise Conflict(f"the journey has ended already: it {position.next.why}")
        return position

    async def _act(self, client: Client | None, journey: str, command: ByPerson, stored: str) -> Standing | None:
        """The workflow's answer; None where Temporal runs no such workflow. `stored` is told where nobody answers."""
        if client is None:
            raise NoAnswer(f"Temporal does not answer; {stored}")
        handle = client.get_workflow_handle(journey)
        try:
            return await asyncio.wait_for(
                handle.execute_update("act", Act(command=command), id=self._update_id(command), result_type=Standing),
                PATIENCE,
            )
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise NoAnswer(f"no worker answered within {PATIENCE:g} s; {stored}") from None
        except WorkflowUpdateFailedError:
            return None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise NoAnswer(f"Temporal does not answer ({error.status.name.lower()}); {stored}") from error

    async def _is_over(self, client: Client | None, journey: str) -> bool:
        """Whether a journey that did not take a command has ended; else it has not begun, or heard of it otherwise."""
        assert client is not None  # it was asked
        row = await self.database.read(lambda session: journeys.get(session, journey))
        if row is None or row.status == "ended":
            return True
        try:
            state = STATE.validate_python(await client.get_workflow_handle(journey).query("state"))
        except RPCError:
            return False
        return state.phase is Phase.ENDED

    async def _store(self, journey: str, standing: Standing) -> None:
        state = STATE.validate_python(standing.state)

        def store(session: Session) -> None:
            plan = _position(session, journey, self.now).plan
            journeys.store_state(session, journey, standing.state, state.n, due_of(plan, state), state.step)
            traces.add(session, [trace_of(journey, line) for line in standing.lines])

        await self.database.write(store)

    async def _tell(self, client: Client, journey: str) -> bool:
        rows = await self.database.read(lambda session: inbox.undelivered_of(session, journey))
        row = await self.database.read(lambda session: journeys.get(session, journey))
        if row is None or row.status == "starting":
            return False
        try:
            await deliver(client, journey, rows)
        except RPCError:
            return False
        taken = [(journey, one.number) for one in rows]
        await self.database.write(lambda session: inbox.mark_delivered(session, taken, self.now))
        return True

    def _log(self, session: Session, act: str, journey: str, reason: str, **data: object) -> None:
        audit.record(
            session,
            Audit(
                at=self.now,
                who=self.who,
                what=act,
                target=journey,
                reason=reason,
                data=asking.keyed(data, self.key) or None,
            ),
        )

    def _update_id(self, command: ByPerson) -> str | None:
        """Temporal carries out one Update of an id once. The key itself stays here: it might name somebody."""
        if self.key is None:
            return None
        about = f"{self.key}|{command.kind}|{getattr(command, 'id', '')}"
        return hashlib.blake2b(about.encode(), digest_size=16).hexdigest()


def _position(session: Session, journey: str, now: Instant) -> Position:
    row: Journey = reader.find_journey(session, journey)
    return reader.position(session, row, now)
