"""Everything that goes wrong, as a problem (RFC 9457): a status, and a sentence that says what to do.

A problem never repeats what came in: a value that is wrong may be somebody's address. So wrong fields are named by the
names that we gave them, and what nobody foresaw is logged by its kind and place alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intake.acceptor import Overloaded
from store.errors import StoreError
from trouble import place_of

log = structlog.get_logger()

LARGEST = 1024 * 1024
"""The most bytes in the body of a request: more than either provider posts at once."""


class WrongField(BaseModel):
    """One field that is wrong: where it stands, and what is wrong with it."""

    where: str
    says: str


class Problem(BaseModel):
    """An error, as RFC 9457 describes it; `errors` names fields that are wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[WrongField] | None = None


MEDIA_TYPE = "application/problem+json"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What to tell OpenAPI of the errors that a call may answer with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: Sequence[WrongField] = ()
) -> JSONResponse:
    """The response for an error; `detail` is a sentence."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors) or None)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def sentence(error: Exception) -> str:
    """What an error of ours says, as a sentence by itself."""
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


def refusal(refused: HTTPException) -> JSONResponse:
    """The response for a refusal, with the two members more that the products' libraries look for."""
    status, detail = refused.status_code, _sentence(refused)
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump(exclude_none=True)
    told = {**body, "code": HTTPStatus(status).name.lower(), "message": detail}
    return JSONResponse(told, status, refused.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of this application be answered as a problem."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreError, _unavailable)
    app.add_exception_handler(Overloaded, _overloaded)
    app.add_exception_handler(ClientDisconnect, _cut_off)
    app.add_middleware(Guard)


class Guard:
    """Around all of it: bodies have an end, and nobody meets a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > LARGEST:
            await _too_large()(scope, receive, send)
            return
        answering, seen = False, 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST:
                raise HTTPException(413, _TOO_LARGE)
            return message

        async def noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self.app(scope, limited, noted)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach whoever called
            log.error("a request failed", route=_route(scope), error=type(error).__name__, at=place_of(error))  # noqa: TRY400
            if not answering:
                await problem(500, "This is a mistake of Milepost's own; it is in the log.")(scope, receive, send)


_TOO_LARGE = f"The body is larger than {LARGEST // 1024} KiB."


def _too_large() -> JSONResponse:
    return refusal(HTTPException(413, _TOO_LARGE, {"Connection": "close"}))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    refused = cast("HTTPException", error)
    return problem(refused.status_code, _sentence(refused), refused.headers)


def _sentence(refused: HTTPException) -> str:
    if refused.detail != HTTPStatus(refused.status_code).phrase:
        return refused.detail.rstrip(".") + "."
    plain = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    return plain.get(refused.status_code, "The request cannot be read.")


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    found = cast("RequestValidationError", error).errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(400, "The body is not JSON.")
    wrong = [WrongField(where=_where(one), says=_says(one)) for one in found]
    return problem(422, "Some of what was sent is missing or not of the right form.", errors=wrong)


def _where(error: Mapping[str, Any]) -> str:
    place = [str(part) for part in error["loc"]]
    # The name of a field that we do not have is the caller's own text.
    return ".".join(place[:-1] if error["type"] == "extra_forbidden" else place)


def _says(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is a field here that this call does not have"
    if tuple(error["loc"]) == ("body",) and error["type"] in ("model_attributes_type", "missing"):
        return "a JSON object is wanted, sent with `Content-Type: application/json`"
    says: str = error["msg"].removeprefix("Value error, ")
    return says[0].lower() + says[1:]


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.error("the database is away", route=_route(request.scope), error=type(error).__name__)
    return problem(503, "The database does not answer; try again in a moment.", {"Retry-After": "5"})


async def _overloaded(request: Request, error: Exception) -> JSONResponse:
    log.warning("more events come in than can be stored", route=_route(request.scope))
    return problem(503, "More events come in than can be stored; try again in a moment.", {"Retry-After": "1"})


async def _cut_off(request: Request, error: Exception) -> JSONResponse:
    return problem(400, "The request broke off before its end.")


def _route(scope: Scope) -> str:
    """The pattern of the address: the address itself may hold a token or an id."""
    return getattr(scope.get("route"), "path", "none")
