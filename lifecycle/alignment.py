"""Which entry of `expect` belongs to which line of what happened, so that one line more does not shift all others.

Entries and lines keep their order. An entry goes with the line that it describes, else with one that tells of the same
thing at another time; what is left over between two such pairs is paired as it comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.expectations import matches, names
from lifecycle.language.scenario import Expected
from lifecycle.timeline import Line

_SAME, _MOVED = 10, 4


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry, by its place in the list, beside a line; either may be missing.

    `same`: the line is as the entry says. `moved`: it is another time of the same thing.
    """

    entry: int | None
    line: Line | None
    same: bool = False
    moved: bool = False


def aligned(entries: Sequence[Expected], lines: Sequence[Line], zone: str) -> list[Pair]:
    """All entries beside all lines, in order."""
    worth = [[_worth(entry, line, zone) for line in lines] for entry in entries]
    best = [[0] * (len(lines) + 1) for _ in range(len(entries) + 1)]
    for i in range(len(entries) - 1, -1, -1):
        for j in range(len(lines) - 1, -1, -1):
            taken = best[i + 1][j + 1] + worth[i][j] if worth[i][j] else 0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], taken)
    pairs: list[Pair] = []
    left: list[int] = []
    right: list[Line] = []
    i = j = 0
    while i < len(entries) and j < len(lines):
        if worth[i][j] and best[i][j] == best[i + 1][j + 1] + worth[i][j]:
            pairs += _beside(left, right)
            left, right = [], []
            pairs.append(Pair(i, lines[j], same=worth[i][j] == _SAME, moved=worth[i][j] == _MOVED))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            left.append(i)
            i += 1
        else:
            right.append(lines[j])
            j += 1
    return pairs + _beside([*left, *range(i, len(entries))], [*right, *lines[j:]])


def _worth(entry: Expected, line: Line, zone: str) -> int:
    if matches(entry, line, zone):
        return _SAME
    return _MOVED if names(entry, line) else 0


def _beside(left: list[int], right: list[Line]) -> list[Pair]:
    both = min(len(left), len(right))
    pairs = [Pair(entry, line) for entry, line in zip(left, right, strict=False)]
    return pairs + [Pair(entry, None) for entry in left[both:]] + [Pair(None, line) for line in right[both:]]
