"""Which steps and arms of a plan were gone through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lifecycle.plan import Branch, Plan, Send, Split, Step, Wait, WaitFor
from lifecycle.timeline import Line

Arm = tuple[str, str]


@dataclass(slots=True)
class Coverage:
    """The steps and arms of one plan, and those that some scenario went through."""

    steps: set[str] = field(default_factory=set)
    arms: set[Arm] = field(default_factory=set)
    seen_steps: set[str] = field(default_factory=set)
    seen_arms: set[Arm] = field(default_factory=set)

    @classmethod
    def of(cls, plan: Plan) -> Coverage:
        """Nothing of this plan gone through yet."""
        return cls(set(plan.steps), set(arms_of(plan)))

    @property
    def missed(self) -> list[str]:
        missed = sorted(self.steps - self.seen_steps)
        return missed + [f"{step} → {arm}" for step, arm in sorted(self.arms - self.seen_arms)]


class Watched(dict[str, Step]):
    """The steps of a plan, noting which were looked up in order to be performed."""

    def __init__(self, steps: Mapping[str, Step], seen: set[str]) -> None:
        super().__init__(steps)
        self.seen = seen

    def __getitem__(self, step_id: str) -> Step:
        self.seen.add(step_id)
        return super().__getitem__(step_id)


def arms_of(plan: Plan) -> Iterator[Arm]:
    """Every way that a journey can take at a step with several."""
    for step_id, step in plan.steps.items():
        if isinstance(step, Branch):
            yield from ((step_id, condition) for condition, _ in step.arms)
            yield (step_id, "else")
        elif isinstance(step, Split):
            yield from ((step_id, name) for name, _, _ in step.variants)
        elif isinstance(step, WaitFor):
            yield from ((step_id, "reached"), (step_id, "timed_out"))
        elif isinstance(step, Wait) and step.passed != step.next:
            yield from ((step_id, "in_time"), (step_id, "passed"))
        elif isinstance(step, Send) and step.refused != step.next:
            yield from ((step_id, "sent"), (step_id, "refused"))


def arms_seen(plan: Plan, lines: list[Line]) -> Iterator[Arm]:
    for line in lines:
        step = plan.steps.get(line.step or "")
        if line.step is None or step is None:
            continue
        if line.what in ("branch", "split"):
            yield (line.step, line.to or "")
        elif line.what == "milestone":
            yield (line.step, "reached")
        elif line.what == "waiting" and isinstance(step, Wait):
            yield (line.step, "in_time")
        elif line.what in ("sent", "refused"):
            yield (line.step, line.what)
