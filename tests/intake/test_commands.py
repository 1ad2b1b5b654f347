"""Commands of people on a real Temporal server, and what is stored of them (design.md, section 9; rules.md 6, 7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import pytest
from whenever import Instant

import wiring
from embedded import TemporalServer
from intake import commands as intake_commands
from intake import reader
from intake.asking import Conflict
from intake.commands import BY_HAND, Commands, NoAnswer
from intake.dispatcher import Dispatcher
from intake.reader import Position
from lifecycle.inputs import Skipped
from lifecycle.interpreter import refusal
from lifecycle.state import STATE
from store import journeys, pauses
from store.tables import Audit, Journey, Message, Pause
from tests.intake.conftest import Build
from tests.intake.house import House

PLAYBOOKS = {
    "welcome": """entry: {milestone: purchase}
exit: [omega]
steps:
  - wait_for: {milestone: beta}
    id: hear
    timeout: 9 days
    timed_out: [{send: mail/one, id: one}]
  - wait: 3 days
    id: rest
"""
}


@contextlib.asynccontextmanager
async def running(house: House, server: TemporalServer) -> AsyncIterator[Dispatcher]:
    """A worker, and a dispatcher that is driven by hand."""
    engine = wiring.engine(house.project, house.database, server.client)
    dispatcher = Dispatcher(house.database, server.client, house.applier)
    async with contextlib.AsyncExitStack() as stack:
        for one in wiring.workers(engine):
            await stack.enter_async_context(one)
        yield dispatcher


async def begin(house: House, dispatcher: Dispatcher) -> str:
    """Ada enters `welcome` now; the journey's id, once Temporal has it."""
    house.accept("purchase", Instant.now())
    await settle(dispatcher)
    journey = house.journey()
    assert journey.status == "open"
    return journey.id


async def settle(dispatcher: Dispatcher) -> None:
    while await dispatcher.apply() | await dispatcher.tell():
        pass


def by(house: House) -> Commands:
    return Commands(house.database, "cli:test", Instant.now())


def look(house: House, at: Instant | None = None) -> Position:
    return house.read(lambda session: reader.position(session, row(house), at or Instant.now()))


def row(house: House) -> Journey:
    return house.journey()


def log(house: House) -> list[tuple[str, str, str | None]]:
    return [(act.who, act.what, act.reason) for act in house.rows(Audit)]


async def until(check: Callable[[], Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 - what is waited for happens in a server or a database
            await asyncio.sleep(0.02)


async def test_freeze_stops_the_clock_and_resume_leaves_the_remaining_wait(
    build: Build, temporal: TemporalServer
) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        due = look(house).state.due
        assert due is not None
        held = await by(house).pause(temporal.client, journey, "freeze", "on holiday")
        assert (held.word, held.next.at) == ("held", None)
        assert "paused since" in held.next.why
        assert "on holiday" in held.next.why
        assert row(house).due is None  # the answer was stored
        await asyncio.sleep(0.2)
        going = await by(house).resume(temporal.client, journey, "send", "back again")
        assert going.word == "listening"
        assert going.state.due is not None
        assert 0.2 < (going.state.due - due).total("seconds") < 30
        assert row(house).due == going.state.due.round("microsecond", mode="floor")
        assert [line.reason for line in going.lines][-1] == "resumed"
        assert log(house) == [("cli:test", "pause", "on holiday"), ("cli:test", "resume", "back again")]
        (pause,) = house.rows(Pause)
        assert (pause.handling, pause.made_by) == ("send", "cli:test")


async def test_skip_ends_the_wait_and_the_timeline_says_so_at_once(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        await by(house).skip(temporal.client, journey, "wait", "no need to wait")
        await until(lambda: [one.template for one in house.rows(Message)] == ["mail/one"])
        await until(lambda: row(house).step == "rest")
        rested = await by(house).skip(temporal.client, journey, "message", "has had enough")
        assert rested.state.drop_next
        lines = [(line.what, line.reason) for line in look(house).lines]
        assert ("waiting", "skipped") in lines
        assert log(house)[0] == ("cli:test", "skip", "no need to wait")


async def test_exit_ends_the_journey_and_keeps_the_persons_words_out_of_temporal(
    build: Build, temporal: TemporalServer
) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        position, told = await by(house).exit(temporal.client, journey, "ada@example.com asked for it")
        assert told
        assert position.word == "ended"
        assert "ada@example.com asked for it" in position.next.why
        await until(lambda: row(house).status == "ended")
        assert (row(house).exit_outcome, row(house).exit_reason) == ("exited", "ada@example.com asked for it")
        assert look(house).lines[-1].reason == BY_HAND
        history = (await temporal.client.get_workflow_handle(journey).fetch_history()).to_json()
        assert "ada@example.com" not in history
        with pytest.raises(Conflict, match="ended already"):
            await by(house).exit(temporal.client, journey, "again")


async def test_what_makes_no_sense_is_a_conflict_and_changes_nothing(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        with pytest.raises(Conflict, match="not paused"):
            await by(house).resume(temporal.client, journey, "send", "r")
        await by(house).pause(temporal.client, journey, "freeze", "the first")
        with pytest.raises(Conflict, match="the first"):
            await by(house).pause(temporal.client, journey, "freeze", "the second")
        assert len(house.rows(Pause)) == 1
        assert log(house) == [("cli:test", "pause", "the first")]


async def test_a_pause_that_finds_the_workflow_ended_is_taken_back(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        await temporal.client.get_workflow_handle(journey).terminate()
        house.end(journey, Instant.now())
        house.write(lambda session: session.query(Journey).update({"status": "open"}))  # the reader has not seen it
        commands = by(house)
        real = house.database.write

        async def ends_meanwhile(fn: Any) -> Any:
            answer = await real(fn)
            if len(house.rows(Pause)) == 1:
                house.write(lambda session: session.query(Journey).update({"status": "ended"}))
            return answer

        house.database.write = ends_meanwhile  # type: ignore[method-assign]
        with pytest.raises(Conflict, match="ended meanwhile"):
            await commands.pause(temporal.client, journey, "freeze", "r")
        assert house.rows(Pause) == []
        assert [what for _, what, _ in log(house)] == ["pause", "pause withdrawn"]


async def test_without_a_worker_a_pause_is_stored_and_met_at_the_next_activity(
    build: Build, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(PLAYBOOKS)
    monkeypatch.setattr(intake_commands, "PATIENCE", 0.5)
    house.accept("purchase", Instant.now())
    await settle(Dispatcher(house.database, temporal.client, house.applier))
    journey = row(house).id
    with pytest.raises(NoAnswer, match="the pause is stored"):
        await by(house).pause(temporal.client, journey, "freeze", "r")
    assert look(house).word == "held"
    with pytest.raises(NoAnswer, match="nothing is stored"):
        await by(house).skip(temporal.client, journey, "wait", "r")
    with pytest.raises(NoAnswer, match="the end of the pause is stored"):
        await by(house).resume(temporal.client, journey, "send", "r")
    assert look(house).word == "listening"
    await temporal.client.get_workflow_handle(journey).terminate()


async def test_a_journey_that_has_not_begun_can_be_paused_and_ended_and_not_skipped(
    build: Build, temporal: TemporalServer
) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", Instant.now())
    journey = row(house).id
    with pytest.raises(Conflict, match="has not begun"):
        await by(house).skip(temporal.client, journey, "wait", "r")
    await by(house).pause(temporal.client, journey, "freeze", "r")
    async with running(house, temporal) as dispatcher:
        await settle(dispatcher)
        assert look(house).word == "held"
        await by(house).resume(temporal.client, journey, "send", "r")
        assert look(house).word == "listening"
        await temporal.client.get_workflow_handle(journey).terminate()


async def test_a_resume_that_nobody_answered_reaches_the_held_journey_through_its_inbox(
    build: Build, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        await by(house).pause(temporal.client, journey, "freeze", "r")

        async def nobody(*_: Any) -> None:
            raise NoAnswer("no worker answered")

        with monkeypatch.context() as patched:
            patched.setattr(Commands, "_act", nobody)
            with pytest.raises(NoAnswer):
                await by(house).resume(temporal.client, journey, "send", "r")
        while await dispatcher.resume():
            await settle(dispatcher)
        state = STATE.validate_python(await temporal.client.get_workflow_handle(journey).query("state"))
        assert (state.pauses, state.seen) == ((), 1)
        await temporal.client.get_workflow_handle(journey).terminate()


async def test_a_resume_that_was_answered_is_not_told_again(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        await by(house).pause(temporal.client, journey, "freeze", "r")
        await by(house).resume(temporal.client, journey, "send", "r")
        assert not await dispatcher.resume()
        assert house.heard(journey) == []
        await temporal.client.get_workflow_handle(journey).terminate()


async def test_an_exit_needs_no_temporal(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        position, told = await by(house).exit(None, journey, "r")
        assert (position.word, told) == ("ended", False)
        assert house.heard(journey) == [(1, "exit", BY_HAND)]
        await settle(dispatcher)
        await until(lambda: row(house).status == "ended")


async def test_an_older_answer_never_overwrites_a_newer_state(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        real = Commands._store
        newer = {"customer": "x"}

        async def later(self: Commands, one: str, standing: Any) -> None:
            number = STATE.validate_python(standing.state).n + 1
            house.write(
                lambda session: journeys.store_state(session, one, {**standing.state, **newer}, number, None, None)
            )
            await real(self, one, standing)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Commands, "_store", later)
            await by(house).pause(temporal.client, journey, "freeze", "r")
        state = row(house).state
        assert state is not None
        assert state["customer"] == "x"
        await temporal.client.get_workflow_handle(journey).terminate()


async def test_the_reader_says_what_the_workflow_would_say(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        seen = STATE.validate_python(await temporal.client.get_workflow_handle(journey).query("state"))
        assert look(house).state == seen
        assert refusal(seen, Skipped(Instant.now())) is None
        await temporal.client.get_workflow_handle(journey).terminate()


async def test_a_pause_of_the_playbook_is_not_for_the_journey_to_end(build: Build, temporal: TemporalServer) -> None:
    house = build(PLAYBOOKS)
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)
        held = Pause(
            scope="playbook",
            target="welcome",
            policy="freeze",
            reason="too many",
            started_at=Instant.now(),
            made_by="t",
        )
        house.write(lambda session: pauses.start(session, held))
        assert look(house).next.why.startswith("its playbook is paused since")
        with pytest.raises(Conflict, match="its playbook is paused"):
            await by(house).resume(temporal.client, journey, "send", "r")
        await temporal.client.get_workflow_handle(journey).terminate()


async def test_a_skip_that_is_repeated_with_its_key_skips_once(build: Build, temporal: TemporalServer) -> None:
    house = build(
        {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 3 days}, {wait: 5 days}, {wait: 7 days}]\n"}
    )
    async with running(house, temporal) as dispatcher:
        journey = await begin(house, dispatcher)

        async def skip(what: Literal["wait", "message"]) -> Position:
            return await Commands(house.database, "api:crm", Instant.now(), "7f1c").skip(
                temporal.client, journey, what, "x"
            )

        await asyncio.gather(skip("wait"), skip("wait"))  # the second while the first is under way
        await skip("wait")
        skipped = [line for line in look(house).lines if line.to == "skipped" or line.reason == "skipped"]
        assert (len(skipped), look(house).word) == (1, "waiting")
        assert [act.what for act in house.rows(Audit)] == ["skip"]
        with pytest.raises(Conflict, match="another request"):
            await skip("message")
