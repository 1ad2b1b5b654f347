"""Takes a person out of a stored callback, and leaves what it tells of others."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from messaging.callbacks import sendgrid, twilio


def without(provider: str, body: bytes, messages: Collection[str], addresses: Collection[str]) -> bytes:
    """The body without what is about these messages or addresses; empty where nothing else is in it."""
    known = {one.casefold() for one in addresses}
    if provider != "sendgrid":
        form = twilio.form_of(body)
        about = form.get("id") in messages or any(value.strip().casefold() in known for value in form.values())
        return b"" if about else body
    try:
        events = json.loads(body)
    except (ValueError, RecursionError):
        events = None
    if not isinstance(events, list):
        # Nobody can tell what is whose.
        text = body.decode("utf-8", "replace").casefold()
        return b"" if any(one in text for one in [*known, *messages]) else body
    left = [event for event in events if not _about(event, messages, known)]
    return body if len(left) == len(events) else json.dumps(left).encode() if left else b""


def _about(event: Any, messages: Collection[str], known: Collection[str]) -> bool:
    if not isinstance(event, dict):
        return False
    address = event.get("email")
    return event.get(sendgrid.OUR_ID) in messages or (isinstance(address, str) and address.casefold() in known)
