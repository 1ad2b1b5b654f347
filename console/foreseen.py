"""What a playbook will send in the next days: a chart. It is foreseen when somebody looks, one playbook at a time."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from console.faults import Missing
from console.pages import page, parts_of, same, unchanged
from console.visitors import Seeing
from intake.foreseeing import Foreseen
from store import playbooks

POLL = 2000
WIDE, TALL = 48, 200
"""The width of a day, and the height of the day with the most messages."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's column, in the units of the drawing."""

    channel: str
    y: float
    height: float


@router.get("/playbooks/{name}/coming")
async def coming(request: Request, visitor: Seeing, name: str) -> Response:
    """The chart."""
    parts = parts_of(request)
    known = await parts.api.database.read(lambda session: playbooks.versions(session, name))
    if not known:
        raise Missing(f"There is no playbook called {name}.")
    found = await parts.foreseer.get(name, parts.api.database, parts.api.map, parts.world, parts.api.clock)
    mark = repr(found)
    if same(request, mark):
        return unchanged(request)
    return page(
        request, "coming.html", visitor, title=f"{name}: what is coming", mark=mark, poll=POLL, name=name,
        foreseen=found[0] if found else None, at=found[1] if found else None, columns=_columns(found and found[0]),
        wide=WIDE, tall=TALL,
    )  # fmt: skip


def _columns(found: Foreseen | None) -> list[list[Bar]]:
    """The bars of each day, those of one channel on those of the other."""
    if found is None or not found.most:
        return []
    columns = []
    for day in range(len(found.dates)):
        bars, top = [], float(TALL)
        for channel, counts in found.messages.items():
            height = round(counts[day] / found.most * TALL, 1)
            top = round(top - height, 1)
            bars.append(Bar(channel, top, height))
        columns.append(bars)
    return columns
