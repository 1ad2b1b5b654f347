"""The reconciler (rules.md 8): it settles what no journey asks about any more, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

import project
from intake import callbacks, reconcile
from intake.reconcile import Reconciler, Settled
from lifecycle.language.template import Channel
from lifecycle.state import STATE, Phase, State
from messaging.senders.failover import Failover
from messaging.sending import Outbox, Outcome, Outgoing, Sender
from store import events, journeys, messages
from store.database import Database
from store.tables import Event, Message
from tests.intake.house import PROJECT
from tests.store.rows import START, add_journey, message

ABSENT = Outcome("absent")


class Provider:
    """A sender that is only asked, and answers with `answer`."""

    stores = False

    def __init__(self, name: str = "twilio", answer: Outcome = ABSENT) -> None:
        self.name, self.answer = name, answer
        self.asked: list[str] = []

    def send(self, message: Outgoing) -> Outcome:
        raise AssertionError("only a journey sends")

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        assert (message.to, message.text) == ("+33612345678", "Well done")
        self.asked.append(message.id)
        return self.answer

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted")

    def close(self) -> None:
        pass


class Scene:
    """A database with messages of one journey each; all were claimed at START."""

    def __init__(self, database: Database, threads: ThreadPoolExecutor) -> None:
        self.database, self.threads = database, threads
        self.provider = Provider()
        self.reconciler = Reconciler(database, {"email": self.provider, "sms": self.provider}, threads)

    def add(self, name: str, state: str, *, asks: bool = False, channel: str = "sms", **values: object) -> str:
        """A message, whose journey still asks about it or has gone on; its id."""
        stands = State("ada", "UTC", START, START, Phase.DEFERRED if asks else Phase.WAITING, "hello", n=7)
        stands.occurrences = {"hello": 1}

        def add(session: Session) -> str:
            step = {"state": STATE.dump_python(stands, mode="json"), "step": "hello"}
            made = message(add_journey(session, name, name, **step), id=name, channel=channel, state=state)
            made.recipient, made.text = "+33612345678", "Well done"
            for key, value in values.items():
                setattr(made, key, value)
            messages.add(session, made)
            return made.id

        return self.database.write_now(add)

    def row(self, identity: str) -> Message:
        found = self.database.read_now(lambda session: messages.by_id(session, identity))
        assert found is not None
        return found

    def events(self) -> list[Event]:
        return self.database.read_now(lambda session: events.next_pending(session, START.add(hours=1000), 10))

    async def process(self) -> None:
        """What the worker does next: it processes callbacks."""
        house = project.load(PROJECT).map
        assert house is not None
        await callbacks.process(self.database, house, b"key", START)

    async def after(self, minutes: float) -> Settled:
        """A pass so long after START."""
        return await self.reconciler.run(START.add(minutes=minutes))


@pytest.fixture
def scene(url: str) -> Iterator[Scene]:
    database = Database(url)
    with ThreadPoolExecutor(4) as threads:
        yield Scene(database, threads)
    database.close()


# --- a worker that died


async def test_a_claim_older_than_any_attempt_is_unknown_and_a_younger_one_is_left_alone(scene: Scene) -> None:
    old = scene.add("old", "sending", channel="email")
    young = scene.add("young", "sending", channel="email", claimed_at=START.add(minutes=9))
    assert await scene.after(10) == Settled(interrupted=1)
    assert (scene.row(old).state, scene.row(old).reason) == ("unknown", "interrupted")
    assert scene.row(young).state == "sending"


# --- unknown messages


async def test_an_unknown_sms_that_the_provider_has_is_accepted_though_its_journey_still_asks(scene: Scene) -> None:
    asked, over = scene.add("asked", "unknown", asks=True), scene.add("over", "unknown")
    scene.provider.answer = Outcome("accepted", provider_id="SM1")
    assert await scene.after(2) == Settled(found=2)
    for one in map(scene.row, (asked, over)):
        assert (one.state, one.provider_id, one.reason) == ("accepted", "SM1", None)
        assert one.accepted_at == START.add(minutes=2)


async def test_an_absent_sms_is_lost_after_five_minutes_and_only_once_its_journey_went_on(scene: Scene) -> None:
    asked, over = scene.add("asked", "unknown", asks=True), scene.add("over", "unknown")
    assert await scene.after(4.9) == Settled()
    assert await scene.after(5) == Settled(lost=1)
    assert (scene.row(over).state, scene.row(asked).state) == ("lost", "unknown")


async def test_an_sms_of_a_journey_that_has_ended_is_lost_though_it_ended_at_that_step(scene: Scene) -> None:
    name = scene.add("ended", "unknown", asks=True)

    def end(session: Session) -> None:
        assert journeys.close(session, "ended", 0, START, "exited", None)

    scene.database.write_now(end)
    assert await scene.after(6) == Settled(lost=1)
    assert scene.row(name).state == "lost"


async def test_a_journey_that_is_at_the_step_for_another_time_asks_about_another_message(scene: Scene) -> None:
    name = scene.add("again", "unknown", asks=True, occurrence="0")
    assert await scene.after(6) == Settled(lost=1)
    assert scene.row(name).state == "lost"


async def test_an_sms_of_which_the_provider_cannot_tell_stays_unknown(scene: Scene) -> None:
    name = scene.add("over", "unknown")
    scene.provider.answer = Outcome("unknown")
    assert await scene.after(600) == Settled()
    assert scene.row(name).state == "unknown"


async def test_an_unknown_email_stays_unknown_and_nobody_is_asked(scene: Scene) -> None:
    name = scene.add("over", "unknown", channel="email")
    assert await scene.after(600) == Settled()
    assert (scene.row(name).state, scene.provider.asked) == ("unknown", [])


async def test_a_message_that_was_claimed_again_meanwhile_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider was asked about the attempt before: its answer says nothing of the next one."""
    name = scene.add("over", "unknown")

    def claimed_again(message: Outgoing, since: Instant) -> Outcome:
        values = {"claimed_at": START.add(minutes=6)}
        assert scene.database.write_now(lambda session: messages.claim_again(session, name, 1, values))
        return ABSENT

    monkeypatch.setattr(scene.provider, "look_up", claimed_again)
    assert await scene.after(6) == Settled()
    assert scene.row(name).state == "sending"


async def test_with_two_senders_the_one_is_asked_that_had_the_message(scene: Scene) -> None:
    name = scene.add("over", "unknown", sender="second")
    first, second = Provider("first", Outcome("unknown")), Provider("second")
    pair = Failover(first, second)
    scene.reconciler = Reconciler(scene.database, {"email": pair, "sms": pair}, scene.threads)
    assert await scene.after(6) == Settled(lost=1)
    assert (first.asked, second.asked) == ([], [name])


async def test_the_outbox_is_never_asked(scene: Scene) -> None:
    scene.add("over", "unknown")
    scene.reconciler = Reconciler(scene.database, {"email": Outbox(), "sms": Outbox()}, scene.threads)
    assert await scene.after(6) == Settled()


async def test_all_unknown_sms_are_reached_pass_by_pass_and_then_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    names = [scene.add(f"j{number}", "unknown", asks=True) for number in range(5)]
    for minute in (6, 7, 8, 9):
        await scene.after(minute)
    assert scene.provider.asked == [*names, *names[:2]]


async def test_an_unknown_sms_that_is_found_delivered_is_delivered(scene: Scene) -> None:
    name = scene.add("over", "unknown")
    scene.provider.answer = Outcome("accepted", provider_id="SM1", final="delivered")
    assert await scene.after(2) == Settled(found=1)
    await scene.process()
    assert scene.row(name).state == "delivered"


# --- accepted messages whose end nobody told


@pytest.mark.parametrize("end", ["delivered", "undelivered", "dropped"])
async def test_an_accepted_sms_of_which_nobody_told_is_asked_about_and_comes_to_its_end(scene: Scene, end: str) -> None:
    name = scene.add("sent", "accepted", accepted_at=START, provider_id="SM1")
    scene.provider.answer = Outcome("accepted", provider_id="SM1", final=end)  # type: ignore[arg-type]
    assert await scene.after(9.9) == Settled()
    assert await scene.after(10.1) == Settled(ended=1)
    await scene.process()
    assert scene.row(name).state == end
    milestones = {"delivered": "message.delivered", "undelivered": "message.bounced", "dropped": "message.bounced"}
    assert [event.name for event in scene.events()] == [milestones[end]]


async def test_several_workers_that_ask_the_same_tell_it_once(scene: Scene) -> None:
    scene.add("sent", "accepted", accepted_at=START, provider_id="SM1")
    scene.provider.answer = Outcome("accepted", provider_id="SM1", final="delivered")
    both: Mapping[Channel, Sender] = {"email": scene.provider, "sms": scene.provider}
    others = [Reconciler(scene.database, both, scene.threads) for _ in range(2)]
    settled = [await other.run(START.add(minutes=11 + number)) for number, other in enumerate(others)]
    assert settled == [Settled(ended=1), Settled()]


async def test_the_end_of_another_sms_of_the_same_words_is_not_taken_for_this_one_s(scene: Scene) -> None:
    name = scene.add("sent", "accepted", accepted_at=START, provider_id="SM1")
    scene.provider.answer = Outcome("accepted", provider_id="SM2", final="delivered")
    assert await scene.after(11) == Settled()
    await scene.process()
    assert scene.row(name).state == "accepted"


async def test_an_sms_without_an_end_is_asked_about_a_few_times_and_then_never_again(scene: Scene) -> None:
    scene.add("sent", "accepted", accepted_at=START, provider_id="SM1")
    scene.provider.answer = Outcome("accepted", provider_id="SM1")
    for minute in range(0, 60 * 30, 20):
        await scene.after(minute)
    assert len(scene.provider.asked) == len(reconcile.AGES)


async def test_a_worker_that_was_away_asks_once_about_what_it_missed(scene: Scene) -> None:
    name = scene.add("sent", "accepted", accepted_at=START, provider_id="SM1")
    assert await scene.after(60 * 20) == Settled()
    assert scene.provider.asked == [name]


async def test_many_that_were_accepted_at_once_are_all_asked_about(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    names = [scene.add(f"j{number}", "accepted", accepted_at=START, provider_id="SM1") for number in range(5)]
    for minute in (11, 12, 13, 14):
        await scene.after(minute)
    assert scene.provider.asked == names


async def test_an_accepted_email_is_never_asked_about(scene: Scene) -> None:
    scene.add("sent", "accepted", channel="email", accepted_at=START, provider_id="X1")
    await scene.after(60)
    assert scene.provider.asked == []


async def test_an_absent_sms_is_not_lost_while_its_journey_is_still_on_its_way_to_ask(scene: Scene) -> None:
    """The stored position lags: it is that before the step as long as the attempt is out."""
    before = State("ada", "UTC", START, START, Phase.WAITING, "before", n=7)
    identity = scene.add("m", "unknown")
    stored = STATE.dump_python(before, mode="json")
    scene.database.write_now(lambda session: journeys.store_state(session, "m", stored, 8, None, "before"))
    assert await scene.after(10) == Settled()
    assert scene.row(identity).state == "unknown"


async def test_what_the_provider_has_of_another_message_proves_nothing_about_this_one(scene: Scene) -> None:
    scene.add("other", "accepted", provider_id="SM1")
    identity = scene.add("m", "unknown")
    scene.provider.answer = Outcome("accepted", provider_id="SM1")
    await scene.after(2)
    assert scene.row(identity).state == "unknown"
