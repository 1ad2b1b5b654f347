"""What both providers' callbacks are read with."""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9._=@<>+-]{1,200}")


def id_of(value: object) -> str | None:
    """An id as it may be looked up and stored; None where it cannot be one. What the net sends is not always text."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None
