"""Lists as CSV, for spreadsheets: streamed, a bounded number of rows at a time, and safe to open.

RFC 4180: UTF-8 without a byte order mark, CRLF, a header row. A cell that a spreadsheet would take for a formula gets
an apostrophe before it, as OWASP recommends (https://owasp.org/www-community/attacks/CSV_Injection): what customers
call themselves must not run in the program of whoever looks at them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from whenever import Instant

from console.lists import Query
from console.pages import HEADERS, parts_of
from console.visitors import Visitor
from intake.exporting import list_saved
from store.database import Database
from store.lists.paging import Cursor, Page

ROWS = 1000
"""So many rows are read at once."""

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may take for a formula."""

Fetch = Callable[[Session, Cursor | None, int], Page[Any]]


def cell(value: Any) -> str:
    """A value as text that no spreadsheet runs. Instants are in UTC."""
    if value is None:
        return ""
    if isinstance(value, Instant):
        return value.round("second").format_iso()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)  # a number is no text of somebody's, and keeps its sign
    text = str(value)
    return f"'{text}" if text.startswith(DANGEROUS) else text


async def lines(
    database: Database,
    header: Sequence[str],
    first: Page[Any],
    fetch: Fetch,
    values: Callable[[Any], Sequence[Any]],
) -> AsyncIterator[bytes]:
    """The file in pieces: its `first` rows, which are read already, then at most `ROWS` at a time, each by a query."""
    found, rows = first, [header]
    while True:
        rows += [values(one) for one in found.rows]
        if rows:  # a stretch in which nothing was found is no piece
            yield _written(rows)
        place = found.older
        if place is None:
            return
        rows = []
        found = await database.read(lambda session: fetch(session, place, ROWS))  # noqa: B023 - awaited at once


async def answer(
    request: Request,
    visitor: Visitor,
    query: Query,
    name: str,
    header: Sequence[str],
    fetch: Fetch,
    values: Callable[[Any], Sequence[Any]],
) -> Response:
    """The list as a file to download. `name` says what is in it; the day is added.

    Nothing goes out before the audit log says who has it.
    """
    parts = parts_of(request)
    database, now = parts.api.database, parts.api.clock()
    first = await database.read(lambda session: fetch(session, None, ROWS))
    number = len(first.rows) if first.older is None else None
    whose = query.used.get("customer") or query.used.get("target")
    await database.write(lambda session: list_saved(session, name, query.told, whose, number, who=visitor.who, now=now))
    day = now.to_tz("UTC").date().format_iso()
    headers = {
        **HEADERS,
        "Content-Disposition": f'attachment; filename="milepost-{file_name(name)}-{day}.csv"',
    }
    made = lines(database, header, first, fetch, values)
    return StreamingResponse(made, media_type="text/csv; charset=utf-8; header=present", headers=headers)


def file_name(name: str) -> str:
    """What is safe in the name of a file, whatever a segment is called."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "list"


def _written(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()
