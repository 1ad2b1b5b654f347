"""What is known of an event and of its customer's journeys, as `lifecycle.applying` wants it.

How many queries that takes does not depend on how many journeys the customer has: what is needed of them is read
together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.calendar import Frozen
from lifecycle.events import Event as Happened
from lifecycle.events import Kind, OpenJourney
from lifecycle.language.map import MESSAGE_MILESTONES, Map
from lifecycle.plan import Plan
from store import events, inbox, messages, pauses
from store.journeys import Outline
from store.tables import Customer, Event

_OF_PEOPLE = ("everything", "customer", "account", "segment")
"""Scopes of pauses that concern all journeys of a customer."""


def event_of(session: Session, event: Event, customer: Customer, map: Map) -> Happened:
    # A playbook may be called as a product calls a milestone.
    name = event.name or "" if event.kind in ("enrol", "due") else map.canonical(event.name or "")
    journey = of = None
    if event.kind == "message" and name in MESSAGE_MILESTONES:
        journey, of = event.properties.get("journey"), event.properties.get("of")
        if journey is None:
            journey = messages.latest_journey(session, customer.id, of)
    assert event.id is not None
    return Happened(
        event.id,
        cast("Kind", event.kind),
        name,
        event.at,
        {k: v for k, v in event.properties.items() if k != "consent" or event.kind != "identify"},
        journey,
        of,
        event.backfill,
        event.received_at,
    )


def been(had: Iterable[Outline]) -> dict[str, set[str]]:
    been: dict[str, set[str]] = {}
    for journey in had:
        been.setdefault(journey.playbook, set()).add(journey.key)
    return been


def open_journeys(
    session: Session, customer: str, found: Sequence[Outline], plan_of: Callable[[Session, str], Plan], now: Instant
) -> list[OpenJourney]:
    """Open journeys as the core sees them; `plan_of` gives the plan of a version.

    Entry events are read only where a way out is a condition, frozen time where a goal has a window: nothing else looks
    at them.
    """
    if not found:
        return []
    plans = {journey.id: plan_of(session, journey.version) for journey in found}
    heard, goals = _heard(session, list(plans))
    asking = {journey.entry_event_id for journey in found if any(way.condition for way in plans[journey.id].exits)}
    entries = events.contents(session, asking) if asking else {}
    limited = [journey for journey in found if (goal := plans[journey.id].goal) and goal.within]
    frozen = _frozen(session, customer, limited, now)
    return [
        OpenJourney(
            journey.id,
            plans[journey.id],
            journey.entered_at,
            _entry(plans[journey.id], entries.get(journey.entry_event_id)),
            journey.per_value,
            heard[journey.id],
            frozen.get(journey.id, ()),
            journey.id in goals,
        )
        for journey in found
    ]


def _heard(session: Session, ids: Sequence[str]) -> tuple[dict[str, set[str]], set[str]]:
    """By journey the keys of interest that it was given already, and the journeys that reached their goal and go on."""
    heard: dict[str, set[str]] = {journey: set() for journey in ids}
    goals = set()
    for journey, kind, data in inbox.heard(session, ids):
        heard[journey].update(data.get("keys", ()))
        if kind == "goal":
            goals.add(journey)
    return heard, goals


def _frozen(session: Session, customer: str, found: Sequence[Outline], now: Instant) -> dict[str, Frozen]:
    if not found:
        return {}
    since = min(journey.entered_at for journey in found)
    lying = pauses.frozen(session, customer, {journey.id: journey.playbook for journey in found}, since)
    return {
        journey.id: tuple(
            (pause.started_at, pause.ended_at or now)
            for pause in lying
            if pause.scope in _OF_PEOPLE or pause.target in (journey.id, journey.playbook)
        )
        for journey in found
    }


def _entry(plan: Plan, content: tuple[str | None, Mapping[str, Any]] | None) -> Mapping[str, Any]:
    name, properties = content or (None, {})
    return {**properties, "name": (plan.entry and plan.entry.milestone) or name}
