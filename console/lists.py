"""What all lists share: what an address asks for, pages of it, and the same rows as CSV.

What cannot be read in an address (a day that is none, a state that there is not, a place of another list) is not asked
for, and the page says so: nobody meets an error because a link was cut.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, TypeVar

from fastapi import Request, Response
from sqlalchemy.orm import Session
from whenever import Date, Instant, Time, TimeZoneNotFoundError

from console.pages import page, same, unchanged
from console.templating import templates
from console.visitors import Visitor
from intake import reader
from store.lists.paging import LOOK, Cursor, Page, read_cursor
from store.tables import Customer

T = TypeVar("T")

LONGEST = 200
"""Characters of what a filter may say."""

POLL = 2000
"""Milliseconds between two questions of a list whether anything is new."""

templates.globals["look"] = LOOK

_FIRST, _LAST = Date(1970, 1, 1), Date(2199, 12, 31)


class Query:
    """What the address of a list asks for. `used` is what of it counts, by name; `wrong` says what does not.

    `told` is the same for the audit log: what somebody typed may name a person, so that of it only words are told that
    are declared.
    """

    def __init__(self, request: Request, zone: str) -> None:
        self._given, self._zone = request.query_params, zone
        self.used: dict[str, str] = {}
        self._declared: set[str] = set()
        self.wrong: list[str] = []
        self.csv = request.query_params.get("format") == "csv"
        self.cursor = read_cursor(request.query_params.get("at"))
        if request.query_params.get("at") and self.cursor is None:
            self.wrong.append("The address names a place in the list that there is not; this is its beginning.")

    @property
    def told(self) -> dict[str, str]:
        return {name: text if name in self._declared else "given" for name, text in self.used.items()}

    def text(self, name: str, declared: Container[str] = ()) -> str | None:
        """What a field says; `declared` are words that name nobody."""
        text = self._given.get(name, "").strip()
        if not text:
            return None
        if len(text) > LONGEST or not text.isprintable():
            self.wrong.append(f"What is asked for as {name} is too long, or cannot be in a name, and is not looked at.")
            return None
        self.used[name] = text
        if text in declared:
            self._declared.add(name)
        return text

    def choice(self, name: str, known: Iterable[str]) -> str | None:
        """One of the words that a field may have."""
        known = set(known)
        text = self.text(name, known)
        if text is None or text in known:
            return text
        del self.used[name]
        self.wrong.append(f"There is no {name} “{text[:40]}”, so all of them are shown.")
        return None

    def day(self, name: str, *, after: bool = False) -> Instant | None:
        """When a day begins in the viewer's zone; with `after`, when it is over."""
        text = self.text(name)
        if text is None:
            return None
        try:
            day = Date.parse_iso(text)
            if not _FIRST <= day <= _LAST:
                raise ValueError(text)
            self._declared.add(name)
            return (day.add(days=1) if after else day).at(Time()).assume_tz(self._zone).to_instant()
        except (ValueError, OverflowError, TimeZoneNotFoundError):
            del self.used[name]
            self.wrong.append(f"“{text[:40]}” is no day such as 2026-03-02, and is not looked at.")
            return None

    @property
    def filtered(self) -> bool:
        """Whether anything is asked for beside the whole list."""
        return bool(self.used)


def find_customer(session: Session, name: str | None, query: Query) -> Customer | None:
    """The customer whom a filter names, by the product's id or ours; says so where there is none."""
    if name is None:
        return None
    try:
        return reader.find_customer(session, name)
    except reader.Unknown:
        query.wrong.append(f"There is no customer “{name[:80]}”.")
        return None


def shown(
    request: Request, template: str, visitor: Visitor, query: Query, found: Page[Any], *, title: str, seen: Any = None,
    **values: Any,
) -> Response:  # fmt: skip
    """A page of a list. Its beginning follows what happens; `seen` is what it shows beside the rows."""
    mark = None
    if query.cursor is None:
        mark = repr((found.rows, found.older, seen, query.used, visitor.zone, visitor.user.role))
        if same(request, mark):
            return unchanged(request)
    return page(
        request, template, visitor, title=title, mark=mark, poll=POLL, query=query, found=found,
        older=_place(found.older), newer=_place(found.newer), **values,
    )  # fmt: skip


def _place(cursor: Cursor | None) -> str | None:
    return str(cursor) if cursor else None
