"""One customer's life again, from what is stored of it: what a version would have done on the real stream of events.

Nothing is sent and nothing is stored: it is the simulator, fed with the events in the order and at the times at which
they were applied, with pauses, and with what people did to journeys. What journeys make themselves (`set`, `record`,
`enrol`) they make again. A `message.*` event counts where that message has gone out in this life; of one that only this
life sends nobody knows whether it would have been opened.

Until the replay's own time begins a journey is entered exactly where one really was, in the version that it really had.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from whenever import Instant

from lifecycle import policies
from lifecycle.commands import AssignTask, Command, Decide, Deliver
from lifecycle.events import Entering, Event, Person
from lifecycle.facts import Facts
from lifecycle.inputs import Exited, Input, Moved, Result, Resumed, Skipped
from lifecycle.interpreter import proceed
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.plan import Plan
from lifecycle.recorded import Act, Answer, Applied, Lying, MessageKey, Record, Versions
from lifecycle.simulated import SimulatedJourney, World
from lifecycle.simulator import Life
from lifecycle.state import Phase

OWN_NUMBERS = 10**15
"""Where the numbers begin of events that journeys make in a replay: no stored event has such a one."""

_BECAME = frozenset({"delivered", "bounced", "dropped", "undelivered"})


class Knows:
    """What the world around a replay knows besides: how a person can be reached, and what suppresses that."""

    def address(self, person: Person, channel: Channel) -> Literal["known", "none", "invalid"]:
        return "known" if person.attributes.get("email" if channel == "email" else "phone") else "none"

    def suppression(self, person: Person, channel: Channel, now: Instant) -> tuple[str, str] | None:
        return None


class Replay(Life):
    """One customer's stored life in the versions given. `sent` is what it sends, named as the ledger does."""

    def __init__(self, world: World, record: Record, versions: Versions, knows: Knows) -> None:
        super().__init__(replace(world, strict_consent=True), Person(record.customer))
        self.record, self.versions, self.knows = record, versions, knows
        self.sent: dict[MessageKey, Instant] = {}
        self._numbers = itertools.count(OWN_NUMBERS)
        self._accounts: dict[str, dict[str, Any]] = {}
        self._fed = {one.event.id for one in record.happened if isinstance(one, Applied)}

    def live(self, until: Instant) -> None:
        """Live through all that is stored, and on until every timer up to `until` has fired."""
        for at, what in sorted(self._stream(until), key=lambda one: one[0]):
            self._timers(at, including=False)
            self.now = max(self.now, at)
            what()
            self._recorded(self.now)
        self._timers(until, including=True)

    def _stream(self, until: Instant) -> Iterator[tuple[Instant, Callable[[], None]]]:
        for lying in self.record.pauses:
            yield lying.pause.at, partial(self._pause, lying)
            if lying.ended is not None:
                yield lying.ended, partial(self._resume, lying)
        for answer in self.record.answers:
            yield answer.at, partial(self._learn, answer)
        for one in self.record.happened:
            if one.at <= until:
                yield one.at, partial(self._take, one)

    # --- what is stored --------------------------------------------------------------------------------------------

    def _take(self, one: Applied | Act) -> None:
        if isinstance(one, Applied):
            if self._counts(one.event):
                self._apply(self._as_here(one.event), 0, self.now)
            return
        for journey in self._named(one.journey):
            input: Input = Skipped(one.at, "message" if one.name == "message" else "wait")
            if one.what == "exit":
                input = Exited(self._give(journey), one.at, "exited", one.name)
            self._feed(journey, input, self.now)

    def _learn(self, answer: Answer) -> None:
        self.consent.pop(answer.name, None)
        self.consent[answer.name] = answer.granted

    def _named(self, journey: str) -> list[SimulatedJourney]:
        return [one for one in self.journeys if one.open and one.entering.id == journey]

    def _counts(self, event: Event) -> bool:
        """Whether an event is one here: what is told of a message is nothing where it has not gone out."""
        if event.kind != "message" or event.journey is None:
            return True
        for journey in self.journeys:
            if journey.entering.id == event.journey and journey.messages.get(event.of or "") not in (
                None, "pending", "refused",
            ):  # fmt: skip
                became = event.name.removeprefix("message.")
                if became in _BECAME and event.of:
                    journey.messages[event.of] = became
                return True
        return False

    def _as_here(self, event: Event) -> Event:
        if event.kind == "group":
            known = self._accounts.setdefault(event.name, {})
            known.update(event.properties)
            return replace(event, properties=dict(known))
        return event

    def _apply(self, event: Event, hops: int, now: Instant) -> None:
        plans = list(self._plans(event, now))
        if plans != self.world.plans:
            self.world = replace(self.world, plans=plans)
        super()._apply(event, hops, now)
        if event.kind == "group":
            self._known = None

    def _plans(self, event: Event, now: Instant) -> Iterator[Plan]:
        own = event.id >= OWN_NUMBERS
        here = {plan.playbook: plan for plan in self.versions.at(now)}
        yield from here.values()
        for entered in self.record.entered:
            name = entered.plan.playbook
            shown = name == self.versions.playbook and now >= self.versions.since
            if (
                name not in here
                and not shown
                and (entered.event not in self._fed if own else entered.event == event.id)
            ):
                yield entered.plan

    def _number(self) -> int:
        return next(self._numbers)

    # --- pauses ----------------------------------------------------------------------------------------------------

    def _pause(self, lying: Lying) -> None:
        for journey in self.journeys:
            self._hold(journey, lying)

    def _hold(self, journey: SimulatedJourney, lying: Lying) -> None:
        if journey.open and journey.state.phase is not Phase.NEW and self._lies_on(lying, journey):
            self._feed(journey, lying.pause, self.now)

    def _begin(self, entering: Entering, hops: int, now: Instant) -> None:
        super()._begin(entering, hops, now)
        for lying in self._lying(now):
            self._hold(self.journeys[-1], lying)

    def _lying(self, now: Instant) -> Iterator[Lying]:
        """The pauses that hold at an instant, whomever."""
        return (one for one in self.record.pauses if one.pause.at <= now and (one.ended is None or one.ended > now))

    def _resume(self, lying: Lying) -> None:
        assert lying.ended is not None
        for journey in self.journeys:
            if journey.open and any(pause.id == lying.pause.id for pause in journey.state.pauses):
                self._feed(journey, Resumed(lying.ended, lying.pause.id, lying.handling), self.now)

    def _lies_on(self, lying: Lying, journey: SimulatedJourney) -> bool:
        scope, target = lying.scope, lying.target
        return (
            scope in ("everything", "channel")
            or (scope == "customer" and target == self.person.id)
            or (scope == "account" and target == self.record.account)
            or (scope == "segment" and target in (self.members or ()))
            or (scope == "playbook" and target == journey.plan.playbook)
            or (scope == "journey" and target == journey.entering.id)
        )

    def _perform(self, journey: SimulatedJourney, command: Command, now: Instant) -> Result | Moved | None:
        """A journey meets a pause from before its entry when there is something to do, as it really does."""
        if self.record.pauses and isinstance(command, Deliver | Decide | AssignTask):
            known = {*journey.state.lifted, *(pause.id for pause in journey.state.pauses)}
            news = [
                lying
                for lying in self._lying(now)
                if lying.pause.id not in known
                and (lying.scope != "channel" or (isinstance(command, Deliver) and command.channel == lying.target))
                and self._lies_on(lying, journey)
            ]
            for lying in news:
                proceed(journey.run, lying.pause, now)
            if news:
                return Result("blocked")
        return super()._perform(journey, command, now)

    # --- messages --------------------------------------------------------------------------------------------------

    def _deliver(self, journey: SimulatedJourney, command: Deliver, now: Instant) -> Result:
        if (command.template, command.channel) not in self.world.templates:  # an old version's, which is gone
            journey.messages[command.step] = "refused"
            return Result("refused", "unknown-template")
        result = super()._deliver(journey, command, now)
        if result.what == "sent":
            self.sent[journey.entering.id, command.step, command.occurrence] = now
        return result

    def _asked(
        self, journey: SimulatedJourney, command: Deliver, template: TemplateInfo, now: Instant
    ) -> policies.Asked:
        asked = super()._asked(journey, command, template, now)
        return asked._replace(
            address=self.knows.address(self.person, command.channel),
            suppression=self.knows.suppression(self.person, command.channel, now),
        )

    def _facts(self, journey: SimulatedJourney, now: Instant) -> Facts:
        facts = super()._facts(journey, now)
        account = self.world.map.defaults("account")
        account.update((name, value) for name, value in self.person.account.items() if value is not None)
        return replace(facts, account=account)
