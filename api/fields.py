"""What several calls take: the parts of the application, texts that every database stores, instants."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from whenever import Instant

from api.parts import Parts


async def _handed(request: Request) -> Parts:
    # Not a plain function: FastAPI would hand each call to a thread for it.
    parts: Parts = request.app.state.parts
    return parts


def storable(text: str) -> str:
    """The text, if every database stores it; ValueError otherwise.

    PostgreSQL takes no NUL in a text, and half of a character cannot be written anywhere.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("this is not Unicode") from None
    if "\0" in text:
        raise ValueError("this holds a character that cannot be stored")
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

Prose = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(storable)
]
"""A text of 1 to 2,000 characters."""

Shown = Annotated[Instant, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant in an answer, in UTC."""

Moment = Annotated[Instant, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant in a call, written with its offset."""
