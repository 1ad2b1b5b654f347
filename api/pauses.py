"""Pauses by call: hold a person, a group of them, a playbook, a channel or everything, and let them go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self, TypeVar

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from api.fields import Handed, Identity, Moment, Shown, Text
from api.keys import Once, Operating, Reading
from api.keys import who as who_calls
from api.parts import Parts
from api.problems import documented, sentence
from intake import consequences, pauses
from intake.asking import Conflict
from intake.pauses import Impossible, Listed
from intake.reader import Unknown
from store import pauses as stored
from store.tables import Pause

router = APIRouter(prefix="/v1/pauses", tags=["pauses"])

ERRORS = documented(400, 401, 403, 404, 409, 413, 422, 503)

T = TypeVar("T")


class NewPause(BaseModel):
    """What is to be held. `target` is the id of a customer, account or journey, the name of a segment or playbook, or a
    channel.
    """

    model_config = ConfigDict(extra="forbid")

    scope: pauses.Scope
    target: Identity | None = None
    reason: Annotated[Text, Field(description="Why; it is kept in the audit log.")]
    policy: Annotated[
        pauses.Policy | None,
        Field(description="`freeze` stops the clock, with `continue` time runs on. Else as the scope has it."),
    ] = None
    ends_at: Annotated[Moment | None, Field(description="When it ends by itself.")] = None
    include_transactional: bool = False

    @model_validator(mode="after")
    def _has_target(self) -> Self:
        if (self.scope == "everything") is (self.target is not None):
            raise ValueError("everything has no target, and every other scope has one")
        return self


class PauseShown(BaseModel):
    """A pause. `held` is how many journeys have met it and wait for its end, where that was asked for."""

    id: int
    scope: str
    target: str | None
    policy: str
    reason: str
    made_by: str
    started_at: Shown
    ends_at: Shown | None
    ended_at: Shown | None
    handling: str | None
    spread: int | None
    include_transactional: bool
    held: int | None = None


class Would(BaseModel):
    """What the end of a pause would do now: how many journeys stand because of it, how many of them with an e-mail or
    an SMS due, and which other pauses hold some of them still.
    """

    held: int
    email: int
    sms: int
    others: list[int]
    says: str


class PauseFound(PauseShown):
    """A pause, and what its end would do."""

    would: Would


class Pauses(BaseModel):
    """Pauses in the order of their start."""

    pauses: list[PauseShown]


@router.post("", status_code=201, responses=ERRORS)
async def start(asked: NewPause, parts: Handed, token: Operating, key: Once = None) -> PauseShown:
    """Hold journeys: nothing is sent that the pause concerns, until it ends. Goals and exits still end them."""
    now = parts.clock()
    who = who_calls(token)
    return _shown(
        await _stored(
            parts,
            lambda session: pauses.start(
                session,
                scope=asked.scope,
                target=asked.target or "",
                reason=asked.reason,
                who=who,
                now=now,
                policy=asked.policy,
                ends_at=asked.ends_at,
                include_transactional=asked.include_transactional,
                key=key,
                segments=parts.map.segments,
            ),
        )
    )


@router.delete("/{id}", responses=ERRORS)
async def end(
    id: Annotated[int, Path(ge=1, le=2**53)],
    parts: Handed,
    token: Operating,
    reason: Annotated[Text, Query(description="Why; it is kept in the audit log.")],
    handling: Annotated[
        Literal["send", "skip"], Query(description="What becomes of what came due while time ran on.")
    ] = "send",
    spread: Annotated[int | None, Query(ge=1, le=1_000_000, description="At most so many journeys a minute.")] = None,
    key: Once = None,
) -> PauseShown:
    """End a pause. Whoever it held goes on, unless another pause holds them too."""
    now, who = parts.clock(), who_calls(token)
    return _shown(
        await _stored(
            parts,
            lambda session: pauses.end(
                session, id, reason=reason, who=who, now=now, handling=handling, spread=spread, key=key
            ),
        )
    )


@router.get("/{id}", responses=documented(401, 403, 404, 422, 503))
async def one(
    id: Annotated[int, Path(ge=1, le=2**53)],
    parts: Handed,
    _: Reading,
    handling: Annotated[Literal["send", "skip"], Query(description="What would become of what came due.")] = "send",
    spread: Annotated[int | None, Query(ge=1, le=1_000_000, description="At most so many journeys a minute.")] = None,
) -> PauseFound:
    """A pause, and what its end would do: told before anybody ends it."""

    def look(session: Session) -> tuple[Pause, consequences.Foreseen]:
        pause = stored.get(session, id)
        if pause is None:
            raise HTTPException(404, "There is no pause of this number.")
        return pause, consequences.end_of(session, pause)

    pause, found = await parts.database.read(look)
    would = Would(
        held=found.held,
        email=found.email,
        sms=found.sms,
        others=[one.id for one in found.others if one.id is not None],
        says=consequences.ending(found, handling, spread),
    )
    shown = _shown(Listed(pause, found.held))
    return PauseFound(**shown.model_dump(), would=would)


@router.get("", responses=documented(401, 403, 422, 503))
async def listed(
    parts: Handed,
    _: Reading,
    ended: Annotated[bool, Query(description="Also those that have ended long ago.")] = False,
) -> Pauses:
    """The pauses that hold, or still have somebody to wake."""
    found = await parts.database.read(lambda session: pauses.listed(session, ended=ended))
    return Pauses(pauses=[_shown(one) for one in found])


async def _stored(parts: Parts, fn: Callable[[Session], T]) -> T:
    try:
        return await parts.database.write(fn)
    except Unknown:
        raise HTTPException(404, "There is no pause of this number, or nothing of this name to pause.") from None
    except Impossible as error:
        raise HTTPException(422, sentence(error)) from None
    except Conflict as error:
        raise HTTPException(409, sentence(error)) from None


def _shown(found: Pause | Listed) -> PauseShown:
    pause, held = found if isinstance(found, Listed) else (found, None)
    assert pause.id is not None
    return PauseShown(
        id=pause.id,
        scope=pause.scope,
        target=pause.target or None,
        policy=pause.policy,
        reason=pause.reason,
        made_by=pause.made_by,
        started_at=pause.started_at,
        ends_at=pause.ends_at,
        ended_at=pause.ended_at,
        handling=pause.handling,
        spread=pause.spread,
        include_transactional=bool(pause.transactional),
        held=held,
    )
