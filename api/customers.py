"""What people do to one customer by call: suppress an address, lift that, write a note."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.fields import Handed, Identity, Prose, Shown, Text
from api.keys import Once, Operating, Reading, who
from api.problems import documented, sentence
from intake import notes, reader, suppressing
from intake.asking import Conflict
from intake.pauses import Impossible
from intake.reader import Unknown

router = APIRouter(prefix="/v1/customers", tags=["operating"])

ERRORS = documented(400, 401, 403, 404, 409, 413, 422, 503)

Id = Annotated[Identity, Path(description="The product's id of the customer, or ours (cus_...).")]
Because = Annotated[Text, Field(description="Why; it is kept in the audit log.")]


class Suppress(BaseModel):
    """Which of a customer's addresses is not to be messaged, for marketing or at all, and why."""

    model_config = ConfigDict(extra="forbid")

    channel: Literal["email", "sms"]
    scope: Literal["marketing", "all"] = "all"
    reason: Because


class Note(BaseModel):
    """What somebody writes about a customer."""

    model_config = ConfigDict(extra="forbid")

    text: Prose


class SuppressionShown(BaseModel):
    """What suppresses an address that the customer has now. `liftable` is false where only they can end it."""

    channel: str
    reason: str
    scope: str
    at: Shown
    made_by: str
    liftable: bool


class Suppressions(BaseModel):
    """In the order of their making, e-mail first."""

    suppressions: list[SuppressionShown]


class Suppressed(BaseModel):
    """The customer whose address is suppressed."""

    id: str
    channel: str
    scope: str


class Lifted(BaseModel):
    """The reasons of what was ended."""

    lifted: list[str]


class Noted(BaseModel):
    """The customer about whom the note is."""

    id: str


@router.get("/{id:path}/suppressions", responses=documented(401, 403, 404, 422, 503))
async def listed(id: Id, parts: Handed, _: Reading) -> Suppressions:
    """What suppresses the addresses that a customer has now."""
    with _refusals():
        found = await parts.database.read(
            lambda session: suppressing.of_customer(session, reader.find_customer(session, id), parts.links.secret)
        )
    return Suppressions(suppressions=[SuppressionShown(**one._asdict()) for one in found])


@router.post("/{id:path}/suppressions", status_code=201, responses=ERRORS)
async def suppress(id: Id, asked: Suppress, parts: Handed, token: Operating, key: Once = None) -> Suppressed:
    """Never message the present address of a customer by this channel again, until that is lifted."""
    now = parts.clock()
    with _refusals():
        found = await parts.database.write(
            lambda session: suppressing.suppress(
                session,
                id,
                asked.channel,
                scope=asked.scope,
                reason=asked.reason,
                who=who(token),
                secret=parts.links.secret,
                now=now,
                key=key,
            )
        )
    return Suppressed(id=found.id, channel=asked.channel, scope=asked.scope)


@router.delete("/{id:path}/suppressions/{channel}", responses=ERRORS)
async def lift(
    id: Id,
    channel: Literal["email", "sms"],
    parts: Handed,
    token: Operating,
    reason: Annotated[Text, Query(description="Why; it is kept in the audit log.")],
    cause: Annotated[Text | None, Query(description="Only what was suppressed for this reason.")] = None,
    key: Once = None,
) -> Lifted:
    """End what suppresses the present address of a customer by this channel."""
    now = parts.clock()
    with _refusals():
        lifted = await parts.database.write(
            lambda session: suppressing.lift(
                session,
                id,
                channel,
                cause=cause,
                reason=reason,
                who=who(token),
                secret=parts.links.secret,
                now=now,
                key=key,
            )
        )
    return Lifted(lifted=lifted)


@router.post("/{id:path}/notes", status_code=201, responses=ERRORS)
async def note(id: Id, asked: Note, parts: Handed, token: Operating, key: Once = None) -> Noted:
    """Keep a note about a customer. It stands in the audit log, and is erased with them."""
    now = parts.clock()
    with _refusals():
        found = await parts.database.write(
            lambda session: notes.add(session, id, asked.text, who=who(token), now=now, key=key)
        )
    return Noted(id=found)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Unknown:
        raise HTTPException(404, "There is no such customer.") from None
    except Impossible as error:
        raise HTTPException(422, sentence(error)) from None
    except Conflict as error:
        raise HTTPException(409, sentence(error)) from None
