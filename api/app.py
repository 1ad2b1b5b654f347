"""The application: its parts come in, its routes are put together, and nothing else is decided here."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel

from api import (
    confirm,
    consents,
    customers,
    events,
    metrics,
    operating,
    pages,
    pauses,
    persons,
    preferences,
    problems,
    tasks,
    tracking,
    unsubscribe,
    webhooks,
)
from api.fields import Handed
from api.parts import Parts
from intake.overview import lag

__all__ = ["Parts", "create"]


def create(parts: Parts) -> FastAPI:
    """An ASGI application with these parts; it opens nothing and closes nothing."""
    app = FastAPI(
        title="Milepost",
        version=version("milepost"),
        summary="Lifecycle campaigns as playbooks that run as durable journeys.",
        # Their pages load scripts of third parties; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        # A redirect turns a POST into a GET for some callers.
        redirect_slashes=False,
    )
    app.state.parts = parts
    problems.install(app)
    app.add_api_route("/healthz", healthz, tags=["health"], responses=problems.documented(503))
    for room in (
        tracking, events, webhooks, consents, customers, pauses, operating, tasks, persons, unsubscribe, preferences,
        confirm, pages, metrics,
    ):  # fmt: skip
        app.include_router(room.router)
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # FastAPI's own way of saying so
    return app


class Health(BaseModel):
    """That this process answers and reaches its database, and how far applying events lags."""

    status: Literal["ok"] = "ok"
    waiting: int
    lag_seconds: float


async def healthz(parts: Handed) -> Health:
    """Whether this process answers and reaches its database. A lag changes nothing of that: events are accepted."""
    now = parts.clock()
    found = await parts.database.read(lambda session: lag(session, now))
    return Health(waiting=found.waiting, lag_seconds=found.seconds)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made when it is first asked for: that takes a fifth of a second."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(FastAPI.openapi(app))
    return app.openapi_schema


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document, with our form of errors in the place of its own."""
    components = schema.setdefault("components", {})
    says = "A key made with `milepost token create` as the user name; the password is not looked at."
    components.setdefault("securitySchemes", {})["HTTPBasic"] = {"type": "http", "scheme": "basic", "description": says}
    schemas = components.setdefault("schemas", {})
    for own in ("HTTPValidationError", "ValidationError"):
        schemas.pop(own, None)
    problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), Problem=problem)
    for calls in schema["paths"].values():
        for call in calls.values():
            if "HTTPValidationError" in str(call["responses"].get("422")):
                call["responses"].update({"422": problems.documented(422)[422]})
    return schema
