"""The people of `milepost demo`: a dozen customers, each with a way of their own to go through ninety days.

What happens to them: day of the story, what, and its properties. All are invented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Happens = tuple[float, str, Mapping[str, Any]]
"""Day (10:00 local is .0, so 3.25 is six hours later), the milestone or `set`, its properties (`of` names a step)."""


@dataclass(frozen=True)
class Character:
    name: str
    story: str
    zone: str
    happens: Sequence[Happens]
    language: str = "en"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()


def buys(day: float, revenue: float) -> Happens:
    return (day, "purchase", {"revenue": revenue})


CAST: tuple[Character, ...] = (
    Character("Ada Fairweather", "starts at once and invites her team", "Europe/Paris",
              (buys(0, 49), (1, "first_use", {}), (6, "invited_teammate", {}), (12, "activated", {}))),
    Character("Bruno Kestrel", "buys and never opens the product", "Europe/Berlin", (buys(0, 49),), language="de"),
    Character("Chiara Lindqvist", "gets stuck and asks for help", "Europe/Rome",
              (buys(0, 49), (4, "first_use", {}), (15, "asked_for_help", {}), (30, "activated", {}))),
    Character("Dev Marlowe", "buys again after five weeks and takes the larger plan", "Asia/Kolkata",
              (buys(0, 49), (2, "first_use", {}), (9, "activated", {}), buys(35, 99),
               (52, "upgraded", {"plan": "business"}))),
    Character("Elif Thornbury", "buys again, and does not want more", "Europe/Istanbul",
              (buys(0, 29), (3, "first_use", {}), buys(20, 29))),
    Character("Femi Ashgrove", "reviews the product and brings a friend", "Africa/Lagos",
              (buys(0, 49), (1, "first_use", {}), (8, "activated", {}), (25, "review_left", {"rating": 5}),
               (41, "referral_made", {}))),
    Character("Greta Willowby", "leaves a good review and forgets to invite", "Europe/Vienna",
              (buys(0, 49), (5, "first_use", {}), (33, "review_left", {"rating": 4})), language="de"),
    Character("Hugo Sparrow", "asks for his money back on day ten", "Europe/Madrid",
              (buys(0, 49), (2, "first_use", {}), (10, "purchase_refunded", {"amount": 49}))),
    Character("Ines Calloway", "places a very large order", "America/New_York",
              (buys(0, 1500), (1, "first_use", {}), (7, "activated", {}), (8, "tool_connected", {"tool": "calendar"}))),
    Character("Jonas Pemberly", "agreed to neither offers nor text messages", "Europe/Stockholm",
              (buys(0, 49), (6, "first_use", {}), buys(28, 49)), refuses=frozenset({"offers", "text_tips"})),
    Character("Kaya Rosewood", "closes the account after a month", "Australia/Sydney",
              (buys(0, 49), (3, "first_use", {}), (30, "set", {"closed": True}))),
    Character("Liam Oakhurst", "orders something that costs nothing", "Europe/Dublin", (buys(0, 0),)),
)  # fmt: skip
