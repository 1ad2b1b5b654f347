"""How a person could be reached at an instant of the past: addresses, what suppressed them, where the person was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.events import Person
from lifecycle.language.map import Map
from lifecycle.language.template import Channel
from lifecycle.quiet_hours import Reach
from lifecycle.replaying import Knows
from messaging import addresses
from store import suppressions
from store.tables import Suppression


class Reachable(Knows):
    """Addresses as senders take them, and what suppresses them."""

    def __init__(self, session: Session, map: Map, secret: bytes) -> None:
        self.session, self.map, self.secret = session, map, secret
        self._normal: dict[tuple[Channel, str], str | None] = {}
        self._ever: dict[tuple[Channel, str], Sequence[Suppression]] = {}

    def address(self, person: Person, channel: Channel) -> Literal["known", "none", "invalid"]:
        if not (given := _given(person, channel)):
            return "none"
        return "known" if self._of(channel, given) else "invalid"

    def suppression(self, person: Person, channel: Channel, now: Instant) -> tuple[str, str] | None:
        given = _given(person, channel)
        normal = self._of(channel, given) if given else None
        if normal is None:
            return None
        if (channel, normal) not in self._ever:
            mark = addresses.fingerprint(self.secret, channel, normal)
            self._ever[channel, normal] = suppressions.ever(self.session, channel, mark)
        lying = [
            (row.reason, row.scope)
            for row in self._ever[channel, normal]
            if row.at <= now and (row.lifted_at is None or row.lifted_at > now)
        ]
        return next((one for one in lying if one[1] == "all"), lying[0] if lying else None)

    def reach(self, person: Person) -> Reach:
        known = person.known(self.map)
        texts = {name: str(value) for name, value in known.items() if value is not None}
        zone = person.attributes.get("time_zone")
        return addresses.reach_of(
            texts.get("phone"),
            zone if isinstance(zone, str) else None,
            texts.get("country"),
            texts.get("region"),
            self.map.time_zone,
        )

    def _of(self, channel: Channel, given: str) -> str | None:
        if (channel, given) not in self._normal:
            self._normal[channel, given] = addresses.normal(channel, given)
        return self._normal[channel, given]


def _given(person: Person, channel: Channel) -> str | None:
    given = person.attributes.get("email" if channel == "email" else "phone")
    return given if isinstance(given, str) else None
