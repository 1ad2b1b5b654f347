"""How many parts an SMS is sent, and paid, in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gsm0338 import Codec

_GSM = Codec()


@dataclass(frozen=True, slots=True)
class Size:
    """`units` are septets in GSM-7 and 16-bit units in UCS-2; `segments` are the parts that a network sends."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    segments: int


def size_of(text: str) -> Size:
    """What a text comes to: GSM-7 where every character has a place in it, else UCS-2 for the whole text.

    A character is never cut in two, so an extension character (two septets) or an emoji (two units) that does not fit
    begins the next part.
    """
    try:
        widths = [len(_GSM.encode(character)[0]) for character in text]
    except UnicodeEncodeError:
        widths = [len(character.encode("utf-16-be")) // 2 for character in text]
        return Size("UCS-2", sum(widths), _parts(widths, 70, 67))
    return Size("GSM-7", sum(widths), _parts(widths, 160, 153))


def _parts(widths: list[int], alone: int, each: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts
