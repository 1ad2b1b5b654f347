"""What several calls take: the parts of the application, texts that every database stores, instants."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from whenever import Instant

from api.parts import Parts
from lifecycle.segment import MAX_ID
from lifecycle.values import unstorable


async def _handed(request: Request) -> Parts:
    # Not a plain function: FastAPI would hand each call to a thread for it.
    parts: Parts = request.app.state.parts
    return parts


def storable(text: str) -> str:
    """The text, if every database stores it; ValueError otherwise."""
    if wrong := unstorable(text):
        raise ValueError(wrong)
    return text


def _instant(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("a time is a text such as 2026-03-02T10:00:00Z")  # noqa: TRY004 - for pydantic
    try:
        return Instant.parse_iso(given)
    except ValueError:
        raise ValueError("a time is written with its offset, such as 2026-03-02T10:00:00Z") from None


Handed = Annotated[Parts, Depends(_handed)]
"""The parts of the application that answers a request."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(storable)]
"""A text of 1 to 200 characters."""

Identity = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID), AfterValidator(storable)
]
"""An id, as long as those that events bring."""

Prose = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(storable)
]
"""A text of 1 to 2,000 characters."""

Shown = Annotated[Instant, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant in an answer, in UTC."""

Moment = Annotated[Instant, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant in a call, written with its offset."""
