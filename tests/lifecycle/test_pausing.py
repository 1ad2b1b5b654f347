"""What a pause holds, and how a journey hears of one and of its end: the core alone (design.md, section 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from whenever import Instant

from lifecycle import plan as p
from lifecycle.commands import Deliver, WaitUntil
from lifecycle.course import Course, due_of
from lifecycle.inputs import FromInbox, Input, Paused, Reached, Result, Resumed, Started, TimerFired
from lifecycle.interpreter import advance, pending
from lifecycle.state import STATE, Phase, State
from tests.lifecycle.strategies import START, compiled


def day(days: float) -> Instant:
    return START.add(hours=round(days * 24))


def playbook(*steps: Mapping[str, Any]) -> p.Plan:
    return compiled({"playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": [*steps]})


def begun() -> State:
    return State("cus_1", "UTC", START, START)


def live(plan: p.Plan, inputs: Sequence[Input], state: State | None = None) -> State:
    """A state after inputs, each at its own instant; from a journey's start where none is given."""
    state = state or advance(plan, begun(), Started(START), START).state
    for input in inputs:
        now = input.due if isinstance(input, TimerFired) else getattr(input, "at", state.clock)
        state = advance(plan, state, input, now).state
    return state


def at_hand(plan: p.Plan, state: State) -> str | None:
    """The template that the journey wants delivered now."""
    wanted = pending(plan, state)
    return wanted.template if isinstance(wanted, Deliver) else None


LISTENS = playbook(
    {"wait_for": {"milestone": "alpha"}, "timeout": "9 days", "reached": [{"send": "mail/receipt"}]},
    {"send": "mail/one"},
)


@pytest.mark.parametrize("policy", ["freeze", "continue"])
def test_a_held_journey_performs_a_receipt_that_it_reaches_and_stands_again(policy: Any) -> None:
    held = live(LISTENS, [Paused(day(1), "1", policy), Reached(1, day(2), "alpha", 5)])
    assert at_hand(LISTENS, held) == "mail/receipt"
    stands = live(LISTENS, [Result("sent")], held)
    assert (stands.phase, stands.step, pending(LISTENS, stands)) == (Phase.READY, "one", WaitUntil(None))


def test_a_pause_that_includes_transactional_messages_holds_the_receipt() -> None:
    held = live(LISTENS, [Paused(day(1), "1", "continue", None, True), Reached(1, day(2), "alpha", 5)])
    assert held.phase is Phase.READY


def test_a_plan_made_before_pauses_passed_receipts_holds_them() -> None:
    old = p.from_json('{"playbook":"old","stage":"s","first":"a","time_zone":"UTC","steps":{"a":'
                      '{"template":"mail/receipt","channel":"email","kind":"send"}}}')  # fmt: skip
    assert isinstance(old.steps["a"], p.Send)
    assert not old.steps["a"].transactional


def test_a_receipt_that_was_put_off_is_tried_again_while_the_clock_stands_for_everything_else() -> None:
    asked = live(LISTENS, [Paused(day(1), "1", "freeze"), Reached(1, day(2), "alpha", 5)])
    later = day(2).add(minutes=1)
    put_off = live(LISTENS, [Result("deferred", "provider-down", later)], asked)
    assert (put_off.phase, due_of(LISTENS, put_off)) == (Phase.DEFERRED, later)
    assert at_hand(LISTENS, live(LISTENS, [TimerFired(later)], put_off)) == "mail/receipt"


def test_marketing_that_was_put_off_stands_with_the_clock() -> None:
    plan = playbook({"send": "mail/one"})
    put_off = live(plan, [Result("deferred", "quiet-hours", day(1))])
    held = live(plan, [Paused(day(0.5), "1", "freeze")], put_off)
    assert due_of(plan, held) is None
    assert live(plan, [TimerFired(day(1))], held).phase is Phase.DEFERRED


def test_a_pause_of_a_channel_holds_its_messages_and_nothing_else() -> None:
    plan = playbook({"wait": "1 day"}, {"task": "Call", "assign": "ada"}, {"send": "mail/one"}, {"send": "text/one"})
    due = live(plan, [Paused(day(0.5), "1", "continue", "sms"), TimerFired(day(1)), Result("done")])
    assert at_hand(plan, due) == "mail/one"
    assert not due.held
    stands = live(plan, [Result("sent")], due)
    assert (stands.phase, stands.step, stands.held) == (Phase.READY, "one-2", True)
    assert at_hand(plan, live(plan, [Resumed(day(2), "1")], stands)) == "text/one"


def test_skip_drops_what_its_own_pause_held_and_not_what_came_after_it_by_another_channel() -> None:
    plan = playbook({"wait": "1 day"}, {"send": "text/one"}, {"send": "mail/one"})
    held = live(plan, [Paused(day(0.5), "1", "continue", "sms"), TimerFired(day(1))])
    assert at_hand(plan, live(plan, [Resumed(day(2), "1", "skip")], held)) == "mail/one"


def test_skip_never_drops_a_receipt_that_waited_behind_what_was_held() -> None:
    plan = playbook({"wait": "1 day"}, {"send": "mail/one"}, {"send": "mail/receipt"})
    held = live(plan, [Paused(day(0.5), "1", "continue"), TimerFired(day(1))])
    assert at_hand(plan, live(plan, [Resumed(day(2), "1", "skip")], held)) == "mail/receipt"


def test_what_only_the_lifted_pause_held_goes_on_under_the_one_that_is_left() -> None:
    plan = playbook({"wait": "1 day"}, {"send": "mail/receipt"}, {"send": "mail/one"})
    wide, narrow = Paused(day(0.2), "1", "continue", None, True), Paused(day(0.3), "2", "continue")
    held = live(plan, [wide, narrow, TimerFired(day(1))])
    assert held.phase is Phase.READY
    on_its_way = live(plan, [Resumed(day(2), "1")], held)
    assert at_hand(plan, on_its_way) == "mail/receipt"
    assert live(plan, [Result("sent")], on_its_way).phase is Phase.READY


def test_a_freeze_that_ends_before_another_pause_does_leaves_the_remaining_wait() -> None:
    plan = playbook({"wait": "3 days"}, {"send": "mail/one"})
    waits = live(plan, [Paused(day(1), "1", "freeze"), Paused(day(1.5), "2", "continue"), Resumed(day(2), "1")])
    assert (waits.phase, due_of(plan, waits)) == (Phase.WAITING, day(4))


# --- the end by the inbox


def test_the_inbox_tells_of_the_end_and_counts_even_for_a_journey_that_has_ended() -> None:
    plan = playbook({"send": "mail/one"})
    held = live(plan, [Result("blocked"), Paused(day(1), "1", "continue")])
    told = live(plan, [Resumed(day(2), "1", "send", 1)], held)
    assert (told.seen, told.pauses, told.lifted) == (1, (), ("1",))
    ended = live(plan, [Result("sent"), Resumed(day(2), "1", "send", 1)])
    assert (ended.phase, ended.seen) == (Phase.ENDED, 1)
    assert live(plan, [Result("sent"), Resumed(day(2), "1")]).seen == 0


def test_the_end_told_twice_or_before_its_beginning_changes_nothing_more() -> None:
    plan = playbook({"wait": "1 day"}, {"send": "mail/one"})
    twice = live(plan, [Paused(day(0.2), "1", "continue"), Resumed(day(0.5), "1"), Resumed(day(0.5), "1", "send", 1)])
    assert (twice.lifted, twice.seen, due_of(plan, twice)) == (("1",), 1, day(1))


def test_rows_arrive_in_their_order_whatever_order_they_come_in() -> None:
    plan = playbook({"wait_for": {"milestone": "alpha"}, "timeout": "9 days"}, {"send": "mail/one"})
    course = Course.begin(plan, begun(), START)
    course.feed(plan, Paused(day(1), "1", "continue"), day(1))
    rows: list[FromInbox] = [Resumed(day(3), "1", "send", 2), Reached(1, day(2), "alpha", 5)]
    assert not course.receive(plan, rows[:1], day(3))
    assert course.receive(plan, rows, day(3))
    assert course.state.seen == 2
    assert at_hand(plan, course.state) == "mail/one"


# --- learning


def test_a_message_that_was_about_to_go_when_the_pause_was_found_is_held() -> None:
    """Its activity did nothing. The state that it was asked from was certain, so nothing is lived through again."""
    plan = playbook({"send": "mail/one"})
    course = Course.begin(plan, begun(), START)
    assert at_hand(plan, course.state) == "mail/one"
    course.learn(plan, [Paused(day(-1), "1", "continue")], START)
    assert (course.state.phase, course.state.occurrences) == (Phase.READY, {"one": 1})
    course.feed(plan, Resumed(day(1), "1", "send", 1), day(1))
    assert at_hand(plan, course.state) == "mail/one"
    assert course.state.occurrences == {"one": 1}


def test_a_receipt_that_was_about_to_go_when_a_pause_of_marketing_was_found_goes() -> None:
    plan = playbook({"send": "mail/receipt"})
    course = Course.begin(plan, begun(), START)
    course.learn(plan, [Paused(day(-1), "1", "freeze")], START)
    assert at_hand(plan, course.state) == "mail/receipt"
    assert course.state.occurrences == {"receipt": 1}


def test_a_pause_that_ended_with_skip_is_learnt_with_it() -> None:
    plan = playbook({"wait": "1 day"}, {"send": "mail/one"}, {"wait": {"until": "day 5"}}, {"send": "mail/two"})
    course = Course.begin(plan, begun(), START)
    course.feed(plan, TimerFired(day(1)), day(3))
    course.learn(plan, [Paused(day(0.5), "1", "continue"), Resumed(day(2), "1", "skip")], day(3))
    assert [(line.what, line.reason) for line in course.lines][-2:] == [("refused", "paused"), ("waiting", None)]
    assert due_of(plan, course.state) == day(5)


def test_a_pause_that_is_brought_to_a_journey_that_is_over_is_known_from_then_on() -> None:
    plan = playbook({"send": "mail/one"})
    course = Course.begin(plan, begun(), START)
    course.feed(plan, Result("sent"), START)
    before = course.state.n
    course.learn(plan, [Paused(START, "1", "continue")], START)
    assert course.state.lifted == ("1",)
    assert course.state.n > before
    assert course.confirmed.lifted == ()


def test_a_held_state_survives_json() -> None:
    plan = playbook({"wait": "1 day"}, {"send": "text/one"})
    held = live(plan, [Paused(day(0.5), "1", "continue", "sms", True), TimerFired(day(1))])
    assert STATE.validate_json(STATE.dump_json(held, exclude_defaults=True)) == held
