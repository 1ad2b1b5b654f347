"""Events in the plain form, and what became of one.

A list is answered 202 whatever is in it, with what was rejected by its place; a single event that is not taken is
a problem. A milestone that the map does not declare is stored, and said in `warnings`: the product may be ahead of the
map.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api import forms
from api.bodies import body_of, size_of
from api.fields import Handed, Identity, Shown
from api.forms import Form
from api.keys import Reading
from api.parts import Parts
from api.problems import documented, sentence
from api.senders import SECURITY, Sender, key_of, preflight, sender_of
from api.tracking import BATCH, CALL, Rejected
from intake import calls, doors
from intake.calls import MOST, NotAllowed
from intake.doors import NotAccepted
from store.events import Arrival
from store.tables import Event

router = APIRouter(prefix="/v1/events", tags=["events"])

PURCHASE = {"customer": "ada", "milestone": "purchase", "properties": {"revenue": 49}, "id": "order-1"}
_CLOUD = {
    "specversion": "1.0", "id": "1", "source": "https://shop.example.com/orders", "type": "purchase", "subject": "ada",
    "time": "2026-03-02T09:00:00Z", "data": {"revenue": 49},
}  # fmt: skip


class Undeclared(BaseModel):
    """A milestone that was stored, though the map does not declare it."""

    index: int
    says: str


class Accepted(BaseModel):
    """What became of events. `ids` tells the id of each by its place; none where it was rejected."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    ids: list[str | None]
    warnings: list[Undeclared]


class Entered(BaseModel):
    """A playbook that was entered, and the journey that began."""

    playbook: str
    journey: str


class NotEntered(BaseModel):
    """A playbook that was not entered, and why."""

    playbook: str
    because: str


class Outcome(BaseModel):
    """What an event did, or would do. The state is pending, applied, failed, duplicate or dry_run."""

    id: str
    state: str
    entered: list[Entered] = []
    signalled: list[str] = []
    not_entered: list[NotEntered] = []


class EventShown(Outcome):
    """An event that was accepted, and what it did."""

    received_at: Shown
    error: str | None = None


def _content(example: Any, *, many: bool = False) -> dict[str, Any]:
    return {"schema": {"type": "array" if many else "object"}, "example": example}


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [{"type": "object"}, {"type": "array", "maxItems": MOST}]},
                "examples": {
                    "milestone": {"value": PURCHASE},
                    "attributes": {"value": {"customer": "ada", "attributes": {"plan": "pro"}}},
                    "several": {"value": [PURCHASE, {"customer": "ada", "attributes": {"plan": "pro"}}]},
                },
            },
            forms.STRUCTURED: _content(_CLOUD),
            forms.BATCHED: _content([_CLOUD], many=True),
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses={
        200: {"model": Outcome, "description": "With `dry_run`: what it would do."},
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
    openapi_extra={**SECURITY, **_BODY},
)
async def send(
    request: Request,
    parts: Handed,
    dry_run: Annotated[bool, Query(description="Only say what a single event would do.")] = False,
) -> Response:
    """Send one event or a list of them, in the plain form or as CloudEvents."""
    sender = await sender_of(parts, request, key_of(request))
    form, found = forms.read(request, await body_of(request, BATCH))
    if not isinstance(found, list):
        arrival = _one(parts, sender, form, found)
        if dry_run:
            if sender.token.scope == "browser":
                raise sender.refused(403, "A browser's key is told nothing about customers.")
            answer = await asyncio.to_thread(doors.rehearse, parts.database, parts.applier, [arrival], parts.clock())
            return JSONResponse(answer)
        given: list[Arrival | str] = [arrival]
    elif dry_run:
        raise sender.refused(422, "A dry run is of one event; send it by itself.")
    elif len(found) > MOST:
        raise sender.refused(422, f"There are more than {MOST} events in the list; send them in several calls.")
    else:
        given = [_of_many(parts, sender, form, one) for one in found]
    taken = await calls.take(parts.acceptor, given)
    if taken.rejected and not isinstance(found, list):
        raise sender.refused(422, f"The event cannot be taken: {taken.rejected[0]['reason']}.")
    answer = {
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "rejected": taken.rejected,
        "ids": taken.ids,
        "warnings": _warnings(parts, given),
    }
    return JSONResponse(answer, 202, headers=dict(sender.headers))


@router.options("", include_in_schema=False)
async def may(request: Request, parts: Handed) -> Response:
    """Whether a page may send."""
    return await preflight(parts, request)


@router.get("/{id:path}", responses=documented(401, 403, 404, 422, 503))
async def look(
    id: Annotated[Identity, Path(description="The event's own id, or the one that the answer gave it.")],
    parts: Handed,
    _: Reading,
) -> EventShown:
    """What an event did, which playbooks it entered, and why it did not enter others."""
    event = await parts.database.read(lambda session: calls.find(session, id))
    if event is None:
        raise HTTPException(404, "No event with this id was accepted.")
    return EventShown(
        id=event.message_id, state=event.state, received_at=event.received_at, error=event.error, **_did(event)
    )


def _one(parts: Parts, sender: Sender, form: Form, found: Any) -> Arrival:
    try:
        return _read(parts, sender, form, found)
    except NotAllowed as error:
        raise sender.refused(403, sentence(error)) from None
    except NotAccepted as error:
        raise sender.refused(422, f"The event cannot be taken: {error}.") from None


def _of_many(parts: Parts, sender: Sender, form: Form, found: Any) -> Arrival | str:
    try:
        return _read(parts, sender, form, found)
    except NotAccepted as error:
        return str(error)


def _read(parts: Parts, sender: Sender, form: Form, found: Any) -> Arrival:
    if size_of(found) > CALL:
        raise NotAccepted(f"it is larger than {CALL // 1024} KiB")
    try:
        return calls.read(parts.map, form.call(found), sender.token, parts.clock())
    except NotAllowed:
        raise
    except NotAccepted as error:
        raise NotAccepted(form.in_words(str(error))) from None


def _warnings(parts: Parts, given: Sequence[Arrival | str]) -> list[dict[str, Any]]:
    return [
        {"index": place, "says": says}
        for place, one in enumerate(given)
        if isinstance(one, Arrival) and one.kind == "track" and (says := doors.undeclared(parts.map, one.name or ""))
    ]


def _did(event: Event) -> Mapping[str, Any]:
    return {name: (event.outcome or {}).get(name, []) for name in ("entered", "signalled", "not_entered")}
