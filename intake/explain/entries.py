"""Why a customer is or is not in a playbook: the way in, step by step, with what was there at each."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import person_of
from intake import known, reader
from intake.explain.answer import Explained, Explainer
from intake.reader import Unknown
from lifecycle import enrolment
from lifecycle.enrolment import LATE_FOR_ENTRY
from lifecycle.facts import Facts
from lifecycle.language.faults import did_you_mean
from lifecycle.plan import Entry, Plan
from lifecycle.policies import Check
from store import customers, events, history, journeys, pauses, playbooks, segments
from store.tables import Customer, Event, Journey, Milestone

_OUTCOMES = {"starting": "in_it", "open": "in_it", "ended": "was_in_it", "holdout": "holdout"}


def of_playbook(session: Session, explainer: Explainer, customer: Customer, playbook: str, now: Instant) -> Explained:
    """Why a customer is, was or never was in a playbook. Raises Unknown for a playbook that never ran.

    The outcome is `in_it`, `was_in_it`, `holdout` or `not_in_it`. The checks go on up to the first that was not passed.
    """
    active = playbooks.taken_by(session, customer.id)
    if playbook not in active and not playbooks.versions(session, playbook):
        hint = did_you_mean(playbook, active)
        raise Unknown(f"no playbook `{playbook}` was ever rolled out" + (f"; {hint}" if hint else ""))
    work = _Way(session, explainer, customer, playbook, now)
    checks: list[Check] = []
    for check in work.checks(active.get(playbook)):
        checks.append(check)
        if not check.passed:
            break
    had = work.had[-1] if work.had else None
    outcome = _OUTCOMES[had.status] if had else "not_in_it"
    return Explained(f"{customer.user_id} and {playbook}", outcome, work.sentence(had, checks), tuple(checks))


class _Way:
    def __init__(self, session: Session, explainer: Explainer, customer: Customer, playbook: str, now: Instant) -> None:
        self.session, self.explainer, self.customer, self.playbook, self.now = (
            session, explainer, customer, playbook, now,
        )  # fmt: skip
        self.zone = explainer.zone(customer)
        self.had = [one for one in journeys.of_customer(session, customer.id) if one.playbook == playbook]

    def sentence(self, had: Journey | None, checks: list[Check]) -> str:
        who = self.customer.user_id
        if had is None:
            last = checks[-1]
            return f"{who} is not in {self.playbook}: {last.saw}" if not last.passed else f"{who} is not in it yet"
        since = self._local(had.entered_at)
        if had.status == "holdout":
            return f"{who} is in the holdout of {self.playbook} since {since}: measured, and not messaged"
        if had.status == "ended":
            ended = reader.position(self.session, had, self.now).next.why
            return f"{who} was in {self.playbook} from {since} on; the journey {ended}"
        return f"{who} is in {self.playbook} since {since}"

    def checks(self, version: str | None) -> Iterator[Check]:
        """What stands between this customer and the playbook, in order. `version` is the one that they would take now;
        the way in is that of the version that they took.
        """
        rolled = "it was taken out, and nobody enters it"
        if version is not None:
            active = playbooks.active(self.session).get(self.playbook)
            share = "" if version == active else ", which is tried on a share that the customer is in"
            rolled = f"new journeys take version {version}{share}"
        yield Check("active", rolled, version is not None or bool(self.had), "a version of the playbook is rolled out")
        yield self._applied()
        chosen = self.had[-1].version if self.had else version
        assert chosen is not None
        plan = self.explainer.asker.plan_of(self.session, chosen)
        if plan.entry is None:
            says = "another playbook enrols the customer: nothing enters this one by itself"
            yield Check("entry", "enrolled" if self.had else "was never enrolled", bool(self.had), says)
        else:
            yield from self._entered(plan, plan.entry)
        if self.had:
            yield self._journey(self.had[-1])
        yield self._free()

    def _applied(self) -> Check:
        """Events that lie there: what they hold has not happened yet, as far as playbooks go."""
        others = customers.merged_into(self.session, self.customer.id)
        waiting = events.not_applied(self.session, [self.customer.user_id, *(one.user_id for one in others)])
        saw = f"{waiting} not applied yet, or set aside" if waiting else "all applied"
        return Check("events", saw, not waiting or bool(self.had), "everything that came in of the customer is applied")

    def _entered(self, plan: Plan, entry: Entry) -> Iterator[Check]:
        if entry.timed:
            yield from self._came_due(plan, entry)
            return
        assert entry.milestone is not None
        reached = history.since(self.session, self.customer.id, 0, [entry.milestone])
        says = f"the customer reached `{entry.milestone}`, which enters it"
        if not reached:
            saw = f"`{entry.milestone}` never happened"
            if self.had:  # by hand, or from another journey
                saw, says = f"enrolled, though {saw}", "the customer was let in"
            yield Check("entry", saw, bool(self.had), says)
            return
        last = self._decisive(reached)
        times = f", the last of {len(reached)} times" if len(reached) > 1 else ""
        yield Check("entry", f"{self._local(last.at)}{times}", True, says)
        if self.had:
            yield from self._again(reached[-1])
            return
        event = events.get(self.session, last.event_id)
        if event is None:
            return
        yield from self._gates(plan, entry, event)
        yield from self._then(event)

    def _came_due(self, plan: Plan, entry: Entry) -> Iterator[Check]:
        """The same for an entry by time, of which a sweep tells when it has come for the customer."""
        event = events.latest_due(self.session, self.customer.id, self.playbook)
        by = f"`{entry.schedule}` came" if entry.schedule else f"`{entry.date}` came"
        says = f"{by} for the customer, which enters it"
        if event is None:
            saw = "it has not come since the customer is known"
            if self.had:
                saw, says = f"enrolled, though {saw}", "the customer was let in"
            yield Check("entry", saw, bool(self.had), says)
            return
        yield Check("entry", f"{self._local(event.at)}, for {event.properties.get('slot')}", True, says)
        if not self.had:
            yield from self._gates(plan, entry, event)
            yield from self._then(event)

    def _decisive(self, reached: list[Milestone]) -> Milestone:
        """Of those who are in it, the milestone that entered; else the latest."""
        entered = self.had[-1].entry_event_id if self.had else None
        return next((one for one in reached if one.event_id == entered), reached[-1])

    def _gates(self, plan: Plan, entry: Entry, event: Event) -> Iterator[Check]:
        """What the event had to pass; conditions see its properties, and the customer as they are now."""
        said = known.event_of(self.session, event, self.customer, self.explainer.map)
        properties = {**event.properties, "name": entry.milestone or event.name}
        person = person_of(self.session, self.customer)
        facts = person.facts(self.explainer.map, self.now, event=properties)
        for gate in enrolment.gates(entry, said, lambda: facts, self.explainer.conditions, self.now):
            if gate.check == "in-time":
                came = event.received_at
                saw = f"came in {self._local(came)}" + (", with backfill" if event.backfill else "")
                hours = int(LATE_FOR_ENTRY.total("hours"))
                says = f"it came in within {hours} hours of happening, or backfill was asked for"
            elif gate.check == "condition":
                saw, says = (
                    self._values(entry.condition or "", facts),
                    f"the entry's condition holds: {entry.condition}",
                )
            else:
                saw, says = str(event.properties.get(entry.per or "", "none")), f"it came with a `{entry.per}`"
            yield Check(gate.check, saw, gate.passed, says)

    def _then(self, event: Event) -> Iterator[Check]:
        """What was decided when the event was applied, where that is not what would be decided now."""
        told, when = self._told(event), self._local(event.applied_at or event.received_at)
        if told:
            yield Check("then", f"{told} ({when})", False, "it was the same when the event was applied")
        elif not any(one["playbook"] == self.playbook for one in (event.outcome or {}).get("entered", ())):
            says = "the playbook was rolled out already when the event was applied"
            yield Check("then", f"not rolled out yet ({when})", False, says)

    def _again(self, latest: Milestone) -> Iterator[Check]:
        """Why a later milestone did not let in somebody whose journey is over."""
        event = events.get(self.session, latest.event_id)
        told = self._told(event) if event and self.had[-1].status == "ended" else None
        if told:
            yield Check("reentry", f"{told} ({self._local(latest.at)})", False, "it may be entered once more")

    def _told(self, event: Event) -> str | None:
        """Why an event did not enter the playbook, as it was said when it was applied."""
        refused = (event.outcome or {}).get("not_entered", ())
        return next((one["because"] for one in refused if one["playbook"] == self.playbook), None)

    def _free(self) -> Check:
        targets = {("customer", self.customer.id), ("playbook", self.playbook)}
        targets |= {("segment", name) for name in segments.of_customer(self.session, self.customer.id)}
        lying = [
            one
            for one in pauses.active(self.session)
            if one.scope == "everything" or (one.scope, one.target) in targets
        ]
        told = "; ".join(f"{one.scope} paused since {self._local(one.started_at)}: {one.reason}" for one in lying)
        says = "no pause holds it; a journey that is entered during one begins held"
        return Check("paused", told or "no pause", not lying, says)

    def _journey(self, journey: Journey) -> Check:
        if journey.status == "holdout":
            saw = f"in the holdout since {self._local(journey.entered_at)}"
            return Check("holdout", saw, False, "the customer is not in the holdout of the playbook")
        position = reader.position(self.session, journey, self.now)
        going = position.word != "ended"
        saw = f"{journey.id}: {position.next.why}"
        return Check("journey", saw, going, "the customer's journey is under way")

    def _values(self, condition: str, facts: Facts) -> str:
        """Every name that a condition looks at with its value: `event.revenue is 0`."""
        told = []
        for name in self.explainer.conditions.names(condition):
            verdict = self.explainer.conditions.evaluate(name, facts)
            told.append(f"{name} is {'not known' if verdict.missing else _shown(verdict.value)}")
        return ", ".join(told) or condition

    def _local(self, at: Instant) -> str:
        return reader.local(at, self.zone)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)
