"""Compiling entries by time: a schedule (`0 9 * * MON`) or a customer's date. What they may say, and what not."""

from __future__ import annotations

from lifecycle import plan as p
from lifecycle.compiler.names import Names
from lifecycle.language import playbook as authored
from lifecycle.language.times import parse_moment, parse_span
from lifecycle.schedule import AT_MOST, shortest_gap, window

KINDS = ("milestone", "segment", "schedule", "date")
"""What an entry is by; exactly one of them."""

_BELONGS = {
    "per": ("milestone",),
    "every": ("date",),
    "at": ("date",),
    "spread": ("schedule", "date"),
}
"""Keys that mean something for some kinds of entry only."""

EVENT = {"slot": "text"}
"""The properties of `event` where time enrols: what the customer's clocks showed."""


def kind_of(entry: authored.Entry, names: Names) -> str | None:
    """What an entry is by; None, and a fault, where it is by nothing or by two things. Keys that belong to another kind
    are faults as well.
    """
    found = [kind for kind in KINDS if getattr(entry, kind) is not None]
    if len(found) != 1:
        if found:
            both = " and ".join(f"`{kind}`" for kind in found)
            names.faults.add(entry.place(found[1], key=True), "one-of", f"{both} are two entries; write one of them")
        else:
            names.faults.add(
                entry.place(), "missing-key", "an entry names a `milestone`, `segment`, `schedule` or `date`"
            )
        return None
    for key, kinds in _BELONGS.items():
        if getattr(entry, key) is not None and found[0] not in kinds:
            message = f"`{key}` belongs to an entry by {' or '.join(kinds)}"
            names.faults.add(entry.place(key, key=True), "other-entry", message)
    return found[0]


def timed(entry: authored.Entry, names: Names) -> p.Entry:
    """The entry by time that `entry` is."""
    names.event = dict(EVENT)
    if entry.if_:
        names.condition(entry.if_, entry.place("if"))
    if entry.date is not None:
        _date(entry, entry.date, names)
    if entry.spread is not None:
        _spread(entry, entry.spread, names)
    return p.Entry(
        condition=entry.if_,
        reentry=entry.reentry or "each",
        schedule=entry.schedule,
        date=entry.date,
        yearly=entry.every == "year",
        at=entry.at,
        spread=entry.spread,
    )


def _date(entry: authored.Entry, text: str, names: Names) -> None:
    moment, place = parse_moment(text), entry.place("date")
    if moment.attribute is None or not moment.attribute.startswith("customer."):
        message = f"`{text}` is no date of a customer"
        names.faults.add(place, "not-a-date", message, "write for example `customer.birthday`")
        return
    kind = names.attribute(moment.attribute, place)
    if kind not in (None, "date"):
        message = f"`{moment.attribute}` is a {kind}, and only a date can enrol"
        names.faults.add(place, "not-a-date", message)
    if moment.at and entry.at:
        names.faults.add(entry.place("at"), "twice", "the clock time stands in `date` already")


def _spread(entry: authored.Entry, text: str, names: Names) -> None:
    span, place = parse_span(text), entry.place("spread")
    if span.months or span.working or window(span) > AT_MOST:
        names.faults.add(place, "spread-too-long", f"`{text}` is too long to spread over", "at most `24 hours`")
    elif entry.schedule is not None and window(span) > shortest_gap(entry.schedule):
        message = f"the next time of `{entry.schedule}` comes before `{text}` are over"
        names.faults.add(place, "spread-too-long", message)
