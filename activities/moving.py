"""A journey moves to another version of its playbook, in one transaction under its customer's lock (rules.md 16).

State and version change together. So nothing is lost in between: milestones that were applied before it are read from
the history, those that are applied after it find the journey interested in what the new version names.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from activities.facts import event_of, person_of
from activities.tools import Tools
from activities.transaction import Context, Turn
from lifecycle import moving
from lifecycle.commands import Move
from lifecycle.events import Event, OpenJourney
from lifecycle.inputs import Moved
from lifecycle.language.map import MESSAGE_MILESTONES
from lifecycle.plan import Plan
from store import history, journeys, messages, rollouts
from store.tables import Milestone, Rollout


class Moving:
    """What `move` does within its transaction. The ways between versions are kept: there are few."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self._ways: dict[tuple[str, int], moving.Way] = {}

    def do(self, context: Context) -> Turn | None:
        """What the apply makes of the journey; None where something newer came in, and it does not rest any more."""
        command, session, journey = context.command, context.session, context.journey
        if not isinstance(command, Move):
            return None
        rollout = rollouts.get(session, command.apply)
        if rollout is None or rollout.to_version is None or rollout.state == "stopped":
            return self._answered(context, command.apply, Turn(context.plan, Moved(context.now, command.apply)), "left")
        if rollout.to_version == journey.version:
            turn = Turn(context.plan, Moved(context.now, command.apply))
            return self._answered(context, command.apply, turn, "moved")
        way = self._way(session, context.plan, journey.version, rollout)
        moved = self._moved(context, way, command.apply)
        if moved.ends:
            outcome, reason = moved.ends
            journeys.stamp_exit(session, journey.id, context.now, outcome, reason)
        state = "ended" if moved.ends else "moved" if moved.version else "left"
        return self._answered(context, command.apply, Turn(way.new if moved.version else way.old, moved), state)

    def _answered(self, context: Context, number: int, turn: Turn, state: str) -> Turn:
        rollouts.answer(context.session, context.journey.id, number, state, context.now)
        return turn

    def _way(self, session: Session, old: Plan, version: str, rollout: Rollout) -> moving.Way:
        assert rollout.id is not None
        assert rollout.to_version is not None
        key = (version, rollout.id)
        if key not in self._ways:
            new = self.tools.asker.plan_of(session, rollout.to_version)
            self._ways[key] = moving.Way(old, new, rollout.targets, rollout.to_version)
        return self._ways[key]

    def _moved(self, context: Context, way: moving.Way, number: int) -> Moved:
        session, journey, state = context.session, context.journey, context.state
        if not way.asks:
            return moving.moved(way, state, number, context.now)
        rows = history.since(session, context.customer.id, journey.history_mark, way.asks)
        past = _past(session, context.customer.id, rows)
        name = way.new.entry.milestone if way.new.entry else None
        event = event_of(session, journey.entry_event_id, name)
        seen = OpenJourney(journey.id, way.new, journey.entered_at, event, journey.per_value, frozen=state.frozen)
        words = self.tools.map, self.tools.conditions
        return moving.moved(way, state, number, context.now, past, seen, person_of(session, context.customer), words)


def _past(session: Session, customer: str, rows: Sequence[Milestone]) -> list[moving.Past]:
    """Milestones of the history, with the message that those of messages are about."""
    found = []
    for row in rows:
        journey = of = None
        if row.name in MESSAGE_MILESTONES:
            journey, of = row.properties.get("journey"), row.properties.get("of")
            if journey is None:
                journey = messages.latest_journey(session, customer, of)
        event = Event(row.event_id, "track", row.name, row.at, row.properties, journey, of)
        found.append(moving.Past(event, row.name, row.applied_at))
    return found
