"""The fingerprint of a customer's page changes with each kind of thing that the page shows, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from whenever import Instant

from intake import erasing, pauses, profile
from lifecycle.ledger import PENDING
from lifecycle.state import STATE
from store import (
    audit,
    consents,
    customers,
    deliveries,
    events,
    holds,
    journeys,
    marks,
    messages,
    playbooks,
    segments,
    tasks,
    traces,
)
from store import pauses as stored
from store.tables import (
    Audit,
    Consent,
    ConsentRequest,
    Delivery,
    Journey,
    Message,
    Pause,
    Suppression,
    Task,
    Trace,
    table_of,
)
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.test_finding import statements

PLAYBOOKS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 1 day}, {send: mail/one, id: one}]\n"}
KEY = b"key"

Change = Callable[[House], object]


@pytest.fixture
def house(build: Build) -> House:
    built = build(PLAYBOOKS)
    built.identify(email="ada@example.com", consent=["news"])
    built.group("acme", name="Acme")
    built.track("purchase")
    journey = built.journey()

    def fill(session: Session) -> None:
        session.add(Message(
            id="m1", journey_id=journey.id, step="one", occurrence="1", customer_id=journey.customer_id,
            channel="email", template="mail/one", state="pending", due_at=day(1), claimed_at=day(1),
        ))  # fmt: skip
        session.flush()
        tasks.add(session, Task(id="t1", journey_id=journey.id, step="call", occurrence="1", title="Call",
                                customer_id=journey.customer_id, created_at=START))  # fmt: skip
        asked = ConsentRequest(customer_id=journey.customer_id, topic="news", source="page", at=START)
        consents.add_request(session, asked)
        incident = Pause(scope="everything", policy="continue", reason="x", started_at=START, made_by="test")
        stored.start(session, incident)

    built.write(fill)
    return built


def mark(house: House, now: Instant = START) -> str:
    def read(session: Session) -> str:
        found, merged, addresses = profile.find(session, "ada", KEY)
        with statements(session) as sent:
            word = marks.of_customer(session, found, merged, [hashed for _, hashed in addresses], now)
        assert len(sent) == 1
        return word

    return house.read(read)


def wrote(fn: Callable[[Session, House], object]) -> Change:
    return lambda house: house.write(lambda session: fn(session, house))


def _advance(session: Session, house: House) -> None:
    row = house.journey()
    state = STATE.validate_python(row.state)
    journeys.store_state(session, row.id, row.state or {}, state.n + 1, row.due, row.step)


def _suppress(session: Session, house: House) -> None:
    ((_, hashed),) = profile.marks_of(house.customer(), KEY)
    session.add(Suppression(channel="email", address=hashed, reason="bounced", scope="all", at=START, made_by="test"))


def _delivery(session: Session, house: House) -> None:
    deliveries.add(session, Delivery(message_id="m1", kind="opened", at=START, received_at=START))


def _rename(session: Session, house: House) -> None:
    customer = customers.lock(session, house.customer().id)
    assert customer is not None
    customer.stage = "adopter"
    customers.save(session, customer, day(1))


def _waiting(house: House) -> None:
    house.accept("gamma", day(1))


def _set_aside(house: House) -> None:
    number = house.accept("gamma", day(1))
    waits = mark(house)
    house.write(lambda session: events.set_aside(session, number, "ValueError"))
    assert mark(house) != waits


def _acted(target: Callable[[House], str]) -> Change:
    def record(session: Session, house: House) -> None:
        audit.record(session, Audit(at=START, who="user:kim", what="note", target=target(house), reason="called"))

    return wrote(record)


CHANGES: dict[str, Change] = {
    "a milestone": lambda house: house.track("gamma", at=day(1)),
    "an attribute": lambda house: house.identify(at=day(1), first_name="Ada"),
    "an event that is told and changes nothing": lambda house: house.identify(at=day(1), email="ada@example.com"),
    "the stage": wrote(_rename),
    "the account": lambda house: house.group("acme", at=day(1), user="eve", name="Acme Ltd"),
    "an event that waits": _waiting,
    "an event that was set aside": _set_aside,
    "a message that is claimed": wrote(lambda s, house: messages.claim_again(s, "m1", 1, {"claimed_at": day(1)})),
    "a message that is delivered": wrote(lambda s, house: messages.learn(s, "m1", "delivered", day(1))),
    "a message that is put off again": wrote(
        lambda s, house: messages.decide_again(s, "m1", PENDING, {"not_before": day(3)})
    ),
    "what a provider told": wrote(_delivery),
    "a journey that moves on": wrote(_advance),
    "a journey that begins": wrote(lambda s, house: journeys.mark_started(s, house.journey().id, START)),
    "a journey that is stamped": wrote(
        lambda s, house: journeys.stamp_exit(s, house.journey().id, START, "exited", "x")
    ),
    "a journey that ends": lambda house: house.end(house.journey().id, day(1)),
    "a line of a timeline": wrote(
        lambda s, house: traces.add(s, [Trace(journey_id=house.journey().id, seq=90, at=START, day=0, what="goal")])
    ),
    "a hold": wrote(lambda s, house: holds.add(s, house.journey().id, [1], START)),
    "a pause": wrote(lambda s, house: pauses.start(s, scope="customer", target="ada", reason="x", who="t", now=START)),
    "a pause that ends": wrote(lambda s, house: stored.end(s, 1, day(1), "send")),
    "a task": wrote(
        lambda s, house: tasks.add(
            s,
            Task(id="t2", journey_id=house.journey().id, step="call", occurrence="2", title="Call",
                 customer_id=house.customer().id, created_at=START),
        )
    ),
    "a task that is done": wrote(lambda s, house: tasks.mark_done(s, "t1", day(1))),
    "a task that is somebody's": wrote(lambda s, house: s.execute(update(table_of(Task)).values(assignee="sam"))),
    "consent": wrote(
        lambda s, house: consents.add(
            s, Consent(customer_id=house.customer().id, topic="news", granted=False, source="page", at=START)
        )
    ),
    "a topic that is confirmed": wrote(lambda s, house: consents.mark_confirmed(s, 1, START)),
    "a segment": wrote(lambda s, house: segments.change(s, house.customer().id, {"fans": True}, START)),
    "a suppression": wrote(_suppress),
    "a note about the customer": _acted(lambda house: house.customer().id),
    "an act on a journey": _acted(lambda house: house.journey().id),
    "a message that is sent again": wrote(
        lambda s, house: audit.record(s, Audit(at=START, who="user:kim", what="resend", target="m1", reason="lost"))
    ),
    "who was merged into them": lambda house: house.alias("visitor", at=day(1)),
    "a playbook that is taken out": wrote(lambda s, house: playbooks.deactivate(s, "welcome")),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_each_kind_of_change_shows(house: House, what: str) -> None:
    before = mark(house)
    assert mark(house) == before
    CHANGES[what](house)
    assert mark(house) != before


def test_a_due_time_that_has_passed_shows(house: House) -> None:
    assert mark(house, day(0.5)) == mark(house)
    assert mark(house, day(1.5)) != mark(house)


def test_what_happens_to_others_does_not_show(house: House) -> None:
    house.identify(user="eve", email="eve@example.com")
    before = mark(house)
    house.track("purchase", user="eve", at=day(1))
    house.identify(user="eve", at=day(1), first_name="Eve")
    other = house.journey("eve")
    house.write(lambda session: journeys.mark_started(session, other.id, START))
    assert isinstance(other, Journey)
    assert mark(house) == before


def test_who_is_erased_shows(house: House) -> None:
    before = mark(house)
    customer = house.customer().id
    house.write(lambda session: erasing.erase(session, "ada", reason="asked", who="test", now=day(1), key=KEY))

    def read(session: Session) -> str:
        found, merged, addresses = profile.find(session, customer, KEY)
        return marks.of_customer(session, found, merged, [hashed for _, hashed in addresses], START)

    assert house.read(read) != before
