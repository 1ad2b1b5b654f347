"""Ending a pause: what its end would do is said before, and what becomes of what came due is asked.

Customers and accounts are let go by whoever may act, all others by whoever may steer; nobody ends a pause of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console.acts import Act, Field, Option, named, reason_of
from console.faults import Missing
from console.forms import Posted
from console.pages import address, done, parts_of
from console.pause_subjects import ACTED, Subject, place_of, subject_of, what
from console.two_steps import two_steps
from console.visitors import Acting, Steering, Visitor
from intake import consequences, pauses
from intake.asking import Conflict
from intake.pauses import Handling, Impossible, Scope
from store import pauses as stored
from store.tables import Pause

router = APIRouter()

SPREADS = (100, 500, 2000)
"""Paces of which it is told how long they take."""

LONGEST = 16
"""Digits of a pause's number, so that every database takes it."""


async def _ending(request: Request, _: Visitor, name: str, *, scope: Scope, number: int | None = None) -> Act:
    parts = parts_of(request).api

    def look(session: Session) -> tuple[Subject, list[tuple[Pause, consequences.Foreseen]]]:
        subject = subject_of(session, scope, named(name), parts.map.segments, gone=True)
        found = _lying(session, subject, number)
        return subject, [(one, consequences.end_of(session, one)) for one in found]

    subject, found = await parts.database.read(look)
    called = what(subject)
    says, several = [], len(found) > 1
    for one, foreseen in found:
        since = f"Paused by {one.made_by}: {one.reason}. "
        says.append(since + consequences.ending(foreseen))
    fields: list[Field] = []
    if several:
        options = tuple(Option(str(one.id), f"{one.reason} ({one.made_by})") for one, _ in found)
        fields.append(Field("pause", "Which pause ends?", "choice", options[0].value, options))
    else:
        fields.append(Field("pause", "", "hidden", str(found[0][0].id)))
    most = max((foreseen.held for _, foreseen in found), default=0)
    runs_on = any(one.policy == "continue" for one, _ in found)
    fields += _handling(most, spread=scope != "customer", skips=runs_on)
    back = address(request, *(("pauses", str(number)) if number is not None else subject.back))
    action = address(request, *(("pauses", str(number)) if number is not None else place_of(subject)), "resume")
    return Act(f"Resume {called}", says, action, back, "Resume", fields)


def _handling(most: int, *, spread: bool, skips: bool) -> list[Field]:
    """What the end of a pause asks: what becomes of what came due, and at which pace."""
    options = [Option("send", "Let all go on at once", "What has come due is decided upon again, and sent.")]
    if spread:
        options.append(Option("spread", "Let them go on bit by bit", "So many a minute, the longest held first."))
    if skips:
        options.append(Option("skip", "Skip what came due meanwhile", "Messages that are due now are not sent."))
    fields = [Field("handling", "What becomes of what came due?", "choice", "send", tuple(options))]
    if spread:
        paces = "; ".join(f"{pace:,} a minute: {consequences.takes(most, pace)}" for pace in SPREADS)
        hint = f"For the {most:,} that stand now. {paces}." if most > 1 else "For going on bit by bit."
        fields.append(Field("spread", "How many journeys a minute?", "number", hint=hint))
    return fields


async def _end(
    request: Request, visitor: Visitor, form: Posted, name: str, *, scope: Scope, number: int | None = None
) -> Response:
    parts = parts_of(request).api
    now, reason = parts.clock(), reason_of(form)
    handling, spread = how(form)

    def store(session: Session) -> tuple[Subject, Pause]:
        subject = subject_of(session, scope, named(name), parts.map.segments, gone=True)
        meant = _meant(_lying(session, subject, number), form)
        ended = pauses.end(
            session, meant, reason=reason, who=visitor.who, now=now, handling=handling, spread=spread, key=form.key
        )
        return subject, ended

    subject, ended = await parts.database.write(store)
    place = ("pauses", str(ended.id)) if number is not None else subject.back
    says = f"The pause of {what(subject)} has ended; whom it held goes on within seconds."
    if spread:
        says = f"The pause of {what(subject)} has ended; {spread:,} journeys a minute go on."
    undo = address(request, *place_of(subject), "pause")
    return done(request, address(request, *place), says, undo=undo)


def how(form: Posted) -> tuple[Handling, int | None]:
    """What is to become of what came due, and the pace; Impossible for what is neither."""
    handling, spread = form.text("handling", "send"), form.text("spread")
    if handling != "spread":
        return cast("Handling", handling), None
    if not (spread.isascii() and spread.isdigit() and 1 <= int(spread[:9]) <= 1_000_000):
        raise Impossible("say how many journeys a minute go on: a number from 1 to 1,000,000")
    return "send", int(spread)


def _lying(session: Session, subject: Subject, number: int | None) -> list[Pause]:
    """The pauses of this very target that hold now: the one of this number, else all of them."""
    found = stored.active_on(session, subject.scope, subject.target)
    found = [one for one in found if number in (None, one.id)]
    if not found:
        raise Conflict(f"no pause of {what(subject)} holds now: it has ended, or there was none")
    return found


def _meant(found: Sequence[Pause], form: Posted) -> int:
    given = form.text("pause")
    for one in found:
        if one.id is not None and str(one.id) == given:
            return one.id
    raise Conflict("this pause has ended meanwhile, or belongs to something else")


# --- pauses of nobody in particular ----------------------------------------------------------------------------------


async def _steered(request: Request, name: str) -> Pause:
    """A pause that whoever may steer may end; that of a person is ended on that person's page."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < LONGEST else 0
    found = await parts_of(request).api.database.read(lambda session: stored.get(session, number))
    if found is None or found.scope in ACTED:
        raise Missing("There is no pause of this number for a playbook, a segment, a channel or everything.")
    return found


async def _ending_numbered(request: Request, visitor: Visitor, name: str) -> Act:
    found = await _steered(request, name)
    return await _ending(request, visitor, found.target, scope=cast("Scope", found.scope), number=found.id)


async def _end_numbered(request: Request, visitor: Visitor, form: Posted, name: str) -> Response:
    found = await _steered(request, name)
    return await _end(request, visitor, form, found.target, scope=cast("Scope", found.scope), number=found.id)


for _path, _scope in (("/customers/{id}/resume", "customer"), ("/accounts/{id}/resume", "account")):
    _of: dict[str, Any] = {"scope": _scope}
    two_steps(router, _path, Acting, partial(_ending, **_of), partial(_end, **_of))
two_steps(router, "/pauses/{number}/resume", Steering, _ending_numbered, _end_numbered)
