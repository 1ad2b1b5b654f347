"""What a pause would hold, and what its end would do, is told before anybody confirms it."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy.orm import Session

from intake import consequences
from intake.consequences import Concerned, Foreseen
from intake.pauses import Handling
from store import held, holds
from store.tables import Pause
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.pausing import PLAYBOOKS, end, entered, start


def meet(house: House, pause: Pause, wants: dict[str, str | None]) -> None:
    """What activities store that meet the pause: by journey what it had come to."""
    assert pause.id is not None
    number = pause.id

    def store(session: Session) -> None:
        for minutes, (journey, want) in enumerate(wants.items()):
            holds.add(session, journey, [number], START.add(minutes=minutes), {number: want} if want else None)

    house.write(store)


def foreseen(house: House, pause: Pause) -> Foreseen:
    return house.read(lambda session: consequences.end_of(session, pause))


def test_the_end_of_a_pause_says_how_many_stand_and_which_messages_are_due(build: Build) -> None:
    house = build(PLAYBOOKS)
    one, two, three, four = entered(house, 4)
    made = start(house)
    assert foreseen(house, made) == Foreseen("continue", 0)
    meet(house, made, {one: "email", two: "sms", three: "step", four: "passes"})
    assert foreseen(house, made) == Foreseen("continue", 3, 1, 1)
    end(house, made, day(1))
    house.write(partial(holds.remove, pause_id=made.id or 0, journey_ids=[one]))
    assert foreseen(house, made) == Foreseen("continue", 2, 0, 1)


@pytest.mark.parametrize(
    ("scope", "target", "holds_some"),
    [
        ("everything", "", True),
        ("playbook", "welcome", True), ("playbook", "other", False),
        ("channel", "email", True), ("channel", "sms", False),
        ("customer", "user-0", True), ("customer", "user-2", False),
        ("journey", "0", True), ("journey", "2", False),
        ("account", "acme", True), ("account", "globex", False),
        ("segment", "fans", True), ("segment", "buyers", False),
    ],
)  # fmt: skip
def test_another_pause_is_named_where_it_holds_some_of_the_same_journeys(
    build: Build, scope: str, target: str, holds_some: bool
) -> None:
    house = build(PLAYBOOKS)
    journeys = entered(house, 3)
    house.group("acme", user="user-0")
    house.group("globex", user="user-2")
    house.write(
        lambda session: session.execute(
            held._member.insert(),
            [
                {"segment": "fans", "customer_id": house.customer("user-1").id, "since": START},
                {"segment": "buyers", "customer_id": house.customer("user-2").id, "since": START},
            ],
        )
    )
    made = start(house, "everything", "")
    meet(house, made, {journeys[0]: "email", journeys[1]: "step"})
    if scope == "everything":
        other = start(house, scope, "", now=day(1))
    else:
        named = journeys[int(target)] if scope == "journey" else target
        other = start(house, scope, named, now=day(1), segments=["fans", "buyers"])
    assert [one.id for one in foreseen(house, made).others] == ([other.id] if holds_some else [])
    end(house, other, day(2))
    assert foreseen(house, made).others == ()


@pytest.mark.parametrize(
    ("scope", "target", "count"),
    [
        ("everything", "", 3), ("playbook", "welcome", 2), ("playbook", "other", 1), ("channel", "email", 2),
        ("channel", "sms", 1), ("customer", "user-0", 2), ("account", "acme", 2), ("account", "globex", 0),
        ("segment", "fans", 1), ("journey", "0", 1),
    ],
)  # fmt: skip
def test_before_a_pause_begins_it_is_told_how_many_journeys_are_under_way_there(
    build: Build, scope: str, target: str, count: int
) -> None:
    house = build(PLAYBOOKS)
    journeys = entered(house, 2)
    house.track("gamma", user="user-0")
    house.group("acme", user="user-0")
    house.write(
        lambda session: session.execute(
            held._member.insert(), [{"segment": "fans", "customer_id": house.customer("user-1").id, "since": START}]
        )
    )
    if scope == "customer":
        target = house.customer(target).id
    elif scope == "account":
        accounts = {"acme": house.customer("user-0").account_id or ""}
        target = accounts.get(target, "acc_none")
    elif scope == "journey":
        target = journeys[int(target)]
    found = house.read(lambda session: consequences.start_of(session, scope, target, house.applier.plan))
    assert found == Concerned(count)
    for journey in journeys:
        house.end(journey, day(1))
    after = house.read(lambda session: consequences.start_of(session, scope, target, house.applier.plan))
    ended = {"everything": 2, "customer": 1, "account": min(count, 1), "segment": 1, "journey": 1}
    assert after.journeys == count - ended.get(scope, 2 * (target in ("welcome", "email")))


def test_what_is_counted_has_an_end(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build(PLAYBOOKS)
    entered(house, 3)
    monkeypatch.setattr(consequences, "MOST", 2)
    found = house.read(lambda session: consequences.start_of(session, "everything", "", house.applier.plan))
    assert found == Concerned(2, more=True)
    assert consequences.beginning(found, "everything").startswith("More than 2 journeys are under way")


def test_held_journeys_come_in_pages_the_longest_held_first(build: Build) -> None:
    house = build(PLAYBOOKS)
    journeys = entered(house, 5)
    made = start(house)
    meet(house, made, dict.fromkeys(journeys, "email"))
    number, seen, after = made.id or 0, [], None
    while found := house.read(partial(held.page, pause_id=number, after=after, limit=2)):
        seen += [one.journey for one in found]
        after = (found[-1].since, found[-1].journey)
    assert seen == journeys


# --- the sentences


@pytest.mark.parametrize(
    ("given", "handling", "spread", "says"),
    [
        (Foreseen("continue", 0), "send", None, "No journey stands because of it, so nothing goes out at its end."),
        (Foreseen("continue", 1, 1), "send", None, "1 journey stands because of it and goes on at once. 1 e-mail is"),
        (Foreseen("continue", 3), "send", None, "3 journeys stand because of it and go on at once. No message is due."),
        (
            Foreseen("continue", 100_000, 60_000, 2), "send", 500,
            "the longest held first: that takes 3 hours and 20 minutes. 60,000 e-mails and 2 SMS are due;",
        ),
        (
            Foreseen("continue", 2, 1, 1), "skip", None,
            "1 e-mail and 1 SMS are not sent: what came due meanwhile is skipped.",
        ),
        (Foreseen("freeze", 2), "send", None, "The clock stood: what remained of each wait remains."),
        (Foreseen("freeze", 2, 1), "skip", None, "remains, and at most 1 e-mail goes out at once."),
    ],
)  # fmt: skip
def test_the_end_in_words(given: Foreseen, handling: Handling, spread: int | None, says: str) -> None:
    assert says in consequences.ending(given, handling, spread)


@pytest.mark.parametrize(
    ("count", "spread", "says"),
    [
        (5, 5, "less than a minute"), (6, 5, "1 minute"), (600, 5, "2 hours"),
        (100_000, 1, "69 days and 10 hours"), (61, 60, "1 minute"),
    ],
)  # fmt: skip
def test_how_long_a_spread_takes(count: int, spread: int, says: str) -> None:
    assert consequences.takes(count, spread) == says
