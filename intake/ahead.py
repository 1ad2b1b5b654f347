"""What comes next in a customer's journeys, read from the database: `lifecycle.ahead` says it.

Whoever tells people what comes next asks here, so that all doors say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import person_of
from intake import known, life, reader
from intake.explain.answer import Explainer
from intake.explain.messages import GIVEN
from intake.forecasting import reach
from intake.reader import Next, Position
from lifecycle import ahead, interpreter
from lifecycle.ahead import Ahead
from lifecycle.caps import Counted, reaches_back
from lifecycle.events import Entering
from lifecycle.facts import Facts
from lifecycle.forecast import Customer as Living
from lifecycle.forecast import UnderWay
from lifecycle.inputs import Skipped
from lifecycle.language.template import Channel
from lifecycle.simulated import World
from lifecycle.state import Phase
from lifecycle.step_words import any_of
from messaging.render import RenderError
from store import customers, events, inbox, journeys, messages, playbooks, prospects
from store.journeys import Outline
from store.tables import Customer, Journey


def position(session: Session, explainer: Explainer, journey: Journey, now: Instant) -> Position:
    """Where a journey stands at `now`, and what is done next in it: the customer's journeys compete for caps."""
    customer = customers.by_id(session, journey.customer_id)
    under_way = journeys.under_way(session, journey.customer_id)
    if customer is None or journey.id not in [one.id for one in under_way]:
        return reader.position(session, journey, now)
    found = reader.positions(session, under_way, now)
    coming = of_positions(session, explainer, customer, found, journeys.outlines(session, customer.id), now)
    return next(told(one, coming.get(one.journey.id)) for one in found if one.journey.id == journey.id)


def positions(session: Session, explainer: Explainer, customer: Customer, now: Instant) -> list[Position]:
    """Where each of a customer's journeys stands, and what is done next in it, in the order of entry."""
    found = reader.of_customer(session, customer, now)
    coming = of_positions(session, explainer, customer, found, journeys.outlines(session, customer.id), now)
    return [told(one, coming.get(one.journey.id)) for one in found]


def skipped(session: Session, explainer: Explainer, position: Position, now: Instant) -> Position:
    """Where a journey would stand if its present wait were skipped; one whose wait cannot be, where it stands."""
    skip = Skipped(now, "wait")
    customer = customers.by_id(session, position.journey.customer_id)
    if customer is None or interpreter.refusal(position.state, skip) is not None:
        return position
    state = interpreter.advance(position.plan, position.state, skip, now).state
    others = [one for one in journeys.under_way(session, customer.id) if one.id != position.journey.id]
    here = Next(None, reader.after(position.plan, state), position.next.why)
    found = [replace(position, state=state, next=here), *reader.positions(session, others, now)]
    coming = of_positions(session, explainer, customer, found, journeys.outlines(session, customer.id), now)
    return told(found[0], coming.get(position.journey.id))


def told(position: Position, coming: Ahead | None) -> Position:
    """A position with what is done next in the place of its next step, in the words in which timelines will tell it.

    Left as it is where nothing is certain: a pause holds it, or it decides first by what is known only then.
    """
    first = coming.first if coming else None
    if coming is None or first is None:
        return position
    says, unless = life.of_line(position, first).says, any_of(coming.unless) or None
    if first.what == "refused":
        says += f" ({first.reason})"
    return replace(position, next=Next(first.at, says, position.next.why, unless))


def of_positions(
    session: Session,
    explainer: Explainer,
    customer: Customer,
    positions: Sequence[Position],
    had: Iterable[Outline],
    now: Instant,
) -> Mapping[str, Ahead]:
    """By journey that is under way: what comes after `now`, and when, as far as it is certain.

    `positions` are those of the customer's open journeys at `now`; `had` are all that the customer ever had.
    """
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
        [explainer.asker.plan_of(session, version) for version in playbooks.taken_by(session, customer.id).values()],
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
