"""One thing that a provider tells about one message, whoever the provider is."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from whenever import Instant

Kind = Literal[
    "accepted", "processed", "sent", "deferred", "mentioned",
    "delivered", "bounced", "dropped", "undelivered",
    "opened", "clicked", "complained", "unsubscribed",
]  # fmt: skip
"""The first row tells that a provider has the message and nothing more; `mentioned`: it speaks of it in a way that is
new to us. The second row is what became of it, the third what the person did."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class News(NamedTuple):
    """`message` is our id of it, `provider_id` theirs, `at` their time of it.

    `detail` is a code of theirs or ours, never a text: `bounce` or `blocked` for what bounced, `invalid` where there is
    no such address, an error code of Twilio's. `machine`: it was not the person who opened it, but their mail program
    beforehand.
    """

    message: str
    kind: Kind
    at: Instant
    provider_id: str | None = None
    detail: str | None = None
    machine: bool = False
