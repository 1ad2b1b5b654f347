"""Reading files of one JSON object a line, of any size, a line at a time."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from cli.common import Refused
from lifecycle.segment import MAX_LINE

_MARK = b"\xef\xbb\xbf"


def text_file(path: Path) -> int:
    """The size in bytes of a file of UTF-8 text; Refused says why it is none. It is read once through."""
    if path.is_dir():
        raise Refused(f"{path} is a folder; name a file of JSON lines")
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = 0
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                decoder.decode(part)
                size += len(part)
        decoder.decode(b"", final=True)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text, so nothing of it was read; save it as UTF-8") from None
    return size


def lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Lines that are not blank: number, text (cut off where longer than `MAX_LINE`), and bytes read so far."""
    number = read = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE + 1):
            number += 1
            read += len(line)
            rest = line
            while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE + 1)
                read += len(rest)
            if number == 1:
                line = line.removeprefix(_MARK)
            if line.strip():
                yield number, line, read
