"""Acts on one journey: pause, resume, skip, end. Each is told to its workflow, and what must outlive everything is
stored first (intake.commands): where Temporal is away, the page says what is stored.
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from temporalio.client import Client

from console.acts import Act, Field, Option, end_of, named, reason_of
from console.forms import Posted
from console.pages import address, done, parts_of
from console.pausing import pause_fields
from console.two_steps import two_steps
from console.visitors import Acting, Visitor
from intake import ahead, reader
from intake.asking import Conflict
from intake.commands import Commands, NoAnswer
from intake.reader import Position
from lifecycle.inputs import Skipped
from lifecycle.interpreter import refusal
from store import customers, held
from store import pauses as stored
from store.tables import Pause

router = APIRouter()


class Found(NamedTuple):
    """A journey that can be acted on, what people call it, its customer's zone, and its own pauses that lie on it."""

    position: Position
    called: str
    zone: str | None
    lying: list[Pause]

    @property
    def id(self) -> str:
        return self.position.journey.id


async def _pause(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Pause a journey."""
    reason, ends_at = reason_of(form), end_of(form, visitor)
    policy = form.one_of("policy", ("freeze", "continue"), "the clock policy is freeze or continue")
    found = await _found(request, visitor, id)
    commands = _commands(request, visitor, form)
    await commands.pause(await _client(request), found.id, policy, reason, ends_at)
    undo = address(request, "journeys", found.id, "resume")
    return done(request, _back(request, found), f"{found.called} is paused.", undo=undo)


async def _resume(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """Let a journey go on."""
    reason = reason_of(form)
    handling = form.one_of("handling", ("send", "skip"), "what came due is dealt with by send or skip")
    found = await _found(request, visitor, id)
    await _commands(request, visitor, form).resume(await _client(request), found.id, handling, reason)
    undo = address(request, "journeys", found.id, "pause")
    return done(request, _back(request, found), f"{found.called} goes on.", undo=undo)


async def _skip(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """End the present wait, or drop the next message."""
    reason = reason_of(form)
    what = form.one_of("what", ("wait", "message"), "what is skipped is the wait or the message")
    found = await _found(request, visitor, id)
    # It cannot be stored first: without Temporal nothing happens, and the page says so.
    client = await parts_of(request).api.temporal()
    await _commands(request, visitor, form).skip(client, found.id, what, reason)
    says = "the wait is over" if what == "wait" else "its next message is dropped"
    return done(request, _back(request, found), f"{found.called}: {says}.")


async def _exit(request: Request, visitor: Visitor, form: Posted, id: str) -> Response:
    """End a journey for good."""
    reason = reason_of(form)
    found = await _found(request, visitor, id)
    _, told = await _commands(request, visitor, form).exit(await _client(request), found.id, reason)
    says = f"{found.called} has ended; nothing more is sent in it."
    says += "" if told else " Its workflow is told as soon as the worker reaches Temporal."
    return done(request, _back(request, found), says)


# --- the pages before ------------------------------------------------------------------------------------------------


async def _pausing(request: Request, visitor: Visitor, id: str) -> Act:
    found = await _found(request, visitor, id)
    if found.lying:
        raise Conflict(f"the journey is paused already ({found.lying[0].reason}); resume it first")
    return _act(
        request, found, "Pause", "pause",
        [
            "Nothing is sent in it until it is resumed. Its goal and exits still end it.",
            "What a provider has already is not called back.",
        ],
        pause_fields(visitor, "journey"),
    )  # fmt: skip


async def _resuming(request: Request, visitor: Visitor, id: str) -> Act:
    found = await _found(request, visitor, id)
    if not found.lying:
        held_by = f"; {found.position.next.why}" if found.position.word == "held" else ""
        raise Conflict(f"the journey itself is not paused{held_by}")
    says = [f"Paused by {one.made_by}: {one.reason}." for one in found.lying]
    fields = []
    if any(one.policy == "continue" for one in found.lying):
        options = (
            Option("send", "Send it", "It is decided upon again first, and not sent where it has expired."),
            Option("skip", "Skip it", "The message is not sent; what comes later is."),
        )
        fields.append(Field("handling", "What becomes of what came due meanwhile?", "choice", "send", options))
    else:
        says.append("The clock stood: what remained of its wait remains.")
    return _act(request, found, "Resume", "resume", says, fields)


async def _skipping(request: Request, visitor: Visitor, id: str) -> Act:
    found = await _found(request, visitor, id)
    now, state = parts_of(request).api.clock(), found.position.state
    if found.position.word == "starting":
        raise Conflict("the journey has not begun yet: the worker has not told Temporal of it")
    parts = parts_of(request)
    then = await parts.api.database.read(lambda session: ahead.skipped(session, parts.explainer, found.position, now))
    options = [
        Option("wait", "The present wait", f"Then comes next: {then.next.what or 'nothing'}."),
        Option("message", "The next message", "It is not sent; the journey goes on after it."),
    ]
    can = [one for one in options if refusal(state, Skipped(now, "wait" if one.value == "wait" else "message")) is None]
    if not can:
        raise Conflict(refusal(state, Skipped(now, "wait")) or "there is nothing to skip")
    fields = [Field("what", "What is skipped?", "choice", can[0].value, can)]
    return _act(request, found, "Skip ahead", "skip", ["This cannot be undone."], fields)


async def _ending(request: Request, visitor: Visitor, id: str) -> Act:
    found = await _found(request, visitor, id)
    says = ["Nothing more is sent in it, from this moment on. This cannot be undone."]
    return _act(request, found, "End", "exit", says, (), harsh=True)


def _act(
    request: Request, found: Found, verb: str, act: str, says: list[str], fields: Any, *, harsh: bool = False
) -> Act:
    position = found.position
    return Act(
        f"{verb}: {found.called}", says, address(request, "journeys", found.id, act), _back(request, found), verb,
        fields, [("Now", position.next.why)], position.next, found.zone, harsh=harsh,
    )  # fmt: skip


async def _found(request: Request, visitor: Visitor, id: str) -> Found:
    parts, explainer = parts_of(request).api, parts_of(request).explainer
    commands = Commands(parts.database, visitor.who, parts.clock())

    def look(session: Session) -> Found:
        journey = reader.find_journey(session, named(id))
        customer = customers.by_id(session, journey.customer_id)
        called = f"{held.called(customer)}’s journey through {journey.playbook}"
        commands.going(session, journey.id)
        position = ahead.position(session, explainer, journey, parts.clock())
        zone = explainer.zone(customer) if customer else None
        return Found(position, called, zone, stored.active_on(session, "journey", journey.id))

    return await parts.database.read(look)


async def _client(request: Request) -> Client | None:
    """A client of Temporal; None where it is away."""
    with contextlib.suppress(NoAnswer):
        return await parts_of(request).api.temporal()
    return None


def _commands(request: Request, visitor: Visitor, form: Posted) -> Commands:
    parts = parts_of(request).api
    return Commands(parts.database, visitor.who, parts.clock(), form.key)


def _back(request: Request, found: Found) -> str:
    return address(request, "customers", found.position.journey.customer_id)


two_steps(router, "/journeys/{id}/pause", Acting, _pausing, _pause)
two_steps(router, "/journeys/{id}/resume", Acting, _resuming, _resume)
two_steps(router, "/journeys/{id}/skip", Acting, _skipping, _skip)
two_steps(router, "/journeys/{id}/exit", Acting, _ending, _exit)
