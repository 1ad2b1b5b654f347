"""How a list is walked: page by page, by the key of the row at which a page ends, never by an offset.

A `Walk` is one way through a table, in the order of an index. A list is one walk, or several one after the other.
What a filter asks and no index serves is `loose`: it is looked for in a stretch of at most `LOOK` rows, and the page
says how far it looked; the next page goes on from there.

A `Cursor` is a place between two rows. In an address it is opaque: nobody need read it, and whoever made one up gets
the first page.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import CTE, Column, ColumnElement, FromClause, Select, func, literal, select, tuple_
from sqlalchemy.orm import Session
from whenever import Instant

from store.types import InstantType

T = TypeVar("T")

LOOK = 25_000
"""So many rows are looked at for a page, where no index serves all that is asked for."""

LONGEST = 600
"""Characters of a cursor in an address; ours have fewer."""

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Walk:
    """The rows of `source` that `where` names, in the order of `key`, the newest first unless it is `rising`.

    An index serves `where` and `key` together; the columns of `key` are unique together and never empty. With `short`
    the source is a few rows that were picked before, and nothing need be looked for in stretches.
    """

    source: FromClause
    key: tuple[Any, ...]
    where: tuple[ColumnElement[bool], ...] = ()
    rising: bool = False
    short: bool = False


class Cursor(NamedTuple):
    """A place in a list: beyond the row with this key, in a walk; `back`: towards the list's beginning."""

    walk: int
    key: tuple[Any, ...]
    back: bool = False

    def __str__(self) -> str:
        values = [one.timestamp(unit="microsecond") if isinstance(one, Instant) else one for one in self.key]
        text = json.dumps([int(self.back), self.walk, *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> Cursor | None:
    """The cursor that an address holds; None where that is none."""
    if not text or len(text) > LONGEST:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        back, walk, *key = found
    except (ValueError, TypeError, RecursionError):
        return None
    whole = all(type(one) is int for one in (back, walk)) and back in (0, 1) and 0 <= walk < 10
    return Cursor(walk, tuple(key), bool(back)) if whole and key else None


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list. `older` leads on, `newer` back to where one came from; None where there is nothing.

    `looked` says that no more than `LOOK` rows were looked at: there may be more of what is asked for further on.
    """

    rows: list[T] = field(default_factory=list)
    older: Cursor | None = None
    newer: Cursor | None = None
    looked: bool = False


class _Part(NamedTuple):
    """Rows of one walk, as tuples that end with their key; `edge` is the key at which the look ended too early."""

    rows: list[Any]
    more: bool
    edge: tuple[Any, ...] | None


def page(
    session: Session, walks: Sequence[tuple[Walk, Select[Any]]], make: Any, cursor: Cursor | None, limit: int,
    loose: Sequence[Sequence[ColumnElement[bool]]] = (),
) -> Page[Any]:  # fmt: skip
    """At most `limit` rows of walks that follow each other, from the cursor on; `make` makes an item of the columns.

    Each walk comes with the SELECT of its columns, and `loose` has a row of conditions for each. A cursor that does
    not fit these walks is passed over.
    """
    at = _fitting(cursor, walks)
    back = at is not None and at.back
    number = at.walk if at else 0
    place = at.key if at else None
    found: list[tuple[int, Any]] = []
    edge: Cursor | None = None
    more = False
    while True:
        walk, columns = walks[number]
        asked = loose[number] if loose else ()
        part = _part(session, walk, columns, place, back, limit - len(found), asked)
        found += [(number, row) for row in part.rows]
        more = part.more
        if part.edge is not None:
            edge = Cursor(number, part.edge)
        number, place = number + (-1 if back else 1), None
        if more or edge or not 0 <= number < len(walks):
            break
    if back and not more and not edge:
        return page(session, walks, make, None, limit, loose)  # its beginning is reached, and shown whole
    if back:
        found.reverse()
    first = _cursor(walks, found[0], back=True) if found else None
    last = _cursor(walks, found[-1]) if found else None
    newer = (first if not edge else edge._replace(back=True)) if back else (at and (first or at._replace(back=True)))
    older = last if back or (more and not edge) else edge
    if back and not found and at is not None:
        older = at._replace(back=False)
    items = [make(*row[: -len(walks[one][0].key)]) for one, row in found]
    return Page(items, older, newer or None, looked=edge is not None)


def _part(
    session: Session, walk: Walk, columns: Select[Any], at: tuple[Any, ...] | None, back: bool, limit: int,
    loose: Sequence[ColumnElement[bool]],
) -> _Part:  # fmt: skip
    rising = walk.rising is not back
    order = [one.asc() if rising else one.desc() for one in walk.key]
    where = list(walk.where)
    if at is not None:
        where.append(_beyond(walk, at, rising))
    edge = None
    if loose and not walk.short:
        far = select(*walk.key).select_from(walk.source).where(*where).order_by(*order).limit(1).offset(LOOK - 1)
        edge = session.execute(far).first()
        if edge is not None:
            where.append(~_beyond(walk, tuple(edge), rising))
    keyed = columns.add_columns(*(one.label(f"key_{place}") for place, one in enumerate(walk.key)))
    rows = list(session.execute(keyed.where(*where, *loose).order_by(*order).limit(limit + 1)))
    if len(rows) > limit:
        return _Part(rows[:limit], more=True, edge=None)
    return _Part(rows, more=False, edge=tuple(edge) if edge is not None else None)


def _beyond(walk: Walk, at: tuple[Any, ...], rising: bool) -> ColumnElement[bool]:
    """What lies beyond a key. One comparison of rows, which an index serves."""
    values = [literal(value, column.type) for column, value in zip(walk.key, at, strict=True)]
    if len(values) == 1:
        return walk.key[0] > values[0] if rising else walk.key[0] < values[0]  # type: ignore[no-any-return]
    row, given = tuple_(*walk.key), tuple_(*values)
    return row > given if rising else row < given


def _cursor(walks: Sequence[tuple[Walk, Select[Any]]], row: tuple[int, Any], back: bool = False) -> Cursor:
    number, values = row
    return Cursor(number, tuple(values[-len(walks[number][0].key) :]), back)


def _fitting(cursor: Cursor | None, walks: Sequence[tuple[Walk, Select[Any]]]) -> Cursor | None:
    """The cursor with its values as the walk's columns have them; None where it is of another list, or made up."""
    if cursor is None or cursor.walk >= len(walks):
        return None
    key = walks[cursor.walk][0].key
    if len(key) != len(cursor.key):
        return None
    values = [_value(column, value) for column, value in zip(key, cursor.key, strict=True)]
    return None if None in values else cursor._replace(key=tuple(values))


def _value(column: Column[Any], value: Any) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(column.type, InstantType):
        try:
            return value if isinstance(value, Instant) else Instant.from_timestamp(value, unit="microsecond")
        except (ValueError, TypeError, OverflowError):
            return None
    if column.type.python_type is int:
        return value if type(value) is int and abs(value) <= _LARGEST else None
    storable = isinstance(value, str) and "\0" not in value and value.isprintable()
    return value if storable else None


def picked(statement: Select[Any], name: str) -> CTE:
    """A few rows that are picked first, whatever else is asked of them: neither database is to walk another index."""
    return statement.cte(name).prefix_with("MATERIALIZED")


def at_most(session: Session, rows: Select[Any], most: int) -> int:
    """How many rows there are, counted up to `most` and one: more than that are not counted."""
    return session.scalar(select(func.count()).select_from(rows.limit(most + 1).subquery())) or 0
