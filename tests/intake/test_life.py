"""A customer's life as one list: everything that happened, the newest first, in pages that stay put."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session
from whenever import Instant

from intake import consents, life, pauses, profile, reader
from intake.consents import Proof
from intake.life import Entry, Page, Whose
from lifecycle.ledger import message_id
from lifecycle.life import Place
from store import audit, deliveries, events, journeys, tasks
from store.tables import Audit, Customer, Delivery, Message, Milestone, Suppression, Task, table_of
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.test_finding import statements

PLAYBOOKS = {
    "welcome": """entry: {milestone: purchase, if: event.revenue > 0}
steps:
  - wait: 1 day
  - send: mail/one
    id: one
  - wait_for: {milestone: beta}
    id: hear
    timeout: 9 days
"""
}
KEY = b"key"


@pytest.fixture
def house(build: Build) -> House:
    built = build(PLAYBOOKS)
    built.identify(email="ada@example.com", first_name="Ada", consent=["news"])
    built.track("purchase", revenue=49)
    built.write(lambda session: journeys.mark_started(session, built.journey().id, START))
    return built


def page(house: House, after: str | None = None, now: Instant = START, limit: int = life.PAGE) -> Page:
    def read(session: Session) -> Page:
        found, merged, marks = profile.find(session, "ada", KEY)
        had = journeys.of_customer(session, found.id)
        positions = reader.positions(session, [one for one in had if one.status in journeys.UNDER_WAY], now)
        whose = Whose(found, merged, {one.playbook for one in had}, marks)
        return life.read(session, whose, positions, after, limit)

    return house.read(read)


def everything(house: House, limit: int, now: Instant = START) -> list[Entry]:
    found, after = [], None
    while True:
        read = page(house, after, now, limit)
        found += read.entries
        assert len(read.entries) == limit or read.after is None
        if read.after is None:
            return found
        after = read.after


def add_message(house: House, state: str, **more: Any) -> str:
    journey = house.journey()
    identity = message_id(journey.id, "one", 1)
    row = Message(
        id=identity, journey_id=journey.id, step="one", occurrence="1", customer_id=journey.customer_id,
        channel="email", template="mail/one", subject="Hello <b>Ada</b>", state=state, due_at=day(1), claimed_at=day(1),
        **more,
    )  # fmt: skip
    house.write(lambda session: session.add(row))
    return identity


def fill_all(house: House) -> None:
    """One of each kind of thing."""
    customer, journey = house.customer(), house.journey()
    message = add_message(house, "delivered", accepted_at=day(1))

    def fill(session: Session) -> None:
        for kind, at in (("delivered", day(1.1)), ("opened", day(1.2)), ("opened", day(1.3))):
            deliveries.add(session, Delivery(message_id=message, kind=kind, at=at, received_at=at))
        tasks.add(
            session,
            Task(id="t1", journey_id=journey.id, step="call", occurrence="1", customer_id=customer.id,
                 title="Call Ada", assignee="sam@example.com", created_at=day(2)),
        )  # fmt: skip
        asked = {"who": "user:kim", "now": day(3)}
        pauses.start(session, scope="customer", target="ada", reason="on holiday", **asked)  # type: ignore[arg-type]
        lying = pauses.start(session, scope="everything", reason="an incident", who="user:kim", now=day(4))
        assert lying.id is not None
        pauses.end(session, lying.id, reason="over", who="user:kim", now=day(5))
        note = Audit(at=day(6), who="user:kim", what="note", target=customer.id, reason="called, was happy")
        audit.record(session, note)
        for what, target in (("skip", journey.id), ("resend", message)):
            audit.record(session, Audit(at=day(6.1), who="user:kim", what=what, target=target, reason="asked for it"))
        ((_, mark),) = profile.marks_of(customer, KEY)
        session.add(Suppression(channel="email", address=mark, reason="complained", scope="marketing", at=day(7),
                                lifted_at=day(8), made_by="sendgrid"))  # fmt: skip
        proof = Proof("preference page", day(9))
        assert house.project.map is not None
        consents.record(session, house.project.map, "ada", "news", False, proof, day(9))

    house.write(fill)
    house.apply(day(9))
    house.group("acme", at=day(10), name="Acme")
    house.track("purchase", at=day(11), revenue=0)


def test_everything_that_happened_is_told_the_newest_first(house: House) -> None:
    fill_all(house)
    told = page(house, now=day(12)).entries
    assert [one.at for one in told] == sorted((one.at for one in told), reverse=True)
    said = [(one.kind, one.says) for one in told]
    expected = [
        ("milestone", "purchase"),
        ("change", "belongs to the account acme"),
        ("consent", "said no to news"),
        ("suppression", "the e-mail address is no longer suppressed"),
        ("suppression", "the e-mail address is suppressed for marketing"),
        ("act", "sent again"),
        ("act", "skipped"),
        ("note", "called, was happy"),
        ("pause", "the pause of everything ended"),
        ("pause", "everything is paused"),
        ("pause", "paused"),
        ("task", "Call Ada"),
        ("message", "Hello <b>Ada</b>"),
        ("wait", "waits"),
        ("journey", "entered the playbook"),
        ("consent", "agreed to news"),
        ("change", "was told to us"),
    ]
    left = [one for one in said if one in expected]
    assert left[:13] == expected[:13]
    assert set(expected) <= set(said)
    # What happened at one instant is told effects first: read from below, the purchase comes before what it led to.
    at_start = [one.kind for one in told if one.at == START]
    assert at_start.index("wait") < at_start.index("journey") < at_start.index("milestone")


def test_a_message_tells_what_became_of_it_and_its_line_is_not_told_twice(house: House) -> None:
    fill_all(house)
    told = page(house, now=day(12)).entries
    (message,) = [one for one in told if one.kind == "message"]
    assert (message.state, message.playbook, message.step, message.asks) == (
        "delivered",
        "welcome",
        "one",
        message.message,
    )
    assert [(one.what, one.times) for one in message.reactions] == [("delivered", 1), ("opened", 2)]
    assert not [one for one in told if one.says.startswith("message.")]


@pytest.mark.parametrize(
    ("state", "kind", "why"),
    [
        ("refused", "message", "no-consent: the customer has not agreed to this topic"),
        ("pending", "deferred", "no-consent: the customer has not agreed to this topic"),
    ],
)
def test_a_refusal_gives_its_reason_in_plain_words(house: House, state: str, kind: str, why: str) -> None:
    add_message(house, state, reason="no-consent", not_before=day(2))
    (message,) = [one for one in page(house).entries if one.message]
    assert (message.kind, message.why) == (kind, why)
    assert message.until == (day(2) if state == "pending" else None)


def test_a_milestone_that_did_not_enter_a_playbook_says_why(house: House) -> None:
    house.track("purchase", at=day(1), user="eve", revenue=0)
    house.alias("eve", at=day(2))
    entries = page(house, now=day(3)).entries
    (refused,) = [one for one in entries if one.not_entered and ("revenue", "0") in one.values]
    assert refused.not_entered[0].playbook == "welcome"
    assert refused.not_entered[0].because
    assert ("change", "is the same person as eve") in [(one.kind, one.says) for one in entries]


def test_what_came_due_since_the_last_store_is_told_before_anybody_stored_it(house: House) -> None:
    assert [one.says for one in page(house, now=day(0.5)).entries][:2] == ["waits", "entered the playbook"]
    house.write(lambda session: session.execute(table_of(Message).delete()))
    house.track("beta", at=day(0.6))
    late = page(house, now=day(2)).entries
    assert late[0].at <= day(2)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_of_any_length_tell_the_same(house: House, limit: int) -> None:
    fill_all(house)
    whole = page(house, now=day(12), limit=1000).entries
    assert len(whole) > 15
    assert everything(house, limit, day(12)) == whole


def test_what_is_added_above_does_not_move_what_is_below(house: House) -> None:
    fill_all(house)
    first = page(house, now=day(12), limit=5)
    rest = page(house, first.after, day(12), 100).entries
    house.track("gamma", at=day(12))
    assert page(house, first.after, day(13), 100).entries == rest


@pytest.mark.parametrize("word", ["", "nonsense", "1.2", "9" * 40 + ".3.x", "-1.x.y", "1.1.' OR 1=1", "0.4.a/b"])
def test_a_place_that_somebody_made_up_is_no_error(house: House, word: str) -> None:
    assert page(house, word).after is None


def test_a_place_is_written_and_read() -> None:
    place = Place(START, 3, "welcome.1/2.x")
    assert Place.read(place.written()) == place


def test_ten_thousand_entries_page_by_a_fixed_number_of_queries(house: House) -> None:
    customer = house.customer().id

    def fill(session: Session) -> None:
        rows = [
            {"customer_id": customer, "name": "gamma", "at": START.add(minutes=n), "applied_at": START, "event_id": n,
             "properties": {"n": n}}
            for n in range(100, 10_100)
        ]  # fmt: skip
        session.execute(insert(table_of(Milestone)), rows)

    few = queries(house, None)
    house.write(fill)
    first = page(house)
    assert (len(first.entries), first.entries[0].says) == (life.PAGE, "gamma")
    assert queries(house, None) == few <= 26
    assert queries(house, first.after) <= 26
    seen, after, pages = set(), None, 0
    while pages < 5:
        read = page(house, after)
        seen |= {one.at for one in read.entries}
        after, pages = read.after, pages + 1
    assert len(seen) == 5 * life.PAGE


def queries(house: House, after: str | None) -> int:
    def read(session: Session) -> int:
        with statements(session) as sent:
            found, merged, marks = profile.find(session, "ada", KEY)
            had = journeys.of_customer(session, found.id)
            positions = reader.positions(session, had, START)
            life.read(session, Whose(found, merged, {"welcome"}, marks), positions, after)
        return len(sent)

    return house.read(read)


def test_events_of_who_was_merged_are_told(house: House) -> None:
    house.identify(user="visitor", first_name="A. L.", at=day(1))
    house.alias("visitor", at=day(2))
    told = [one.values for one in page(house, now=day(3)).entries if one.kind == "change"]
    assert (("first_name", "A. L."),) in told


def test_not_applied_counts_what_waits_and_what_was_set_aside(house: House) -> None:
    house.accept("gamma", day(1))
    waits = house.accept("gamma", day(1))
    house.accept("gamma", day(1), user="somebody else")
    house.write(lambda session: events.set_aside(session, waits, "ValueError"))
    assert house.read(lambda session: events.not_applied(session, ["ada"])) == 2
    assert house.read(lambda session: events.not_applied(session, [])) == 0
    assert isinstance(house.customer(), Customer)
