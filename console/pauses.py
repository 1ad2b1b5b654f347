"""The pauses that hold, and one of them: whom it holds, since when, and what its end would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session
from whenever import Instant

from console.acts import named
from console.faults import Missing
from console.pages import address, page, parts_of, same, unchanged
from console.pause_subjects import ACTED, name_of, resume_place_of
from console.resuming import SPREADS
from console.visitors import Seeing
from intake import consequences
from lifecycle.step_words import CHANNELS
from store import held, holds
from store import pauses as stored
from store.tables import Pause

router = APIRouter()

ROWS = 50
"""Rows of a page."""

POLL = 3000
"""Milliseconds between two questions of a pause's page: it counts whom the pause holds, and they may be 100,000."""

Number = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/pauses")
async def listing(
    request: Request,
    visitor: Seeing,
    ended: bool = False,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """The pauses that hold, or with `ended` those that have ended, the latest first. The first page is live."""

    def look(session: Session) -> tuple[list[Pause], dict[int, int], dict[tuple[str, str], held.Named]]:
        found = stored.page(session, ended=ended, before=before, limit=ROWS + 1)
        numbers = [one.id for one in found if one.id is not None]
        return found, holds.counts(session, numbers), held.named(session, [(one.scope, one.target) for one in found])

    found, counts, names = await parts_of(request).api.database.read(look)
    more = found[ROWS - 1].id if len(found) > ROWS else None
    mark = None
    if before is None:
        mark = repr((found, sorted(counts.items()), sorted(names.items()), ended, visitor.zone, visitor.user.role))
        if same(request, mark):
            return unchanged(request)
    return page(
        request, "acts/pauses.html", visitor, title="Pauses", mark=mark, pauses=found[:ROWS], counts=counts,
        names=names, ended=ended, before=before, more=more, channels=CHANNELS,
    )  # fmt: skip


@router.get("/pauses/{number}")
async def one_pause(request: Request, visitor: Seeing, number: Number, since: str = "", journey: str = "") -> Response:
    """A pause, what its end would do, and the journeys it holds, the longest held first. The first page is live."""
    after = _after(since, journey)
    parts = parts_of(request).api

    def look(session: Session) -> Any:
        found = stored.get(session, number)
        if found is None:
            raise Missing("There is no pause of this number.")
        rows = held.page(session, number, after, ROWS + 1)
        about = [(found.scope, found.target), *(("journey", one.journey) for one in rows)]
        return found, consequences.end_of(session, found), rows, held.named(session, about)

    found, foreseen, rows, names = await parts.database.read(look)
    mark = None
    if after is None:
        mark = repr((found, foreseen, rows, sorted(names.items()), visitor.zone, visitor.user.role))
        if same(request, mark):
            return unchanged(request)
    name = names[found.scope, found.target]
    ways = [("Sending at once", consequences.ending(foreseen))]
    if found.policy == "continue":
        ways.append(("Skipping", consequences.ending(foreseen, "skip")))
    if foreseen.held > 1 and found.scope not in ("customer", "journey"):
        ways += [(f"{pace:,} a minute", f"That takes {consequences.takes(foreseen.held, pace)}.") for pace in SPREADS]
    acted = found.scope in ACTED
    return page(
        request, "acts/pause.html", visitor, title=f"The pause of {name_of(found, name)}", mark=mark, poll=POLL,
        pause=found, name=name,
        foreseen=foreseen, ways=ways if found.ended_at is None and foreseen.held else (), rows=rows[:ROWS], names=names,
        last=rows[ROWS - 1] if len(rows) > ROWS else None, others=_others(foreseen.others),
        resume=address(request, *resume_place_of(found)), may_resume=visitor.may("act" if acted else "steer"),
    )  # fmt: skip


def _others(found: Sequence[Pause]) -> list[tuple[int, str]]:
    """Other pauses by their number and in a few words; whom they are about is on their own pages."""
    return [(one.id or 0, f"{one.scope}: {one.reason}") for one in found]


def _after(since: str, journey: str) -> tuple[Instant, str] | None:
    if not since:
        return None
    try:
        return Instant.parse_iso(since), named(journey)
    except ValueError:
        raise Missing("This page of the list cannot be read; begin at the first one.") from None
