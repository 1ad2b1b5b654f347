"""Beginning a pause: what it would hold is said before. One row pauses a million journeys.

Customers and accounts are paused by whoever may act; playbooks, segments, channels and everything by whoever may steer.
So each scope has routes of its own. console.resuming ends pauses, console.pauses shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console.acts import Act, Field, Option, end_of, named, reason_of
from console.forms import Posted
from console.pages import address, done, parts_of
from console.pause_subjects import Subject, place_of, resume_place_of, subject_of, what
from console.two_steps import two_steps
from console.visitors import Acting, Steering, Visitor
from intake import consequences, pauses
from intake.pauses import DEFAULTS, Scope
from store import pauses as stored
from store.tables import Pause

router = APIRouter()


async def _begin(request: Request, visitor: Visitor, form: Posted, name: str, *, scope: Scope) -> Response:
    parts = parts_of(request).api
    now, reason, ends_at = parts.clock(), reason_of(form), end_of(form, visitor)

    def store(session: Session) -> tuple[Subject, Pause]:
        made = pauses.start(
            session,
            scope=scope,
            target=named(name),
            reason=reason,
            who=visitor.who,
            now=now,
            policy=cast("Any", form.text("policy") or None),
            ends_at=ends_at,
            include_transactional=form.on("transactional"),
            key=form.key,
            segments=parts.map.segments,
        )
        return subject_of(session, scope, made.target, parts.map.segments), made

    subject, made = await parts.database.write(store)
    undo = address(request, *resume_place_of(made))
    called = what(subject)
    says = f"{called[:1].upper()}{called[1:]} {'are' if scope == 'account' else 'is'} paused."
    return done(request, address(request, *subject.back), says, undo=undo)


async def _beginning(request: Request, visitor: Visitor, name: str, *, scope: Scope) -> Act:
    """The page before a pause: how many journeys it would concern, and what is asked."""
    parts = parts_of(request).api

    def look(session: Session) -> tuple[Subject, consequences.Concerned, list[Pause]]:
        subject = subject_of(session, scope, named(name), parts.map.segments)
        concerned = consequences.start_of(session, scope, subject.target, parts.applier.plan)
        return subject, concerned, stored.active_on(session, scope, subject.target)

    subject, concerned, lying = await parts.database.read(look)
    says = [
        consequences.beginning(concerned, scope),
        "Milestones are recorded all the same, and goals and exits still end journeys.",
        "What a provider has already is not called back.",
    ]
    if lying:
        says.append(f"It is paused already ({lying[-1].reason}); one pause more holds until both are ended.")
    return Act(
        f"Pause {what(subject)}",
        says,
        address(request, *place_of(subject), "pause"),
        address(request, *subject.back),
        "Pause",
        pause_fields(visitor, scope),
        harsh=scope == "everything",
    )


def pause_fields(visitor: Visitor, scope: Scope) -> Sequence[Field]:
    """What a pause asks besides its reason."""
    policy = Field(
        "policy", "What becomes of waits meanwhile?", "choice", DEFAULTS[scope],
        (
            Option("freeze", "The clock stands", "What remains of each wait remains when it is resumed."),
            Option("continue", "Time runs on", "What comes due meanwhile waits, and is sent or skipped at the end."),
        ),
    )  # fmt: skip
    zone = visitor.zone.rpartition("/")[2].replace("_", " ")
    until = Field("until", "Until when?", "time", hint=f"By the clock of {zone}. Empty: until somebody resumes it.")
    transactional = Field(
        "transactional", "Hold receipts and other transactional messages too", "box",
        hint="Without this only marketing is held.",
    )  # fmt: skip
    if scope == "channel":
        return (until, transactional)
    return (policy, until) if scope == "journey" else (policy, until, transactional)


_SCOPES: tuple[tuple[str, Any, Scope], ...] = (
    ("/customers/{id}/pause", Acting, "customer"),
    ("/accounts/{id}/pause", Acting, "account"),
    ("/playbooks/{name}/pause", Steering, "playbook"),
    ("/segments/{name}/pause", Steering, "segment"),
    ("/channels/{name}/pause", Steering, "channel"),
    ("/everything/pause", Steering, "everything"),
)
for _path, _right, _scope in _SCOPES:
    two_steps(router, _path, _right, partial(_beginning, scope=_scope), partial(_begin, scope=_scope))
