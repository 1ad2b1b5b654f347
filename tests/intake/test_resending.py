"""A message that a person sends again is a new one, is decided upon like any other, and goes once at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from whenever import Instant

import activities.resending as way
from intake import erasing, pauses, resending
from intake.asking import Conflict
from intake.pauses import Impossible
from intake.reader import Unknown
from intake.reconcile import Reconciler
from intake.resending import Resender
from messaging.sending import Outcome
from store import messages, resends
from store.tables import Audit, Message, Resend, table_of
from tests.activities.desk import Desk, Killed
from tests.intake.house import START, House
from tests.intake.post import KEY

MAIL = "entry: {milestone: alpha}\nsteps: [{send: mail/one}]\n"


@pytest.fixture
def desk(tmp_path: Path, url: str) -> Iterator[Desk]:
    """Ada has got mail/one, and her journey is over."""
    house = House.build(tmp_path, url, {"first": MAIL})
    house.identify(email="ada@example.com", phone="+33612345678", consent=["news"])
    house.track("alpha")
    made = Desk(house, START)
    assert made.what() == ("sent", None)
    made.finish()
    assert made.ended()
    yield made
    made.engine.tools.threads.shutdown()
    house.database.close()


def ask(desk: Desk, message: str | None = None, at: Instant = START, **more: Any) -> str:
    name = message or first(desk)
    given = {"reason": "wrong mailbox", "who": "test", "now": at, **more}
    return desk.house.write(lambda session: resending.ask(session, name, **given))


def first(desk: Desk) -> str:
    return next(row.id for row in desk.house.rows(Message) if not row.occurrence.startswith("manual:"))


def work(desk: Desk, at: Instant) -> bool:
    """What a worker does at `at`; whether there was anything."""

    async def step() -> bool:
        database = desk.engine.tools.database
        resend = await database.write(lambda session: resends.take(session, at))
        if resend is None:
            return False
        again = await way.Resending(desk.engine.tools, resend, lambda: at).attempt()
        await database.write(lambda session: resends.put_off(session, resend.message_id, again))
        return True

    return asyncio.run(step())


def become(desk: Desk, state: str) -> None:
    """Every message gets this state."""
    desk.house.write(lambda session: session.execute(update(table_of(Message)).values(state=state)))


def row(desk: Desk, message: str) -> Message:
    found = desk.house.read(lambda session: messages.by_id(session, message))
    assert found is not None
    return found


def test_it_is_a_new_message_that_goes_once_also_when_the_journey_is_over(desk: Desk) -> None:
    made = ask(desk)
    assert made != first(desk)
    assert work(desk, START)
    assert not work(desk, START.add(hours=24))
    again = row(desk, made)
    assert (again.occurrence, again.state, again.template) == ("manual:1", "accepted", "mail/one")
    assert [sent.id for sent in desk.sender.sent] == [first(desk), made]
    assert desk.sender.seen == ["sending", "sending"]
    checks = {check["check"]: check["passed"] for check in (again.decision or {})["checks"]}
    assert checks["no-consent"]
    assert checks["suppressed"]
    (act,) = desk.house.rows(Audit)
    assert (act.what, act.target, act.reason, (act.data or {})["message"]) == (
        "resend", first(desk), "wrong mailbox", made,
    )  # fmt: skip
    assert row(desk, first(desk)).state == "accepted"
    second = ask(desk, made)
    assert work(desk, START)
    assert row(desk, second).occurrence == "manual:2"


def test_the_worker_takes_it_up_by_itself(desk: Desk) -> None:
    made = ask(desk, at=Instant.now())
    resender = Resender(desk.engine.tools)
    assert asyncio.run(resender.step(Instant.now()))
    assert not asyncio.run(resender.step(Instant.now()))
    assert row(desk, made).state == "accepted"


@pytest.mark.parametrize(
    ("before", "state", "reason"),
    [
        (lambda house: house.identify(consent={"news": False}), "refused", "no-consent"),
        (lambda house: house.identify(email="nobody"), "rejected", "invalid-address"),
    ],
)
def test_what_refuses_any_message_refuses_it(
    desk: Desk, before: Callable[[House], Any], state: str, reason: str
) -> None:
    before(desk.house)
    made = ask(desk)
    assert work(desk, START)
    assert (row(desk, made).state, row(desk, made).reason) == (state, reason)
    assert not work(desk, START.add(hours=24))
    assert len(desk.sender.sent) == 1


def test_a_pause_holds_it_and_after_three_days_it_has_expired(desk: Desk) -> None:
    held = desk.house.write(
        lambda session: pauses.start(session, scope="everything", reason="incident", who="test", now=START)
    )
    made = ask(desk)
    assert work(desk, START)
    assert (row(desk, made).state, row(desk, made).reason) == ("pending", "paused")
    assert not work(desk, START.add(seconds=30))
    assert work(desk, START.add(minutes=2))
    desk.house.write(
        lambda session: pauses.end(session, held.id or 0, reason="over", who="test", now=START.add(hours=1))
    )
    assert work(desk, START.add(hours=2))
    assert row(desk, made).state == "accepted"
    late = ask(desk, at=START.add(hours=3))
    assert work(desk, START.add(hours=76))
    assert (row(desk, late).state, row(desk, late).reason) == ("expired", "expired")


def test_the_end_of_a_journey_does_not_withdraw_it(desk: Desk) -> None:
    desk.house.write(
        lambda session: pauses.start(session, scope="everything", reason="incident", who="test", now=START)
    )
    made = ask(desk)
    work(desk, START)
    desk.house.write(lambda session: messages.withdraw(session, desk.journey, START))
    assert row(desk, made).state == "pending"


def test_a_worker_that_dies_while_it_sends_leaves_a_message_that_nobody_sends_again(desk: Desk) -> None:
    made = ask(desk)
    desk.sender.answers = [Killed()]
    with pytest.raises(Killed):
        work(desk, START)
    assert row(desk, made).state == "sending"
    assert not work(desk, START.add(minutes=5))  # it is leased still
    assert work(desk, START.add(minutes=11))
    assert len(desk.sender.sent) == 2
    reconciler = Reconciler(desk.house.database, {"email": desk.sender, "sms": desk.sender}, desk.engine.tools.threads)
    asyncio.run(reconciler.run(START.add(minutes=12)))
    assert row(desk, made).state == "unknown"
    assert not work(desk, START.add(hours=24))
    assert len(desk.sender.sent) == 2


def test_an_answer_that_leaves_it_unknown_is_not_tried_again(desk: Desk) -> None:
    made = ask(desk)
    desk.sender.answers = [Outcome("unknown", "timeout")]
    assert work(desk, START)
    assert row(desk, made).state == "unknown"
    desk.house.write(lambda session: resends.put_off(session, made, START))  # whoever takes it up all the same
    assert work(desk, START)
    assert len(desk.sender.sent) == 2


def test_what_surely_did_not_go_is_tried_again(desk: Desk) -> None:
    made = ask(desk)
    desk.sender.answers = [Outcome("later", "rate-limited", wait=7)]
    assert work(desk, START)
    assert (row(desk, made).state, row(desk, made).reason) == ("pending", "rate-limited")
    assert not work(desk, START.add(seconds=30))
    assert work(desk, START.add(seconds=61))
    assert (row(desk, made).state, row(desk, made).attempt) == ("accepted", 2)


def test_whoever_asks_twice_is_answered_once_and_while_it_waits_refused(desk: Desk) -> None:
    made = ask(desk, key="k1")
    assert ask(desk, key="k1") == made
    with pytest.raises(Conflict, match="being sent again already"):
        ask(desk)
    assert len(desk.house.rows(Resend)) == 1
    work(desk, START)
    assert ask(desk, key="k1") == made
    assert ask(desk, key="k2") != made


def test_what_may_still_go_by_itself_and_what_nobody_may_get_is_not_sent_again(desk: Desk) -> None:
    name = first(desk)
    for state in ("pending", "sending", "unknown"):
        become(desk, state)
        with pytest.raises(Conflict, match="may still go by itself"):
            ask(desk)
    become(desk, "accepted")
    with pytest.raises(Unknown):
        ask(desk, "nothing")
    with pytest.raises(Impossible):
        ask(desk, reason=" ")
    assert desk.house.rows(Resend) == []
    made = ask(desk)
    desk.house.write(lambda session: erasing.erase(session, "ada", reason="asked", who="test", now=START, key=KEY))
    assert work(desk, START)
    assert [one.id for one in desk.house.rows(Message)] == [name]
    with pytest.raises(Conflict, match="erased"):
        ask(desk, name)
    assert made not in [sent.id for sent in desk.sender.sent]
