"""What people do to one journey or one customer: skip, end, enrol; and a customer's timeline.

Each operating call has a `reason`, which is kept in the audit log, and may have an Idempotency-Key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from whenever import Instant

from api.fields import Handed, Identity, Text
from api.keys import Once, Operating, Reading, who
from api.parts import Parts
from api.problems import documented, sentence
from intake import ahead, calls, reader, resending
from intake.asking import Conflict
from intake.commands import Commands, NoAnswer
from intake.enrolling import enrol as enrol_
from intake.reader import Unknown
from lifecycle.lines import as_data as line_data

router = APIRouter(prefix="/v1", tags=["operating"])

ERRORS = documented(400, 401, 403, 404, 409, 413, 422, 503)

Because = Annotated[Text, Field(description="Why; it is kept in the audit log.")]
JourneyId = Annotated[Text, Path(description="The journey's id, or as much of its beginning as is unique.")]
CustomerId = Annotated[Identity, Path(description="The product's id of the customer, or ours (cus_...).")]


MessageId = Annotated[Text, Path(description="The message's id, whole.")]


class Reasoned(BaseModel):
    """Why somebody does this."""

    model_config = ConfigDict(extra="forbid")

    reason: Because


class Skip(Reasoned):
    """What is skipped: the present wait, or the next message."""

    what: Literal["wait", "message"] = "wait"


class Enrol(Reasoned):
    """The playbook that the customer is to enter."""

    playbook: Text


class NextShown(BaseModel):
    """What comes next: at which instant, if one is known, and why then."""

    at: str | None
    what: str | None
    why: str


class Standing(BaseModel):
    """Where a journey stands. Instants carry the offset of the customer's zone."""

    id: str
    playbook: str
    version: str
    step: str | None
    state: str
    next: NextShown


class Left(Standing):
    """Where a journey stands that was ended; `told` says whether its workflow knows already. Nothing is sent anyhow."""

    told: bool


class Enrolled(BaseModel):
    """The event that enrols: `GET /v1/events/{id}` tells what it did once it was applied."""

    id: str


class Resent(BaseModel):
    """The id of the message that it will be."""

    id: str


class Timeline(BaseModel):
    """What a customer went through, line by line, where each journey stands, and what comes next."""

    id: str
    stage: str | None
    journeys: list[Standing]
    timeline: list[dict[str, Any]]


@router.post("/journeys/{id}/skip", responses=ERRORS)
async def skip(id: JourneyId, asked: Skip, parts: Handed, token: Operating, key: Once = None) -> Standing:
    """End the present wait at once, or drop the next message."""
    with _refusals("journey"):
        journey = await parts.database.read(lambda session: reader.find_journey(session, id).id)
        commands = Commands(parts.database, who(token), parts.clock(), key)
        await commands.skip(await parts.temporal(), journey, asked.what, asked.reason)
        return Standing(**await _standing(parts, journey))


@router.post("/journeys/{id}/exit", responses=ERRORS)
async def exit(id: JourneyId, asked: Reasoned, parts: Handed, token: Operating, key: Once = None) -> Left:  # noqa: A001
    """End a journey for good. It holds from now on, also where Temporal does not answer: it is told later."""
    with _refusals("journey"):
        journey = await parts.database.read(lambda session: reader.find_journey(session, id).id)
        client = None
        with contextlib.suppress(NoAnswer):
            client = await parts.temporal()
        _, told = await Commands(parts.database, who(token), parts.clock(), key).exit(client, journey, asked.reason)
        return Left(**await _standing(parts, journey), told=told)


@router.post("/customers/{id:path}/enrol", status_code=202, responses=ERRORS)
async def enrol(id: CustomerId, asked: Enrol, parts: Handed, token: Operating, key: Once = None) -> Enrolled:
    """Let a customer enter a playbook, whatever its own way in asks for."""
    now = parts.clock()

    def store(session: Session) -> str:
        return enrol_(
            session,
            id,
            asked.playbook,
            source=calls.source_of(token),
            reason=asked.reason,
            who=who(token),
            now=now,
            key=key,
        )

    with _refusals("customer, or no playbook of this name that takes customers"):
        return Enrolled(id=await parts.database.write(store))


@router.post("/messages/{id}/resend", status_code=202, responses=ERRORS)
async def resend(id: MessageId, asked: Reasoned, parts: Handed, token: Operating, key: Once = None) -> Resent:
    """Send a message again, as a new one: a worker decides upon it like any other, and sends it once at most."""
    now = parts.clock()
    with _refusals("message"):
        made = await parts.database.write(
            lambda session: resending.ask(session, id, reason=asked.reason, who=who(token), now=now, key=key)
        )
    return Resent(id=made)


@router.get("/customers/{id:path}/timeline", responses=documented(401, 403, 404, 422, 503))
async def timeline(id: CustomerId, parts: Handed, _: Reading) -> Timeline:
    """What a customer went through, where each of their journeys stands, and what comes next and why."""
    now = parts.clock()

    def look(session: Session) -> Timeline:
        found = reader.find_customer(session, id)
        positions = ahead.positions(session, parts.explainer, found, now)
        lines = sorted(
            ((line, one) for one in positions for line in one.lines), key=lambda pair: pair[0].at
        )  # lines of one instant stay in the order of the journeys
        return Timeline(
            id=found.id,
            stage=found.stage,
            journeys=[Standing(**reader.as_data(one)) for one in positions],
            timeline=[{**line_data(line, one.state.zone), "journey": one.journey.id} for line, one in lines],
        )

    with _refusals("customer"):
        return await parts.database.read(look)


async def _standing(parts: Parts, journey: str) -> dict[str, Any]:
    """Where a journey stands now, after what was done to it."""

    def look(session: Session) -> dict[str, Any]:
        found = reader.find_journey(session, journey)
        return reader.as_data(ahead.position(session, parts.explainer, found, Instant.now()))

    return await parts.database.read(look)


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    """What commands raise, as problems. A name that is not known is somebody's, and is not repeated."""
    try:
        yield
    except Unknown:
        raise HTTPException(404, f"There is no such {what}.") from None
    except Conflict as error:
        raise HTTPException(409, sentence(error)) from None
    except NoAnswer as error:
        raise HTTPException(503, sentence(error), {"Retry-After": "5"}) from None
