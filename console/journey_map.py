"""The customer journey map: stages in three columns around the core purchase, with live numbers."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response

from console.pages import page, parts_of, same, unchanged
from console.playbooks import POLL
from console.visitors import Seeing
from intake import mapping
from lifecycle.journey_map import in_words
from store import stages

router = APIRouter()

SIDES = {"before": "Before the purchase", "core": "The core", "after": "After the purchase"}


@router.get("/map")
async def journey_map(request: Request, visitor: Seeing) -> Response:
    """The map. People are counted within a second or two; what is said of coming and going is kept for longer."""
    parts = parts_of(request)
    database, clock = parts.api.database, parts.api.clock
    people = await parts.counted.get("stages", database, stages.people, clock)
    walked = await parts.counted.get("map", database, partial(mapping.read, map=parts.api.map), clock)
    mark = repr((people, walked))
    if same(request, mark):
        return unchanged(request)
    serving: dict[str, list[str]] = {}
    for name, plan in parts.plans.items():
        serving.setdefault(plan.stage, []).append(name)
    return page(
        request, "map.html", visitor, title="Map", mark=mark, poll=POLL, found=walked.value, counted=walked.at,
        people=people.value, total=sum(people.value.values()), sides=SIDES, serving=serving, in_words=in_words,
    )  # fmt: skip
