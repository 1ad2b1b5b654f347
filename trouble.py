"""How an error is told to a log or to Temporal: its kind and its place, never its words.

What a database or a provider says of a failure quotes what it was given, addresses and texts of messages included
(rules.md 22).
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent


def place_of(error: BaseException) -> str:
    """Where in our own code an error came from, as FILE:LINE."""
    place, frame = "unknown", error.__traceback__
    while frame is not None:
        file = Path(frame.tb_frame.f_code.co_filename)
        if file.is_relative_to(ROOT) and "site-packages" not in file.parts:
            place = f"{file.relative_to(ROOT)}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place
