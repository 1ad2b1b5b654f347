"""Carrying out a merge: an event's `previous_id` is merged into its customer (rules.md 21; lifecycle.merging decides).

- What came in earlier under the old id is applied first, and whatever came later follows the tombstone: so whoever
  merges has the shards of both, and the old id's later events wait for the merge.
- Only somebody who was never merged is merged, into somebody who was never merged: chains lead to one customer, and
  never back. A second time, or with oneself, or with somebody who was erased, nothing happens.
- An old id that belongs to another customer stays there: two people who share a browser are not one person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import person_of
from intake import known
from intake.wakes import wake
from lifecycle import merging
from lifecycle.events import Event as Happened
from lifecycle.events import Joined, OpenJourney, Person, Wake
from lifecycle.facts import Conditions
from lifecycle.language.map import MESSAGE_MILESTONES, Map
from lifecycle.plan import Plan
from lifecycle.wakes import missed
from store import consents, customers, history, journeys, merges
from store.journeys import Outline
from store.tables import Consent, Customer, Event, Milestone

SOURCE = "merge"
"""The source of a no that is said again, because a yes from before it came in with the other record."""


class Merged(NamedTuple):
    """What became of it. merged: `joined` is what the customer gains. same: the two are one customer already. refused:
    nothing was done, and `because` says why.
    """

    state: Literal["merged", "same", "refused"]
    because: str | None = None
    joined: Joined | None = None

    def as_data(self) -> dict[str, Any]:
        """As the event's outcome tells it."""
        return {"state": self.state} | ({"because": self.because} if self.because else {})


def pending(session: Session, event: Event) -> bool:
    """Whether an event names a previous id that has not been merged with anybody."""
    if event.previous_id is None or event.previous_id == event.user_id:
        return False
    old = customers.own_row(session, event.previous_id)
    return old is None or (old.merged_into is None and old.erased_at is None)


@dataclass(slots=True)
class Merging:
    """One merge, in the transaction that applies `event`. `plan_of` gives the plan of a version."""

    session: Session
    event: Event
    map: Map
    conditions: Conditions
    plan_of: Callable[[Session, str], Plan]
    now: Instant

    def carry_out(self) -> Merged | None:
        """Merge; None where the event names no previous id. Both customers are locked afterwards where it did."""
        session, event = self.session, self.event
        if event.previous_id is None:
            return None
        if not pending(session, event):
            old, new = customers.get(session, event.previous_id), customers.get(session, event.user_id)
            same = event.previous_id == event.user_id or (old and new and old.id == new.id)
            return Merged("same") if same else Merged("refused", "the previous id is another customer's")
        for name in (event.user_id, event.previous_id):
            customers.create(session, name, self.now)
        into = customers.get(session, event.user_id)
        assert into is not None
        both = customers.lock_both(session, into.user_id, event.previous_id)
        if both is None:
            return Merged("same")
        customer, visitor = both
        if customer.erased_at or visitor.erased_at:
            return Merged("refused", "who was erased is merged with nobody")
        ours, theirs = person_of(session, customer), person_of(session, visitor)
        said = self._as_said(ours)
        because = merging.refusal(event.kind, said, theirs, known=bool(customers.merged_into(session, visitor.id)))
        if because:
            return Merged("refused", because)
        joined = merging.joined(ours, theirs, self.map)
        self._merge(customer, visitor, joined.person)
        return Merged("merged", None, joined)

    def _as_said(self, customer: Person) -> Person:
        """The customer as this very event tells of them."""
        traits = self.event.properties if self.event.kind == "identify" else {}
        return Person(customer.id, {**customer.attributes, **traits})

    def _merge(self, customer: Customer, visitor: Customer, person: Person) -> None:
        session, now = self.session, self.now
        ours, theirs = journeys.outlines(session, customer.id), journeys.outlines(session, visitor.id)
        news = [*self._news(ours, visitor), *self._news(theirs, customer)]
        answers = [*consents.history(session, customer.id), *consents.history(session, visitor.id)]
        merges.merge(session, visitor, customer, merging.renamed(ours, theirs), now)
        answers.sort(key=lambda one: one.id or 0)
        for no in merging.noes(answers):
            row = Consent(
                customer_id=customer.id, topic=no.topic, channel=no.channel, granted=False, source=SOURCE, at=no.at
            )
            consents.add(session, row)
        gone = self._tell(customer, person, news)
        ends = merging.leaving(one for one in (*ours, *theirs) if one.open and one.id not in gone)
        assert self.event.id is not None
        wake(session, [Wake(one, "exit", "merged", outcome="exited") for one in ends], self.event.id, now)

    def _news(self, runs: Sequence[Outline], other: Customer) -> list[tuple[Outline, list[Milestone]]]:
        """By open journey what the other one has reached since its entry, in the order in which that was applied."""
        under_way = [run for run in runs if run.open]
        if not under_way:
            return []
        # What is told of a message concerns its own journey, which was there.
        rows = history.after(self.session, other.id, min(run.history_mark for run in under_way), MESSAGE_MILESTONES)
        return [(run, [row for row in rows if (row.id or 0) > run.history_mark]) for run in under_way]

    def _tell(self, customer: Customer, person: Person, news: Sequence[tuple[Outline, list[Milestone]]]) -> set[str]:
        """Tell journeys what they have missed; those that end by it."""
        gone: set[str] = set()
        concerned = [run for run, rows in news if rows]
        seen = known.open_journeys(self.session, customer.id, concerned, self.plan_of, self.now)
        missed = {run.id: rows for run, rows in news}
        for journey in seen:
            for row in missed[journey.id]:
                wakes = self._wakes(journey, row, person)
                wake(self.session, wakes, row.event_id, self.now)
                if any(one.outcome for one in wakes):
                    gone.add(journey.id)
                    break
        return gone

    def _wakes(self, journey: OpenJourney, row: Milestone, person: Person) -> list[Wake]:
        milestone = Happened(row.event_id, "track", row.name, row.at, row.properties)
        return missed(milestone, person, journey, self.map, self.conditions, row.applied_at)
