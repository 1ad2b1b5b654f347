"""Rolling out another version of a playbook: an apply begins, goes on, is stopped; rolling back is an apply as well.

What new journeys take changes in the transaction that stores the apply. Those inside are moved afterwards, by the
worker (`intake.mover`), so whoever gave the command need not wait, and a worker that dies leaves nothing half done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from intake.asking import Conflict
from intake.reader import Unknown
from lifecycle.language.faults import did_you_mean
from lifecycle.plan import Plan, StepId, unpack
from store import audit, pauses, playbooks, rollouts
from store.tables import Audit, PlaybookVersion, Rollout

InFlight = Literal["pin", "follow", "exit"]

HALTED_BY = "milepost"
"""Who pauses a playbook whose e-mails come back or are complained about (`intake.halting`)."""


class Impossible(Exception):
    """An apply that makes no sense; `str()` says why in a sentence. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An apply that somebody asks for. `plan` is the version that new journeys are to take, `source` its file; None:
    nobody is to enter any more. `version` names one that is stored already. The share is `percent`, and everybody
    `continue_after` it begins.
    """

    playbook: str
    in_flight: InFlight
    plan: Plan | None = None
    source: str = ""
    version: str | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    percent: int = 100
    continue_after: TimeDelta | None = None
    reason: str | None = None


def first(session: Session, playbook: str, plan: Plan, source: str, now: Instant) -> bool:
    """Publish a playbook that never was: everybody takes it. False where it was published before."""
    if playbooks.versions(session, playbook):
        return False
    _publish(session, playbook, plan, source, now)
    playbooks.activate(session, playbook, plan.version, now)
    return True


def going(session: Session, playbook: str) -> bool:
    """Whether an apply of the playbook is under way."""
    return rollouts.under_way(session, playbook) is not None


def runs(session: Session, playbook: str, version: str) -> bool:
    """Whether new journeys take a version, or a share of them does."""
    under_way = rollouts.under_way(session, playbook)
    return playbooks.active(session).get(playbook) == version or (
        under_way is not None and under_way.to_version == version
    )


def begin(session: Session, wanted: Wanted, who: str, now: Instant) -> Rollout:
    """Store an apply, and let new journeys take the version from now on. Raises Unknown, Impossible, and Conflict while
    another apply of the playbook is under way.
    """
    audit.lock(session)
    version = _version(session, wanted)
    under_way = rollouts.under_way(session, wanted.playbook)
    if under_way is not None:
        raise Conflict(
            f"apply {under_way.id} of {wanted.playbook} is under way, and nothing was changed; wait for it, or stop it"
            f" with `milepost apply {wanted.playbook} --stop`"
        )
    _check(wanted, version)
    plan = wanted.plan or (stored_plan(session, version) if wanted.targets and version else None)
    check_targets(session, wanted.playbook, plan, wanted.targets)
    if version is not None and wanted.plan is not None:
        _publish(session, wanted.playbook, wanted.plan, wanted.source, now)
    before = playbooks.active(session).get(wanted.playbook)
    share = wanted.percent < 100 and before is not None and before != version
    over = wanted.in_flight == "pin" and not share  # nobody is left to be dealt with
    row = Rollout(
        playbook=wanted.playbook,
        from_version=before,
        to_version=version,
        in_flight=wanted.in_flight,
        targets=dict(wanted.targets),
        percent=wanted.percent if share else 100,
        continue_at=now + wanted.continue_after if share and wanted.continue_after else None,
        state="canary" if share else "done" if over else "running",
        made_by=who,
        reason=wanted.reason,
        started_at=now,
        finished_at=now if over else None,
        after=None if over else "",
    )
    number = rollouts.start(session, row)
    if version is None:
        playbooks.deactivate(session, wanted.playbook)
    elif share:
        playbooks.share(session, wanted.playbook, version, row.percent)
    else:
        playbooks.activate(session, wanted.playbook, version, now)
    told: dict[str, Any] = {"apply": number, "from": before, "to": version, "in_flight": wanted.in_flight}
    told |= {"percent": row.percent} if share else {}
    _log(session, "apply", wanted.playbook, wanted.reason, who, now, told)
    return _found(session, number)


def go_on(session: Session, playbook: str, reason: str | None, who: str, now: Instant) -> Rollout:
    """Let everybody take the version that a share has tried. Raises Conflict where no share tries one."""
    audit.lock(session)
    under_way = rollouts.under_way(session, playbook)
    if under_way is None or under_way.id is None or under_way.state != "canary" or under_way.to_version is None:
        raise Conflict(f"no version of {playbook} is being tried on a share, and nothing was changed")
    over = {"state": "done", "finished_at": now} if under_way.in_flight == "pin" else {"state": "running", "after": ""}
    rollouts.change(session, under_way.id, percent=100, **over)
    playbooks.activate(session, playbook, under_way.to_version, now)
    _log(session, "apply continued", playbook, reason, who, now, {"apply": under_way.id})
    return _found(session, under_way.id)


def stop(session: Session, playbook: str, reason: str | None, who: str, now: Instant) -> Rollout:
    """Stop an apply where it is: nobody else is moved. A share's version is taken by nobody any more; where everybody
    takes it already, that stays. Raises Conflict where none is under way.
    """
    audit.lock(session)
    under_way = rollouts.under_way(session, playbook)
    if under_way is None or under_way.id is None:
        raise Conflict(f"no apply of {playbook} is under way, and nothing was changed")
    rollouts.change(session, under_way.id, state="stopped", finished_at=now)
    playbooks.share(session, playbook, None, None)
    _log(session, "apply stopped", playbook, reason, who, now, {"apply": under_way.id})
    return _found(session, under_way.id)


def check_targets(session: Session, playbook: str, plan: Plan | None, targets: Mapping[str, str]) -> None:
    """Raise Impossible where `targets` names a step of no version, or one that the new version (`plan`) has not."""
    if not targets:
        return
    old = {step for version, _ in playbooks.versions(session, playbook) for step in stored_plan(session, version).steps}
    new = set(plan.steps) if plan else set()
    for step, to in targets.items():
        for name, known, where in ((step, old, "any version"), (to, new, "the new version")):
            if name not in known:
                hint = did_you_mean(name, known)
                says = f"there is no step of {where} of {playbook} called `{name}`"
                raise Impossible(says + (f"; {hint}" if hint else ""))


def check_gone(playbook: str, in_flight: InFlight | None, gone: Iterable[tuple[StepId, int]]) -> None:
    """Raise Impossible where people would follow from a step that is gone, and nobody says where they go on. `gone` are
    those steps and how many stand there, once for each old version.
    """
    gone = list(gone)
    if in_flight == "follow" and gone:
        people = sum(count for _, count in gone)
        steps = ", ".join(f"`{step}`" for step in dict.fromkeys(step for step, _ in gone))
        raise Impossible(
            f"{people:,} customer{' is' if people == 1 else 's are'} at {steps}, which the new version of {playbook}"
            " does not have, and nothing was changed; say where they go on"
        )


def halted(session: Session, playbook: str) -> bool:
    """Whether the playbook is stopped because of bounces or complaints, so that no share goes on by itself."""
    return any(pause.made_by == HALTED_BY for pause in pauses.active_on(session, "playbook", playbook))


def version_named(session: Session, playbook: str, name: str) -> str:
    """The version of a playbook of this number, or that begins so; raises Unknown where there is none, or several."""
    known = [version for version, _ in playbooks.versions(session, playbook)]
    found = [version for version in playbooks.named(session, name, playbook) if version in known] if name else []
    if len(found) == 1:
        return found[0]
    if found:
        raise Unknown(f"several versions of {playbook} begin with `{name}`: {', '.join(found)}")
    hint = did_you_mean(name, known)
    see = f"`milepost playbook history {playbook}` lists them"
    raise Unknown(f"there is no version `{name}` of {playbook}; " + (f"{hint} " if hint else "") + see)


def stored_plan(session: Session, version: str) -> Plan:
    """The plan of a version that is stored."""
    packed = playbooks.plan(session, version)
    if packed is None:
        raise Unknown(f"there is no version `{version}`")
    return unpack(packed.decode())


def _version(session: Session, wanted: Wanted) -> str | None:
    if not playbooks.versions(session, wanted.playbook) and wanted.plan is None:
        hint = did_you_mean(wanted.playbook, playbooks.active(session))
        raise Unknown(f"there is no playbook `{wanted.playbook}`" + (f"; {hint}" if hint else ""))
    if wanted.version is not None:
        return version_named(session, wanted.playbook, wanted.version)
    return wanted.plan.version if wanted.plan else None


def _check(wanted: Wanted, version: str | None) -> None:
    if wanted.in_flight not in get_args(InFlight):
        raise Impossible(f"those inside are dealt with by pin, follow or exit, not `{wanted.in_flight}`")
    if not 1 <= wanted.percent <= 100:
        raise Impossible(f"a share is from 1 to 100 percent, not {wanted.percent}")
    if wanted.continue_after is not None and wanted.percent == 100:
        raise Impossible("`--continue-after` goes with `--canary PERCENT`: everybody takes part already")
    if version is None and wanted.in_flight == "follow":
        raise Impossible(
            f"the file of {wanted.playbook} is gone, so there is no version to follow to; choose pin or exit"
        )


def _publish(session: Session, playbook: str, plan: Plan, source: str, now: Instant) -> None:
    row = PlaybookVersion(
        id=plan.version, playbook=playbook, plan=plan.packed.encode(), source=source, created_at=now
    )  # fmt: skip
    playbooks.publish(session, row)


def _found(session: Session, number: int) -> Rollout:
    row = rollouts.get(session, number)
    assert row is not None
    return row


def _log(
    session: Session, what: str, playbook: str, reason: str | None, who: str, now: Instant, data: dict[str, Any]
) -> None:
    audit.record(session, Audit(at=now, who=who, what=what, target=playbook, reason=reason, data=data))
