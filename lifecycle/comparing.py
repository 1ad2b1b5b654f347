"""What two versions of playbooks do for the same customers: messages added, removed, moved, and journeys that end
otherwise.

Two lives of one customer are compared journey by journey. Journeys belong together that are about the same occurrence
and were entered at the same instant, then the first of those that are left with the first. In them messages belong
together that are of the same step and occurrence, then the others of the same template: first those of the same
instant, then in their order. A step that sends another template removes one message and adds one: that is what the
customer meets. Messages are those that went out; why one side did not send what the other did is told where it was
refused there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from whenever import Instant

from lifecycle.lines import local_iso
from lifecycle.simulated import SimulatedJourney

T = TypeVar("T")

What = Literal["same", "moved", "added", "removed"]
End = str | None
"""How a journey ended: `finished`, `goal`, `holdout`, or the reason that its playbook gives; None: it is under way."""


class Sent(NamedTuple):
    """A message that went out. `occurrence` counts how often its step was come to, from 1, as the ledger does."""

    step: str
    occurrence: int
    template: str
    channel: str
    at: Instant


class Lived(NamedTuple):
    """What one journey came to. `refused` gives the reason for each message that did not go out."""

    playbook: str
    per: str | None
    zone: str
    entered: Instant
    end: End
    sent: Sequence[Sent]
    refused: Mapping[tuple[str, int], str]


class Pair(NamedTuple):
    """One message on both sides; None where that side did not send it, and `because` says why, where that is known."""

    before: Sent | None
    after: Sent | None
    because: str | None = None

    @property
    def what(self) -> What:
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "same" if self.before.at == self.after.at else "moved"

    @property
    def message(self) -> Sent:
        """The message, as the new side sends it where it does."""
        message = self.after or self.before
        assert message is not None
        return message

    @property
    def shift(self) -> int:
        """By how many seconds it was moved; earlier is less than 0."""
        return round((self.after.at - self.before.at).total("seconds")) if self.before and self.after else 0


class Compared(NamedTuple):
    """One journey on both sides; `before` or `after` is None where that side did not enter it."""

    before: Lived | None
    after: Lived | None
    pairs: Sequence[Pair]

    @property
    def either(self) -> Lived:
        lived = self.after or self.before
        assert lived is not None
        return lived

    @property
    def ends(self) -> tuple[End, End]:
        return self.before.end if self.before else None, self.after.end if self.after else None

    @property
    def differs(self) -> bool:
        """Whether the customer, or whoever counts goals, can tell the two apart."""
        one_side = self.before is None or self.after is None
        return one_side or self.ends[0] != self.ends[1] or any(pair.what != "same" for pair in self.pairs)

    def data(self) -> dict[str, Any]:
        """What differs, as plain data; times are the customer's own."""
        zone = self.either.zone
        data: dict[str, Any] = {"playbook": self.either.playbook}
        if self.either.per is not None:
            data["per"] = self.either.per
        data["entered"] = both(*(lived and local_iso(lived.entered, zone) for lived in (self.before, self.after)))
        data["end"] = both(*self.ends)
        data["messages"] = [_data(pair, zone) for pair in self.pairs if pair.what != "same"]
        return data


class Difference(NamedTuple):
    """The journeys of one customer in which something differs."""

    customer: str
    journeys: Sequence[Compared]

    def bare(self) -> Difference:
        """The same without the messages that are alike, to be kept of many customers."""
        journeys = [
            one._replace(
                pairs=[pair for pair in one.pairs if pair.what != "same"],
                before=_bare(one.before),
                after=_bare(one.after),
            )
            for one in self.journeys
        ]
        return Difference(self.customer, journeys)

    def data(self) -> dict[str, Any]:
        return {"customer": self.customer, "journeys": [journey.data() for journey in self.journeys]}


def _bare(one: Lived | None) -> Lived | None:
    return one._replace(sent=(), refused={}) if one else None


def lived(journey: SimulatedJourney, since: Instant = Instant.MIN) -> Lived:
    """What a simulated journey came to, with its messages from `since` on."""
    sent, refused, come = [], {}, Counter[str]()
    for line in journey.lines:
        if line.what not in ("sent", "refused") or line.step is None:
            continue
        come[line.step] += 1
        if line.at < since:
            continue
        if line.what == "sent":
            sent.append(Sent(line.step, come[line.step], line.template or "", line.channel or "", line.at))
        else:
            refused[line.step, come[line.step]] = line.reason or ""
    entering = journey.entering
    return Lived(journey.plan.playbook, entering.per, journey.state.zone, journey.entered, journey.end, sent, refused)


def compared(old: Iterable[Lived], new: Iterable[Lived]) -> list[Compared]:
    """The journeys of one customer, each with its other side, in the order in which they begin."""
    pairs = _paired(list(old), list(new), lambda one: (one.playbook, one.per), lambda one: one.entered)
    found = [Compared(before, after, _messages(before, after)) for before, after in pairs]
    return sorted(found, key=lambda journey: journey.either.entered)


def _messages(before: Lived | None, after: Lived | None) -> list[Pair]:
    """The messages of a journey on both sides, in the order of time."""
    old, new = list(before.sent if before else ()), list(after.sent if after else ())
    if old == new:
        return [Pair(one, one) for one in old]
    by_step = {one[:4]: one for one in new}
    known = {one[:4] for one in old if one[:4] in by_step}
    found: list[tuple[Sent | None, Sent | None]] = [(one, by_step[one[:4]]) for one in old if one[:4] in known]
    rest_old, rest_new = ([one for one in side if one[:4] not in known] for side in (old, new))
    alone: list[tuple[Sent | None, Sent | None]] = _paired(rest_old, rest_new, _what_it_is, _when)
    pairs = [Pair(one, other, _because(one, other, before, after)) for one, other in found + alone]
    return sorted(pairs, key=lambda pair: pair.message.at)


def _what_it_is(one: Sent) -> Hashable:
    return one.template, one.channel


def _when(one: Sent) -> Instant:
    return one.at


def _because(one: Sent | None, other: Sent | None, before: Lived | None, after: Lived | None) -> str | None:
    if one and not other and after:
        return after.refused.get((one.step, one.occurrence))
    if other and not one and before:
        return before.refused.get((other.step, other.occurrence))
    return None


def _paired(
    old: Sequence[T], new: Sequence[T], kind: Callable[[T], Hashable], at: Callable[[T], Instant]
) -> list[tuple[T | None, T | None]]:
    """Those of one kind together: of the same instant first, then in their order; None for who is left alone."""
    pairs: list[tuple[T | None, T | None]] = []
    left_old, left_new = list(old), list(new)
    keys: tuple[Callable[[T], Hashable], ...] = (lambda one: (kind(one), at(one)), kind)
    for key in keys:
        waiting: dict[Hashable, list[T]] = {}
        for one in left_new:
            waiting.setdefault(key(one), []).append(one)
        alone = []
        for one in left_old:
            if there := waiting.get(key(one)):
                pairs.append((one, there.pop(0)))
            else:
                alone.append(one)
        left_old, left_new = alone, [one for there in waiting.values() for one in there]
    return [*pairs, *((one, None) for one in left_old), *((None, one) for one in left_new)]


def both(before: Any, after: Any) -> dict[str, Any]:
    """Two sides as plain data."""
    return {"before": before, "after": after}


def _data(pair: Pair, zone: str) -> dict[str, Any]:
    message = pair.message
    data = {"what": pair.what, "step": message.step, "template": message.template, "channel": message.channel}
    data |= both(*(one and local_iso(one.at, zone) for one in (pair.before, pair.after)))
    return data | ({"because": pair.because} if pair.because else {})
