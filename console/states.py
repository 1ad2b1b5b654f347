"""How a state is shown: the colour of its badge, which is never the only sign. Filters `tone` and `channel`."""

from __future__ import annotations

from console.templating import templates
from lifecycle.ledger import MessageState

MESSAGES = tuple(str(state) for state in MessageState)

_GOOD = {"accepted", "delivered", "applied", "done"}
_BAD = {"bounced", "dropped", "undelivered", "rejected", "lost", "failed", "overdue"}
_WARN = {"unknown", "suppressed", "refused", "expired"}
_CALM = {"pending", "sending", "open"}

CHANNELS = {"email": "e-mail", "sms": "SMS"}


def tone(state: str) -> str:
    """The classes of a state's badge."""
    for name, states in (("good", _GOOD), ("bad", _BAD), ("warn", _WARN), ("calm", _CALM)):
        if state in states:
            return f"badge badge-{name}"
    return "badge"


templates.filters["tone"] = tone
templates.filters["channel"] = lambda channel: CHANNELS.get(channel, channel)
