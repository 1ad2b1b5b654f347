"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, String
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine
from whenever import Instant


class InstantType(TypeDecorator[Instant]):
    """An instant in UTC, to the microsecond; what is finer is cut off.

    PostgreSQL: TIMESTAMP WITH TIME ZONE. SQLite: whole microseconds since 1970, which sort and compare as integers
    and take eight bytes. To read one by hand: `datetime(at / 1e6, 'unixepoch')`.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: Instant | None, dialect: Dialect) -> datetime | int | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return value.to_stdlib()
        return value.timestamp(unit="microsecond")

    def process_result_value(self, value: Any, dialect: Dialect) -> Instant | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return Instant(value)
        return Instant.from_timestamp(value, unit="microsecond")


as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""A value as it is stored in a column of the type below."""

# None is SQL's NULL, not JSON's null. PostgreSQL does not keep the order of keys in an object.
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

# SQLite counts up by itself only where the type is exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")

# Compared byte by byte, whatever language a PostgreSQL server sorts in: so texts with one beginning are one range.
FindKey = String().with_variant(String(collation="C"), "postgresql")

_LONGEST = 120
"""The most characters of a text that it is found by: an index takes no text of any length."""


def find_key(value: object) -> str | None:
    """A text as it is searched: in small letters, its spaces made one; None where there is none."""
    return " ".join(value.split()).casefold()[:_LONGEST] or None if isinstance(value, str) else None
