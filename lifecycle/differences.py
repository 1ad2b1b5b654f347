"""What differs between two versions in sum: by playbook and template, over all customers who were compared.

What is the same is counted and not kept, so a million customers in whom nothing differs take no more room than one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low
from typing import Any

from lifecycle.comparing import Compared, Difference, End, Lived, both, compared


@dataclass(slots=True)
class OfTemplate:
    """Messages of one template in one playbook: how many on each side, and what became of them; shifts in seconds."""

    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    shifts: list[int] = field(default_factory=list)

    @property
    def earlier(self) -> int:
        return sum(shift < 0 for shift in self.shifts)

    @property
    def later(self) -> int:
        return len(self.shifts) - self.earlier

    @property
    def median_shift(self) -> int | None:
        """The middle one of the shifts of messages that were moved, in seconds."""
        return median_low(self.shifts) if self.shifts else None

    @property
    def differs(self) -> bool:
        return bool(self.added or self.removed or self.shifts)


@dataclass(slots=True)
class OfPlaybook:
    """What differs in one playbook. `entered` and `sent` are journeys and messages before and after, `customers` those
    in whom anything differs; `ends` counts journeys of both sides by how each ended, where that differs.
    """

    entered: list[int] = field(default_factory=lambda: [0, 0])
    sent: list[int] = field(default_factory=lambda: [0, 0])
    customers: int = 0
    templates: dict[tuple[str, str], OfTemplate] = field(default_factory=dict)
    ends: Counter[tuple[End, End]] = field(default_factory=Counter)

    @property
    def differs(self) -> bool:
        return self.customers > 0

    def total(self) -> OfTemplate:
        """All templates together."""
        all_ = self.templates.values()
        return OfTemplate(
            sum(one.before for one in all_),
            sum(one.after for one in all_),
            sum(one.added for one in all_),
            sum(one.removed for one in all_),
            [shift for one in all_ for shift in one.shifts],
        )

    def data(self) -> dict[str, Any]:
        return {
            "customers": self.customers,
            "entered": both(*self.entered),
            "sent": both(*self.sent),
            "messages": [
                {
                    "template": template,
                    "channel": channel,
                    **both(one.before, one.after),
                    "added": one.added,
                    "removed": one.removed,
                    "earlier": one.earlier,
                    "later": one.later,
                    "median_shift_seconds": one.median_shift,
                }
                for (template, channel), one in self.templates.items()
            ],
            "ends": [{**both(*ends), "journeys": count} for ends, count in self.ends.most_common()],
        }


@dataclass(slots=True)
class Sums:
    """All that differs, by playbook, in `differing` of `customers`. What is the same is counted, and not kept."""

    customers: int = 0
    differing: int = 0
    playbooks: dict[str, OfPlaybook] = field(default_factory=dict)

    def add(self, customer: str, old: Iterable[Lived], new: Iterable[Lived]) -> Difference | None:
        """Compare one customer's journeys; what differs, or None."""
        self.customers += 1
        found, touched = [], set()
        for journey in compared(old, new):
            playbook = self.playbooks.setdefault(journey.either.playbook, OfPlaybook())
            _count(playbook, journey)
            if journey.differs:
                found.append(journey)
                touched.add(journey.either.playbook)
        for name in touched:
            self.playbooks[name].customers += 1
        self.differing += bool(found)
        return Difference(customer, found) if found else None

    def data(self) -> dict[str, Any]:
        return {name: one.data() for name, one in self.playbooks.items()}


def _count(playbook: OfPlaybook, journey: Compared) -> None:
    for side, lived in enumerate((journey.before, journey.after)):
        if lived is not None:
            playbook.entered[side] += 1
            playbook.sent[side] += len(lived.sent)
    if journey.before and journey.after and journey.ends[0] != journey.ends[1]:
        playbook.ends[journey.ends] += 1
    for pair in journey.pairs:
        message, what = pair.message, pair.what
        of = playbook.templates.setdefault((message.template, message.channel), OfTemplate())
        of.before += pair.before is not None
        of.after += pair.after is not None
        if what == "added":
            of.added += 1
        elif what == "removed":
            of.removed += 1
        elif what == "moved":
            of.shifts.append(pair.shift)
