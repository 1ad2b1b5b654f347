"""What comes next in a customer's journeys, read from the database: `lifecycle.ahead` says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import person_of
from intake import known, reader
from intake.explain.answer import Explainer
from intake.explain.messages import GIVEN
from intake.forecasting import reach
from intake.reader import Position
from lifecycle import ahead
from lifecycle.ahead import Ahead
from lifecycle.caps import Counted, reaches_back
from lifecycle.enrolment import Entering
from lifecycle.facts import Facts
from lifecycle.forecast import Customer as Living
from lifecycle.forecast import UnderWay
from lifecycle.language.template import Channel
from lifecycle.simulator import World
from lifecycle.state import Phase
from messaging.render import RenderError
from store import events, inbox, journeys, messages, playbooks, prospects
from store.journeys import Outline
from store.tables import Customer


def of_customer(session: Session, explainer: Explainer, customer: Customer, now: Instant) -> Mapping[str, Ahead]:
    """By journey that is under way: what comes after `now`, and when, as far as it is certain."""
    positions = reader.positions(session, journeys.under_way(session, customer.id), now)
    return of_positions(session, explainer, customer, positions, journeys.outlines(session, customer.id), now)


def of_positions(
    session: Session,
    explainer: Explainer,
    customer: Customer,
    positions: Sequence[Position],
    had: Iterable[Outline],
    now: Instant,
) -> Mapping[str, Ahead]:
    """The same of open journeys whose `positions` at `now` are known; `had` are all that the customer ever had."""
    open_ = [one for one in positions if one.word not in ("ended", "holdout") and one.state.phase is not Phase.ENDED]
    if not open_ or customer.erased_at is not None:
        return {}
    given = {"postal_address": explainer.map.postal_address or "", "company": explainer.map.company, **GIVEN}

    def cannot(template: str, channel: Channel, facts: Facts) -> str | None:
        try:
            explainer.renderer.render(template, channel, customer.language, facts, given)
        except RenderError as error:
            return error.reason
        return None

    world = World(
        explainer.map,
        [explainer.asker.plan_of(session, version) for version in playbooks.taken_by(session, customer.id)],
        explainer.templates,
        explainer.conditions,
        strict_consent=True,
        cannot=cannot,
        reach=reach(explainer.map),
    )
    living = Living(
        person_of(session, customer),
        customer.created_at,
        prospects.consents(session, [customer.id]).get(customer.id, {}),
        _under_way(session, open_),
        known.been(had),
        [
            Counted(row.claimed_at, row.channel, row.topic)
            for row in messages.counted(session, customer.id, now - reaches_back(explainer.map.caps))
        ]
        if explainer.map.caps
        else [],
    )
    return ahead.ahead(world, living, now, lambda template: explainer.asker.reaches(session, template, customer))


def _under_way(session: Session, positions: Sequence[Position]) -> list[UnderWay]:
    """Journeys where they stand: what came since their states were stored is within the positions."""
    found = events.contents(session, {one.journey.entry_event_id for one in positions})
    keys: dict[str, set[str]] = {}
    goals = set()
    for journey, kind, data in inbox.heard(session, [one.journey.id for one in positions]):
        keys.setdefault(journey, set()).update(data.get("keys", ()))
        if kind == "goal":
            goals.add(journey)
    return [
        UnderWay(
            _entering(one, found.get(one.journey.entry_event_id)),
            one.state,
            heard=keys.get(one.journey.id, set()),
            goal_reached=one.journey.id in goals,
        )
        for one in positions
    ]


def _entering(position: Position, event: tuple[str | None, Mapping[str, Any]] | None) -> Entering:
    row, plan = position.journey, position.plan
    name, properties = event or (None, {})
    entered_by = (plan.entry and plan.entry.milestone) or name
    arm = "holdout" if row.arm == "holdout" else "journey"
    return Entering(plan, row.id, row.key, row.per_value, arm, {**properties, "name": entered_by})  # type: ignore[arg-type]
