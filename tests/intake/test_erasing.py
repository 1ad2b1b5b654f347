"""Erasing: decided in one transaction, carried out by whoever comes by, and done again without harm."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from intake import erasing, reader
from intake.erasing import Erased, Forgetter
from lifecycle.suppression import SAID_NO
from store import erasing as tables
from store import erasures, journeys
from store.personal import Person
from store.tables import Consent, Customer, Erasure, Event, Message, table_of
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.post import KEY, Post, run
from tests.searching import in_tables

WAITS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"}
ADA = ("ada@example.com", "+33612345678")


@pytest.fixture
def house(build: Build) -> House:
    house = build(WAITS)
    house.identify(email=ADA[0], phone=ADA[1], consent={"news": True})
    house.track("purchase", revenue=49)
    return house


def erase(house: House, name: str = "ada", **more: Any) -> Erased:
    given: dict[str, Any] = {"reason": "asked for it", "who": "test", "now": day(1), "key": KEY, **more}
    return house.write(lambda session: erasing.erase(session, name, **given))


def forget(house: House, at: float, client: Any = None) -> None:
    """What a worker does, at a time in days."""
    assert house.project.map is not None
    forgetter = Forgetter(house.database, client, house.project.map, KEY)
    for one in house.write(partial(erasures.take, now=day(at), limit=10)):
        if one.provider == erasures.OURS:
            run(forgetter.forget(one, day(at)))


def by_id(house: House, id: str) -> Customer:
    (found,) = [row for row in house.rows(Customer) if row.id == id]
    return found


def test_from_the_first_moment_journeys_are_over_and_the_name_is_free(house: House) -> None:
    journey = house.journey().id
    waiting = house.accept("beta", START)
    done = erase(house)
    found = house.read(lambda session: journeys.get(session, journey))
    assert found is not None
    assert (found.status, found.exit_outcome, found.exit_reason) == ("ended", "exited", "erased")
    # What waited is nobody's, and what comes later is somebody new's.
    house.apply(day(1))
    assert (house.event(waiting).outcome, house.event(waiting).customer_id) == ({"erased": True}, done.customer_id)
    house.track("beta", day(1))
    assert house.customer().id != done.customer_id
    assert house.history() == ["beta"]


def test_who_dies_in_the_middle_is_followed_by_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    done = erase(house)
    assert in_names(house, ADA)

    def dies(session: Session, person: Person) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(tables, "scrub", dies)
        with pytest.raises(RuntimeError):
            forget(house, 1)
    assert in_names(house, ADA)
    assert erase(house) == Erased(done.customer_id, done.at, new=False)
    forget(house, 2)
    assert not in_names(house, ADA)
    (ours,) = house.rows(Erasure)
    # Temporal was not reached, and is tried until it is.
    assert (ours.state, ours.subject, ours.error) == ("pending", None, "temporal-away")


def in_names(house: House, texts: Any) -> set[str]:
    return house.read(lambda session: in_tables(session, texts))


def test_a_no_outlives_the_erasure_until_a_yes_that_is_said_after_it(house: House) -> None:
    post = Post.build(house)
    house.identify(consent={"news": False})
    erase(house)
    forget(house, 1)
    assert post.suppressed() == post.suppressed("sms", ADA[1]) == [(SAID_NO, "marketing")]
    assert not in_names(house, ADA)


def test_who_said_no_to_nothing_is_not_suppressed(house: House) -> None:
    erase(house)
    assert Post.build(house).suppressed() == []


def test_providers_are_asked_about_what_they_had_and_nothing_of_the_outbox(house: House) -> None:
    post = Post.build(house)
    post.message("m1", sender="sendgrid")
    post.message("m2", sender="sendgrid", recipient="old@example.com")
    post.message("m3", sender="outbox", recipient="outbox@example.com")
    post.message("m4", "sms", sender="twilio", provider_id="SM1")
    post.message("m5", "sms", state="unknown")
    post.message("m6", state="refused", recipient="refused@example.com")
    erase(house)
    asked = {(row.provider, row.subject) for row in house.rows(Erasure) if row.provider != erasures.OURS}
    assert asked == {("sendgrid", ADA[0]), ("sendgrid", "old@example.com"), ("twilio", "SM1")}
    forget(house, 1)
    # An SMS of which nobody knew: Twilio tells of it, and is asked to delete it.
    post.status("m5", "delivered", day(1))
    post.process(day(1))
    assert ("sms", "SMm5") in {(row.provider, row.subject) for row in house.rows(Erasure)}
    assert [row.state for row in house.rows(Message) if row.id == "m5"] == ["delivered"]


def test_whoever_was_merged_into_the_customer_is_erased_with_them(house: House) -> None:
    house.identify(user="anonymous-1", email="before@example.com")
    living, tombstone = house.customer().id, house.customer("anonymous-1").id

    def merge(session: Session) -> None:
        table = table_of(Customer)
        session.execute(table.update().where(table.c.id == tombstone).values(merged_into=living))

    house.write(merge)
    assert erase(house, "anonymous-1").customer_id == living
    forget(house, 1)
    assert by_id(house, living).erased_at == by_id(house, tombstone).erased_at == day(1)
    assert not in_names(house, [*ADA, "before@example.com", "anonymous-1"])


def test_nothing_is_kept_of_what_comes_in_under_our_own_id(house: House) -> None:
    from intake import consents

    done = erase(house)
    before = len(house.rows(Consent))
    assert house.project.map is not None
    map_, proof = house.project.map, consents.Proof("form", day(2), "192.0.2.1")
    customer = by_id(house, done.customer_id)
    told = house.write(lambda session: consents.record(session, map_, customer, "news", True, proof, day(2)))
    assert (told.state, len(house.rows(Consent))) == ("same", before)
    house.track("purchase", day(2), user=customer.user_id, revenue=7)
    assert house.rows(Event)[-1].properties == {}


def test_nobody_is_erased_who_is_not_known(house: House) -> None:
    with pytest.raises(reader.Unknown):
        erase(house, "bo")
