"""The life of a message as one table: its states, what can become known of it, and what follows from what.

`TRANSITIONS` is the whole of it; the repository writes no state that it does not allow, and the diagram in docs/ is
drawn from it. News comes late, twice and out of order: what the table does not list for a state changes nothing, so no
message ever goes back. Only an answer that proves that a provider does not have a message leads to `pending` again.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Literal


class MessageState(StrEnum):
    """`PENDING`: not sent yet, or not surely. `SENDING`: claimed, a provider may have it at any moment.

    `UNKNOWN`: nobody can tell whether a provider has it; `LOST`: proved to be nowhere after the journey went on.
    `REFUSED`, `SUPPRESSED`, `EXPIRED` and `CANCELLED` are our own decisions; `REJECTED` is a message that cannot be
    sent at all, by us or by the provider. `DROPPED`: the provider took it and did not send it.
    """

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    UNDELIVERED = "undelivered"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    REFUSED = "refused"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    LOST = "lost"


News = Literal[
    "claimed", "accepted", "later", "rejected", "stopped", "ambiguous", "absent", "abandoned", "refused", "withdrawn",
    "delivered", "bounced", "dropped", "undelivered",
]  # fmt: skip
"""What can become known. `later`: surely not accepted, try again. `stopped`: the address has opted out at the provider.
`absent`: looked for and not there while the journey still asks; `abandoned`: the same when nobody asks any more.
`withdrawn`: the journey ended without it."""

PENDING, SENDING, UNKNOWN, LOST = (
    MessageState.PENDING, MessageState.SENDING, MessageState.UNKNOWN, MessageState.LOST,
)  # fmt: skip
ACCEPTED, DELIVERED = MessageState.ACCEPTED, MessageState.DELIVERED

_FAILED: dict[News, MessageState] = {
    "bounced": MessageState.BOUNCED,
    "dropped": MessageState.DROPPED,
    "undelivered": MessageState.UNDELIVERED,
}
# Whatever a provider tells about a message proves that it has it: an answer may be overtaken by a callback.
_PROOF: dict[News, MessageState] = {"accepted": ACCEPTED, "delivered": DELIVERED, **_FAILED}

TRANSITIONS: dict[MessageState, dict[News, MessageState]] = {
    PENDING: {
        "claimed": SENDING,
        "refused": MessageState.REFUSED,
        "withdrawn": MessageState.CANCELLED,
        **_PROOF,
    },
    SENDING: {
        "later": PENDING,
        "rejected": MessageState.REJECTED,
        "stopped": MessageState.SUPPRESSED,
        "ambiguous": UNKNOWN,
        **_PROOF,
    },
    UNKNOWN: {
        "claimed": SENDING,
        "later": PENDING,
        "rejected": MessageState.REJECTED,
        "stopped": MessageState.SUPPRESSED,
        "absent": PENDING,
        "abandoned": LOST,
        **_PROOF,
    },
    ACCEPTED: {"delivered": DELIVERED, **_FAILED},
    DELIVERED: dict(_FAILED),  # an address may bounce a mail days after its server took it
    LOST: dict(_PROOF),
    MessageState.BOUNCED: {},
    MessageState.DROPPED: {},
    MessageState.UNDELIVERED: {},
    # These can follow an absence that was none: the first attempt had arrived after all.
    MessageState.REJECTED: dict(_PROOF),
    MessageState.REFUSED: dict(_PROOF),
    MessageState.SUPPRESSED: dict(_PROOF),
    MessageState.EXPIRED: dict(_PROOF),
    MessageState.CANCELLED: dict(_PROOF),
}
"""State → news → the state after it."""

TAKEN = frozenset({ACCEPTED, DELIVERED, *_FAILED.values()})
"""States of messages that a provider has accepted."""

COUNTED = TAKEN | {SENDING, UNKNOWN}
"""States that count against caps: what went out, or may have (rules.md 10)."""

OPEN = frozenset({PENDING, SENDING, UNKNOWN})
"""States about which a journey may still ask."""

_REFUSED_AS = {
    "erased": MessageState.CANCELLED,
    "exited": MessageState.CANCELLED,
    "expired": MessageState.EXPIRED,
    "suppressed": MessageState.SUPPRESSED,
    "invalid-address": MessageState.REJECTED,
}


def message_id(journey: str, step: str, occurrence: int | str) -> str:
    """The id of a message or task: what it is, never when or how often it was tried."""
    return hashlib.blake2b(f"{journey}|{step}|{occurrence}".encode(), digest_size=12).hexdigest()


def after(state: MessageState, news: News) -> MessageState | None:
    """The state that follows; None where the news changes nothing."""
    return TRANSITIONS[state].get(news)


def before(news: News) -> frozenset[MessageState]:
    """The states in which a piece of news changes anything: what an UPDATE asks for in its WHERE."""
    return frozenset(state for state, follows in TRANSITIONS.items() if news in follows)


def target(news: News) -> MessageState:
    """The one state that a piece of news leads to, wherever it changes anything."""
    return next(follows[news] for follows in TRANSITIONS.values() if news in follows)


def refused_as(reason: str) -> MessageState:
    """The state of a message that the decision before the send refused for this reason."""
    return _REFUSED_AS.get(reason, MessageState.REFUSED)
