"""Questions to the decision before a send, made of as little as a test needs."""

from __future__ import annotations

from typing import Any

from whenever import Instant, PlainDateTime

from lifecycle.calendar import resolve
from lifecycle.language.faults import Place
from lifecycle.language.map import Map
from lifecycle.language.template import TemplateInfo
from lifecycle.policies import Asked, Reach

PARIS = "Europe/Paris"


def map_with(**more: Any) -> Map:
    return Map.model_validate(
        {
            "time_zone": PARIS,
            "milestones": {"purchase": {}},
            "stages": {"adopter": {"for": "enjoy it", "forbids": ["upsell"]}, "loyalist": {"for": "buy again"}},
            "topics": {
                "offers": {"consent": "opt_in", "channels": ["email", "sms"]},
                "tips": {"consent": "opt_out", "channels": ["email", "sms"]},
                "letters": {"consent": "double_opt_in", "channels": ["email", "sms"]},
            },
            **more,
        }
    )


MAP = map_with()


def template(
    channel: Any = "email", *, purpose: Any = "marketing", intent: Any = "offer", topic: str = "offers"
) -> TemplateInfo:
    return TemplateInfo("a/message", channel, (), topic, purpose, intent, None, (), Place("a/message"))


def local(text: str, zone: str = PARIS) -> Instant:
    """`2026-03-03T10:00` on the clocks of a zone."""
    return resolve(PlainDateTime.parse_iso(text), zone)


NOON = local("2026-03-03T12:00")
"""A Tuesday."""


def asked(channel: Any = "email", now: Instant = NOON, *, map: Map = MAP, **more: Any) -> Asked:
    """About a marketing message that may go, but for what `more` says."""
    made = {key: more.pop(key) for key in ("purpose", "intent", "topic") if key in more}
    known = {"consent": True, "reach": Reach((PARIS,), "FR"), **more}
    return Asked(template(channel, **made), map, now, **known)
