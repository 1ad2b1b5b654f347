"""What the analyses look at: every playbook of a project as it was written and as it was compiled, side by side.

The plan says what can follow what, the authored step where that stands in its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lifecycle.compiler.steps import ids_of
from lifecycle.facts import Conditions
from lifecycle.language import playbook as authored
from lifecycle.language.faults import Place
from lifecycle.language.map import Map
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.plan import Enrol, Plan, Record, Send, StepId

Templates = Mapping[tuple[str, Channel], TemplateInfo]


@dataclass(frozen=True)
class Written:
    """One playbook: what its author wrote, and what became of it."""

    playbook: authored.Playbook
    plan: Plan

    @cached_property
    def steps(self) -> Mapping[StepId, authored.Step]:
        """The authored steps by id, in the order of the file."""
        return dict(ids_of(self.playbook))

    def place(self, step: StepId, *keys: str | int, key: bool = False) -> Place:
        """Where a step stands, or its value at `keys` (or, with `key`, that key)."""
        return self.steps[step].place(*keys, key=key)


@dataclass(frozen=True)
class Subject:
    """A whole project without mistakes in its words. `playbooks` holds those that compile, by name.

    `complete`: every playbook of the project is among them. What nothing does can be said only then.
    """

    map: Map
    playbooks: Mapping[str, Written]
    templates: Templates
    conditions: Conditions
    complete: bool = True

    def template_of(self, send: Send) -> TemplateInfo:
        return self.templates[send.template, send.channel]

    @cached_property
    def enrolled(self) -> frozenset[str]:
        """The playbooks that another one enrols in: their entry is not asked, and brings no event."""
        steps = (step for written in self.playbooks.values() for step in written.plan.steps.values())
        return frozenset(step.playbook for step in steps if isinstance(step, Enrol))

    @cached_property
    def recorded(self) -> frozenset[str]:
        """The milestones that playbooks make."""
        steps = (step for written in self.playbooks.values() for step in written.plan.steps.values())
        return frozenset(step.milestone for step in steps if isinstance(step, Record))
