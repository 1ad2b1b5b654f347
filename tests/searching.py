"""Looks for texts in every table of a database and in every byte of the files of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import METADATA


def forms(texts: Iterable[str]) -> set[str]:
    """The texts in small letters, as they are and as addresses and forms write them."""
    return {form.lower() for text in texts for form in (text, quote(text), quote(text, safe=""))}


def in_tables(session: Session, texts: Iterable[str]) -> set[str]:
    """TABLE.COLUMN wherever one of the texts is."""
    wanted, found = forms(texts), set()
    for name, table in METADATA.tables.items():
        for row in session.execute(select(table)).mappings():
            for column, value in row.items():
                held = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                written = held if isinstance(held, str) else json.dumps(held, default=str, ensure_ascii=False)
                if any(text in written.lower() for text in wanted):
                    found.add(f"{name}.{column}")
    return found


def in_files(folder: Path, texts: Iterable[str]) -> set[str]:
    """The files below a folder in which one of the texts is."""
    wanted = {text.encode() for text in forms(texts)}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in files if any(text in path.read_bytes().lower() for text in wanted)}
