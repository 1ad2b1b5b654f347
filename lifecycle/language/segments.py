"""The shape of `playbooks/segments.yaml`: groups of customers, each with the condition that puts somebody into it.

A segment is a condition over what is known of a customer: attributes, history, stage and account. Who comes into it or
goes out of it reaches a milestone, which playbooks enter on, wait for and end by like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from lifecycle.language.playbook import Condition
from lifecycle.language.validate import Authored, mistake

MILESTONES = "segment."
"""How the milestones of segments begin; no declared milestone has a dot in its name."""


NAME = "^[a-z][a-z0-9_]{0,59}$"
"""What a segment may be called."""


def _named(name: str) -> str:
    if not re.fullmatch(NAME, name):
        message = f"`{name}` is no name for a segment: small letters, digits and `_`, the first one a letter"
        raise mistake("wrong-value", message)
    return name


Name = Annotated[str, AfterValidator(_named)]


class Segment(Authored):
    """A declared segment: whoever the condition is true of is in it."""

    if_: Condition = Field(alias="if")
    description: str = ""


class Segments(Authored):
    """The file: segments by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Name, Segment] = Field(init=False)

    @property
    def by_name(self) -> Mapping[str, Segment]:
        return self.__pydantic_extra__


def milestone_of(segment: str, *, inside: bool) -> str:
    """The milestone of coming into a segment, or of going out of it."""
    return f"{MILESTONES}{segment}.{'entered' if inside else 'left'}"


def milestones_of(segments: Mapping[str, Segment]) -> list[str]:
    """Both milestones of each segment."""
    return [milestone_of(name, inside=inside) for name in segments for inside in (True, False)]
