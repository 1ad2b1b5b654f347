"""The versions of a playbook as its page shows them: which one runs, who is on which, what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from intake.rollouts import stored_plan, version_named
from lifecycle import moving
from lifecycle.matching import nearest
from lifecycle.plan import Plan, StepId
from store import pauses, playbooks, rollouts
from store.results import Standing
from store.tables import Pause, Rollout


class Version(NamedTuple):
    """A version by its number; `share` is how many percent of new journeys take it."""

    number: int
    id: str
    published_at: Instant
    share: int


@dataclass(slots=True)
class Known:
    """What is known of a playbook: its versions, the latest first, and which one runs (None: nobody enters any more).
    `plan` is that of the one that runs, else of the latest. `pauses` hold it now.
    """

    name: str
    versions: list[Version]
    active: str | None
    plan: Plan
    under_way: Rollout | None
    moves: dict[str, int]
    applies: list[Rollout]
    pauses: list[Pause] = field(default_factory=list)

    @property
    def canary(self) -> Version | None:
        """The version that a share of new journeys tries."""
        return next((one for one in self.versions if one.share and one.id != self.active), None)

    def numbered(self, version: str | None) -> Version | None:
        """The version of that id."""
        return next((one for one in self.versions if one.id == version), None)


@dataclass(slots=True)
class Between:
    """What differs from one version to another: their plans, the steps, and their files as lines of a diff."""

    old: Version
    new: Version
    before: Plan
    after: Plan
    steps: moving.Differences
    lines: list[str]


class GoesOn(NamedTuple):
    """Where those go on who stand at a step of a version; None where it is gone. `meant` is then the likeliest."""

    version: str
    step: StepId
    people: int
    to: StepId | None
    meant: StepId | None


def known(session: Session, name: str) -> Known | None:
    """What is known of a playbook, in at most six queries; None where it was never published."""
    listed = playbooks.versions(session, name)
    if not listed:
        return None
    runs = next((row for row in playbooks.actives(session) if row.playbook == name), None)
    taken = {runs.version: 100 - (runs.percent or 0), runs.canary: runs.percent or 0} if runs else {}
    versions = [
        Version(number, version, at, taken.get(version, 0))
        for number, (version, at) in zip(range(len(listed), 0, -1), listed, strict=True)
    ]
    active = runs.version if runs else None
    applies = rollouts.of_playbook(session, name)
    under_way = next((one for one in applies if one.state in rollouts.UNDER), None)
    return Known(
        name,
        versions,
        active,
        stored_plan(session, active or listed[0][0]),
        under_way,
        rollouts.counts(session, under_way.id or 0) if under_way else {},
        applies,
        [one for one in pauses.active(session) if (one.scope, one.target) in (("playbook", name), ("everything", ""))],
    )


def between(session: Session, found: Known, old: str, new: str) -> Between:
    """What differs from one version to another, each by its number or id. Raises Unknown."""
    ids = [version_named(session, found.name, one) for one in (old, new)]
    rows = [playbooks.get(session, one) for one in ids]
    before, after = (stored_plan(session, one) for one in ids)
    numbered = [found.numbered(one) for one in ids]
    assert numbered[0] is not None
    assert numbered[1] is not None
    old_file, new_file = ((row.source if row else "").splitlines() for row in rows)
    lines = list(unified_diff(old_file, new_file, lineterm=""))[2:]
    return Between(numbered[0], numbered[1], before, after, moving.differences(before, after), lines)


def going_on(
    session: Session, standing: list[Standing], to: str, plan: Plan, targets: Mapping[StepId, StepId]
) -> list[GoesOn]:
    """Where those inside would go on in the version `to`, if they followed; without those who are in it already."""
    ways: dict[str, moving.Way] = {}
    found = []
    for version, step, people in standing:
        if version == to or step is None:
            continue
        if version not in ways:
            ways[version] = moving.Way(stored_plan(session, version), plan, targets, to)
        way = ways[version]
        goes = way.to(step)
        meant = nearest(way.old, way.new, step) if goes is None and step in way.old.steps else None
        found.append(GoesOn(version, step, people, goes, meant))
    return sorted(found, key=lambda one: (one.to is not None, -one.people, one.step))
