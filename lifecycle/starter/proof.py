"""The text of the new playbook's test file: scenarios that go every way, with what they expect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lifecycle.expectations import scalar
from lifecycle.language.map import Map
from lifecycle.starter.idea import Idea, exits
from lifecycle.starter.playbook import BEEN_THERE, FIRST, UNDELIVERED, UNREACHED, last, second

_MONDAY = "2026-03-02 10:00"
_ADDRESS = {"email": "email: ada@example.com", "sms": 'phone: "+33123456789"'}


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    given: Sequence[str]
    expect: Sequence[str]
    never: str | None = None


def proof(idea: Idea, map_: Map) -> str:
    """The test file. In a project with unusual hours or caps what it expects may have to be revised."""
    head = f"""\
# Proves that whoever gets there hears no more, and that nobody is reminded twice. {_MONDAY[:10]} is a Monday.
# Where you change the playbook, `milepost test` shows what is different; if that is what you meant, let
# `milepost test --update` write it down here.

customer:
  first_name: Ada
  {_ADDRESS[idea.channel]}
  time_zone: {map_.time_zone}
  consent: [{scalar(idea.topic)}]
start: {_MONDAY}

scenarios:
"""
    return head + "\n".join(_written(case) for case in _cases(idea, map_))


def _cases(idea: Idea, map_: Map) -> Iterable[_Case]:
    clock = idea.clock(map_)
    at = f'at: "{clock.format_iso()[:5]}"'
    arrived = f'at: "{clock.replace(minute=(clock.minute + 5) % 60).format_iso()[:5]}"'
    begin = f"{{day: 0, milestone: {scalar(idea.entry)}}}"
    hello = f"{{day: {FIRST}, {at}, send: {idea.first}}}"
    reminder = f"{{day: {second(idea, map_)}, {at}, send: {idea.second}}}"
    end = f"{{day: {last(idea, map_)}, {at}, end: {UNREACHED}}}"
    if idea.channel == "email":
        usual = [begin]
        yield _Case("is reminded once and then left in peace", usual, [hello, reminder, end])
        clicks = [begin, f"{{day: {FIRST + 1}, milestone: message.clicked, of: hello}}"]
        yield _Case("clicks and needs no reminder", clicks, [hello, end], idea.second)
    else:
        usual = [begin, f"{{day: {FIRST}, {arrived}, milestone: message.delivered, of: hello}}"]
        yield _Case("is reminded once and then left in peace", usual, [hello, reminder, end])
        lost = f"{{day: {FIRST + 1}, {at}, end: {UNDELIVERED}}}"
        yield _Case("has a number that does not work", [begin], [hello, lost], idea.second)
    reached = f"{{day: {FIRST + 2}, milestone: {scalar(idea.goal)}}}"
    done = f"{{day: {FIRST + 2}, end: goal}}"
    yield _Case("gets there and hears no more", [*usual, reached], [hello, done], idea.second)
    before = f'{{day: 0, at: "09:00", milestone: {scalar(idea.goal)}}}'
    entered = f'{{day: 0, at: "10:00", milestone: {scalar(idea.entry)}}}'
    been = f"{{day: 0, end: {BEEN_THERE}}}"
    yield _Case("has been there before", [before, entered], [been], idea.first)
    for name, happens in exits(map_, idea):
        keys = ", ".join(f"{key}: {value if key == 'set' else scalar(value)}" for key, value in happens.items())
        gone = [*usual, f"{{day: {FIRST + 2}, {keys}}}"]
        yield _Case(f"is let go by {name}", gone, [hello, f"{{day: {FIRST + 2}, end: {scalar(name)}}}"], idea.second)


def _written(case: _Case) -> str:
    lines = [f"  - name: {scalar(case.name)}", "    given:"]
    lines += [f"      - {one}" for one in case.given]
    lines += ["    expect:", *(f"      - {one}" for one in case.expect)]
    if case.never:
        lines.append(f"    never: [{case.never}]")
    return "\n".join(lines) + "\n"
