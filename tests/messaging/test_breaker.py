"""A provider that fails is left alone; a second sender gets only what the first surely did not accept."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from whenever import Instant

from messaging.senders.breaker import Breaker, Guarded
from messaging.senders.failover import Failover, who_had
from messaging.sending import Outcome, Outgoing
from tests.messaging.wire import EMAIL, NOW

GOOD = Outcome("accepted", provider_id="1")
REFUSED = Outcome("later", "provider-refuses-us", wait=30)
UNREACHABLE = Outcome("later", "provider-unreachable", wait=30)
FAILED = Outcome("unknown", "provider-failed")
SILENT = Outcome("unknown", "no-answer")
SLOW_DOWN = Outcome("later", "rate-limited", wait=3600)
DOWN = Outcome("later", "provider-down", wait=12)


@dataclass
class Scripted:
    """Answers what it was told, and counts."""

    outcome: Outcome = GOOD
    found: str = "unknown"
    name: str = "first"
    stores: bool = False
    sent: int = 0
    asked: int = 0
    closed: int = 0

    def send(self, message: Outgoing) -> Outcome:
        self.sent += 1
        return self.outcome

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        self.asked += 1
        return Outcome(self.found, sender=self.name)  # type: ignore[arg-type]

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted")

    def close(self) -> None:
        self.closed += 1


@dataclass
class Rig:
    now: float = 1000.0
    sender: Scripted = field(default_factory=Scripted)

    def __post_init__(self) -> None:
        self.guarded = Guarded(self.sender, Breaker("first", clock=lambda: self.now))

    def send(self, outcome: Outcome, times: int = 1) -> list[Outcome]:
        self.sender.outcome = outcome
        return [self.guarded.send(EMAIL) for _ in range(times)]


def test_a_refused_key_opens_the_breaker_at_once() -> None:
    rig = Rig()
    assert rig.send(REFUSED) == [REFUSED]
    (put_off,) = rig.send(GOOD)
    assert (put_off.what, put_off.reason, put_off.wait, put_off.sender) == ("later", "provider-down", 60.0, "first")
    assert rig.sender.sent == 1


@pytest.mark.parametrize("failure", [UNREACHABLE, FAILED, SILENT])
def test_five_failures_in_a_row_open_it(failure: Outcome) -> None:
    rig = Rig()
    assert rig.send(failure, 4) == [failure] * 4
    assert rig.send(failure) == [failure]
    assert rig.send(GOOD)[0].reason == "provider-down"
    assert rig.sender.sent == 5


@pytest.mark.parametrize("answer", [GOOD, Outcome("rejected", "rejected"), Outcome("stopped", "opted-out"), SLOW_DOWN])
def test_an_answer_in_between_begins_the_count_again(answer: Outcome) -> None:
    rig = Rig()
    for _ in range(3):
        rig.send(FAILED, 4)
        assert rig.send(answer) == [answer]


def test_after_a_rest_one_message_tries_and_the_others_wait() -> None:
    rig = Rig()
    rig.send(REFUSED)
    rig.now += 59.9
    assert rig.send(GOOD)[0].reason == "provider-down"
    rig.now += 0.1
    tries = [rig.guarded._breaker.wait() for _ in range(3)]
    assert tries == [0.0, 60.0, 60.0]


def test_a_try_that_goes_well_closes_it() -> None:
    rig = Rig()
    rig.send(REFUSED)
    rig.now += 60
    assert rig.send(GOOD, 10) == [GOOD] * 10


def test_a_try_that_fails_opens_it_for_another_rest() -> None:
    rig = Rig()
    rig.send(FAILED, 5)
    rig.now += 60
    assert rig.send(FAILED) == [FAILED]
    assert rig.send(GOOD)[0].wait == 60.0
    rig.now += 60
    assert rig.send(GOOD, 2) == [GOOD] * 2


def test_a_try_of_which_nobody_hears_again_is_followed_by_another() -> None:
    rig = Rig()
    rig.send(REFUSED)
    rig.now += 60
    assert rig.guarded._breaker.wait() == 0.0
    rig.now += 60
    assert rig.send(GOOD) == [GOOD]


class Slow(float):
    """A number that takes its time to be added: other threads come in between a question and what follows from it."""

    def __radd__(self, other: float) -> float:
        time.sleep(0.01)
        return float(other) + float(self)


def test_after_a_rest_many_threads_make_one_try() -> None:
    now = [1000.0]
    breaker = Breaker("first", rest=Slow(60), clock=lambda: now[0])
    breaker.heard(REFUSED)
    now[0] += 60
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: breaker.wait(), range(40)))
    assert waits.count(0.0) == 1


def test_a_question_passes_an_open_breaker() -> None:
    rig = Rig()
    rig.send(REFUSED)
    rig.sender.found = "absent"
    assert rig.guarded.look_up(EMAIL, NOW).what == "absent"


# --- a second sender --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [UNREACHABLE, REFUSED, DOWN])
def test_the_second_sends_what_the_first_surely_did_not_accept(first: Outcome) -> None:
    one, two = Scripted(first), Scripted(GOOD, name="second")
    assert Failover(one, two).send(EMAIL) == GOOD
    assert (one.sent, two.sent) == (1, 1)


@pytest.mark.parametrize(
    "first",
    [GOOD, FAILED, SILENT, SLOW_DOWN, Outcome("rejected", "rejected"), Outcome("stopped", "opted-out")],
    ids=lambda one: one.reason or one.what,
)
def test_the_second_gets_nothing_else(first: Outcome) -> None:
    one, two = Scripted(first), Scripted(GOOD, name="second")
    assert Failover(one, two).send(EMAIL) == first
    assert two.sent == 0


def test_what_neither_takes_waits_for_the_one_that_may_be_tried_sooner() -> None:
    assert Failover(Scripted(UNREACHABLE), Scripted(DOWN, name="second")).send(EMAIL) == DOWN


def test_what_became_unknown_with_the_second_is_unknown() -> None:
    assert Failover(Scripted(DOWN), Scripted(SILENT, name="second")).send(EMAIL) == SILENT


@pytest.mark.parametrize(
    ("one", "two", "what"),
    [
        ("absent", "absent", "absent"),
        ("absent", "accepted", "accepted"),
        ("accepted", "unknown", "accepted"),
        ("unknown", "accepted", "accepted"),
        ("absent", "unknown", "unknown"),
        ("unknown", "absent", "unknown"),
    ],
)
def test_a_message_is_absent_only_where_neither_has_it(one: str, two: str, what: str) -> None:
    both = Failover(Scripted(found=one), Scripted(found=two, name="second"))
    assert both.look_up(EMAIL, NOW).what == what


def test_the_one_that_had_it_can_be_asked_alone() -> None:
    one, two = Guarded(Scripted(), Breaker("first")), Guarded(Scripted(name="second"), Breaker("second"))
    both = Failover(one, two)
    assert who_had(both, "second") is two
    assert who_had(both, "first") is one
    assert who_had(both, None) is both
    assert who_had(both, "gone") is both
    assert who_had(one, "second") is one


def test_two_senders_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two senders are called first"):
        Failover(Scripted(), Scripted())


def test_closing_closes_both() -> None:
    one, two = Scripted(), Scripted(name="second")
    Failover(Guarded(one, Breaker("first")), two).close()
    assert (one.closed, two.closed) == (1, 1)
