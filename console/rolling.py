"""Versions of a playbook: what differs between two, making one active again, continuing and stopping an apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from console.faults import Missing, Refused
from console.forms import Posted, Sent
from console.pages import address, done, page, parts_of
from console.visitors import Seeing, Steering
from intake import rollouts, versions
from intake.rollouts import Impossible, InFlight, Wanted
from intake.versions import Between, GoesOn, Known, Version
from lifecycle import step_words
from lifecycle.plan import Plan
from store import results

router = APIRouter()

Chosen = Annotated[str, Query(max_length=80)]

_MOVE = "move:"
"""How the fields are called that say where those go on whose step is gone."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """What making a version active would do. `inside` are people in it already, `going` those in others."""

    found: Known
    to: Version
    plan: Plan
    going: list[GoesOn]
    inside: int
    between: Between | None


@router.get("/playbooks/{name}/differences")
async def differences(request: Request, visitor: Seeing, name: str, old: Chosen, new: Chosen) -> Response:
    """What differs from one version to another."""

    def read(session: Session) -> tuple[Known, Between]:
        found = _known(session, name)
        return found, versions.between(session, found, old, new)

    found, between = await parts_of(request).api.database.read(read)
    title = f"{name}: version {between.old.number} to {between.new.number}"
    return page(
        request, "differences.html", visitor, title=title, found=found, between=between, sentence=step_words.sentence
    )


@router.get("/playbooks/{name}/roll-out")
async def ask_roll_out(request: Request, visitor: Steering, name: str, version: Chosen) -> Response:
    """What making a version active would do, and the form for it."""
    offer = await parts_of(request).api.database.read(lambda session: _offer(session, name, version))
    if offer.to.id == offer.found.active:
        raise Refused(f"New journeys take version {offer.to.number} already.")
    title = f"Make version {offer.to.number} of {name} active"
    return page(request, "roll_out.html", visitor, title=title, offer=offer, sentence=step_words.sentence)


@router.post("/playbooks/{name}/roll-out")
async def roll_out(request: Request, visitor: Steering, name: str, form: Sent) -> Response:
    """Make a version active."""
    parts = parts_of(request)
    now, reason = parts.api.clock(), _reason(form)
    in_flight = form.one_of("in_flight", get_args(InFlight), "those inside are dealt with by pin, follow or exit")
    percent = _percent(form.text("percent", "100"))
    moves = [field for field in form.fields if field.startswith(_MOVE)]
    targets = {field.removeprefix(_MOVE): to for field in moves if (to := form.text(field))}

    def write(session: Session) -> _Offer:
        offer = _offer(session, name, form.text("version"))
        gone = [(one.step, one.people) for one in offer.going if one.to is None and one.step not in targets]
        rollouts.check_gone(name, in_flight, gone)
        wanted = Wanted(
            name, in_flight, version=offer.to.id, plan=None,
            targets=targets if in_flight == "follow" else {}, percent=percent, reason=reason,
        )  # fmt: skip
        rollouts.begin(session, wanted, visitor.who, now)
        return offer

    offer = await _done(parts.api.database.write, write)
    before = offer.found.numbered(offer.found.active)
    who = f"{percent} % of new journeys" if percent < 100 and before else "New journeys"
    undo = address(request, "playbooks", name, "stop") if percent < 100 and before else None
    if before and undo is None:
        undo = address(request, "playbooks", name, "roll-out", version=before.number)
    says = f"{who} take version {offer.to.number} of {name} now."
    return done(request, address(request, "playbooks", name), says, undo=undo)


@router.get("/playbooks/{name}/continue")
async def ask_continue(request: Request, visitor: Steering, name: str) -> Response:
    """What continuing would do, and the form for it."""
    return await _ask(request, visitor, name, "continue")


@router.post("/playbooks/{name}/continue")
async def go_on(request: Request, visitor: Steering, name: str, form: Sent) -> Response:
    """Let everybody take the version that a share has tried."""
    parts = parts_of(request)
    now, reason = parts.api.clock(), _reason(form)
    await _done(parts.api.database.write, lambda session: rollouts.go_on(session, name, reason, visitor.who, now))
    return done(request, address(request, "playbooks", name), f"Everybody takes the new version of {name} now.")


@router.get("/playbooks/{name}/stop")
async def ask_stop(request: Request, visitor: Steering, name: str) -> Response:
    """What stopping would do, and the form for it."""
    return await _ask(request, visitor, name, "stop")


@router.post("/playbooks/{name}/stop")
async def stop(request: Request, visitor: Steering, name: str, form: Sent) -> Response:
    """Stop an apply where it is."""
    parts = parts_of(request)
    now, reason = parts.api.clock(), _reason(form)
    await _done(parts.api.database.write, lambda session: rollouts.stop(session, name, reason, visitor.who, now))
    return done(request, address(request, "playbooks", name), f"The apply of {name} is stopped.")


async def _ask(request: Request, visitor: Any, name: str, what: Literal["continue", "stop"]) -> Response:
    found = await parts_of(request).api.database.read(lambda session: _known(session, name))
    if found.under_way is None or (what == "continue" and found.under_way.state != "canary"):
        thing = "no version is being tried on a share" if what == "continue" else "no apply is under way"
        raise Refused(f"There is nothing to {what}: {thing}.")
    title = f"Let everybody take the new version of {name}" if what == "continue" else f"Stop the apply of {name}"
    return page(request, "roll_on.html", visitor, title=title, found=found, what=what)


def _known(session: Session, name: str) -> Known:
    found = versions.known(session, name)
    if found is None:
        raise Missing(f"There is no playbook called {name}.")
    return found


def _offer(session: Session, name: str, version: str) -> _Offer:
    found = _known(session, name)
    to = rollouts.version_named(session, name, version)
    plan, numbered = rollouts.stored_plan(session, to), found.numbered(to)
    assert numbered is not None
    standing = results.standing(session, name).get(name, [])
    inside = sum(one.people for one in standing if one.version == to)
    going = versions.going_on(session, standing, to, plan, {})
    between = versions.between(session, found, found.active, to) if found.active and found.active != to else None
    return _Offer(found, numbered, plan, going, inside, between)


def _reason(form: Posted) -> str:
    reason = form.text("reason")
    if not reason:
        raise Refused("A reason is needed, so nothing was changed. Go back, and give one.", 422)
    return reason


def _percent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise Refused("A share is a whole number from 1 to 100 percent, so nothing was changed.", 422)
    return int(text)


async def _done(write: Any, act: Any) -> Any:
    try:
        return await write(act)
    except Impossible as error:
        raise Refused(f"{str(error)[0].upper()}{str(error)[1:]}.", 422) from None
