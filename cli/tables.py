"""Tables as files (CSV): a first row that names the columns, then a customer or a milestone of one on each row.

Columns are read whole before any row is: a name that means nothing here is told at once, with the nearest that does. A
row that cannot be read is named by the line where it begins, and loses none of those behind it, even where its quote is
never closed.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whenever import Instant

from cli.columns import Columns, read_columns
from cli.common import Refused
from cli.lines import MARK, Record
from intake import doors
from lifecycle import values
from lifecycle.language.map import Map
from lifecycle.segment import FIRST, LAST, MAX_LINE, Call, read_call

DELIMITERS = ",;\t"


def columns_of(path: Path, map: Map) -> Columns:
    """The columns that the first row of a file names. Refused tells of all that are wrong, at once."""
    delimiter, names, end = DELIMITERS[0], list[str](), (0, 0)
    for candidate in DELIMITERS:
        with contextlib.closing(_Lines(path, 0, 0)) as source, contextlib.suppress(csv.Error):
            cells = next((row for row in _rows(source, candidate) if any(row)), [])
            if len(cells) > len(names):
                delimiter, names, end = candidate, cells, (source.offset, source.line)
    if not names:
        raise Refused(f"{path}:1: there is no row that names the columns, such as `customer,email,plan`")
    return read_columns(path, delimiter, names, *end, map)


def records(path: Path, offset: int, line: int, *, columns: Columns, map: Map) -> Iterator[Record]:
    """The rows of a table as calls, from an offset on, at which that many lines have been read."""
    place: tuple[int, int] | None = max((offset, line), (columns.offset, columns.line))
    while place is not None:
        with contextlib.closing(_Lines(path, *place)) as source:
            begin, place = source.line, None
            try:
                for cells in _rows(source, columns.delimiter):
                    if any(cells):
                        yield Record(begin + 1, _call(cells, columns, map), source.line, source.offset)
                    begin, source.first = source.line, None
            except csv.Error as error:
                # The rest may be sound, so only the first of the lines that were swallowed is given up.
                assert source.first is not None
                place = source.first
                yield Record(begin + 1, _because(error), place[1], place[0])


class _Lines:
    """The lines of a file for `csv.reader`, which takes one when it needs it: so `offset` and `line` say where the row
    that it read last ends. `first` is the end of the first line that was taken since it was None.
    """

    def __init__(self, path: Path, offset: int, line: int) -> None:
        self.offset, self.line = offset, line
        self.first: tuple[int, int] | None = None
        self._file = path.open("rb")
        self._file.seek(offset)

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = part = self._file.readline(MAX_LINE + 1)
        if not text:
            raise StopIteration
        self.offset += len(text)
        while len(part) > MAX_LINE and not part.endswith(b"\n"):
            part = self._file.readline(MAX_LINE + 1)
            self.offset += len(part)
        self.line += 1
        self.first = self.first or (self.offset, self.line)
        if len(text) > MAX_LINE:
            raise csv.Error(_LONG)
        return (text.removeprefix(MARK) if self.line == 1 else text).decode("utf-8", "replace")


_LONG = f"it is longer than {MAX_LINE:,} bytes"


def _rows(source: _Lines, delimiter: str) -> Iterator[list[str]]:
    for cells in csv.reader(source, delimiter=delimiter, strict=True):
        yield [cell.strip() for cell in cells]


def _because(error: csv.Error) -> str:
    if str(error) == _LONG:
        return _LONG
    return f"its quotes do not match, or a cell has more than {csv.field_size_limit():,} characters"


def _call(cells: list[str], columns: Columns, map: Map) -> Call | str:
    if len(cells) != columns.width:
        return f"it has {len(cells)} cell{'s' * (len(cells) > 1)}, and the first row names {columns.width} columns"
    filled = {name: cells[place] for name, place in columns.places.items() if cells[place]}
    try:
        data = _milestone(filled, columns, map) if columns.of_milestones else _customer(filled, columns, map)
    except (doors.NotAccepted, ValueError) as error:
        return str(error)
    # Of the cells as they stand: the map, and with it the types of values, may change until the next import.
    content = json.dumps(sorted(filled.items()), ensure_ascii=True).encode()
    digest = "row-" + hashlib.blake2b(content, digest_size=16).hexdigest()
    call = read_call({"userId": filled.get(columns.customer), "messageId": filled.get(columns.id, digest), **data})
    return columns.in_words(call) if isinstance(call, str) else call


def _milestone(filled: Mapping[str, str], columns: Columns, map: Map) -> dict[str, Any]:
    name, at = filled.get(columns.milestone, ""), filled.get(columns.at)
    if at is None:
        raise doors.NotAccepted(f"it has no `{columns.at}`")
    texts = {column: filled[column] for column in columns.values if column in filled}
    properties = doors.typed(texts, doors.types_of(map, name))
    return {"type": "track", "event": name, "timestamp": _instant(at, columns.at, map), "properties": properties}


def _customer(filled: Mapping[str, str], columns: Columns, map: Map) -> dict[str, Any]:
    texts = {name: filled[column] for column, name in columns.values.items() if column in filled}
    traits = doors.typed(texts, map.customer_types())
    proof = {name: filled[column] for column, name in columns.proof.items() if column in filled}
    if "at" in proof:
        proof["at"] = _instant(proof["at"], "consent.at", map)
    answers = {
        answer: {"granted": values.typed(column, filled[column], "boolean"), **proof}
        for column, answer in columns.consents.items()
        if column in filled
    }
    return {"type": "identify", "traits": {**traits, **({"consent": answers} if answers else {})}}


def _instant(text: str, column: str, map: Map) -> str:
    try:
        found: Instant | None = values.instant(text, map.time_zone)
    except ValueError:
        found = None
    if found is None or not FIRST <= found < LAST:
        raise doors.NotAccepted(f"its `{column}` is not a date and time such as 2026-01-05 10:00")
    return found.format_iso()
