"""What is stored of one customer, as a replay takes it; which plans it takes; and how it agrees with what was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from whenever import Instant, TimeDelta

from lifecycle.events import Event
from lifecycle.inputs import Paused
from lifecycle.plan import Plan

ON_TIME = TimeDelta(seconds=60)
"""A message that was really sent within this of the replay's time was sent at that time."""

MessageKey = tuple[str, str, int]
"""Journey, step and occurrence: what the ledger names a message by."""


class Applied(NamedTuple):
    """An event that was applied at `at`."""

    at: Instant
    event: Event


class Act(NamedTuple):
    """What a person did to one journey: `skip` (of a `wait` or a `message`), or `exit` for a reason."""

    at: Instant
    journey: str
    what: Literal["skip", "exit"]
    name: str


class Answer(NamedTuple):
    """A yes or no that was learnt of at `at`; `name` is a topic, or `offers:sms` for one channel."""

    at: Instant
    name: str
    granted: bool


class Lying(NamedTuple):
    """A stored pause. `ended` is None where it holds still."""

    scope: str
    target: str
    pause: Paused
    ended: Instant | None
    handling: Literal["send", "skip"] = "send"


class Entered(NamedTuple):
    """A journey that was really entered, by which event and in which version."""

    plan: Plan
    event: int


@dataclass(frozen=True, slots=True)
class Record:
    """All that is stored of one customer. `happened` and `answers` are in the order of time. An answer counts from when
    it was stored; the event that tells of it is applied a moment later.

    `account` is ours. `address` and `suppression` say what was known of how to reach a person by a channel, at an
    instant.
    """

    customer: str
    happened: Sequence[Applied | Act]
    entered: Sequence[Entered] = ()
    pauses: Sequence[Lying] = ()
    answers: Sequence[Answer] = ()
    account: str | None = None
    sent: Mapping[MessageKey, Instant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Versions:
    """Which plans new journeys take. `active` are those of now, each with the instant since when; `shown` replaces the
    plans of one playbook from `since` on, None: it is entered by nobody.
    """

    playbook: str
    since: Instant
    active: Mapping[str, tuple[Plan, Instant]]
    shown: Plan | None

    def at(self, now: Instant) -> Iterator[Plan]:
        for name, (plan, since) in self.active.items():
            if now >= since and not (name == self.playbook and now >= self.since):
                yield plan
        if now >= self.since and self.shown is not None:
            yield self.shown


@dataclass(slots=True)
class Agreement:
    """How the replay of what runs agrees with what was really sent: how far to believe what it says of a shadow.

    Of `sent` messages the replay sends `same` at that time, `otherwise` at another one, and `missing` not; `extra` it
    sends that were not sent.
    """

    sent: int = 0
    same: int = 0
    otherwise: int = 0
    missing: int = 0
    extra: int = 0

    def add(self, really: Mapping[MessageKey, Instant], replayed: Mapping[MessageKey, Instant], since: Instant) -> None:
        """Count one customer's messages from `since` on."""
        for key, at in really.items():
            there = replayed.get(key)
            if at < since:
                continue
            self.sent += 1
            if there is None:
                self.missing += 1
            elif abs(there - at) <= ON_TIME:
                self.same += 1
            else:
                self.otherwise += 1
        self.extra += sum(key not in really and at >= since for key, at in replayed.items())
