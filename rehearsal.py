"""The real engine with a clock that can be moved: `simulate --temporal`, the demo and tests run on it.

Temporal's own server gives each journey a clock of its own; a rehearsal moves all journeys of one customer together to
whatever is next, in the order in which the core's simulator would: first what happens at an instant, then the timers
due at it, then the events that journeys recorded. Customers do not concern each other and go side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkippingConfig
from whenever import Instant

import rehearsed
import wiring
from activities.contract import Act, Standing
from activities.facts import person_of
from clocks import Clocks, Skipper, Stuck
from embedded import TemporalServer
from intake.dispatcher import Dispatcher
from intake.reader import line_of
from lifecycle.applying import memberships
from lifecycle.consent import written
from lifecycle.course import due_of
from lifecycle.inputs import ByPerson
from lifecycle.simulated import Happening
from lifecycle.state import STATE
from lifecycle.timeline import Line
from project import Project
from store import consents, journeys, segments, traces
from store.database import Database
from store.migrate import upgrade
from store.tables import Consent, Customer, Event, Journey, table_of

EARLY = 5.0
"""Seconds before an instant to which journeys are moved for an event that happens at it: no timer lies in between."""


@dataclass
class Rehearsal:
    """A real engine under a movable clock. `simulated` customers live at the times of their happenings."""

    engine: wiring.Engine
    clocks: Clocks
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def add_customer(
        self, customer: str, attributes: Mapping[str, Any], stage: str | None, topics: Iterable[str], at: Instant
    ) -> None:
        """A customer under an id of ours that is given, who agrees to `topics`, and is in segments already."""
        own = {name: attributes.get(name) for name in ("email", "phone", "time_zone", "language")}
        rest = {name: value for name, value in attributes.items() if name not in own}
        row = Customer(id=customer, user_id=customer, attributes=rest, stage=stage, created_at=at, updated_at=at, **own)
        agreed = [
            Consent(customer_id=customer, source="rehearsal", at=at, **answer._asdict())
            for answer in written(dict.fromkeys(topics, True))
        ]

        def add(session: Session) -> None:
            session.add(row)
            session.flush()
            for one in agreed:
                consents.add(session, one)
            applier = self.engine.applier
            inside = memberships(person_of(session, row), applier.map, applier.conditions, at)
            segments.change(session, customer, dict.fromkeys(inside, True), at)

        await self.engine.database.write(add)

    async def live(self, customer: str, happenings: Iterable[Happening], until: Instant) -> None:
        """Let one customer live through `happenings` and on until nothing is due up to `until`."""
        for happening in happenings:
            await self._pass(customer, happening.at, including=False)
            await self._move_all(customer, happening.at)
            await self._happen(customer, happening)
            await self._settle(customer, happening.at)
        await self._pass(customer, until, including=True)

    async def wake(self, customer: str, at: Instant) -> None:
        """Let those of a customer's journeys go on that a pause held which is over at `at`, as a worker does."""
        await self._move_all(customer, at)
        async with self.turn:
            dispatcher = Dispatcher(self.engine.database, self.engine.client, self.engine.applier, lambda: at)
            while await dispatcher.resume():
                pass
            await self._tell(at)
        await self._settle(customer, at)

    async def timeline(self, customer: str) -> list[list[Line]]:
        """The timelines of a customer's journeys, in the order in which they began."""

        def read(session: Session) -> list[list[Line]]:
            found = journeys.of_customer(session, customer)
            found.sort(key=lambda journey: (journey.entered_at, journey.entry_event_id))
            return [[line_of(row) for row in traces.of_journey(session, journey.id)] for journey in found]

        return await self.engine.database.read(read)

    async def story(self, customer: str) -> list[tuple[str, Line]]:
        """All that happened to a customer, with the playbook of each line, in the order of time."""

        def read(session: Session) -> list[tuple[str, Line]]:
            found = journeys.of_customer(session, customer)
            lines = [(one.playbook, line_of(row)) for one in found for row in traces.of_journey(session, one.id)]
            return sorted(lines, key=lambda told: told[1].at)

        return await self.engine.database.read(read)

    # --- one customer's time ---------------------------------------------------------------------------------------

    async def _pass(self, customer: str, limit: Instant, *, including: bool) -> None:
        while True:
            due = [journey for journey in await self._open(customer) if journey.due is not None]
            due.sort(key=lambda journey: (journey.due, journey.entered_at, journey.entry_event_id))
            if not due or due[0].due is None or due[0].due > limit or (due[0].due == limit and not including):
                return
            journey, at = due[0], due[0].due
            await self._fire(journey, at)
            await self._settle(customer, at)

    async def _fire(self, journey: Journey, due: Instant) -> None:
        """Move a journey's clock to its timer and wait until what follows is done."""
        before = journey.seq
        for _ in range(200):
            await self.clocks.move(journey.id, due.add(seconds=EARLY + 1))
            await self.clocks.rest(journey.id)
            now = await self.engine.database.read(lambda session: journeys.get(session, journey.id))
            if now is None or now.status == "ended" or now.seq > before:
                return
            standing = await self._standing(journey.id)
            if standing is None or standing.due != due:
                return
        raise Stuck(f"{journey.id} does not go on at {due}")

    async def _standing(self, journey: str) -> Journey | None:
        """A journey whose stored state lags behind its workflow, brought up to date from the workflow itself."""
        state = await self.clocks.state(journey)
        if state is None:
            return None
        plan_of = self.engine.applier.plan

        def store(session: Session) -> Journey | None:
            row = journeys.get(session, journey)
            if row is None:
                return None
            data = STATE.dump_python(state, mode="json", exclude_defaults=True)
            plan = plan_of(session, row.version)
            journeys.store_state(session, journey, data, state.n, due_of(plan, state), state.step)
            return journeys.get(session, journey)

        return await self.engine.database.write(store)

    async def _settle(self, customer: str, at: Instant) -> None:
        """Apply what journeys recorded, until nothing is pending and everybody is at rest."""
        while True:
            for journey in await self._open(customer):
                await self.clocks.rest(journey.id)
                await self._standing(journey.id)
            pending = await self.engine.database.read(lambda session: _pending(session, customer))
            if not pending:
                return
            await self._move_all(customer, at)
            await self._dispatch(customer, at)

    async def _dispatch(self, customer: str, at: Instant) -> None:
        """Apply and deliver this customer's events at `at`."""

        def apply(session: Session) -> None:
            for event in _pending(session, customer):
                self.engine.applier.apply(session, event, at)

        async with self.turn:
            await self.engine.database.write(apply)
            await self._tell(at)
        for journey in await self._open(customer):
            await self.clocks.rest(journey.id)

    async def _tell(self, at: Instant) -> None:
        dispatcher = Dispatcher(self.engine.database, self.engine.client, self.engine.applier, lambda: at)
        while await dispatcher.tell():
            pass

    async def _happen(self, customer: str, happening: Happening) -> None:
        if happening.what in ("milestone", "set", "due"):
            map_, number = self.engine.applier.map, next(self.counter)
            await self.engine.database.write(
                lambda session: rehearsed.accept(session, map_, customer, happening, number)
            )
            await self._dispatch(customer, happening.at)
            return
        if happening.what == "move":
            await self._move_on(customer, happening)
            return
        for journey in await self._open(customer):
            await self._command(journey, happening)

    async def _command(self, journey: Journey, happening: Happening) -> None:
        """A person's command, as the command line would give it."""
        database = self.engine.database
        if happening.what == "exit":
            async with self.turn:
                await database.write(lambda session: rehearsed.leave(session, journey, happening))
                await self._tell(happening.at)
            return
        await self._act(journey, await database.write(lambda session: rehearsed.command(session, journey, happening)))

    async def _move_on(self, customer: str, happening: Happening) -> None:
        async with self.turn:
            await self.engine.database.write(lambda session: rehearsed.ask_to_move(session, customer, happening))
            await self._tell(happening.at)

    async def _act(self, journey: Journey, command: ByPerson | None) -> None:
        if command is None:
            return
        handle = self.engine.client.get_workflow_handle(journey.id)
        try:
            await handle.execute_update("act", Act(command=command), result_type=Standing)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            # It has ended since it was looked for, and hears no command any more.

    # --- its journeys ----------------------------------------------------------------------------------------------

    async def _open(self, customer: str) -> list[Journey]:
        found = await self.engine.database.read(lambda session: journeys.under_way(session, customer))
        return [journey for journey in found if journey.status == "open"]

    async def _move_all(self, customer: str, at: Instant) -> None:
        for journey in await self._open(customer):
            await self.clocks.move(journey.id, at.subtract(seconds=EARLY))


def _pending(session: Session, customer: str) -> list[Event]:
    event = table_of(Event)
    found = session.query(Event).where(event.c.state == "pending", event.c.user_id == customer).order_by(event.c.id)
    return list(found)


@contextlib.asynccontextmanager
async def rehearse(project: Project, url: str, *, server: TemporalServer | None = None) -> AsyncIterator[Rehearsal]:
    """A rehearsal of `project` on the database at `url`, which holds nothing yet, and a Temporal server of its own.

    On `server` instead where one is given.
    """
    upgrade(url)
    database = Database(url)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(database.close)
        if server is None:
            server = await stack.enter_async_context(TemporalServer(skipping=True))
        engine = wiring.engine(project, database, server.client, simulated=True)
        await database.write(lambda session: wiring.publish(session, project, Instant.now(), holdouts=False))
        for one in wiring.workers(engine):
            await stack.enter_async_context(one)
        skipper = Skipper(server.client, config=TimeSkippingConfig(enabled=False))
        yield Rehearsal(engine, Clocks(server.client, skipper))
