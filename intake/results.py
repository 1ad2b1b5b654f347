"""What a playbook brings, as its page shows it: who is inside, who left and how, both arms, and messages by step.

A cohort is looked at: those who entered since an instant. Counting a large one takes seconds; who shows it keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from lifecycle.doing import seconds_of
from lifecycle.ledger import TAKEN
from lifecycle.plan import Plan
from lifecycle.results import Arm, Difference, newcombe, verdict
from store import results
from store.results import Became

_FAILED = ("bounced", "dropped", "undelivered")


@dataclass(slots=True)
class Mail:
    """The messages of one step. `delivered` counts those too of which a person did something; `bounced` those that did
    not arrive, however the provider calls it; `refused` is by reason; `waiting` is put off or on its way.
    """

    step: str
    channel: str
    template: str
    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    opened: int = 0
    clicked: int = 0
    complained: int = 0
    unsubscribed: int = 0
    waiting: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Results:
    """`inside`: of those who entered since, how many are; `left` by outcome and reason, most first. `says` compares
    the arms in a sentence; None without a goal.
    """

    since: Instant | None
    journey: Arm
    holdout: Arm
    inside: int
    left: list[tuple[str, str | None, int]]
    mail: list[Mail]
    says: str | None
    difference: Difference | None


@dataclass(slots=True)
class Inside:
    """Who is inside a playbook now: `by_step` of the version at hand, `starting` before their first step, `elsewhere`
    by version and step at steps that the version has not; `held` by step, of all of them.
    """

    people: int = 0
    starting: int = 0
    by_step: dict[str, int] = field(default_factory=dict)
    elsewhere: list[tuple[str, str, int]] = field(default_factory=list)
    held: dict[str | None, int] = field(default_factory=dict)


def window(plan: Plan) -> TimeDelta | None:
    """How long after entry the goal counts; days have 24 hours here."""
    goal = plan.goal
    return TimeDelta(seconds=seconds_of(goal.within)) if goal is not None and goal.within else None


def read(session: Session, plan: Plan, since: Instant | None, now: Instant) -> Results:
    """The results of a playbook by the goal of this version, in three queries."""
    per = plan.entry.per if plan.entry else None
    rows = results.became(session, plan.playbook, since, plan.goal, window(plan), per, now)
    journey, holdout = _arm(rows, "journey"), _arm(rows, "holdout")
    left: dict[tuple[str, str | None], int] = {}
    for row in rows:
        if row.arm == "journey" and row.outcome is not None:
            left[row.outcome, row.reason] = left.get((row.outcome, row.reason), 0) + row.people
    comparable = plan.goal is not None and journey.entered and holdout.entered
    return Results(
        since,
        journey,
        holdout,
        sum(row.people for row in rows if row.arm == "journey" and row.outcome is None),
        sorted(((*key, count) for key, count in left.items()), key=lambda one: (-one[2], one[0], one[1] or "")),
        _mail(session, plan, since),
        verdict(journey, holdout) if plan.goal is not None else None,
        newcombe(journey, holdout) if comparable else None,
    )


def inside(session: Session, plan: Plan) -> Inside:
    """Who stands where now, in two queries."""
    found = Inside(held=results.held(session, plan.playbook))
    for version, step, people in results.standing(session, plan.playbook).get(plan.playbook, ()):
        found.people += people
        if step is None:
            found.starting += people
        elif step in plan.steps:
            found.by_step[step] = found.by_step.get(step, 0) + people
        else:
            found.elsewhere.append((version, step, people))
    return found


def _arm(rows: Iterable[Became], arm: str) -> Arm:
    mine = [row for row in rows if row.arm == arm]
    return Arm(*(sum(getattr(row, name) for row in mine) for name in ("people", "converted", "going")))


def _mail(session: Session, plan: Plan, since: Instant | None) -> list[Mail]:
    found: dict[str, Mail] = {}
    for row in results.sent(session, plan.playbook, since):
        mail = found.setdefault(row.step, Mail(row.step, row.channel, row.template))
        if row.state in TAKEN:
            mail.sent += row.messages
            mail.delivered += row.messages if row.state == "delivered" else 0
            mail.bounced += row.messages if row.state in _FAILED else 0
        elif row.state in ("pending", "sending", "unknown"):
            mail.waiting += row.messages
        else:
            reason = row.reason or row.state
            mail.refused[reason] = mail.refused.get(reason, 0) + row.messages
    for step, kind, messages in results.reacted(session, plan.playbook, since):
        if step in found:
            setattr(found[step], kind, messages)
    order = {step: number for number, step in enumerate(plan.steps)}
    return sorted(found.values(), key=lambda mail: (order.get(mail.step, len(order)), mail.step))
