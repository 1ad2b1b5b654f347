"""What goes wrong, as pages: a heading, a sentence, and what to do next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from api.problems import sentence
from console.pages import address, page
from console.visitors import NotAllowed, NotSignedIn, Visitor
from intake.asking import Conflict
from intake.commands import NoAnswer
from intake.pauses import Impossible
from intake.reader import Unknown
from store.errors import StoreError

log = structlog.get_logger()


class Missing(Exception):
    """There is nothing at this address; `str()` is a sentence."""


class Refused(Exception):
    """What was asked was not done; `str()` is a sentence that says why."""

    def __init__(self, says: str, status: int = 409) -> None:
        super().__init__(says)
        self.status = status


def install(app: FastAPI) -> None:
    """Let every error of this application be a page."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        NotSignedIn: _sign_in,
        NotAllowed: _not_allowed,
        Missing: _missing,
        Unknown: _unknown,
        Refused: _refused,
        Conflict: _conflict,
        Impossible: _impossible,
        NoAnswer: _no_answer,
        StoreError: _unavailable,
        RequestValidationError: _unreadable,
        HTTPException: _http,
        Exception: _broken,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


async def _sign_in(request: Request, error: Exception) -> Response:
    if request.method != "GET" or "if-none-match" in request.headers:
        return _page(request, 401, "You are not signed in", "Your session is over. Sign in, and do it again.")
    path = request.url.path.partition("/console")[2].lstrip("/")
    back = path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(address(request, "sign-in", next=back), 303, {"Cache-Control": "no-store"})


async def _not_allowed(request: Request, error: Exception) -> Response:
    refused = cast("NotAllowed", error)
    role = refused.visitor.user.role
    says = f"Your role ({role}) may not do this. Ask an administrator if you need to."
    return page(request, "fault.html", refused.visitor, title="You may not do this", status=403, says=says)


async def _missing(request: Request, error: Exception) -> Response:
    return _page(request, 404, "Nothing here", str(error))


async def _unknown(request: Request, error: Exception) -> Response:
    return _page(request, 404, "Nothing here", sentence(error))


async def _refused(request: Request, error: Exception) -> Response:
    return _page(request, cast("Refused", error).status, "Not done", str(error))


async def _conflict(request: Request, error: Exception) -> Response:
    return _page(request, 409, "Not done", sentence(error))


async def _impossible(request: Request, error: Exception) -> Response:
    return _page(request, 422, "Not done", sentence(error))


async def _no_answer(request: Request, error: Exception) -> Response:
    return _page(request, 503, "No answer", sentence(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    log.error("the database is away", error=type(error).__name__)
    return _page(request, 503, "No answer", "The database does not answer; try again in a moment.")


async def _unreadable(request: Request, error: Exception) -> Response:
    return _page(request, 404, "Nothing here", "This address cannot be read: a number or a word in it is wrong.")


async def _http(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    plain = {404: "There is no page at this address.", 405: "This page is not called this way."}
    return _page(request, refused.status_code, "Nothing here", plain.get(refused.status_code, refused.detail))


async def _broken(request: Request, error: Exception) -> Response:
    return _page(request, 500, "This went wrong", "This is a mistake of Milepost's own; it is in the log.")


def _page(request: Request, status: int, title: str, says: str) -> Response:
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return page(request, "fault.html", visitor, title=title, status=status, says=says)
