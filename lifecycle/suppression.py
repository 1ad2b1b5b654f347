"""Which addresses are messaged no more after what providers told: rules of the map, and ours where it has none. Pure.

News comes in any order, and the same suppressions follow from any: a rule looks at every stretch of its length that the
news is part of, whether what else is in it came earlier or later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from whenever import Instant, TimeDelta

from lifecycle.language.map import Map
from lifecycle.language.outcomes import Cause, Scope, Suppress
from lifecycle.language.times import parse_span

STOPPED = "stopped"
"""The reason of a suppression that the person asked for by SMS; only they end it, by the same way."""

SAID_NO = "said-no"
"""The reason of a suppression that keeps a no of somebody who was erased since: the consent itself is nobody's now."""

BY_HAND = "by-hand"
"""The reason of a suppression that a person of the company made; their own words are in the audit log."""

DEFAULTS = (
    Suppress(on="bounced"),
    Suppress(on="invalid"),
    Suppress(on="complained", scope="marketing"),
    Suppress(on="blocked", after=5, within="30 days", scope="marketing"),
    Suppress(on="undelivered", after=3, within="30 days"),
)
"""What holds for each cause that a map says nothing about."""

_CAUSES: dict[tuple[str, str | None], Cause] = {
    ("bounced", "blocked"): "blocked",
    ("bounced", None): "bounced",
    ("complained", None): "complained",
    ("undelivered", "invalid"): "invalid",
    ("undelivered", None): "undelivered",
    ("dropped", "invalid"): "invalid",
    ("dropped", "earlier-bounce"): "bounced",
    ("dropped", "earlier-complaint"): "complained",
}

KINDS = frozenset(kind for kind, _ in _CAUSES)
"""Kinds of deliveries that can say something against an address."""


class Told(NamedTuple):
    """One thing that was told of a message: a delivery's message, kind, detail and time."""

    message: str
    kind: str
    detail: str | None
    at: Instant


def holds(reason: str, at: Instant, agreed_at: Instant | None) -> bool:
    """Whether a suppression made at `at` still stands. `agreed_at`: when the person last said yes to what is sent.

    Whoever comes back after an erasure and says yes anew has taken back the no that was kept; every other reason is
    about the address, or has a way of its own to end.
    """
    return reason != SAID_NO or agreed_at is None or agreed_at <= at


def cause_of(kind: str, detail: str | None) -> Cause | None:
    """What a delivery says against its address; None where it says nothing against it.

    A blocked message says little: the other side would not take it at that hour, or not from us.
    """
    return _CAUSES.get((kind, detail)) or _CAUSES.get((kind, None))


def rules_for(map: Map, cause: Cause) -> Sequence[Suppress]:
    """The rules of a map for a cause."""
    return [rule for rule in map.suppress if rule.on == cause] or [rule for rule in DEFAULTS if rule.on == cause]


def looks_back(rules: Iterable[Suppress]) -> bool:
    """Whether any of these rules counts more than the one message."""
    return any(rule.after > 1 for rule in rules)


def suppresses(rules: Iterable[Suppress], new: Told, others: Iterable[Told]) -> Scope | None:
    """How widely an address is to be suppressed after `new`; None: not at all.

    `others` is what else was told of messages to the address. Several deliveries that tell the same of one message
    count once.
    """
    cause = cause_of(new.kind, new.detail)
    firsts = {new.message: new.at}
    for told in others:
        if cause_of(told.kind, told.detail) == cause:
            firsts[told.message] = min(told.at, firsts.get(told.message, told.at))
    times, at = sorted(firsts.values()), firsts[new.message]
    scopes = {rule.scope for rule in rules if rule.on == cause and _reached(rule, times, at)}
    return "all" if "all" in scopes else "marketing" if scopes else None


def _reached(rule: Suppress, times: Sequence[Instant], at: Instant) -> bool:
    if rule.within is None:
        return len(times) >= rule.after
    within = length(rule.within)
    stretches = zip(times, times[rule.after - 1 :], strict=False)
    return any(first <= at <= last and last - first <= within for first, last in stretches)


@lru_cache(maxsize=256)
def length(span: str) -> TimeDelta:
    """A length of time in hours, whatever the calendar: a day is 24 of them, a month 30 days."""
    parsed = parse_span(span)
    return TimeDelta(hours=24 * (parsed.months * 30 + parsed.days + parsed.working), seconds=parsed.seconds)
