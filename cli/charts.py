"""Charts of columns, as texts for the terminal and as SVG: one column a day, or some days where there are too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whenever import Date

from cli.pen import FAINT, GREY, INK, label, page

WIDEST = 92
"""The most columns of a chart on the terminal."""

TALL = 5
"""Its height in rows."""

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

LEFT, RIGHT, PLOT, STEP = 96, 1130, 120, 210
"""Of a picture: where columns begin and end, how high they are, and how far one chart is below the other."""


class Chart(NamedTuple):
    """Columns from left to right: `ends` stand below the first and the last one, `says` beside the title."""

    title: str
    values: Sequence[float]
    ends: tuple[str, str]
    color: str
    says: str = ""


def by_day(title: str, dates: Sequence[Date], values: Sequence[int], color: str) -> Chart:
    """Counts of days, with the busiest of them."""
    most = max(values, default=0)
    says = f"at most {most:,}, on {day_name(dates[values.index(most)])}" if most else ""
    return Chart(title, values, (day_name(dates[0]), day_name(dates[-1])), color, says)


def day_name(date: Date) -> str:
    """`Mon 5 Jan`"""
    return f"{_DAYS[date.day_of_week().value - 1]} {date.day} {_MONTHS[date.month - 1]}"


def in_text(chart: Chart, indent: str = "  ") -> Iterator[str]:
    """The chart in lines of text."""
    together = -(-len(chart.values) // WIDEST)
    values = [sum(chart.values[at : at + together]) for at in range(0, len(chart.values), together)]
    wide = max(1, min(4, WIDEST // max(len(values), 1)))
    most = max(values, default=0) or 1
    number = f"{most:,.0f}"
    grouped = f", {together} days a column" if together > 1 else ""
    yield f"{indent}{chart.title}{grouped}" + (f": {chart.says}" if chart.says else "")
    for row in reversed(range(TALL)):
        line = ""
        for value in values:
            eighths = value / most * TALL * 8 - row * 8
            # What there is at all is seen.
            full = 1 if row == 0 and 0 < eighths < 1 else min(max(int(eighths), 0), 8)
            line += _EIGHTHS[full] * (wide - (wide > 1)) + " " * (wide > 1)
        axis = number if row == TALL - 1 else "0" if row == 0 else ""
        yield f"{indent}{axis:>{len(number)}} {line}".rstrip()
    first, last = chart.ends
    space = max(len(values) * wide - (wide > 1) - len(first), len(last) + 2)
    yield f"{indent}{'':>{len(number)}} {first}{last:>{space}}"


def in_svg(title: str, charts: Sequence[Chart]) -> str:
    """The charts below each other, as one page of SVG."""
    parts = [label(30, 42, title, 21, more=' font-weight="600"')]
    for number, chart in enumerate(charts):
        parts.extend(_drawn(chart, 70 + STEP * number))
    return page(80 + STEP * len(charts), title, parts)


def _drawn(chart: Chart, top: float) -> Iterator[str]:
    yield label(30, top + 18, chart.title, 16, INK, more=' font-weight="600"')
    if chart.says:
        yield label(RIGHT, top + 18, chart.says, 13, GREY, "end")
    base, most = top + 40 + PLOT, max(chart.values, default=0) or 1
    for share in (0.0, 0.5, 1.0):
        y = base - PLOT * share
        yield f'<line x1="{LEFT}" y1="{y:g}" x2="{RIGHT}" y2="{y:g}" stroke="{FAINT}"/>'
        yield label(LEFT - 8, y + 4, f"{most * share:,.0f}", 12, GREY, "end")
    wide = (RIGHT - LEFT) / max(len(chart.values), 1)
    for number, value in enumerate(chart.values):
        if value:
            tall = PLOT * value / most
            x = LEFT + wide * (number + 0.1)
            yield (
                f'<rect x="{x:.1f}" y="{base - tall:.1f}" width="{wide * 0.8:.1f}" height="{tall:.1f}" '
                f'fill="{chart.color}"/>'
            )
    yield label(LEFT, base + 18, chart.ends[0], 12, GREY)
    yield label(RIGHT, base + 18, chart.ends[1], 12, GREY, "end")
