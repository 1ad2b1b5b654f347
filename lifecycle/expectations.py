"""One entry of `expect` and one line of a timeline: whether they fit, how each is shown, and how an entry is written.

An entry names one thing (`send`, `task`, `end` ...) on a day, at a clock time where it says one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whenever import Time

from lifecycle.language.faults import Faults
from lifecycle.language.scenario import THINGS, Expected
from lifecycle.language.source import read
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.language.times import parse_clock
from lifecycle.timeline import Line

STRICT = frozenset({"sent", "task", "exited", "finished"})
"""What `expect` lists without a gap; other lines are compared where they are listed."""

SHOWN = STRICT | {"refused", "goal"}
"""The lines that a failure shows in any case."""

LINE_OF = {
    "send": "sent", "refused": "refused", "task": "task", "milestone": "milestone", "record": "recorded",
    "enrol": "enrolled", "goal": "goal", "set": "set",
}  # fmt: skip
"""What a line is, for what an entry names; `end` is one of several."""

Templates = Mapping[tuple[str, Channel], TemplateInfo]


def thing_of(entry: Expected) -> tuple[str, Any]:
    """What an entry names: `("send", "adopter/thank-you")`."""
    return next((thing, value) for thing in THINGS if (value := getattr(entry, thing)) is not None)


def matches(entry: Expected, line: Line, zone: str) -> bool:
    """Whether a line of a timeline is the one that an entry names."""
    if line.day != entry.day or (entry.at is not None and clock_of(line, zone) != parse_clock(entry.at)):
        return False
    return names(entry, line)


def names(entry: Expected, line: Line) -> bool:
    """Whether an entry names what a line tells of, whenever that is."""
    thing, value = thing_of(entry)
    wanted = str(value)
    if thing == "end":
        return (line.what == "exited" and line.reason == wanted) or line.what == wanted
    if line.what != LINE_OF[thing]:
        return False
    if thing == "send":
        return line.template == wanted and entry.channel in (None, line.channel)
    if thing == "refused":
        return line.template == wanted and entry.reason in (None, line.reason)
    if thing == "task":
        return line.reason == wanted
    if thing == "milestone":
        return (line.to or "").partition(":")[0] == wanted
    if thing == "set":
        return line.to == ", ".join(f"{key.removeprefix('customer.')} = {one}" for key, one in value.items())
    return line.to == wanted


def clock_of(line: Line, zone: str) -> Time:
    """The customer's clock time of a line, to the minute."""
    return line.at.to_tz(zone).time().round("minute")


# --- shown ---------------------------------------------------------------------------------------------------------


def wanted(entry: Expected) -> str:
    """An entry in a failure: `day 3 10:00  send: convert/nudge (sms)`."""
    thing, value = thing_of(entry)
    if thing == "set":
        value = ", ".join(f"{key.removeprefix('customer.')} = {one}" for key, one in value.items())
    detail = entry.channel or entry.reason
    return f"day {entry.day} {entry.at or '':5}  {thing}: {value}" + (f" ({detail})" if detail else "")


def actual(line: Line, zone: str) -> str:
    """A line of a timeline in the same form."""
    what = {
        "sent": f"send: {line.template} ({line.channel})",
        "refused": f"refused: {line.template or line.step} ({line.reason})",
        "task": f"task: {line.reason}",
        "exited": f"end: {line.reason}",
        "finished": "end: finished",
        "recorded": f"record: {line.to}",
        "enrolled": f"enrol: {line.to}",
    }.get(line.what, f"{line.what}: {line.to}")
    return f"day {line.day} {_clock(line, zone)}  {what}"


def _clock(line: Line, zone: str) -> str:
    return clock_of(line, zone).format_iso()[:5]


# --- written -------------------------------------------------------------------------------------------------------


def written(line: Line, zone: str, templates: Templates, *, at: bool, ends: bool) -> str:
    """A line as its entry in a test file: `{day: 1, at: "10:00", send: convert/quote-reminder}`.

    With `at` the clock time stands in it. The channel stands in it where the template has several. A goal that `ends`
    the journey is written as its end.
    """
    parts = [f"day: {line.day}"] + ([f'at: "{_clock(line, zone)}"'] if at else [])
    if line.what == "sent":
        parts.append(f"send: {scalar(str(line.template))}")
        if len([1 for name, _ in templates if name == line.template]) > 1:
            parts.append(f"channel: {line.channel}")
    elif line.what == "refused":
        parts += [f"refused: {scalar(str(line.template))}", f"reason: {scalar(str(line.reason))}"]
    elif line.what in ("recorded", "enrolled"):
        parts.append(f"{'record' if line.what == 'recorded' else 'enrol'}: {scalar(str(line.to))}")
    elif line.what == "task":
        parts.append(f"task: {scalar(str(line.reason))}")
    elif line.what == "goal" and not ends:
        parts.append(f"goal: {scalar(str(line.to))}")
    else:
        end = line.reason if line.what == "exited" and line.reason else line.what
        parts.append(f"end: {scalar(end)}")
    return "{" + ", ".join(parts) + "}"


def scalar(text: str) -> str:
    """A text as it stands in a flow mapping: in quotes only where YAML would read something else without."""
    faults = Faults()
    found = read("", "[" + text + "]", faults)
    if found is not None and not len(faults) and found.data == [text] and "\n" not in text:
        return text
    escaped = "".join(_ESCAPED.get(char) or (char if char.isprintable() else f"\\u{ord(char):04x}") for char in text)
    return f'"{escaped}"'


_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
