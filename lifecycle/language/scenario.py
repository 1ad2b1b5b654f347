"""The shape of `NAME.test.yaml`: what happens to one customer, and what the playbook is expected to do."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from lifecycle.language.playbook import Clock
from lifecycle.language.validate import Authored, mistake

THINGS = ("send", "refused", "task", "milestone", "record", "set", "enrol", "goal", "end")
"""What an entry of `expect` may name: exactly one of these."""


class Given(Authored):
    """One thing that happens, on a day of the journey (day 0 is the day of `start`), at a local clock time.

    Exactly one of `milestone`, `set`, `pause`, `resume`, `exit`; keys besides those below are properties of the
    milestone.
    """

    model_config = ConfigDict(extra="allow")
    day: Annotated[int, Field(ge=0)] = 0
    at: Clock | None = None
    milestone: str | None = None
    of: str | None = None
    set: dict[str, Any] | None = None
    pause: Literal["freeze", "continue"] | None = None
    resume: Literal["send", "skip"] | None = None
    exit: str | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Given:
        kinds = ("milestone", "set", "pause", "resume", "exit")
        found = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(found) != 1:
            raise mistake("one-of", "what is given is exactly one of " + ", ".join(f"`{kind}`" for kind in kinds))
        if self.milestone is None and self.model_extra:
            raise mistake("unknown-key", f"`{next(iter(self.model_extra))}` goes with a `milestone` only")
        return self

    def properties(self) -> dict[str, Any]:
        """What the milestone brings along."""
        return dict(self.model_extra or {})


class Expected(Authored):
    """One line of the timeline: exactly one of `THINGS`. Without `at`, any time of that day matches."""

    day: Annotated[int, Field(ge=0)]
    at: Clock | None = None
    send: str | None = None
    channel: Literal["email", "sms"] | None = None
    task: str | None = None
    milestone: str | None = None
    record: str | None = None
    set: dict[str, Any] | None = None
    enrol: str | None = None
    refused: str | None = None
    reason: str | None = None
    goal: str | None = None
    end: str | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Expected:
        found = [thing for thing in THINGS if getattr(self, thing) is not None]
        if len(found) != 1:
            raise mistake("one-of", "what is expected is exactly one of " + ", ".join(f"`{one}`" for one in THINGS))
        for key, owner in (("channel", "send"), ("reason", "refused")):
            if getattr(self, key) is not None and found != [owner]:
                raise mistake("one-of", f"`{key}` goes with `{owner}`, and this is a `{found[0]}`")
        return self


class Scenario(Authored):
    """`expect` is every message, task and the end, in order; `expect_some` allows others between; `never` forbids."""

    name: str
    with_: dict[str, Any] = Field(default={}, alias="with")
    given: list[Given] | None = None
    expect: list[Expected] | None = None
    expect_some: list[Expected] | None = None
    never: list[str] = []


class Scenarios(Authored):
    """One test file. `customer` holds attributes, and `consent`: the topics that the customer agreed to."""

    customer: dict[str, Any] = {}
    start: Annotated[str, BeforeValidator(str), Field(pattern=r"^\d{4}-\d{2}-\d{2}([ T]\d{1,2}:\d{2})?$")]
    scenarios: Annotated[list[Scenario], Field(min_length=1)]
