"""The two steps of every act: GET shows what will happen and asks why, POST does it. What is the same of them is here.

Without `from __future__ import annotations`: FastAPI reads from a function's signature which right its route needs, and
here that is a value.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from console.acts import Act, carried_out, shown
from console.forms import Posted, Sent
from console.visitors import Visitor

Ask = Callable[[Request, Visitor, str], Awaitable[Act]]
Do = Callable[[Request, Visitor, Posted, str], Awaitable[Response]]


def two_steps(router: APIRouter, path: str, right: Any, ask: Ask, do: Do) -> None:
    """Add both routes of an act. `ask` makes its page, `do` carries it out; both are given the one name within `path`,
    nothing where there is none. Where it cannot be done, the page is shown again with the form as it was sent.
    """

    async def before(request: Request, visitor: right) -> Response:
        return shown(request, visitor, await ask(request, visitor, _name(request)))

    async def act(request: Request, visitor: right, form: Sent) -> Response:
        name = _name(request)
        return await carried_out(
            request, visitor, form, lambda: do(request, visitor, form, name), lambda: ask(request, visitor, name)
        )

    router.get(path)(before)
    router.post(path)(act)


def _name(request: Request) -> str:
    return next(iter(request.path_params.values()), "")
