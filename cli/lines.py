"""Reading files of any size: what is in them, and JSON objects, one a line."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cli.common import Refused
from lifecycle.segment import MAX_LINE, Call, read_line

MARK = b"\xef\xbb\xbf"
"""What some programs write before the text of a file."""


class Text(NamedTuple):
    """A file of UTF-8 text: its size in bytes, and a digest of its content."""

    size: int
    digest: str


class Record(NamedTuple):
    """One row of a file: the call on it, or why there is none. `number` is the line where it begins, `line` where it
    ends, `offset` the bytes of the file up to there.
    """

    number: int
    call: Call | str
    line: int
    offset: int


def text_file(path: Path) -> Text:
    """What a file of UTF-8 text holds; Refused says why it is none. It is read once through."""
    if path.is_dir():
        raise Refused(f"{path} is a folder; name a file")
    decoder, digest = codecs.getincrementaldecoder("utf-8")(), hashlib.blake2b(digest_size=20)
    size = 0
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                decoder.decode(part)
                digest.update(part)
                size += len(part)
        decoder.decode(b"", final=True)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text, so nothing of it was read; save it as UTF-8") from None
    return Text(size, digest.hexdigest())


def records(path: Path, offset: int = 0, line: int = 0) -> Iterator[Record]:
    """The calls of a file of JSON lines, from an offset on, at which that many lines have been read."""
    for number, text, read in lines(path, offset, line):
        yield Record(number, read_line(text), number, read)


def lines(path: Path, offset: int = 0, line: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """Lines that are not blank: number, text (cut off where longer than `MAX_LINE`), and bytes read so far."""
    number, read = line, offset
    with path.open("rb") as file:
        file.seek(offset)
        while text := file.readline(MAX_LINE + 1):
            number += 1
            read += len(text)
            rest = text
            while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE + 1)
                read += len(rest)
            if number == 1:
                text = text.removeprefix(MARK)
            if text.strip():
                yield number, text, read
