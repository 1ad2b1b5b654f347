"""A criterion as SQL: true, false, or NULL where it is missing, exactly as `messaging.expressions` reads the condition.

Attributes are what products sent, of any type, so each value is read in two ways: as a number and as a text, NULL where
it is not of that kind. Texts are ordered by code points. `and` and `or` do not look at their second half where the
first is missing: SQL's own would, so each becomes a CASE, which also names its first half only once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Numeric,
    String,
    and_,
    case,
    cast,
    collate,
    extract,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    true,
)
from whenever import Instant

from lifecycle.criteria import (
    Among,
    Attribute,
    Both,
    Compare,
    Criterion,
    Defined,
    Either,
    Fixed,
    Full,
    History,
    Known,
    Not,
    Otherwise,
    Scalar,
    Stage,
    Value,
)
from store.types import InstantType

Sql = ColumnElement[Any]

_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "lteq": operator.le, "gt": operator.gt,
    "gteq": operator.ge,
}  # fmt: skip
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Columns:
    """Where what is known stands: attributes with a column of their own, the others in JSON, and milestones.

    `milestone` gives count, first and last of a milestone. `defaults` are those of attributes, by `customer` and
    `account`.
    """

    own: Mapping[str, Sql]
    attributes: Mapping[str, Sql]
    stage: Sql
    milestone: Callable[[str, str], Sql]
    defaults: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Read:
    """A value as SQL. `number` and `text` are None where it is never such a one; `there` is never NULL. `more` says of
    what is neither, a list or a group, whether anything is in it.
    """

    there: Sql
    number: Sql | None = None
    text: Sql | None = None
    more: Sql | None = None


def milestones_in(criterion: Criterion) -> set[str]:
    """The milestones whose history a criterion looks at."""
    return {value.milestone for value in _values_in(criterion) if isinstance(value, History)}


def _values_in(criterion: Criterion) -> Iterator[Value]:
    match criterion:
        case Both(first, second) | Either(first, second):
            yield from _values_in(first)
            yield from _values_in(second)
        case Not(inner):
            yield from _values_in(inner)
        case Compare(left, _, right):
            yield from (_inner(left), _inner(right))
        case Among(value, _) | Defined(value) | Full(value):
            yield _inner(value)


def _inner(value: Value) -> Value:
    return value.value if isinstance(value, Otherwise) else value


class Translator:
    """Makes SQL of criteria for one dialect; `now` dates what is so many days ago."""

    def __init__(self, dialect: str, columns: Columns, now: Instant) -> None:
        self.postgres, self.columns, self.now = dialect == "postgresql", columns, now

    def sql(self, criterion: Criterion) -> Sql:
        """A boolean: true, false, or NULL for missing."""
        match criterion:
            case Both(first, second):
                return case((true(), self.sql(second)), (false(), false()), value=self.sql(first), else_=_missing())
            case Either(first, second):
                return case((true(), true()), (false(), self.sql(second)), value=self.sql(first), else_=_missing())
            case Not(inner):
                return not_(self.sql(inner))
            case Compare(History(_, "first" | "last") as left, relation, History(_, "first" | "last") as right):
                return _RELATIONS[relation](self._moment(left), self._moment(right))  # type: ignore[no-any-return]
            case Compare(left, relation, right):
                return self._compare(self._read(left), relation, self._read(right))
            case Among(value, values):
                return self._among(self._read(value), values)
            case Defined(value):
                return self._there(value)
            case Full(value):
                return self._full(self._read(value))

    # --- comparing ------------------------------------------------------------------------------------------------

    def _compare(self, left: _Read, relation: str, right: _Read) -> Sql:
        relate = _RELATIONS["eq" if relation == "ne" else relation]
        found: list[Sql] = []
        if left.number is not None and right.number is not None:
            found.append(relate(left.number, right.number))
        if left.text is not None and right.text is not None:
            found.append(relate(self._ordered(left.text), right.text))
        if relation not in ("eq", "ne"):  # where neither can be said there is no order, and the whole is missing
            return func.coalesce(*found, _missing(), type_=Boolean()) if found else _missing()
        alike = or_(*(func.coalesce(one, false()) for one in found)) if found else false()
        return case((and_(left.there, right.there), alike if relation == "eq" else not_(alike)), else_=_missing())

    def _among(self, value: _Read, values: tuple[Scalar, ...]) -> Sql:
        numbers = [self._number(one) for one in values if not isinstance(one, str)]
        texts = [literal(one, String) for one in values if isinstance(one, str)]
        found = []
        if value.number is not None and numbers:
            found.append(func.coalesce(value.number.in_(numbers), false()))
        if value.text is not None and texts:
            found.append(func.coalesce(value.text.in_(texts), false()))
        return case((value.there, or_(*found) if found else false()), else_=_missing())

    def _full(self, value: _Read) -> Sql:
        found: list[Sql] = []
        if value.number is not None:
            found.append(value.number != self._number(0))
        if value.text is not None:
            found.append(value.text != literal("", String))
        if value.more is not None:
            found.append(value.more)
        return func.coalesce(*found, _missing(), type_=Boolean())

    # --- reading --------------------------------------------------------------------------------------------------

    def _read(self, value: Value) -> _Read:
        match value:
            case Fixed(fixed):
                return self._fixed(fixed)
            case Otherwise(known, instead):
                return self._else(self._read(known), self._fixed(instead))
            case Stage():
                return _text(self.columns.stage)
            case History(milestone, "count"):
                return _Read(true(), number=self.columns.milestone(milestone, "count"))
            case History():
                days = self._days(self.columns.milestone(value.milestone, "last"))
                return _Read(days.is_not(None), number=days)
            case Attribute(of, name):
                return self._attribute(of, name)

    def _there(self, value: Known) -> Sql:
        if isinstance(value, History) and value.part in ("first", "last"):
            return self._moment(value).is_not(None)
        return self._read(value).there

    def _moment(self, value: History) -> Sql:
        return self.columns.milestone(value.milestone, value.part)

    def _attribute(self, of: str, name: str) -> _Read:
        own = self.columns.own.get(name) if of == "customer" else None
        read = self._json(self.columns.attributes[of], name) if own is None else _text(own)
        default = self.columns.defaults[of].get(name)
        return read if default is None else self._else(read, self._fixed(default))

    @staticmethod
    def _else(value: _Read, instead: _Read) -> _Read:
        """`value` where it is there, `instead` where not; `instead` always is."""

        def chosen(one: Sql | None, other: Sql | None) -> Sql | None:
            if one is None and other is None:
                return None
            return case((value.there, null() if one is None else one), else_=null() if other is None else other)

        return _Read(true(), chosen(value.number, instead.number), chosen(value.text, instead.text), value.more)

    def _json(self, document: Sql, name: str) -> _Read:
        """A value in JSON. SQLite gives true and false as 1 and 0; a list or a group is told from texts by its kind."""
        if self.postgres:
            kind: Sql = func.jsonb_typeof(func.jsonb_extract_path(document, name))
            plain: Sql = func.jsonb_extract_path_text(document, name, type_=String())
            number = case(
                (kind == "number", cast(plain, Numeric)), (kind == "boolean", case((plain == "true", 1), else_=0))
            )
            is_text = kind == "string"
        else:
            path = f'$."{name}"'
            kind = func.json_type(document, path)
            plain = func.json_extract(document, path)
            number = case((kind.in_(["integer", "real", "true", "false"]), plain))
            is_text = kind == "text"
        there = func.coalesce(kind != "null", false(), type_=Boolean())
        # Both databases write what is empty without a space in it.
        more = case((kind.in_(["array", "object"]), plain.not_in(["[]", "{}"])))
        return _Read(there, number, case((is_text, plain)), more)

    def _fixed(self, value: Scalar) -> _Read:
        if isinstance(value, str):
            return _Read(true(), text=literal(value, String))
        return _Read(true(), number=self._number(value))

    def _number(self, value: float) -> Sql:
        if isinstance(value, int):
            return literal(int(value), BigInteger)
        # A number in JSON is what stands there, and so is this one: PostgreSQL would round both to compare them.
        return literal(Decimal(repr(value)), Numeric) if self.postgres else literal(value)

    def _days(self, last: Sql) -> Sql:
        """Whole days of 24 hours since `last`; none where that is still ahead."""
        now = literal(self.now, InstantType)
        if self.postgres:
            return case((last.is_not(None), func.greatest(0, func.floor(extract("epoch", now - last) / _DAY))))
        passed = func.max(0, (cast(now, BigInteger) - cast(last, BigInteger)) // literal(_DAY * 1_000_000, BigInteger))
        return case((last.is_not(None), passed))

    def _ordered(self, text: Sql) -> Sql:
        """By code points, as SQLite does anyway."""
        return collate(text, "C") if self.postgres else text


def _text(column: Sql) -> _Read:
    return _Read(column.is_not(None), text=column)


def _missing() -> Sql:
    return cast(null(), Boolean)
