"""One customer's life in memory: events go in, timelines come out, at once and without anything else running.

It drives the same core as the real engine, in a fixed order: what happens at an instant comes before the timers that
are due at it; timers of several journeys fire in the order in which the journeys began; a journey runs until it rests;
then the events that it recorded are applied. The world and what happens in it are in `lifecycle.simulated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, Literal

from whenever import Instant

from lifecycle import moving, policies
from lifecycle.answers import answer
from lifecycle.applying import apply, memberships
from lifecycle.commands import (
    AssignTask,
    Command,
    Decide,
    Deliver,
    EnrolIn,
    Move,
    RecordMilestone,
    SetAttributes,
    WaitUntil,
)
from lifecycle.consent import answer_for, changed, written
from lifecycle.events import Entering, Event, Person, Wake
from lifecycle.facts import NOTHING, Facts
from lifecycle.hops import within_limit
from lifecycle.inputs import (
    AttributeChanged,
    Exited,
    FromInbox,
    GoalReached,
    Input,
    MoveAsked,
    Moved,
    Paused,
    Reached,
    Result,
    Resumed,
    Skipped,
    Started,
    TimerFired,
)
from lifecycle.interpreter import Run, pending, proceed
from lifecycle.language.template import TemplateInfo
from lifecycle.moving import Past
from lifecycle.plan import Plan
from lifecycle.posted import Posted
from lifecycle.quiet_hours import Reach
from lifecycle.simulated import Happening, Sent, SimulatedJourney, World
from lifecycle.state import NEW, State

SENT, DONE = Result("sent"), Result("done")

_ADDRESS = {"email": "email", "sms": "phone"}


class Life:
    """The life of one customer. `consent` holds the topics agreed to, and those refused as False (`offers:sms`: one
    channel), in the order of the answers; consent milestones that happen add to it. Who is in a segment from the start
    does not come into it. `reacts` says what the customer does about a message, later than it was sent.
    """

    def __init__(
        self,
        world: World,
        person: Person,
        consent: Mapping[str, bool] | None = None,
        reacts: Callable[[Sent], Iterable[Happening]] | None = None,
    ) -> None:
        self.world, self.person, self.consent = world, person, dict(consent or {})
        self.now = Instant.MIN
        self.journeys: list[SimulatedJourney] = []
        self.events: dict[int, Event] = {}
        self.happened: list[Past] = []
        self.ways: dict[int, tuple[Plan, Mapping[str, str]]] = {}
        self.queue: list[tuple[Event, int]] = []
        self.members: set[str] | None = None
        self.been: dict[str, set[str]] = {}
        self.not_entered: list[tuple[str, str]] = []
        self.posted = Posted(world.map)
        self.reacts = reacts
        self.ahead: list[tuple[Instant, int, Happening]] = []
        self._order = count()
        self._known: dict[str, Any] | None = None
        self._reach: Reach | None = None

    def expect(self, happenings: Iterable[Happening]) -> None:
        """Let these happen in their time, besides those that `run` is given."""
        for happening in happenings:
            heappush(self.ahead, (happening.at, next(self._order), happening))

    def take_up(self, journey: SimulatedJourney, now: Instant) -> None:
        """Go on with a journey that has come so far elsewhere; one that is new is started."""
        self.journeys.append(journey)
        wanted = pending(journey.plan, journey.state)
        if journey.state.phase is NEW:
            self._feed(journey, Started(now), now)
        elif isinstance(wanted, WaitUntil):
            journey.due = wanted.due
        elif (result := self._perform(journey, wanted, now)) is not None:
            self._feed(journey, result, now)

    def run(self, happenings: Iterable[Happening], until: Instant) -> None:
        """Live through `happenings` (in order of time) and on until every timer up to `until` has fired."""
        for happening in happenings:
            self._timers(happening.at, including=False)
            self._happen(happening)
        self._timers(until, including=True)

    def _timers(self, limit: Instant, *, including: bool) -> None:
        while True:
            first, due = None, None
            for journey in self.journeys:
                if journey.due is not None and (due is None or journey.due < due):
                    first, due = journey, journey.due
            if self.ahead and (at := self.ahead[0][0]) <= limit and (due is None or at <= due):
                self._happen(heappop(self.ahead)[2])
                continue
            if first is None or due is None or due > limit or (due == limit and not including):
                return
            # A wait that was over while the journey was held is due in the past, and ends now.
            if due > self.now:  # noqa: PLR1730 - a call of max() for every timer of every journey
                self.now = due
            self._feed(first, TimerFired(due), self.now)
            if self.queue:
                self._recorded(self.now)

    def _recorded(self, now: Instant) -> None:
        while self.queue:
            event, hops = self.queue.pop(0)
            self._apply(event, hops, now)

    # --- what happens from outside ---------------------------------------------------------------------------------

    def _happen(self, happening: Happening) -> None:
        at = happening.at
        self.now = max(self.now, at)
        if happening.what in ("milestone", "set", "due", "enrol"):
            self._apply(self._event(happening), 0, at)
        else:
            if happening.what == "move":
                self.ways[len(self.ways) + 1] = happening.properties["plan"], happening.properties.get("targets", {})
            for journey in [one for one in self.journeys if one.open]:
                if happening.what != "move" or journey.plan.playbook == happening.name:
                    self._feed(journey, self._command(journey, happening), at)
        self._recorded(at)

    def _event(self, happening: Happening) -> Event:
        if happening.what == "set":
            return Event(self._number(), "set", "", happening.at, happening.properties)
        if happening.what == "due":
            return Event(self._number(), "due", happening.name, happening.at, happening.properties)
        if happening.what == "enrol":
            return Event(self._number(), "enrol", happening.name, happening.at)
        name = self.world.map.canonical(happening.name)
        self.consent = changed(self.consent, name, happening.properties)
        journey = None
        if name.startswith("message."):
            sent = [j for j in self.journeys if happening.of is None or happening.of in j.messages]
            journey = sent[-1].entering.id if sent else None
        kind: Literal["message", "track"] = "message" if journey else "track"
        return Event(self._number(), kind, name, happening.at, happening.properties, journey, happening.of)

    def _command(self, journey: SimulatedJourney, happening: Happening) -> Input:
        at = happening.at
        if happening.what == "pause":
            policy: Literal["freeze", "continue"] = "continue" if happening.name == "continue" else "freeze"
            more = happening.properties
            return Paused(at, "pause", policy, more.get("channel"), bool(more.get("transactional")))
        if happening.what == "resume":
            return Resumed(at, "pause", "skip" if happening.name == "skip" else "send")
        if happening.what == "skip":
            return Skipped(at, "message" if happening.name == "message" else "wait")
        if happening.what == "move":
            return MoveAsked(self._give(journey), at, len(self.ways))
        return Exited(self._give(journey), at, "exited", happening.name)

    def _number(self) -> int:
        return len(self.events) + 1

    # --- events ----------------------------------------------------------------------------------------------------

    def _apply(self, event: Event, hops: int, now: Instant) -> None:
        self.events[event.id] = event
        world = self.world
        here = {journey.entering.id: journey for journey in self.journeys if journey.open}
        seen = [journey.as_open() for journey in here.values()]
        members = self.members
        if members is None:
            members = self.members = memberships(self.person, world.map, world.conditions, now)
        done = apply(
            event, self.person, seen, self.been, world.plans, world.map, world.conditions, now, lambda: members
        )
        self.person = done.person
        self.happened.extend(Past(event, name, now) for name in done.milestones)
        for segment, inside in done.segments.items():
            (members.add if inside else members.discard)(segment)
        if event.kind in ("set", "identify"):
            self._known = self._reach = None
        self.not_entered.extend(done.not_entered)
        for one in seen:
            here[one.id].goal_reached = one.goal_reached
        for wake in done.wakes:
            journey = here[wake.journey]
            self._feed(journey, row_of(wake, self._give(journey), event.id, now), now)
        for entering in done.entered:
            self._begin(entering, hops + 1, now)

    def _give(self, journey: SimulatedJourney) -> int:
        journey.given += 1
        return journey.given

    def _begin(self, entering: Entering, hops: int, now: Instant) -> None:
        self.been.setdefault(entering.plan.playbook, set()).add(entering.key)
        state = State(self.person.id, self.person.zone(self.world.map), now, now)
        journey = SimulatedJourney(entering, Run(entering.plan, state, now), now, hops, len(self.happened))
        self.journeys.append(journey)
        if entering.arm == "journey" or entering.plan.transactional:
            self._feed(journey, Started(now), now)

    # --- one journey -----------------------------------------------------------------------------------------------

    def _feed(self, journey: SimulatedJourney, input: Input, now: Instant) -> None:
        run = journey.run
        work: Input | None = input
        while work is not None:
            commands = proceed(run, work, now)
            if not commands:
                return
            wanted = commands[-1]
            # While it is held, effects go with the next command.
            if len(commands) > 1 and not (run.state.effects and type(wanted) is WaitUntil):
                for effect in commands[:-1]:
                    self._effect(journey, effect, now)
            if type(wanted) is WaitUntil:
                journey.due = wanted.due
                return
            work = self._perform(journey, wanted, now)
        journey.due = None

    def _perform(self, journey: SimulatedJourney, command: Command, now: Instant) -> Result | Moved | None:
        if type(command) is Deliver:
            return self._deliver(journey, command, now)
        if type(command) is Decide:
            return self._answer(journey, command, now)
        if isinstance(command, Move):
            return self._move(journey, command, now)
        if isinstance(command, AssignTask):
            return Result("refused", "holdout") if journey.entering.arm == "holdout" else DONE
        return DONE if command.kind == "note" else None

    def _deliver(self, journey: SimulatedJourney, command: Deliver, now: Instant) -> Result:
        template = self.world.templates.get((command.template, command.channel))
        if template is None:  # the journey is older than the templates of today
            journey.messages[command.step] = "refused"
            return Result("refused", "unknown-template")
        decision = policies.decide(self._asked(journey, command, template, now))
        if decision.outcome == "defer":
            assert decision.until is not None  # pauses are the journey's own here
            journey.messages[command.step] = "pending"
            self.posted.put_off(template, journey.entering, decision.until, journey.state)
            return Result("deferred", decision.reason, decision.until)
        code = decision.reason
        if code is None and self.world.cannot is not None:
            code = self.world.cannot(command.template, command.channel, self._facts(journey, now))
        if code is not None:
            journey.messages[command.step] = "refused"
            return Result("refused", code)
        self.posted.sent(template, now)
        journey.messages[command.step] = "accepted"
        if self.reacts is not None:
            self.expect(
                self.reacts(
                    Sent(self.person.id, journey.entering.id, command.step, command.occurrence, command.channel, now)
                )
            )
        return SENT

    def _move(self, journey: SimulatedJourney, command: Move, now: Instant) -> Moved:
        plan, targets = self.ways[command.apply]
        way, state = moving.Way(journey.plan, plan, targets), journey.state
        past = [one for one in self.happened[journey.begun :] if one.name in way.asks]
        seen = journey.as_open()
        seen.plan, seen.heard = plan, set(seen.heard)
        words = self.world.map, self.world.conditions
        found = moving.moved(way, state, command.apply, now, past, seen, self.person, words)
        if found.version:
            journey.run.plan = plan
        return found

    def _asked(
        self, journey: SimulatedJourney, command: Deliver, template: TemplateInfo, now: Instant
    ) -> policies.Asked:
        world, entering, posted = self.world, journey.entering, self.posted
        consent: bool | None = True
        if self.consent or world.strict_consent:
            consent = answer_for(written(self.consent), template.topic, command.channel)
        known = True
        if world.strict_consent:
            known = bool(self.person.attributes.get(_ADDRESS[command.channel]))
        elif consent is None:
            consent = True
        return policies.asked_of((
            template, world.map, now, entering.arm, False, command.expires, consent, "known" if known else "none",
            self.person.stage, None, self._reach or self._where(), posted.counting(now),
            posted.rivals(entering.id) if posted.waiting else (), entering.plan.priority, entering.id, (), False,
        ))  # fmt: skip

    def _where(self) -> Reach:
        self._reach = self.world.reach(self.person) if self.world.reach else self._home()
        return self._reach

    def _home(self) -> Reach:
        known = self._attributes()
        country, region = known.get("country"), known.get("region")
        zone = self.person.zone(self.world.map)
        return Reach((zone,), str(country) if country else None, str(region) if region else None)

    def _attributes(self) -> dict[str, Any]:
        if self._known is None:
            self._known = self.person.known(self.world.map)
        return self._known

    def _answer(self, journey: SimulatedJourney, command: Decide, now: Instant) -> Result:
        run, facts = journey.run, self._facts(journey, now)
        return answer(run.plan.steps[command.step], facts, self.world.conditions, run.state.zone, journey.given)

    def _facts(self, journey: SimulatedJourney, now: Instant) -> Facts:
        reached: dict[str, Any] | None = None
        if heard := journey.run.state.reached:
            name, number = heard
            event = self.events.get(number)
            reached = {**(event.properties if event else {}), "name": name}
        person, known = self.person, self._attributes()
        return Facts(
            now, known, NOTHING, journey.entering.event, reached, person.history, journey.messages, person.stage
        )

    def _effect(self, journey: SimulatedJourney, command: Command, now: Instant) -> None:
        number = self._number()
        if isinstance(command, SetAttributes):
            event = Event(number, "set", "", now, dict(command.values))
            self.person.attributes.update(command.values)
            self._known = self._reach = None
        elif isinstance(command, RecordMilestone):
            event = Event(number, "record", command.milestone, now)
        else:
            assert isinstance(command, EnrolIn)
            event = Event(number, "enrol", command.playbook, now)
        self.events[number] = event
        if within_limit(journey.hops):
            self.queue.append((event, journey.hops))


def row_of(wake: Wake, number: int, event: int, at: Instant) -> FromInbox:
    """The inbox row that tells a journey of a wake."""
    if wake.kind == "exit":
        return Exited(number, at, wake.outcome or "exited", wake.name)
    if wake.kind == "goal":
        return GoalReached(number, at, wake.name)
    if wake.kind == "attribute":
        return AttributeChanged(number, at, wake.name)
    return Reached(number, at, wake.name, event, wake.of)
