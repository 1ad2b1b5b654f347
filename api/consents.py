"""Consent by call: what a customer answered in the product, with its proof."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, StrictBool
from sqlalchemy.orm import Session

from api.fields import Handed, Identity, Moment, Text
from api.keys import Once, Operating, who
from api.problems import documented, sentence
from intake import consents, reader
from intake.asking import Conflict
from intake.consents import NotRecorded, Proof
from intake.reader import Unknown
from store import customers

router = APIRouter(prefix="/v1", tags=["consent"], responses=documented(400, 401, 403, 404, 409, 413, 422, 503))


class Answer(BaseModel):
    """What a customer answered. Without a channel it is about every channel of the topic."""

    model_config = ConfigDict(extra="forbid")

    granted: StrictBool
    source: Annotated[Text, Field(description="Where they said so, such as `sign-up form`.")]
    ip: Annotated[IPvAnyAddress | None, Field(description="The address of the net from which they said so.")] = None
    text_version: Annotated[Text | None, Field(description="Which text they were shown.")] = None
    at: Annotated[Moment | None, Field(description="When they said so; else now.")] = None
    channel: Literal["email", "sms"] | None = None
    reason: Annotated[
        Text | None, Field(description="Why a person records it by hand; the audit log then keeps it.")
    ] = None


class Recorded(BaseModel):
    """What became of it: given, withdrawn, requested (it counts once it is confirmed), same (it was so already), or
    outdated (they said no after that, and the no stands).
    """

    state: Literal["given", "withdrawn", "requested", "same", "outdated"]
    topic: str
    channel: str | None
    says: str


@router.put("/customers/{id:path}/consents/{topic}")
async def put(
    id: Annotated[
        Identity, Path(description="The product's id of the customer, or ours (cus_...). Unknown: one is made.")
    ],
    topic: str,
    answer: Answer,
    parts: Handed,
    token: Operating,
    key: Once = None,
) -> Recorded:
    """Record what a customer answered about a topic. It counts for the next message, even one that waits already.

    What the customer said themselves is proved by the source. What a person changes for them has a `reason`, is in the
    audit log, and is done once for an Idempotency-Key; the customer must be known then.
    """
    now = parts.clock()
    proof = Proof(answer.source, answer.at or now, str(answer.ip) if answer.ip else None, answer.text_version)

    def store(session: Session) -> consents.Recorded:
        if answer.reason is not None:
            known = customers.lock(session, reader.find_customer(session, id).id)
            assert known is not None
            given = (topic, answer.granted, proof, now, answer.channel)
            return consents.change(session, parts.map, known, *given, reason=answer.reason, who=who(token), key=key)
        ours = customers.lock(session, id)
        return consents.record(session, parts.map, ours or id, topic, answer.granted, proof, now, answer.channel)

    try:
        became = await parts.database.write(store)
    except Unknown:
        raise HTTPException(404, "There is no such customer.") from None
    except Conflict as error:
        raise HTTPException(409, sentence(error)) from None
    except NotRecorded:
        known = ", ".join(f"{name} ({' and '.join(one.channels)})" for name, one in parts.map.topics.items())
        raise HTTPException(404, f"There is no such topic by this channel; there are: {known or 'none'}.") from None
    return Recorded(state=became.state, topic=became.topic, channel=became.channel, says=became.says)
