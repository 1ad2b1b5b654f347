"""What two versions do differently, for people, for scripts, and for a pull request: sums first, then customers.

Text and Markdown show a few customers in whom something differs, side by side; JSON has all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from cli.common import out

if TYPE_CHECKING:
    from whenever import Instant

    from lifecycle.comparing import Compared, Difference, End, Pair, Sent
    from lifecycle.differences import OfPlaybook, OfTemplate, Sums

SHOWN = 5
"""So many customers are shown side by side, each of whom something happens to that happens to none shown before."""

MARKS = {"same": " ", "moved": "~", "added": "+", "removed": "-"}

DAY, HOUR, MINUTE = 86_400, 3600, 60


class ReportFormat(StrEnum):
    """How a comparison is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


@dataclass(frozen=True)
class Head:
    """What was compared: what the `old` and the `new` side are called, what was `looked` at, and `remarks` on that."""

    old: str
    new: str
    looked: str
    remarks: Sequence[str] = ()


def print_text(head: Head, sums: Sums, shown: Sequence[Difference]) -> None:
    """The comparison for a person at a terminal."""
    for line in _lines(head, sums, shown):
        out(line)


def _lines(head: Head, sums: Sums, shown: Sequence[Difference]) -> Iterator[str]:
    yield head.looked
    yield f"before: {head.old}"
    yield f"after:  {head.new}"
    yield from head.remarks
    for name, one in sums.playbooks.items():
        yield ""
        yield f"{name}: {of_playbook(one)}"
        if one.differs:
            yield from _table(one)
            yield from (f"  {sentence}" for sentence in others(one))
    if shown:
        yield ""
        yield said_of_customers(sums, shown)
    for difference in shown:
        yield ""
        yield difference.customer
        for journey in difference.journeys:
            yield from _side_by_side(journey)


def said_of_customers(sums: Sums, shown: Sequence[Difference]) -> str:
    """How many customers are shown of all in whom something differs."""
    if sums.differing == 1:
        return "The one customer in whom something differs:"
    if len(shown) >= sums.differing:
        return f"The {sums.differing:,} customers in whom something differs:"
    which = ", each for others to whom the same happens" if len(shown) > 1 else ""
    return f"{len(shown)} of the {sums.differing:,} customers in whom something differs{which}:"


def of_playbook(one: OfPlaybook) -> str:
    """One playbook in a sentence."""
    if not one.differs:
        return "nothing differs"
    return f"{one.customers:,} customer{'s differ' if one.customers != 1 else ' differs'}"


def _table(one: OfPlaybook) -> Iterator[str]:
    rows = [(f"{template} ({channel})", of) for (template, channel), of in one.templates.items()]
    rows.append(("all messages", one.total()))
    width = max(len(name) for name, _ in rows)
    heads = ("before", "after", "added", "removed", "earlier", "later")
    yield ""
    yield f"  {'':<{width}}" + "".join(f" {head:>8}" for head in heads) + "  moved by (median)"
    for name, of in rows:
        yield f"  {name:<{width}}" + "".join(f" {number:>8}" for number in numbers(of)) + f"  {shift_of(of)}".rstrip()


def numbers(of: OfTemplate) -> Sequence[str]:
    """The figures of a template: before, after, added, removed, earlier, later."""
    figures = (of.before, of.after, of.added, of.removed, of.earlier, of.later)
    return [f"{figure:,}" if figure else "-" for figure in figures]


def shift_of(of: OfTemplate) -> str:
    return "" if of.median_shift is None else in_words(of.median_shift)


def others(one: OfPlaybook) -> Iterator[str]:
    """What else differs in a playbook, in sentences: who entered, and how journeys ended."""
    if one.entered[0] != one.entered[1]:
        yield f"entered: {one.entered[0]:,} before, {one.entered[1]:,} after"
    for (before, after), count in one.ends.most_common():
        many = "journeys end" if count > 1 else "journey ends"
        yield f"{count:,} {many} otherwise: {ended(before)} before, {ended(after)} after"


def ended(end: End) -> str:
    return end or "under way"


def in_words(seconds: int) -> str:
    """`2 days later`; an hour more or less that a change of the clocks makes in whole days is not told."""
    size = abs(seconds)
    days, rest = divmod(size + HOUR, DAY)
    if days and rest <= 2 * HOUR and rest % HOUR == 0:
        parts = [(days, "day")]
    else:
        days, rest = divmod(size, DAY)
        hours, rest = divmod(rest, HOUR)
        minutes, left = divmod(rest, MINUTE)
        parts = [(days, "day"), (hours, "hour"), (minutes, "minute"), (left, "second")]
    told = [f"{count} {word}{'s' * (count > 1)}" for count, word in parts if count][:2]
    return f"{' '.join(told)} {'earlier' if seconds < 0 else 'later'}"


def _side_by_side(journey: Compared) -> Iterator[str]:
    either = journey.either
    yield f"  {either.playbook}" + (f" ({either.per})" if either.per is not None else "")
    rows = list(rows_of(journey))
    width = max(len(row.before) for row in rows)
    beside = max(len(row.after) for row in rows)
    for mark, before, after, note in rows:
        yield f"  {mark} {before:<{width}}   {after:<{beside}}   {note}".rstrip()


class Row(NamedTuple):
    """A row of a journey that is shown side by side."""

    mark: str
    before: str
    after: str
    note: str = ""


def rows_of(journey: Compared) -> Iterator[Row]:
    """A journey side by side: entry, messages, end. Times are the customer's own."""
    zone = journey.either.zone
    before, after = journey.before, journey.after
    only = "" if before and after else "-" if before else "+"
    old, new = (f"{clock(one.entered, zone)} entered" if one else "not entered" for one in (before, after))
    yield Row(only or (" " if old == new else "~"), old, new)
    for pair in journey.pairs:
        yield Row(MARKS[pair.what], _side(pair.before, zone), _side(pair.after, zone), note_of(pair))
    old, new = (f"end: {ended(one.end)}" if one else "" for one in (before, after))
    yield Row(only or (" " if old == new else "~"), old, new)


def note_of(pair: Pair) -> str:
    """What became of a message, in words."""
    if pair.what == "moved":
        return in_words(pair.shift)
    return f"{pair.what}: {pair.because}" if pair.because else "" if pair.what == "same" else pair.what


def _side(message: Sent | None, zone: str) -> str:
    return f"{clock(message.at, zone)} {message.template}" if message else ""


def clock(at: Instant, zone: str) -> str:
    """`2026-01-05 10:00`"""
    local = at.to_tz(zone)
    return f"{local.date().format_iso()} {local.hour:02}:{local.minute:02}"


def examples(differences: Iterable[Difference]) -> list[Difference]:
    """The first customers of each kind: another one to whom the same happens tells a reader nothing new."""
    kept: list[Difference] = []
    kinds: set[Hashable] = set()
    for difference in differences:
        if len(kept) < SHOWN and (kind := _kind(difference)) not in kinds:
            kinds.add(kind)
            kept.append(difference)
    return kept


def _kind(difference: Difference) -> Hashable:
    return tuple(
        (one.either.playbook, one.ends, *((pair.what, pair.message.step) for pair in one.pairs if pair.what != "same"))
        for one in difference.journeys
    )


def versions(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, dict[str, str | None]]:
    """By playbook the ids of both versions, where they are not the same."""
    names = [*new, *(name for name in old if name not in new)]
    return {name: {"before": old.get(name), "after": new.get(name)} for name in names if old.get(name) != new.get(name)}
