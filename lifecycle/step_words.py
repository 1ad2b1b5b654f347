"""What a step does, in plain words: for whatever shows a playbook to people who did not write it.

A title is the kind of step in a word or two; `sentence` is all of it in one line, as it is written; `does` is what it
does to a customer, as it is told where a journey stands; `ways` are the ways on from a step, each with what people call
it. The words are those of the language: a picture and its file can be laid side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from lifecycle import plan as p

END = "(end)"
"""Stands for the end of the journey, where a step names none that follows it; no step can be called so."""

CHANNELS = {"email": "e-mail", "sms": "SMS"}
"""What channels are called within a sentence."""

_TITLES = {
    "email": "E-mail", "sms": "SMS",
    "wait": "Wait", "wait_for": "Wait for", "branch": "Branch", "split": "Split", "task": "Task", "repeat": "Repeat",
    "set": "Set", "record": "Record", "enrol": "Enrol", "exit": "End",
}  # fmt: skip


def title(step: p.Step) -> str:
    """The kind of step, in a word or two."""
    if isinstance(step, p.Branch) and len(step.arms) == 1:
        return "If"
    return _TITLES[step.channel if isinstance(step, p.Send) else step.kind]


class _Said(NamedTuple):
    """A step as it is written, in one line, and what it does to a customer, in a few words."""

    written: str
    does: str


def sentence(step: p.Step) -> str:
    """A step as it is written, in one line."""
    return _said(step, "").written


def does(plan: p.Plan, step_id: p.Target) -> str:
    """What a step does to a customer, in a few words: `sends convert/hello by e-mail`; None is the end."""
    return "ends" if step_id is None else _said(plan.steps[step_id], step_id).does


def by(template: str, channel: str) -> str:
    """A message by its template and how it goes: `convert/hello by e-mail`."""
    return f"{template} by {CHANNELS.get(channel, channel)}"


def _said(step: p.Step, name: str) -> _Said:
    match step:
        case p.Send():
            return _Said(f"{_TITLES[step.channel]} {step.template}", f"sends {by(step.template, step.channel)}")
        case p.Wait():
            at = f", {step.at}" if step.at else ""
            span = step.span or f"until {step.until}{at}"
            return _Said(f"Wait {span}", f"waits {span}")
        case p.WaitFor():
            keys = any_of(step.keys)
            return _Said(f"Wait for {keys}, at most {step.timeout}", f"waits for {keys}")
        case p.Branch(arms=((condition, _),)):
            return _Said(f"If {condition}", f"decides at {name}")
        case p.Branch():
            conditions = "; ".join(condition for condition, _ in step.arms)
            return _Said(f"The first that is true: {conditions}", f"decides at {name}")
        case p.Split():
            return _Said(f"Split {step.name}", f"takes a variant of {step.name}")
        case p.Task():
            due = f", due in {step.due}" if step.due else ""
            return _Said(f"{step.title}, for {step.assign}{due}", f"task: {step.title}")
        case p.Repeat():
            until = f", until {any_of(step.until)}" if step.until else ""
            return _Said(
                f"Every {step.every}, at most {times(step.at_most)}{until}", f"repeats every {step.every}{until}"
            )
        case p.Set():
            values = ", ".join(f"{attribute} to {value}" for attribute, value in step.values)
            return _Said(f"Set {values}", f"sets {values}")
        case p.Record():
            return _Said(f"Record {step.milestone}", f"records {step.milestone}")
        case p.Enrol():
            return _Said(f"Enrol in {step.playbook}", f"enrols in {step.playbook}")
        case p.Exit():
            return _Said(f"End: {step.reason}", f"ends: {step.reason}")


def entry(plan: p.Plan) -> str:
    """What enrols a customer, in one line."""
    found = plan.entry
    if found is None:
        return "When another playbook enrols the customer"
    if found.schedule is not None:
        said = f"On the schedule {found.schedule}"
    elif found.date is not None:
        said = f"On {found.date}" + (f", {found.at}" if found.at else "") + (", every year" if found.yearly else "")
    else:
        said = f"On {found.milestone}" + (f", for each {found.per}" if found.per else "")
    return said + (f", if {found.condition}" if found.condition else "")


def ways(step_id: p.StepId, step: p.Step) -> list[tuple[str, str]]:
    """The ways on from a step: what each is called, and the step that it leads to or END; ways to one step are one.

    The main way comes first; a repeat's body leads back to it.
    """
    found: dict[str, list[str]] = {}
    for name, target in _named(step):
        found.setdefault(END if target is None else target, []).append(name)
    if len(found) == 1 and isinstance(step, p.Send | p.Wait):
        return [("", target) for target in found]
    return [(" or ".join(name for name in names if name), target) for target, names in found.items()]


def _named(step: p.Step) -> Iterator[tuple[str, p.Target]]:
    match step:
        case p.Send():
            yield "", step.next
            yield "refused", step.refused
        case p.Wait():
            yield "in time", step.next
            yield "passed", step.passed
        case p.WaitFor():
            yield "reached", step.reached
            yield "timed out", step.timed_out
        case p.Branch(arms=((_, target),)):
            yield "yes", target
            yield "else", step.otherwise
        case p.Branch():
            yield from step.arms
            yield "else", step.otherwise
        case p.Split():
            total = sum(weight for _, weight, _ in step.variants) or 1
            for name, weight, target in step.variants:
                yield f"{name} {weight / total:.0%}", target
        case p.Repeat():
            yield "each time", step.body
            yield f"after {times(step.at_most)}" + (f" or {any_of(step.until)}" if step.until else ""), step.next
        case p.Exit():
            return
        case _:
            yield "", step.next


def times(number: int) -> str:
    """`once`, `6 times`."""
    return "once" if number == 1 else f"{number} times"


def lines(text: str, width: int, at_most: int = 2) -> tuple[str, ...]:
    """A text in lines of at most `width` columns, cut off with `…` where it does not fit."""
    words, found = text.split(), [""]
    while words:
        word = words.pop(0)
        longer = f"{found[-1]} {word}".strip()
        if columns(longer) <= width:
            found[-1] = longer
        elif len(found) == at_most:
            found[-1] = shortened(longer, width, cut=True)
            break
        elif not found[-1] or columns(word) > width:
            head = shortened(longer, width, mark="")
            found[-1] = head
            words.insert(0, longer[len(head) :].strip())
            found.append("")
        else:
            found.append("")
            words.insert(0, word)
    return tuple(line for line in found if line)


def shortened(text: str, width: int, *, mark: str = "…", cut: bool = False) -> str:
    """A text of at most `width` columns, with `mark` where it is cut off; `cut`: it goes on, and is marked anyway."""
    if columns(text) <= width and not cut:
        return text
    while text and columns(text + mark) > width:
        text = text[:-1]
    return (text.rstrip() if mark else text) + mark


def columns(text: str) -> int:
    """How many columns a text takes in letters of one width; a wide letter is two."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def any_of(keys: tuple[str, ...]) -> str:
    """What is waited for, in words: `message.clicked of reminder or purchase`."""
    return " or ".join(f"{name} of {step}" if step else name for name, _, step in (key.partition(":") for key in keys))
