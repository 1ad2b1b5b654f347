"""What is added, removed and moved between two versions, for one customer and in sum."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.backtest import Comparison
from lifecycle.comparing import Compared, Difference, Lived, Sent, compared
from lifecycle.differences import Sums
from tests.lifecycle.strategies import compiled, world

START = Instant.from_utc(2026, 1, 5, 9)
STEPS = [
    {"id": "first", "send": "mail/one"},
    {"wait": "20 days"},
    {"id": "last", "send": "mail/one"},
]
RANDOM = {"playbook": "random", "stage": "customer", "entry": "purchase", "steps": STEPS}


def sent(step: str, days: int, template: str = "mail/one", occurrence: int = 1) -> Sent:
    return Sent(step, occurrence, template, "email", START.add(hours=24 * days))


def journey(*messages: Sent, end: str | None = "finished", days: int = 0, per: str | None = None) -> Lived:
    return Lived("random", per, "UTC", START.add(hours=24 * days), end, messages, {})


def of(before: Lived | None, after: Lived | None) -> Compared:
    (found,) = compared([before] if before else [], [after] if after else [])
    return found


def told(found: Compared) -> list[tuple[str, str]]:
    return [(pair.what, pair.message.step) for pair in found.pairs]


def test_a_message_of_the_same_step_at_another_time_is_moved() -> None:
    found = of(journey(sent("a", 1), sent("b", 2)), journey(sent("a", 1), sent("b", 5)))
    assert told(found) == [("same", "a"), ("moved", "b")]
    assert found.pairs[1].shift == 3 * 24 * 3600


def test_a_step_under_another_name_is_known_by_its_template() -> None:
    found = of(journey(sent("a", 1, "x"), sent("b", 2, "y")), journey(sent("c", 1, "x"), sent("d", 4, "y")))
    assert told(found) == [("same", "c"), ("moved", "d")]


def test_a_step_that_sends_another_template_removes_one_message_and_adds_one() -> None:
    assert told(of(journey(sent("a", 1, "x")), journey(sent("a", 1, "y")))) == [("removed", "a"), ("added", "a")]


def test_of_a_repeated_message_the_last_ones_are_removed_when_it_is_repeated_less() -> None:
    often = [sent("tips", 7 * number, occurrence=number + 1) for number in range(4)]
    assert told(of(journey(*often), journey(*often[:2]))) == [
        ("same", "tips"), ("same", "tips"), ("removed", "tips"), ("removed", "tips"),
    ]  # fmt: skip


def test_a_message_put_in_front_of_the_same_ones_is_the_only_one_that_is_added() -> None:
    before = journey(sent("x", 3, "t"), sent("y", 9, "t"))
    after = journey(sent("new", 1, "t"), sent("p", 3, "t"), sent("q", 9, "t"))
    assert told(of(before, after)) == [("added", "new"), ("same", "p"), ("same", "q")]


def test_another_end_differs_and_another_time_of_the_same_end_does_not() -> None:
    assert of(journey(end="finished"), journey(end="goal")).differs
    assert not of(journey(end="goal"), journey(end="goal")).differs


def test_journeys_belong_together_by_occurrence_and_entry() -> None:
    old = [journey(days=0, per="Q1"), journey(days=3, per="Q2"), journey(days=9, per="Q2")]
    new = [journey(days=3, per="Q2"), journey(days=5, per="Q2"), journey(days=0, per="Q3")]
    pairs = {(one.before and one.before.entered, one.after and one.after.entered) for one in compared(old, new)}
    day = {days: START.add(hours=24 * days) for days in (0, 3, 5, 9)}
    assert pairs == {(day[0], None), (day[3], day[3]), (day[9], day[5]), (None, day[0])}


def test_why_the_other_side_did_not_send_it_is_told() -> None:
    refused = Lived("random", None, "UTC", START, "finished", (), {("a", 1): "frequency-cap"})
    (pair,) = of(journey(sent("a", 1)), refused).pairs
    assert (pair.what, pair.because) == ("removed", "frequency-cap")
    (pair,) = of(refused, journey(sent("a", 1))).pairs
    assert (pair.what, pair.because) == ("added", "frequency-cap")


MESSAGES = st.lists(
    st.builds(
        Sent,
        st.sampled_from("abc"),
        st.integers(1, 3),
        st.sampled_from("xy"),
        st.sampled_from(["email", "sms"]),
        st.integers(0, 30).map(lambda days: START.add(hours=24 * days)),
    ),
    max_size=8,
    unique_by=lambda one: one[:2],
)
JOURNEYS = st.lists(
    st.builds(
        lambda messages, days, end, per: journey(
            *sorted(messages, key=lambda one: one.at), days=days, end=end, per=per
        ),
        MESSAGES,
        st.integers(0, 3),
        st.sampled_from(["finished", "goal", None]),
        st.sampled_from([None, "Q1"]),
    ),
    max_size=3,
)


@given(JOURNEYS, JOURNEYS)
def test_every_message_is_on_its_side_once_and_both_ways_are_mirrors(old: list[Lived], new: list[Lived]) -> None:
    forth, back = list(compared(old, new)), list(compared(new, old))
    for side, lived in enumerate((old, new)):
        there = [(pair.before, pair.after)[side] for one in forth for pair in one.pairs]
        assert sorted(message for message in there if message) == sorted(sent for one in lived for sent in one.sent)
    mirrored = sorted((str(pair.before), str(pair.after)) for one in back for pair in one.pairs)
    assert sorted((str(pair.after), str(pair.before)) for one in forth for pair in one.pairs) == mirrored


@given(JOURNEYS)
def test_nothing_differs_from_itself(lived: list[Lived]) -> None:
    sums = Sums()
    assert sums.add("ada", lived, list(lived)) is None
    assert (sums.customers, sums.differing) == (1, 0)


@given(JOURNEYS, JOURNEYS)
def test_sums_balance(old: list[Lived], new: list[Lived]) -> None:
    sums = Sums()
    sums.add("ada", old, new)
    for one in sums.playbooks.values():
        total = one.total()
        assert [total.before, total.after] == one.sent
        assert total.before - total.removed == total.after - total.added
        assert total.earlier + total.later == len(total.shifts)


# --- two back-tests ---------------------------------------------------------------------------------------------------


def call(user: str, event: str, day: str) -> str:
    return json.dumps({"type": "track", "userId": user, "event": event, "timestamp": f"{day}T12:00:00Z"})


LINES = [call(user, "purchase", f"2026-01-{day}") for user, day in (("a", 10), ("b", 11), ("c", 12))]


def against(
    old: dict[str, object], new: dict[str, object], lines: Iterable[str]
) -> tuple[Comparison, list[Difference]]:
    work = Comparison(*(world(compiled({**RANDOM, **one})) for one in (old, new)))
    for line in lines:
        assert work.take(line) is None
    return work, list(work.run())


def test_two_versions_live_the_same_log() -> None:
    later = [STEPS[0], {"wait": "22 days"}, STEPS[2]]
    work, found = against({"exit": ["beta"]}, {"steps": later}, [*LINES, call("a", "beta", "2026-01-20")])
    assert [one.customer for one in found] == ["a", "b", "c"]
    assert (work.sums.customers, work.sums.differing) == (3, 3)
    one = work.sums.playbooks["random"]
    assert (one.sent, one.entered, one.ends) == ([5, 6], [3, 3], {("beta", "finished"): 1})
    mail = one.templates["mail/one", "email"]
    assert (mail.added, mail.removed, mail.earlier, mail.later) == (1, 0, 0, 2)
    assert mail.median_shift == 2 * 24 * 3600
    assert work.report.playbooks["random"].sent == 6


def test_of_customers_in_whom_nothing_differs_nothing_is_kept() -> None:
    asks = {"milestone": "purchase", "if": "milestones.purchase.count >= 2"}
    _, found = against({"entry": "purchase"}, {"entry": asks}, [*LINES, call("c", "purchase", "2026-02-20")])
    assert [one.customer for one in found] == ["a", "b", "c"]
    first, _, last = found
    assert first.journeys[0].after is None
    (entered,) = last.journeys  # later, and so all of it is moved
    assert [pair.what for pair in entered.pairs] == ["moved", "moved"]
    _, same = against({}, {"description": "Other words."}, LINES)
    assert same == []


def test_a_line_that_one_side_cannot_read_is_lived_by_none() -> None:
    work = Comparison(world(compiled(RANDOM)), world(compiled(RANDOM)))
    assert work.take('{"type": "track", "userId": "a", "event": "purchase"}') == "it has no `timestamp`"
    assert (work.customers, work.events) == (0, 0)
