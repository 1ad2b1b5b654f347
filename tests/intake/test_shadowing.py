"""What a shadow would have done on the stored events, how far to believe it, and that it sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from intake import consents, pauses, shadowing
from intake.asking import Conflict
from intake.reader import Unknown
from lifecycle.comparing import Difference
from lifecycle.plan import Plan
from messaging import addresses
from project import Project
from store import messages, shadows, suppressions
from store.tables import METADATA, JourneyInbox, Message, Suppression
from tests.intake.conftest import Build
from tests.intake.house import House, day
from tests.lifecycle.strategies import compiled

STEPS = [{"id": "first", "send": "mail/one"}, {"wait": "3 days"}, {"id": "second", "send": "mail/two"}]
LATER = [STEPS[0], {"wait": "5 days"}, STEPS[2]]
OFFERS = "entry: {entry}\nsteps: [{{id: first, send: mail/one}}, {{wait: 3 days}}, {{id: second, send: mail/two}}]\n"
SECRET = b"a secret of 32 characters or more"
BEGIN, NOW = day(0), day(40)


def version(steps: list[dict[str, Any]] = LATER, entry: Any = "purchase", **more: Any) -> Plan:
    authored = {"playbook": "offers", "stage": "customer", "description": "A test.", "entry": entry, "steps": steps}
    return compiled({**authored, **more})


@pytest.fixture
def house(build: Build) -> House:
    return build({"offers": OFFERS.format(entry="purchase")})


def agree(house: House, at: Instant, user: str = "ada", *, granted: bool = True) -> None:
    proof = consents.Proof("test", at)
    house.write(lambda session: consents.record(session, house.applier.map, user, "news", granted, proof, at))
    house.apply(at)


def known(house: House, user: str = "ada", at: Instant = BEGIN) -> None:
    """A customer who can be written to."""
    house.identify(at, user, first_name="Ada", email=f"{user}@example.com")
    agree(house, at, user)


def register(house: House, plan: Plan, since: Instant = BEGIN) -> None:
    house.write(lambda session: shadowing.register(session, plan, "", since=since, who="test", now=NOW))


def diff(house: House, playbook: str = "offers") -> tuple[shadowing.Diff, list[Difference]]:
    def look(session: Session) -> tuple[shadowing.Diff, list[Difference]]:
        row = shadowing.find(session, playbook)
        work = shadowing.Diff(session, house.project.world(), row, SECRET, NOW)
        return work, list(work.run())

    return house.read(look)


def told(found: list[Difference]) -> list[tuple[str, str, int | None]]:
    """What, step, and the day on which the new side sends it."""
    return [
        (pair.what, pair.message.step, pair.after and round((pair.after.at - day(0)).total("hours") / 24))
        for one in found
        for journey in one.journeys
        for pair in journey.pairs
    ]


def really_sent(house: House, step: str, at: Instant, occurrence: int = 1, user: str = "ada") -> None:
    """A row of the ledger."""
    journey = house.journey(user)
    row = Message(
        id=f"{journey.id}/{step}/{occurrence}", journey_id=journey.id, step=step, occurrence=str(occurrence),
        customer_id=journey.customer_id, channel="email", template="mail/one", state="accepted",
        due_at=at, claimed_at=at,
    )  # fmt: skip
    house.write(lambda session: messages.add(session, row))


def test_a_message_that_a_shadow_sends_later_is_moved(house: House) -> None:
    known(house)
    house.track("purchase", day(1))
    register(house, version())
    work, found = diff(house)
    assert told(found) == [("same", "first", 1), ("moved", "second", 6)]
    assert work.sums.playbooks["offers"].total().median_shift == 2 * 24 * 3600
    assert (work.sums.customers, work.sums.differing) == (1, 1)


def test_only_what_happens_from_its_beginning_on_counts(house: House) -> None:
    known(house)
    known(house, "bob")
    house.track("purchase", day(1))
    house.track("purchase", day(4), "bob")
    house.track("alpha", day(5))
    register(house, version(), since=day(3))
    work, found = diff(house)
    assert [one.customer for one in found] == [house.customer("bob").id]
    assert work.sums.customers == 2
    ada = work.sums.playbooks["offers"]
    assert ada.entered == [2, 2]  # Ada's journey is under way then, and runs the version that she really has
    assert ada.sent == [3, 3]


def test_who_is_in_it_already_is_not_entered_by_the_shadow(house: House) -> None:
    known(house)
    house.track("purchase", day(1))
    house.track("purchase", day(5))
    register(house, version(), since=day(4))
    work, found = diff(house)
    assert found == []
    assert work.sums.customers == 1


def test_before_its_beginning_journeys_are_those_that_there_were(house: House) -> None:
    """In the versions of that time, and of playbooks that were published already."""
    known(house)
    house.track("purchase", day(1))
    house.track("alpha", day(1))
    really_sent(house, "second", day(4))
    later = {"wait": "30 days"}
    newer = replace(version([STEPS[0], later, STEPS[2]]), playbook="offers")
    other = replace(version([STEPS[0]], "alpha"), playbook="other")
    project = _with(house, newer, other)
    house.write(lambda session: wiring.pin(session, project, wiring.publish(session, project, day(3)), "test", day(3)))
    house.track("beta", day(5))
    register(house, version(), since=day(3.5))
    work, found = diff(house)
    assert found == []
    assert (work.agreement.sent, work.agreement.same, work.agreement.extra) == (1, 1, 0)
    assert work.running is not None
    assert work.running.version == newer.version


def _with(house: House, *plans: Plan) -> Project:
    return replace(
        house.project,
        plans={plan.playbook: plan for plan in plans},
        sources={plan.playbook: "" for plan in plans},
    )


def test_a_shadow_may_enter_others(house: House) -> None:
    known(house)
    house.track("alpha", day(1), amount=5)
    register(house, version(STEPS, {"milestone": "alpha", "if": "event.amount > 3"}))
    _, found = diff(house)
    assert told(found) == [("added", "first", 1), ("added", "second", 4)]
    assert found[0].journeys[0].before is None


def test_an_event_too_old_to_enter_anybody_enters_no_shadow(house: House) -> None:
    known(house, at=day(0))
    house.track("alpha", day(1), received_at=day(3), amount=5)
    house.track("alpha", day(4), received_at=day(8), backfill=True, amount=9)
    register(house, version(STEPS, {"milestone": "alpha", "reentry": "after_exit"}))
    _, found = diff(house)
    assert len(found[0].journeys) == 1


def test_opens_count_where_the_message_has_gone_out(house: House, build: Build) -> None:
    known(house)
    house.track("purchase", day(1))
    house.message("message.opened", house.journey().id, "first", day(2))
    listens: list[dict[str, Any]] = [
        STEPS[0],
        {"wait_for": {"milestone": "message.opened", "of": "first"}, "timeout": "5 days",
         "reached": [{"id": "opened", "send": "mail/two"}]},
    ]  # fmt: skip
    register(house, version(listens))
    _, found = diff(house)
    assert ("same", "first", 1) in told(found)
    assert ("moved", "opened", 2) in told(found)
    register(house, version([{"wait": "3 days"}, *listens]))
    _, found = diff(house)
    assert not [one for one in told(found) if one[1] == "opened"]  # it goes out after it was "opened"


@pytest.mark.parametrize(
    ("happens", "sent"),
    [
        (lambda house: agree(house, day(2), granted=False), ["first"]),
        (lambda house: house.identify(day(2), email="no address"), ["first"]),
        (lambda house: _suppress(house, day(2)), ["first"]),
        (lambda house: _suppress(house, day(2), lifted_at=day(3)), ["first", "second"]),
        (lambda house: _suppress(house, day(30)), ["first", "second"]),
    ],
)
def test_what_keeps_a_message_back_keeps_back_the_shadow(
    house: House, happens: Callable[[House], None], sent: list[str]
) -> None:
    known(house)
    house.track("purchase", day(1))
    happens(house)
    register(house, version())
    work, found = diff(house)
    assert work.sums.playbooks["offers"].sent == [len(sent)] * 2
    assert [step for what, step, _ in told(found) if what != "removed"] == (sent if len(sent) > 1 else [])


def _suppress(house: House, at: Instant, lifted_at: Instant | None = None) -> None:
    mark = addresses.fingerprint(SECRET, "email", "ada@example.com")
    row = Suppression(
        channel="email", address=mark, reason="bounced", scope="all", at=at, lifted_at=lifted_at, made_by="test"
    )
    house.write(lambda session: suppressions.add(session, row))


def test_a_pause_holds_the_shadow_as_it_holds_what_runs(house: House) -> None:
    known(house)
    house.track("purchase", day(1))

    def pause(session: Session) -> int:
        row = pauses.start(
            session, scope="customer", target="ada", reason="a test", who="test", now=day(2), policy="freeze"
        )
        assert row.id is not None
        return row.id

    number = house.write(pause)
    house.write(lambda session: pauses.end(session, number, reason="a test", who="test", now=day(12)))
    register(house, version())
    _, found = diff(house)
    (journey,) = found[0].journeys
    days = [
        [round((message.at - day(0)).total("hours") / 24) for message in (pair.before, pair.after) if message]
        for pair in journey.pairs
    ]
    assert days == [[1, 1], [14, 16]]


def test_who_comes_in_during_a_pause_is_held_from_the_first_message_on(house: House) -> None:
    known(house)
    house.write(
        lambda session: pauses.start(session, scope="playbook", target="offers", reason="t", who="t", now=day(0.5))
    )
    house.track("purchase", day(1))
    register(house, version())
    work, found = diff(house)
    assert found == []
    assert work.sums.playbooks["offers"].sent == [0, 0]


def test_what_people_did_to_a_journey_is_done_again(house: House) -> None:
    known(house)
    house.track("purchase", day(1))
    row = JourneyInbox(journey_id=house.journey().id, number=9, kind="exit", name="ended by hand", at=day(5))
    house.write(lambda session: session.add(row))
    register(house, version())
    _, found = diff(house)
    assert told(found) == [("same", "first", 1), ("removed", "second", None)]
    assert found[0].journeys[0].ends == ("finished", "ended by hand")


def test_erased_and_merged_customers_are_left_out_and_counted(house: House) -> None:
    known(house)
    house.track("purchase", day(1))
    house.track("alpha", day(1), "visitor")
    house.alias("visitor", day(2))
    register(house, version())
    work, found = diff(house)
    assert found == []
    assert work.left_out["merged"] >= 1


# --- how far to believe it -------------------------------------------------------------------------------------------


def test_the_replay_of_what_runs_is_held_against_the_ledger(house: House) -> None:
    known(house)
    known(house, "bob")
    house.track("purchase", day(1))
    house.track("purchase", day(1), "bob")
    really_sent(house, "first", day(1).add(seconds=2))
    really_sent(house, "second", day(9))
    really_sent(house, "third", day(9))
    really_sent(house, "first", day(1), user="bob")
    register(house, version())
    work, _ = diff(house)
    one = work.agreement
    assert (one.sent, one.same, one.otherwise, one.missing, one.extra) == (4, 2, 1, 1, 1)


# --- it sends nothing ------------------------------------------------------------------------------------------------


def rows(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in METADATA.sorted_tables
    }


def test_a_shadow_writes_nothing_but_itself(house: House) -> None:
    known(house)
    house.track("purchase", day(1))
    before = house.read(rows)
    register(house, version())
    _, found = diff(house)
    assert found
    after = house.read(rows)
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "shadow": 1, "audit": 1,
    }  # fmt: skip
    house.track("purchase", day(2), "bob")
    assert {journey.version for journey in house.journeys("bob")} == {house.journey("ada").version}
    house.write(lambda session: shadowing.stop(session, "offers", who="test", now=NOW))
    assert house.read(lambda session: shadows.get(session, "offers")) is None


def test_a_diff_reads_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction in which it is made is refused every change by the database."""
    known(house)
    house.track("purchase", day(1))
    register(house, version())

    def look(session: Session) -> None:
        work = shadowing.Diff(session, house.project.world(), shadowing.find(session, "offers"), SECRET, NOW)
        list(work.run())
        session.add(JourneyInbox(journey_id=house.journey().id, number=7, kind="exit", name="x", at=NOW))
        session.flush()

    with pytest.raises(Exception, match="read"):
        house.read(look)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_the_version_that_runs_is_no_shadow(house: House) -> None:
    with pytest.raises(Conflict, match="is the version that runs"):
        register(house, house.project.plans["offers"])


def test_another_schedule_cannot_be_shown(house: House) -> None:
    with pytest.raises(Conflict, match="time enters offers"):
        register(house, version(entry={"schedule": "0 9 * * MON"}))


def test_there_is_one_shadow_of_a_playbook(house: House) -> None:
    register(house, version())
    register(house, version([STEPS[0]]))
    (name,) = house.read(shadows.names)
    assert name == "offers"
    row = house.read(lambda session: shadowing.find(session, "offers"))
    assert row.version == version([STEPS[0]]).version
    again = shadowing.register
    _, state = house.write(lambda session: again(session, version([STEPS[0]]), "", since=None, who="t", now=day(50)))
    assert state == "same"
    with pytest.raises(Unknown, match="did you mean `offers`"):
        diff(house, "ofers")
