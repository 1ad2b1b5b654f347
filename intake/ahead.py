"""What comes next in a customer's journeys, read from the database: `lifecycle.ahead` says it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session
from whenever import Instant

from intake.explain.answer import Explainer
from intake.explain.messages import GIVEN
from intake.forecasting import reach, read_customers
from lifecycle import ahead
from lifecycle.ahead import Ahead
from lifecycle.facts import Facts
from lifecycle.language.template import Channel
from lifecycle.simulator import World
from messaging.render import RenderError
from store import playbooks
from store.tables import Customer


def of_customer(session: Session, explainer: Explainer, customer: Customer, now: Instant) -> Mapping[str, Ahead]:
    """By journey that is under way: what comes after `now`, and when, as far as it is certain.

    Nothing for one that is ending, and for a customer who was erased.
    """
    found = read_customers(session, [customer.id], explainer.map, now)
    if not found or not found[0].journeys:
        return {}
    plans = [explainer.asker.plan_of(session, version) for version in playbooks.taken_by(session, customer.id)]
    given = {"postal_address": explainer.map.postal_address or "", "company": explainer.map.company, **GIVEN}

    def cannot(template: str, channel: Channel, facts: Facts) -> str | None:
        try:
            explainer.renderer.render(template, channel, customer.language, facts, given)
        except RenderError as error:
            return error.reason
        return None

    world = World(
        explainer.map, plans, explainer.templates, explainer.conditions, strict_consent=True, cannot=cannot,
        reach=reach(explainer.map),
    )  # fmt: skip
    return ahead.ahead(world, found[0], now, lambda template: explainer.asker.reaches(session, template, customer))
