"""The customer journey map as numbers: who is in which stage, who goes on to the next, how long that takes. Pure.

A stage is come into by the milestones that name it. Going on is reaching a later stage afterwards, whichever: stages
are not forced to be linear, and whoever skips one has not got stuck. Stages of those who left are no way on.

Where customers get stuck is said of stages, and only where enough people came through: where the smallest share goes
on, and where going on takes longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Literal

from lifecycle.language.map import Map, Side

ENOUGH = 20
"""Of fewer customers nothing is said about where they get stuck."""

Stuck = Literal["fewest", "longest"]


@dataclass(slots=True)
class Door:
    """A milestone, and how many of the customers looked at reached it."""

    name: str
    description: str
    reached: int = 0


@dataclass(slots=True)
class StageOnMap:
    """One stage. `people` are in it now. Of the customers looked at, `came` have been in it, and `went_on` of them
    reached a later stage, half of them within `median` seconds. `stuck` says what is slow here.
    """

    name: str
    meaning: str
    side: Side
    lapsed: bool
    people: int = 0
    came: int = 0
    went_on: int = 0
    median: int | None = None
    doors: list[Door] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    last: bool = False

    @property
    def share(self) -> float | None:
        """The share that went on; None where nobody came, or there is nowhere to go."""
        return self.went_on / self.came if self.came and not self.last else None


@dataclass(slots=True)
class JourneyMap:
    """The stages in their order; `others` are milestones that lead to no stage, by side; `nowhere` are customers
    without a stage. `looked_at` of all `customers` were looked at for what is said of coming and going.
    """

    stages: list[StageOnMap]
    others: dict[Side, list[Door]]
    customers: int
    nowhere: int
    looked_at: int

    def of(self, side: Side) -> list[StageOnMap]:
        """The stages of a side, in their order."""
        return [stage for stage in self.stages if stage.side == side]


def journey_map(
    map: Map, people: Mapping[str | None, int], histories: Iterable[Mapping[str, int]], looked_at: int
) -> JourneyMap:
    """The map with its numbers. `people` counts customers by stage; of each customer who is looked at, `histories` has
    the first time of each milestone that they reached, in whole seconds since 1970.
    """
    stages = {
        name: StageOnMap(name, stage.for_, stage.side or "after", bool(stage.lapsed), people.get(name, 0))
        for name, stage in map.stages.items()
    }
    doors: dict[str, Door] = {}
    others: dict[Side, list[Door]] = {"before": [], "core": [], "after": []}
    leads: dict[str, str] = {}
    for name, rule in map.milestones.items():
        door = doors[name] = Door(name, rule.description)
        if rule.stage is not None:
            stages[rule.stage].doors.append(door)
            leads[name] = rule.stage
        else:
            others[rule.side or "after"].append(door)
    waits = _walk(stages, doors, leads, histories)
    onward = [stage for stage in stages.values() if not stage.lapsed and stage.doors]
    for stage in stages.values():
        stage.last = stage.lapsed or not onward or stage is onward[-1]
        stage.median = median_low(waits[stage.name]) if waits[stage.name] else None
    _mark(list(stages.values()))
    nowhere = sum(count for name, count in people.items() if name not in stages)
    return JourneyMap(list(stages.values()), others, sum(people.values()), nowhere, looked_at)


def in_words(seconds: int) -> str:
    """A span as people say it: `12 days`, `5 hours`, `a minute`."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        number = round(seconds / size)
        if seconds >= size:
            return f"{'an' if word == 'hour' else 'a'} {word}" if number == 1 else f"{number:,} {word}s"
    return "less than a minute"


def _walk(
    stages: Mapping[str, StageOnMap],
    doors: Mapping[str, Door],
    leads: Mapping[str, str],
    histories: Iterable[Mapping[str, int]],
) -> dict[str, list[int]]:
    """Count who came and went on; by stage how many seconds each took to go on."""
    order = {name: number for number, name in enumerate(stages)}
    waits: dict[str, list[int]] = {name: [] for name in stages}
    for firsts in histories:
        came: dict[str, int] = {}
        for milestone, at in firsts.items():
            if milestone in doors:
                doors[milestone].reached += 1
            stage = leads.get(milestone)
            if stage is not None and at < came.get(stage, at + 1):
                came[stage] = at
        for stage, at in came.items():
            stages[stage].came += 1
            later = [
                then for other, then in came.items()
                if order[other] > order[stage] and then >= at and not stages[other].lapsed
            ]  # fmt: skip
            if later:
                stages[stage].went_on += 1
                waits[stage].append(min(later) - at)
    return waits


def _mark(stages: Sequence[StageOnMap]) -> None:
    """Mark the stage from which the smallest share goes on, and that from which going on takes longest."""
    enough = [stage for stage in stages if stage.came >= ENOUGH and not stage.last]
    if len(enough) < 2:
        return
    fewest = min(enough, key=lambda stage: stage.share or 0.0)
    if (fewest.share or 0.0) < 1:
        fewest.stuck.append("fewest")
    timed = [stage for stage in enough if stage.median]
    if timed:
        max(timed, key=lambda stage: stage.median or 0).stuck.append("longest")
