"""What was measured, beside its budget: as a table for people and as bench/results.json for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

RESULTS = Path(__file__).parent / "results.json"

_SIGNS = {"most": "≤", "least": "≥", "exactly": "="}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. Without a `budget` it only stands beside others; `reason` says why it may miss its budget, `note`
    what there is to know about it.
    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    at: Literal["most", "least", "exactly"] = "most"
    reason: str = ""
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the budget was kept; None where there is none."""
        if self.budget is None:
            return None
        if self.at == "exactly":
            return self.value == self.budget
        return self.value <= self.budget if self.at == "most" else self.value >= self.budget


@dataclass(frozen=True, slots=True)
class Section:
    """Figures that are read together."""

    title: str
    figures: Sequence[Figure]


def write(sections: Sequence[Section], path: Path = RESULTS) -> None:
    """As `[{name, value, unit, budget, pass}]`; `budget` and `pass` are null where there is no budget."""
    rows = [
        {
            "name": f"{section.title}: {figure.name}",
            "value": round(figure.value, 4),
            "unit": figure.unit,
            "budget": figure.budget,
            "pass": figure.kept,
        }
        for section in sections
        for figure in section.figures
    ]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")


def show(sections: Sequence[Section], console: Console) -> None:
    """Print all figures, then the notes, then each missed budget with its reason."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("figure", justify="right")
    table.add_column("unit", style="dim")
    table.add_column("budget", justify="right")
    table.add_column("")
    notes: list[str] = []
    for section in sections:
        table.add_row(Text(section.title, "bold"))
        for figure in section.figures:
            name = f"  {figure.name}"
            if figure.note:
                notes.append(figure.note)
                name += f" [{len(notes)}]"
            table.add_row(Text(name), plain(figure.value), figure.unit, _budget(figure), _verdict(figure))
        table.add_row()
    console.print(table)
    for number, note in enumerate(notes, 1):
        console.print(Text(f"[{number}] {note}", "dim"))
    missed = [figure for section in sections for figure in section.figures if figure.kept is False]
    console.print()
    if not missed:
        console.print("Every budget is kept.")
    for figure in missed:
        console.print(Text(f"Missed: {figure.name}, {plain(figure.value)} {figure.unit}, budget {_budget(figure)}."))
        if figure.reason:
            console.print(Text(f"  {figure.reason}"))


def plain(value: float) -> str:
    """A number with as many digits as mean something."""
    if value == int(value) and abs(value) >= 3:
        return f"{value:,.0f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _budget(figure: Figure) -> str:
    return "" if figure.budget is None else f"{_SIGNS[figure.at]} {plain(figure.budget)}"


def _verdict(figure: Figure) -> Text:
    if figure.kept is None:
        return Text("")
    return Text("pass", "green") if figure.kept else Text("missed", "bold red")
