"""Compiling steps: ids, what follows what, and every rule about one step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from lifecycle import plan as p
from lifecycle.compiler.names import Names
from lifecycle.language import playbook as authored
from lifecycle.language.map import MESSAGE_MILESTONES
from lifecycle.language.segments import MILESTONES as SEGMENT
from lifecycle.language.template import TemplateInfo
from lifecycle.language.times import parse_clock, parse_moment

MARKETING_EXPIRES = "3 days"
"""How long a marketing message stays worth sending where neither step nor template says so (rules.md 9)."""

_FITS: dict[str, type | tuple[type, ...]] = {"text": str, "number": (int, float), "boolean": bool, "date": str}


class StepCompiler:
    """Compiles the steps of one playbook. `compiled`, `interest`, `attributes` and `transactional` are its results."""

    def __init__(self, playbook: authored.Playbook, names: Names, entry: p.Entry | None) -> None:
        self.playbook, self.names, self.entry, self.faults = playbook, names, entry, names.faults
        self.compiled: dict[p.StepId, p.Step] = {}
        self.interest: dict[str, Literal["first", "all"]] = {}
        self.attributes: set[str] = set()
        self.transactional = False
        self.ids: dict[int, p.StepId] = {}
        self._give_ids()

    def _give_ids(self) -> None:
        for step_id, step in ids_of(self.playbook):
            if step_id in self.ids.values():  # only ids that authors give can meet
                self.faults.add(step.place("id"), "twice", f"the id `{step_id}` is used by two steps")
            self.ids[id(step)] = step_id
            if isinstance(step, authored.Send):
                self.names.sends.add(step_id)

    def block(self, steps: Sequence[authored.Step] | None, after: p.Target) -> p.Target:
        """Compile a list of steps that goes on with `after`; the id of its first step, or `after` where it is empty."""
        target = after
        steps = steps or []
        for index, step in enumerate(steps[:-1]):
            if isinstance(step, authored.Exit):
                place = steps[index + 1].place()
                self.faults.add(place, "unreachable", "this step is never reached: the one before it ends the journey")
        for step in reversed(steps):
            step_id = self.ids[id(step)]
            found = self._step(step, step_id, target)
            if found is not None:
                self.compiled[step_id] = found
            target = step_id
        return target

    def _step(self, step: authored.Step, step_id: p.StepId, after: p.Target) -> p.Step | None:
        if isinstance(step, authored.Send):
            return self._send(step, after)
        if isinstance(step, authored.Wait):
            return self._wait(step, after)
        if isinstance(step, authored.WaitFor):
            return self._wait_for(step, after)
        if isinstance(step, authored.Branch):
            return self._branch(step, after)
        if isinstance(step, authored.Split):
            variants = [(name, one.weight, self.block(one.steps, after)) for name, one in step.variants.items()]
            return p.Split(step.split, tuple(variants))
        if isinstance(step, authored.Task):
            if step.assign.startswith(("customer.", "account.")):
                self.names.attribute(step.assign, step.place("assign"))
            return p.Task(step.task, step.assign, step.due, after)
        if isinstance(step, authored.Repeat):
            return self._repeat(step, step_id, after)
        if isinstance(step, authored.Set):
            return self._set(step, after)
        if isinstance(step, authored.Record):
            return self._record(step, after)
        if isinstance(step, authored.Enrol):
            self.names.playbook(step.enrol, step.place("enrol"))
            return p.Enrol(step.enrol, after)
        if isinstance(step, authored.Exit):
            return p.Exit(step.exit)
        kind = "survey" if "survey" in step.model_fields_set else "webhook"
        self.faults.add(step.place(kind, key=True), "not-yet", f"the step `{kind}` is not supported yet")
        return None

    def _send(self, step: authored.Send, after: p.Target) -> p.Step | None:
        template = self.names.template(step.send, step.channel, step.place("channel" if step.channel else "send"))
        refused = after if step.refused is None else self.block(step.refused, after)
        if template is None:
            return None
        self._check_template(step, template)
        transactional = template.purpose == "transactional"
        self.transactional |= transactional
        expires = step.expires or template.expires
        if expires is None and template.purpose == "marketing":
            expires = MARKETING_EXPIRES
        return p.Send(step.send, template.channel, after, refused, expires, transactional)

    def _check_template(self, step: authored.Send, template: TemplateInfo) -> None:
        place = step.place("send")
        stage = self.names.map.stages.get(self.playbook.stage)
        if stage and template.intent in stage.forbids:
            self.faults.add(
                place,
                "forbidden-intent",
                f"`{template.name}` is {template.intent}, which the stage `{self.playbook.stage}` forbids",
            )
        if template.purpose == "marketing" and template.topic:
            topic = self.names.map.topics.get(template.topic)
            if topic and template.channel not in topic.channels:
                self.faults.add(
                    place, "topic-channel", f"nobody can consent to `{template.topic}` by {template.channel}"
                )
        for name in template.variables:
            if name.startswith("event.") and self.entry and self.names.event is not None:
                prop = name.split(".")[1]
                if prop not in (*self.names.event, "name"):
                    declared = ", ".join(self.names.event) or "no properties"
                    named = f"`{self.entry.milestone}` declares" if self.entry.milestone else "a time that enrols has"
                    hint = f"{named} {declared}"
                    self.faults.add(place, "unknown-property", f"`{template.name}` needs `{name}`", hint)

    def _wait(self, step: authored.Wait, after: p.Target) -> p.Step:
        in_time = self.block(step.in_time, after)
        passed = after if step.passed is None else self.block(step.passed, after)
        if isinstance(step.wait, str):
            if step.in_time is not None or step.passed is not None:
                self.faults.add(step.place(), "no-moment", "`in_time` and `passed` belong to `wait: {until: ...}`")
            return p.Wait(in_time, in_time, span=step.wait)
        moment = parse_moment(step.wait.until)
        if moment.at and step.wait.at:
            self.faults.add(step.wait.place("at"), "twice", "the clock time stands in `until` already")
        if step.passed is None and moment.attribute is None:
            passed = in_time
        if moment.attribute:
            kind = self.names.attribute(moment.attribute, step.wait.place("until"))
            self.attributes.add(moment.attribute)
            if kind not in (None, "date"):
                message = f"`{moment.attribute}` is a {kind}, and only a date can be waited for"
                self.faults.add(step.wait.place("until"), "not-a-date", message)
        if step.wait.at:
            parse_clock(step.wait.at)
        return p.Wait(in_time, passed, until=step.wait.until, at=step.wait.at)

    def _wait_for(self, step: authored.WaitFor, after: p.Target) -> p.Step:
        listen = step.wait_for
        keys = []
        for index, name in enumerate(listen.milestone):
            place = listen.place("milestone", index)
            own = self.names.milestone(name, place, of_messages=True)
            about_message = own in MESSAGE_MILESTONES
            if listen.of and not about_message:
                self.faults.add(
                    listen.place("of"), "no-message", f"`of` goes with a milestone of a message, not `{own}`"
                )
            if own == "message.opened" and "message.clicked" not in listen.milestone:
                self.faults.add(
                    place, "machine-opens", "mail programs open messages by themselves",
                    "wait for `message.clicked` too", severity="warning",
                )  # fmt: skip
            key = f"{own}:{listen.of}" if listen.of and about_message else own
            keys.append(key)
            if listen.since == "step":
                self.interest[key] = "all"
            else:
                self.interest.setdefault(key, "first")
        if listen.of and listen.of not in self.names.sends:
            self.names.unknown(listen.place("of"), "step", listen.of, sorted(self.names.sends))
        reached, timed_out = self.block(step.reached, after), self.block(step.timed_out, after)
        return p.WaitFor(tuple(keys), step.timeout, listen.since, reached, timed_out)

    def _branch(self, step: authored.Branch, after: p.Target) -> p.Step:
        arms: list[tuple[str, p.Target]] = []
        otherwise = after
        for index, arm in enumerate(step.branch):
            if arm.else_ is not None and arm.if_ is None and arm.then is None:
                if index != len(step.branch) - 1:
                    self.faults.add(arm.place(), "else-last", "`else` must be the last arm of a branch")
                otherwise = self.block(arm.else_, after)
            elif arm.if_ is None or arm.then is None or arm.else_ is not None:
                self.faults.add(
                    arm.place(), "one-of", "an arm is written as `if: ...` with `then: ...`, or as `else: ...`"
                )
            else:
                self.names.condition(arm.if_, arm.place("if"))
                arms.append((arm.if_, self.block(arm.then, after)))
        return p.Branch(tuple(arms), otherwise)

    def _repeat(self, step: authored.Repeat, step_id: p.StepId, after: p.Target) -> p.Step:
        until = []
        for index, name in enumerate(step.repeat.until or []):
            until.append(self.names.milestone(name, step.repeat.place("until", index)))
            self.interest.setdefault(until[-1], "first")
        return p.Repeat(step.repeat.every, step.repeat.at_most, self.block(step.steps, step_id), tuple(until), after)

    def _record(self, step: authored.Record, after: p.Target) -> p.Step:
        own = self.names.milestone(step.record, step.place("record"))
        if own.startswith(SEGMENT):
            message = f"`{own}` happens where a customer comes into a segment or leaves it, and cannot be recorded"
            self.faults.add(step.place("record"), "own-milestone", message)
        return p.Record(own, after)

    def _set(self, step: authored.Set, after: p.Target) -> p.Step:
        for dotted, value in step.set.items():
            place = step.place("set", dotted)
            if not dotted.startswith("customer."):
                self.faults.add(place, "not-settable", f"`{dotted}` cannot be set", "write `customer.ATTRIBUTE: value`")
                continue
            kind = self.names.attribute(dotted, place)
            rule = self.names.map.attributes.get(dotted.partition(".")[2])
            fits = kind is None or value is None or isinstance(value, _FITS[kind])
            if not fits or (kind == "number" and isinstance(value, bool)):
                self.faults.add(place, "wrong-value", f"`{value}` does not fit `{dotted}`, which is a {kind}")
            elif rule and rule.one_of and value is not None and value not in rule.one_of:
                self.names.unknown(place, "value", str(value), rule.one_of)
        return p.Set(tuple((key.partition(".")[2], value) for key, value in step.set.items()), after)


def ids_of(playbook: authored.Playbook) -> list[tuple[p.StepId, authored.Step]]:
    """Every step with its id, in the order of the file. Ids that authors give come first: no derived one takes them."""
    steps = list(_within(playbook.steps))
    taken = {step.id for step in steps if step.id}
    found: list[tuple[p.StepId, authored.Step]] = []
    for step in steps:
        step_id = step.id
        if not step_id:
            base = derived_id(step)
            step_id = next(one for n in range(1, 10_000) if (one := _numbered(base, n)) not in taken)
            taken.add(step_id)
        found.append((step_id, step))
    return found


def _within(steps: Sequence[authored.Step]) -> Iterator[authored.Step]:
    for step in steps:
        yield step
        for block in blocks(step):
            yield from _within(block)


def blocks(step: authored.Step) -> list[Sequence[authored.Step]]:
    """The lists of steps inside a step, in the order of the file."""
    if isinstance(step, authored.Branch):
        return [block for arm in step.branch for block in (arm.then, arm.else_) if block]
    if isinstance(step, authored.Split):
        return [variant.steps for variant in step.variants.values()]
    inside = (getattr(step, key, None) for key in ("in_time", "passed", "reached", "timed_out", "refused", "steps"))
    return [block for block in inside if block]


def derived_id(step: authored.Step) -> str:
    """An id from what a step does: it survives an insertion elsewhere."""
    if isinstance(step, authored.Send):
        return _slug(step.send.rsplit("/", 1)[-1])
    if isinstance(step, authored.Wait):
        text = step.wait if isinstance(step.wait, str) else f"until {step.wait.until}"
        return _slug(text if text.startswith("until") else f"wait {text}")
    if isinstance(step, authored.WaitFor):
        return _slug("wait for " + " or ".join(step.wait_for.milestone))
    if isinstance(step, authored.Split):
        return _slug(step.split)
    if isinstance(step, authored.Task):
        return _slug(f"task {step.task}")
    if isinstance(step, authored.Record):
        return _slug(f"record {step.record}")
    if isinstance(step, authored.Enrol):
        return _slug(f"enrol {step.enrol}")
    if isinstance(step, authored.Exit):
        return _slug(f"exit {step.exit}")
    if isinstance(step, authored.Set):
        return _slug("set " + " ".join(key.partition(".")[2] for key in step.set))
    return "branch" if isinstance(step, authored.Branch) else "repeat" if isinstance(step, authored.Repeat) else "later"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].rstrip("-") or "step"


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"
