"""Which step of another version a step is: what a journey that stands at it moves to. Pure.

Ids say it, where authors give them. An id that is derived from a length changes with the length (`wait-3-days`), and
the number of one that several steps would have changes when a step is put in before it (`wait-1-day-2`). So a step is
first looked for by its place: the step that leads to it and those that follow it are the same in both versions. Then
by its id, unless that is one of several numbered ones and the place speaks against it. What is left is gone: whoever
applies the version has to say where those belong who stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lifecycle import plan as p

_Pair = tuple[p.Target, p.Target]

ANCHORS = (p.Send, p.Task, p.Set, p.Record, p.Enrol, p.Exit)
"""Steps that their content tells apart, and so their ids."""


def match(old: p.Plan, new: p.Plan) -> dict[p.StepId, p.StepId]:
    """By step of `old`: the step of `new` that it is. Those that are gone are left out."""
    placed, doubted = _by_place(old, new)
    found = dict(placed)
    taken = set(found.values())
    for step in old.steps:
        if step not in found and _same(old, new, step) and step not in taken and step not in doubted:
            found[step] = step
            taken.add(step)
    return found


def nearest(old: p.Plan, new: p.Plan, step: p.StepId) -> p.StepId | None:
    """The step of `new` that an author most likely means for one that is gone: of its kind, and led to by the same."""
    leading = [(before, slot) for before in old.steps for slot, to in enumerate(old.targets(before)) if to == step]
    for before, slot in leading:
        if before in new.steps and new.steps[before].kind == old.steps[before].kind:
            after = list(new.targets(before))
            if slot < len(after) and after[slot] is not None:
                return after[slot]
    if old.first == step and new.first is not None:
        return new.first
    alike = [name for name, one in new.steps.items() if one.kind == old.steps[step].kind and name not in old.steps]
    return alike[0] if len(alike) == 1 else None


def _same(old: p.Plan, new: p.Plan, step: p.StepId) -> bool:
    return step in new.steps and new.steps[step].kind == old.steps[step].kind


def _by_place(old: p.Plan, new: p.Plan) -> tuple[dict[p.StepId, p.StepId], set[p.StepId]]:
    """Steps whose place says which they are, and those whose place speaks against their id."""
    anchors = {
        step for step, one in old.steps.items() if isinstance(one, ANCHORS) and _same(old, new, step)
    }  # fmt: skip
    pairs = _walk(old, new, anchors)
    by_old: dict[p.StepId, set[p.StepId]] = {}
    by_new: dict[p.StepId, set[p.StepId]] = {}
    for one, other in pairs:
        by_old.setdefault(one, set()).add(other)
        by_new.setdefault(other, set()).add(one)
    sure = {one: next(iter(to)) for one, to in by_old.items() if len(to) == 1 and len(by_new[next(iter(to))]) == 1}
    while True:
        failing = [one for one in sure if not _goes_on_alike(old, new, one, sure, anchors)]
        if not failing:
            break
        for one in failing:
            del sure[one]
    doubted = {
        one for one, to in by_old.items()
        if one not in sure and to != {one} and _same(old, new, one) and _numbered(one, old, new)
    }  # fmt: skip
    return sure | {step: step for step in anchors}, doubted


def _walk(old: p.Plan, new: p.Plan, anchors: set[p.StepId]) -> set[tuple[p.StepId, p.StepId]]:
    """Steps of one kind to which the same steps lead in both versions, or steps of which that is said in turn."""
    found: set[tuple[p.StepId, p.StepId]] = set()
    near: list[_Pair] = [(old.first, new.first)]
    for step in anchors:
        near += _followers(old, new, step, step)
    while near:
        one, other = near.pop()
        if one is None or other is None or one in anchors or other in anchors or (one, other) in found:
            continue
        if old.steps[one].kind == new.steps[other].kind:
            found.add((one, other))
            near += _followers(old, new, one, other)
    return found


def _followers(old: p.Plan, new: p.Plan, one: p.StepId, other: p.StepId) -> Iterator[_Pair]:
    before, after = list(old.targets(one)), list(new.targets(other))
    if len(before) == len(after):
        yield from zip(before, after, strict=True)
    else:  # a branch with another arm, a split with another variant: what follows where nothing holds is the same
        yield before[-1], after[-1]


def _goes_on_alike(
    old: p.Plan, new: p.Plan, one: p.StepId, sure: Mapping[p.StepId, p.StepId], anchors: set[p.StepId]
) -> bool:
    other = sure[one]
    before, after = list(old.targets(one)), list(new.targets(other))
    if len(before) != len(after):
        return False
    return all(_alike(old, new, pair, sure, anchors) for pair in zip(before, after, strict=True))


def _alike(old: p.Plan, new: p.Plan, pair: _Pair, sure: Mapping[p.StepId, p.StepId], anchors: set[p.StepId]) -> bool:
    one, other = pair
    if one is None or other is None:
        return one is other
    if one in anchors or other in anchors:
        return one == other
    return sure.get(one) == other or (one == other and _same(old, new, one) and not _numbered(one, old, new))


def _numbered(step: p.StepId, old: p.Plan, new: p.Plan) -> bool:
    """Whether the id is one of several that only a number tells apart."""
    base = re.sub(r"-\d+$", "", step) if step not in _bases(old, new) else step
    return sum(re.fullmatch(rf"{re.escape(base)}(-\d+)?", one) is not None for one in {*old.steps, *new.steps}) > 1


def _bases(old: p.Plan, new: p.Plan) -> set[str]:
    every = {*old.steps, *new.steps}
    return {one for one in every if f"{one}-2" in every}
