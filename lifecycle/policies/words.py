"""How the checks of a decision tell times: on the customer's own clock."""

from __future__ import annotations

from whenever import Instant

from lifecycle.policies.asked import Asked

CHANNELS = {"email": "e-mail", "sms": "SMS"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def moment(asked: Asked, at: Instant, zone: str | None = None) -> str:
    """`Tue 2026-03-03 21:30 (Europe/Paris)`, in the customer's zone (of several the first), or in `zone`."""
    zone = zone or asked.where.zones[0]
    local = at.to_tz(zone)
    date = local.date()
    day = _DAYS[date.day_of_week().value - 1]
    return f"{day} {date} {local.hour:02}:{local.minute:02} ({zone})"
