"""What the API is handed when it is made. Whoever makes it need not load the web framework for that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whenever import Instant

from api.lookups import Lookups
from intake.acceptor import Acceptor
from intake.apply import Applier
from intake.explain import Explainer
from lifecycle.language.map import Map
from messaging.links import Links
from store.database import Database

if TYPE_CHECKING:
    from temporalio.client import Client


@dataclass(frozen=True, slots=True)
class Parts:
    """`sendgrid_keys` are public keys of SendGrid's event webhook, `twilio_tokens` auth tokens, one an account; without
    any, that provider's webhooks answer 503. `public_url` is where the outside reaches this API, whatever a proxy calls
    it.

    `acceptor` takes in events, `applier` rehearses them, `explainer` says what comes next. `temporal` gives a
    client, connected at its first use; it raises `intake.commands.NoAnswer` where no server answers, and the next
    call tries again.
    """

    database: Database
    map: Map
    links: Links
    public_url: str
    acceptor: Acceptor
    applier: Applier
    explainer: Explainer
    temporal: Callable[[], Awaitable[Client]]
    sendgrid_keys: Sequence[str] = ()
    twilio_tokens: Sequence[str] = ()
    clock: Callable[[], Instant] = Instant.now
    keys: Lookups = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", Lookups(self.database))
