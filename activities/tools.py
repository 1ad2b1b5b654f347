"""What the activities of a journey work with; put together in wiring.py."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from activities.asking import Asker
from activities.rates import Rates
from lifecycle.facts import Conditions
from lifecycle.language.map import Map
from lifecycle.language.template import Channel
from messaging.links import Links
from messaging.render import Renderer
from messaging.sending import Sender
from store.database import Database


@dataclass(frozen=True, slots=True)
class Tools:
    """`threads` is where senders block; there are as many as may send at once."""

    database: Database
    map: Map
    renderer: Renderer
    conditions: Conditions
    links: Links
    asker: Asker
    senders: Mapping[Channel, Sender]
    rates: Rates
    threads: ThreadPoolExecutor
