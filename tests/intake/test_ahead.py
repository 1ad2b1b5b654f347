"""What comes next in a customer's journeys, read from the database: when, what, and how far it is certain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from intake import ahead, profile, reader
from intake.explain import Explainer
from lifecycle.ahead import Ahead
from store import journeys, pauses
from store.tables import Customer, Journey, Pause, Suppression
from tests.activities.conftest import Open, open_desk  # noqa: F401 - a fixture
from tests.foretold import broken
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.test_explain import explainer

PLAYBOOKS = {
    "welcome": """entry: {milestone: purchase}
steps:
  - wait: 12 hours
  - send: text/one
    id: text
    expires: 1 day
  - wait: 2 days
  - branch:
      - if: customer.plan == 'pro'
        then: [{send: mail/two, id: two}]
    id: ask
""",
    "listening": """entry: {milestone: alpha}
steps:
  - wait_for: {milestone: beta}
    id: hear
    timeout: 5 days
  - send: mail/one
""",
}


@pytest.fixture
def house(build: Build) -> House:
    built = build(PLAYBOOKS)
    built.identify(email="ada@example.com", phone="+33612345678", consent=["news"])
    built.track("purchase")
    begin(built)
    return built


def begin(house: House) -> None:
    def started(session: Session) -> None:
        for one in house.journeys():
            journeys.mark_started(session, one.id, START)

    house.write(started)


def coming(session: Session, explainer: Explainer, customer: Customer, now: Instant) -> Mapping[str, Ahead]:
    """By journey that is under way what comes, read as the customer's page reads it."""
    positions = reader.positions(session, journeys.under_way(session, customer.id), now)
    return ahead.of_positions(session, explainer, customer, positions, journeys.outlines(session, customer.id), now)


def look(house: House, now: Instant = START) -> dict[str, Ahead]:
    """By playbook what comes."""
    told = house.read(lambda session: coming(session, explainer(house), house.customer(), now))
    playbook = {one.id: one.playbook for one in house.journeys()}
    return {playbook[journey]: one for journey, one in told.items()}


def said(one: Ahead) -> list[tuple[str, Instant]]:
    return [(line.what, line.at) for line in one.lines]


def test_it_goes_as_far_as_the_next_branch_with_the_hours_that_hold_there(house: House) -> None:
    """Twelve hours after 10:00 in Paris is 22:00, at which no SMS goes there."""
    morning = Instant.from_utc(2026, 3, 3, 9)
    told = look(house)["welcome"]
    assert said(told)[0] == ("deferred", day(0.5))
    (what, at), *rest = said(told)[1:]
    assert (what, at > day(0.5), at <= morning) == ("sent", True, True)
    assert told.lines[0].to == at.format_iso()
    assert [one for one, _ in rest] == ["waiting"]
    assert told.then is not None
    assert (told.then.what, told.then.step, told.then.at) == ("decides", "ask", at.add(hours=48))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"consent": {"news": False}}, "no-consent"),
        ({"phone": "none of your business"}, "invalid-address"),
        ({"phone": None}, "no-address"),
    ],
)
def test_what_would_refuse_it_is_told_before(house: House, change: dict[str, Any], reason: str) -> None:
    house.identify(at=day(0.1), **change)
    first = look(house, day(0.2))["welcome"].lines[0]
    assert (first.what, first.at, first.reason) == ("refused", day(0.5), reason)


def test_a_suppressed_address_is_told_before(house: House) -> None:
    def suppress(session: Session) -> None:
        mark = dict(profile.marks_of(house.customer(), b"key"))["sms"]
        session.add(Suppression(channel="sms", address=mark, reason="stopped", scope="all", at=START, made_by="t"))

    house.write(suppress)
    first = look(house)["welcome"].lines[0]
    assert (first.what, first.reason) == ("refused", "suppressed")


def test_it_stops_at_a_wait_for_a_milestone(house: House) -> None:
    house.track("alpha")
    begin(house)
    told = look(house, day(1))["listening"]
    assert told.lines == ()
    assert told.then is not None
    assert (told.then.what, told.then.step, told.then.until, told.then.keys) == ("listens", "hear", day(5), ("beta",))
    house.track("beta", at=day(2))
    heard = look(house, day(2))["listening"]
    assert [(line.what, line.template) for line in heard.lines] == [("sent", "mail/one"), ("finished", None)]
    assert heard.then is None


def test_a_pause_is_where_it_ends(house: House) -> None:
    row = Pause(
        scope="customer", target=house.customer().id, policy="freeze", reason="x", started_at=START, made_by="t"
    )
    house.write(lambda session: pauses.start(session, row))
    told = look(house, day(3))["welcome"]
    assert told.lines == ()
    assert told.then is not None
    assert told.then.what == "held"


def test_who_is_in_no_journey_has_nothing_before_them(house: House) -> None:
    house.end(house.journey().id, day(1))
    assert look(house, day(1)) == {}


STEPS = """  - send: mail/one
    id: one
  - wait: 2 days
  - send: text/one
    id: text
  - wait: 3 hours
  - set: {tier: gold}
  - send: mail/two
    id: two
"""


def test_what_is_told_is_what_the_activities_then_do(open_desk: Open) -> None:  # noqa: F811
    """The real activities against a real database, with the clock moved to each due time."""
    desk = open_desk(STEPS.replace("  - set: {tier: gold}\n", ""))
    house = desk.house
    house.write(lambda session: journeys.mark_started(session, desk.journey, START))
    checked = 0
    while desk.course.state.phase != "ended" and checked < 12:
        told = house.read(lambda session: coming(session, explainer(house), house.customer(), desk.now))
        had = len(lines_of(house, desk.journey))
        one = told[desk.journey]
        if desk.course.state.phase == "working":
            desk.deliver()
        else:
            desk.wait()
            desk.deliver()
        came = lines_of(house, desk.journey)[had:]
        shorter = one._replace(lines=one.lines[: len(came)])
        assert broken(shorter, came, [Instant.MAX]) == []
        checked += 1
    assert checked >= 3


def lines_of(house: House, journey: str) -> list[Any]:
    from intake.reader import line_of
    from store import traces

    return [line_of(row) for row in house.read(lambda session: traces.of_journey(session, journey))]


def test_a_journey_row_is_left_as_it_was(house: House) -> None:
    before = [one.model_dump() for one in house.rows(Journey)]
    look(house, day(3))
    assert [one.model_dump() for one in house.rows(Journey)] == before
