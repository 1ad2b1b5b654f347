"""A person by call: everything that is held of them, and their erasure."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from api.fields import Handed, Identity, Shown, Text
from api.keys import Once, Operating
from api.problems import documented
from intake import erasing, exporting
from intake.reader import Unknown

router = APIRouter(prefix="/v1/customers", tags=["persons"], responses=documented(401, 403, 404, 413, 422, 503))

Id = Annotated[Identity, Path(description="The product's id of the customer, or ours (cus_...).")]

NOBODY = "There is no customer of this id."


class Erase(BaseModel):
    """Why a person is erased."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Text, Field(description="Why; the audit log keeps it, so it should not name the person.")]


class Erased(BaseModel):
    """An erasure. `new` is false where the person had been erased before."""

    id: str
    erased_at: Shown
    new: bool


@router.post("/{id:path}/erase", status_code=202, responses=documented(400))
async def erase(id: Id, asked: Erase, parts: Handed, token: Operating, key: Once = None) -> Erased:
    """Erase a person. From now on nothing is sent to them; a worker scrubs what is held, and asks the providers."""
    now, secret = parts.clock(), parts.links.secret
    try:
        done = await parts.database.write(
            lambda session: erasing.erase(
                session, id, reason=asked.reason, who=f"api:{token.name}", now=now, key=secret, idempotency=key
            )
        )
    except Unknown:
        raise HTTPException(404, NOBODY) from None
    return Erased(id=done.customer_id, erased_at=done.at, new=done.new)


@router.get("/{id:path}/export")
async def export(id: Id, parts: Handed, _: Operating) -> dict[str, Any]:
    """Everything that is held of a person."""
    now, secret = parts.clock(), parts.links.secret
    try:
        return await parts.database.read(lambda session: exporting.export(session, id, now, secret))
    except Unknown:
        raise HTTPException(404, NOBODY) from None
