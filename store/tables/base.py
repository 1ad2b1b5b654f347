"""What all tables share: one metadata with predictable names for keys, and the way from a row to its values."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.orm import Mapper
from sqlmodel import SQLModel

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Row(SQLModel):
    """The base of every table."""

    metadata: ClassVar[MetaData] = METADATA


def table_of(model: type[Row]) -> Table:
    """The table behind a model, for statements that skip the ORM."""
    return cast("Table", cast("Mapper[Any]", inspect(model)).local_table)


def values_of(row: Row) -> dict[str, Any]:
    """A row's values by column name. An id that the database gives is left out."""
    table = table_of(type(row))
    given = table.autoincrement_column
    return {
        attribute.columns[0].name: getattr(row, attribute.key)
        for attribute in cast("Mapper[Any]", inspect(type(row))).column_attrs
        if attribute.columns[0] is not given
    }
