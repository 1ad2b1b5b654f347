"""The application of the console: its pages are put together, and mounted beside the API."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from console import (
    acting_on_customers,
    acting_on_journeys,
    audit,
    consenting,
    customers,
    events,
    faults,
    foreseen,
    home,
    journey_map,
    messages,
    oidc,
    pauses,
    pausing,
    playbooks,
    resuming,
    rolling,
    segments,
    sign_in,
    suppressing,
    tasks,
    templating,
    users,
)
from console.parts import Parts
from lifecycle.rights import Right

ROOMS: tuple[APIRouter, ...] = (
    home.router, customers.router, acting_on_customers.router, suppressing.router, consenting.router,
    acting_on_journeys.router, messages.router, tasks.router,
    playbooks.router, rolling.router, foreseen.router, journey_map.router, events.router, segments.router,
    pausing.router, resuming.router, pauses.router, audit.router, sign_in.router, oidc.router, users.router,
    templating.router,
)  # fmt: skip
"""The routes, by subject."""

PUBLIC = frozenset({"/sign-in", "/link/{token}", "/oidc", "/oidc/back", "/static/{name}"})
"""What may be asked by whoever is not signed in."""


def create(parts: Parts) -> FastAPI:
    """The pages, as an application by itself. Raises ValueError for a route that does not name one right."""
    app = FastAPI(title="Milepost console", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    faults.install(app)
    for room in ROOMS:
        app.include_router(room)
    for route in routes():
        right_of(route)
    return app


def mount(app: FastAPI, parts: Parts) -> None:
    """Put the console at /console of the API's application; its root leads there."""
    console = create(parts)

    async def to_console(request: Request) -> RedirectResponse:
        return RedirectResponse(parts.base + "/", 307)

    for path in ("/", "/console"):
        app.add_api_route(path, to_console, include_in_schema=False)
    app.mount("/console", console)


def routes() -> list[APIRoute]:
    """Every route of the console. Their paths stand below /console."""
    return [route for room in ROOMS for route in room.routes if isinstance(route, APIRoute)]


def right_of(route: APIRoute) -> Right | None:
    """The right that a route needs; None for what is public. Raises ValueError where it does not name exactly one."""
    found = set(_rights(route.dependant))
    if route.path in PUBLIC and not found:
        return None
    if len(found) != 1 or route.path in PUBLIC:
        raise ValueError(
            f"the route {sorted(route.methods or ())} {route.path} needs exactly one right, not {sorted(found)}"
        )
    return found.pop()


def _rights(dependant: Dependant) -> Iterator[Right]:
    for needed in dependant.dependencies:
        right = getattr(needed.call, "right", None)
        if right is not None:
            yield right
        yield from _rights(needed)
