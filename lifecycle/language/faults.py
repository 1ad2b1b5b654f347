"""What is wrong with a file that marketing wrote, said so that its author can mend it.

A `Fault` names the place, a stable code, what is wrong in the author's words, and where it can the right word.
Nothing here raises at the first mistake: whoever reads a file collects all of them in a `Faults` and goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]

# The field's other words for ours: somebody who comes from another tool is answered with the word that we use.
OTHER_WORDS = {
    "campaign": "playbook",
    "workflow": "playbook",
    "flow": "playbook",
    "canvas": "playbook",
    "name": "playbook",
    "title": "playbook",
    "trigger": "entry",
    "enrollment": "entry",
    "enroll": "enrol",
    "event": "milestone",
    "events": "milestone",
    "conversion": "goal",
    "control_group": "holdout",
    "control group": "holdout",
    "ab_test": "split",
    "a/b test": "split",
    "ab test": "split",
    "experiment": "split",
    "email": "send",
    "sms": "send",
    "message": "send",
    "delay": "wait",
    "sleep": "wait",
    "if": "branch",
    "condition": "branch",
    "switch": "branch",
    "loop": "repeat",
    "stop": "exit",
    "end": "exit",
    "todo": "task",
    "update": "set",
    "track": "record",
    "actions": "steps",
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file: `line` and `column` count from 1, as editors do."""

    file: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake. `str()` gives the line that `milepost check` prints: `FILE:LINE:COLUMN: CODE message`."""

    place: Place
    code: str
    message: str
    suggestion: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        place = self.place
        hint = f"; {self.suggestion}" if self.suggestion else ""
        return f"{place.file}:{place.line}:{place.column}: {self.code} {self.message}{hint}"


@dataclass(slots=True)
class Faults:
    """Gathers every mistake, so that the author hears of all of them at once."""

    found: list[Fault] = field(default_factory=list)

    def add(
        self, place: Place, code: str, message: str, suggestion: str | None = None, severity: Severity = "error"
    ) -> None:
        fault = Fault(place, code, message, suggestion, severity)
        if fault not in self.found:
            self.found.append(fault)

    def __iter__(self) -> Iterator[Fault]:
        return iter(sorted(self.found))

    def __len__(self) -> int:
        return len(self.found)

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self if fault.severity == "error"]


def did_you_mean(wrong: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest right word, or None where nothing is near.

    Spelling comes first; after it the words of other tools (`OTHER_WORDS`).
    """
    names = list(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    ours = OTHER_WORDS.get(wrong.lower().replace("-", "_"))
    return f"did you mean `{ours}`?" if ours in names else None
