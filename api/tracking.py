"""Segment's HTTP tracking API, so that every library of Segment and RudderStack works by changing its host.

Two things are as its libraries want them, and not as elsewhere here:

- A batch is answered 200 whatever is in it, with what was rejected by its place: they drop a whole batch on any 4xx.
  So a 4xx speaks of the call as a whole: its key, its size, or that it is not JSON.
- A refusal also has `code` and `message`: without them RudderStack's library tries again for minutes.

The address says of which type a call is; `t`, `i` and so on are what Segment's library in browsers calls.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.bodies import body_of, json_of, size_of
from api.fields import Handed
from api.parts import Parts
from api.problems import documented, refusal, sentence
from api.senders import SECURITY, Sender, key_of, preflight, sender_of
from intake import calls
from intake.calls import NotAllowed
from intake.doors import NotAccepted
from store.events import Arrival

CALL, BATCH = 32 * 1024, 500 * 1024
"""The most bytes of one call, and of a batch of them: the limits of Segment's specification."""

SHORT = {
    "t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch",
}  # fmt: skip

EXAMPLES: dict[str, dict[str, Any]] = {
    "track": {"userId": "ada", "event": "purchase", "properties": {"revenue": 49}, "messageId": "order-1"},
    "identify": {"userId": "ada", "traits": {"firstName": "Ada", "email": "ada@example.com"}},
    "page": {"anonymousId": "visitor-1", "name": "Pricing"},
    "screen": {"userId": "ada", "name": "Settings"},
    "group": {"userId": "ada", "groupId": "larkspur", "traits": {"name": "Larkspur & Co"}},
    "alias": {"userId": "ada", "previousId": "visitor-1"},
}
_MANY = {"batch": [{"type": kind, **call} for kind, call in EXAMPLES.items()]}


class Done(BaseModel):
    """The call is stored."""

    success: Literal[True] = True


class Rejected(BaseModel):
    """One of a batch that was not taken: its place, from 0, and why."""

    index: int
    reason: str


class BatchDone(Done):
    """Whatever is not rejected is stored."""

    rejected: list[Rejected]


class _Told(APIRoute):
    """Refusals, with the two fields more. Calls are handed on as they are: FastAPI would look at each for what none of
    them has (parameters, forms, models), and these come a thousand times as often as all others.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handler(request: Request) -> Response:
            try:
                answer: Response = await self.endpoint(request, request.app.state.parts)
                return answer
            except HTTPException as refused:
                return refusal(refused)

        return handler


router = APIRouter(prefix="/v1", tags=["tracking"], route_class=_Told)

_ERRORS = documented(400, 401, 403, 413, 415, 503)


async def _single(kind: str, request: Request, parts: Parts) -> Response:
    sender, data = await _opened(request, parts, CALL)
    if not isinstance(data, dict):
        raise sender.refused(400, "The call is not a JSON object.")
    try:
        arrival = calls.read(parts.map, {**data, "type": kind}, sender.token, parts.clock())
    except NotAllowed as error:
        raise sender.refused(403, sentence(error)) from None
    except NotAccepted as error:
        raise sender.refused(400, f"The call cannot be taken: {error}.") from None
    taken = await calls.take(parts.acceptor, [arrival])
    if taken.rejected:
        raise sender.refused(400, f"The call cannot be taken: {taken.rejected[0]['reason']}.")
    return JSONResponse({"success": True}, headers=dict(sender.headers))


async def _many(request: Request, parts: Parts) -> Response:
    sender, data = await _opened(request, parts, BATCH)
    given = data.get("batch") if isinstance(data, dict) else None
    if not isinstance(given, list):
        raise sender.refused(400, "The call has no `batch`, a list of calls.")
    shared = {field: data[field] for field in ("sentAt", "context") if data.get(field) is not None}
    found: list[Arrival | str] = []
    for one in given:
        try:
            if isinstance(one, dict):
                if size_of(one) > CALL:
                    raise NotAccepted(f"it is larger than {CALL // 1024} KiB")
                one = {**shared, **one}  # noqa: PLW2901 - the same call, with what all of them have in common
            found.append(calls.read(parts.map, one, sender.token, parts.clock()))
        except NotAccepted as error:
            found.append(str(error))
    taken = await calls.take(parts.acceptor, found)
    return JSONResponse({"success": True, "rejected": taken.rejected}, headers=dict(sender.headers))


async def _opened(request: Request, parts: Parts, largest: int) -> tuple[Sender, Any]:
    """Who sends, and what. Nothing is unpacked for somebody who shows a wrong key."""
    key = key_of(request)
    if key is not None:
        sender = await sender_of(parts, request, key)
        return sender, json_of(await body_of(request, largest))
    data = json_of(await body_of(request, largest))
    within = data.get("writeKey") if isinstance(data, dict) else None
    return await sender_of(parts, request, within if isinstance(within, str) else None), data


# --- one address a type --------------------------------------------------------------------------------------------


def _body(example: Any) -> dict[str, Any]:
    schema = {"type": "object", "description": "As Segment's specification has it."}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def _add(path: str, kind: str, *, shown: bool) -> None:
    if kind in EXAMPLES:

        async def one(request: Request, parts: Handed) -> Response:
            return await _single(kind, request, parts)

        told, example = f"Send one `{kind}` call.", EXAMPLES[kind]
        handler: Callable[..., Coroutine[Any, Any, Response]] = one
    else:
        told, example, handler = "Send many calls at once; a bad one loses no other.", _MANY, _all
    router.add_api_route(
        f"/{path}",
        handler,
        methods=["POST"],
        name=kind,
        description=told,
        response_model=Done if kind in EXAMPLES else BatchDone,
        responses=_ERRORS,
        openapi_extra={**SECURITY, **_body(example)},
        include_in_schema=shown,
    )
    router.add_api_route(f"/{path}", _may, methods=["OPTIONS"], include_in_schema=False)


async def _all(request: Request, parts: Handed) -> Response:
    return await _many(request, parts)


async def _may(request: Request, parts: Handed) -> Response:
    return await preflight(parts, request)


for _kind in (*EXAMPLES, "batch", "import"):
    _add(_kind, _kind, shown=True)
for _short, _kind in SHORT.items():
    _add(_short, _kind, shown=False)
