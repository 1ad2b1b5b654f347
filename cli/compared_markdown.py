"""A comparison as a comment for a pull request: a table that is seen, and customers in a block that unfolds.

GitHub takes comments of less than 65,536 characters, so rows and customers that would not fit are counted and left out.
Whoever reads a pull request need not know a customer's address: an id that looks like one is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cli.compared import Head, numbers, of_playbook, others, rows_of, said_of_customers, shift_of

if TYPE_CHECKING:
    from lifecycle.comparing import Compared, Difference
    from lifecycle.differences import OfPlaybook, Sums

LIMIT = 60_000
"""Characters. What GitHub takes, less room for whoever puts a few words around it."""

_ROOM = 20_000
"""Of them for customers."""


def markdown(head: Head, sums: Sums, shown: Sequence[Difference]) -> str:
    """The whole comment."""
    parts = ["### What this changes", f"{head.looked}. Before: {_code(head.old)}. After: {_code(head.new)}."]
    parts += [_plain(remark) for remark in head.remarks]
    same = [name for name, one in sums.playbooks.items() if not one.differs]
    for name, one in sums.playbooks.items():
        if one.differs:
            room = LIMIT - _ROOM - sum(len(part) for part in parts)
            parts.append(_playbook(name, one, room))
    if same:
        parts.append("Nothing differs in " + ", ".join(map(_code, same)) + ".")
    if shown:
        parts.append(_customers(sums, shown, LIMIT - sum(len(part) + 2 for part in parts)))
    return "\n\n".join(parts)


def _playbook(name: str, one: OfPlaybook, room: int) -> str:
    lines = [
        f"**{_code(name)}**: {of_playbook(one)}",
        "",
        "| message | before | after | added | removed | earlier | later | moved by (median) |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    total = one.total()
    last = _row("all messages", [*numbers(total), shift_of(total)])
    rows = [
        _row(f"{_code(template)} ({channel})", [*numbers(of), shift_of(of)])
        for (template, channel), of in sorted(one.templates.items(), key=lambda item: not item[1].differs)
    ]
    sentences = [f"- {_plain(sentence)}" for sentence in others(one)]
    kept = _fitting(rows, room // 2)
    if len(kept) < len(rows):
        kept.append(_row(f"and {len(rows) - len(kept)} more", [""] * 7))
    told = _fitting(sentences, room // 4)
    if len(told) < len(sentences):
        told.append(f"- and {len(sentences) - len(told)} more such changes")
    return "\n".join([*lines, *kept, last, *(["", *told] if told else [])])


def _customers(sums: Sums, shown: Sequence[Difference], room: int) -> str:
    blocks = ["\n".join(_customer(difference, number)) for number, difference in enumerate(shown, 1)]
    kept = _fitting(blocks, room - 200)
    if not kept:
        return "The customers in whom something differs have too many messages to be shown here."
    said = said_of_customers(sums, shown[: len(kept)]).rstrip(":")
    return f"<details><summary>{said}</summary>\n\n" + "\n\n".join(kept) + "\n\n</details>"


def _customer(difference: Difference, number: int) -> Iterator[str]:
    who = f"customer {number}" if "@" in difference.customer else _code(difference.customer)
    for journey in difference.journeys:
        yield from _journey(who, journey)


def _journey(who: str, journey: Compared) -> Iterator[str]:
    either = journey.either
    yield f"{who}, {_code(either.playbook)}"
    yield ""
    yield "| | before | after | |"
    yield "| --- | --- | --- | --- |"
    for mark, before, after, note in rows_of(journey):
        yield "| " + " | ".join((f"`{mark}`" if mark.strip() else "", *map(_plain, (before, after, note)))) + " |"
    yield ""


def _row(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([name, *cells]) + " |"


def _fitting(texts: Sequence[str], room: int) -> list[str]:
    """The first of these texts, as many as there is room for."""
    kept: list[str] = []
    for text in texts:
        room -= len(text) + 2
        if room < 0:
            break
        kept.append(text)
    return kept


def _code(text: str) -> str:
    """A name as code, where nothing in it means anything to Markdown, and mentions nobody."""
    return "`" + text.replace("`", "'").replace("|", "\\|").replace("\n", " ") + "`"


def _plain(text: str) -> str:
    """Words that may hold whatever an author wrote: no mark in them means anything."""
    shown = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")
    for mark in "\\`*_[]|~":
        shown = shown.replace(mark, f"\\{mark}")
    return shown
