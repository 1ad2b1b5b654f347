"""Events: what came in, what it did, what could not be applied and is tried again, and what the map does not know."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.orm import Session

from console import spreadsheets
from console.faults import Missing, Refused
from console.forms import Sent
from console.lists import Query, shown
from console.pages import address, done, page, parts_of
from console.visitors import Seeing, Steering
from intake import doors, retrying
from lifecycle.language.faults import did_you_mean
from store import customers, events, tokens
from store.lists import events as lists
from store.lists.events import EventFilter, EventLine
from store.lists.paging import Page
from store.tables import Event

router = APIRouter()

STATES = ("pending", "applied", "failed")
KINDS = ("track", "identify", "group", "alias", "consent", "message", "due", "enrol", "record", "set", "segment")

Number = Annotated[int, Path(ge=1, le=2**53)]

_HEADER = ("number", "received_at", "happened_at", "kind", "name", "customer", "customer_id", "state", "source",
           "entered", "error")  # fmt: skip


@router.get("/events")
async def listing(request: Request, visitor: Seeing) -> Response:
    """All events, the latest first."""
    query, parts = Query(request, visitor.zone), parts_of(request)
    whose = query.text("customer")
    wanted = EventFilter(
        state=query.choice("state", STATES),
        kind=query.choice("kind", KINDS),
        name=query.text("name", parts.api.map.milestones),
        source=query.text("source"),
    )

    def read(session: Session, cursor: Any = None, limit: int = 50) -> Page[EventLine]:
        theirs = wanted
        if whose:
            # Of somebody who is not known yet there may be events that wait.
            customer = customers.get(session, whose) or customers.by_id(session, whose)
            name = (customer.user_id, customer.id) if customer else (whose, None)
            theirs = EventFilter(wanted.state, wanted.kind, wanted.name, wanted.source, name)
        return lists.listed(session, theirs, cursor, limit)

    if query.csv:
        return await spreadsheets.answer(request, visitor, query, "events", _HEADER, read, _row)
    found, backlog = await parts.api.database.read(
        lambda session: (read(session, query.cursor), lists.backlog(session))
    )
    return shown(
        request, "events.html", visitor, query, found, title="Events", seen=backlog, backlog=backlog, states=STATES,
        kinds=KINDS, few=lists.FEW, milestones=sorted(parts.api.map.milestones),
    )  # fmt: skip


@router.get("/events/undeclared")
async def undeclared(request: Request, visitor: Seeing) -> Response:
    """Milestones that came in lately and that the map does not declare."""
    parts = parts_of(request)
    declared = doors.declared(parts.api.map)
    came = await parts.api.database.read(lists.lately)
    unknown = [(one, did_you_mean(one.name, declared)) for one in came if one.name not in declared]
    return page(
        request, "undeclared.html", visitor, title="Undeclared milestones", unknown=unknown, lately=lists.LATELY
    )


@router.get("/events/retry")
async def ask_retry_all(request: Request, visitor: Steering) -> Response:
    """What retrying all of them does."""
    backlog = await parts_of(request).api.database.read(lists.backlog)
    return page(
        request, "event_retry.html", visitor, title="Retry all failed events", event=None, failed=backlog.failed,
        few=lists.FEW,
    )  # fmt: skip


@router.post("/events/retry")
async def retry_all(request: Request, visitor: Steering, form: Sent) -> Response:
    """Let all that were set aside be applied again."""
    retried = await _retry(request, visitor.who, form.text("reason"), form.key, ())
    says = f"{retried:,} event{'s wait' if retried != 1 else ' waits'} for the worker, to be applied again."
    return done(request, address(request, "events"), says)


@router.get("/events/{number}")
async def one(request: Request, visitor: Seeing, number: Number) -> Response:
    """What an event did, and why it did not do more."""
    parts = parts_of(request)

    def read(session: Session) -> tuple[Event, str] | None:
        event = events.get(session, number)
        if event is None:
            return None
        kind, _, key = event.source.partition(":")
        token = tokens.get(session, int(key)) if kind == "key" and key.isdigit() else None
        return event, f"the key “{token.name}”" if token else event.source

    found = await parts.api.database.read(read)
    if found is None:
        raise Missing("There is no event of this number, or it is so old that it was archived.")
    event, source = found
    slip = doors.undeclared(parts.api.map, event.name or "") if event.kind == "track" else None
    return page(
        request, "event.html", visitor, title=f"Event {number}", event=event, source=source, slip=slip,
        did={name: (event.outcome or {}).get(name, []) for name in ("entered", "signalled", "not_entered")},
        shown=event.kind != "group" or bool(event.name),
    )  # fmt: skip


@router.get("/events/{number}/retry")
async def ask_retry(request: Request, visitor: Steering, number: Number) -> Response:
    """What retrying it does."""
    event = await parts_of(request).api.database.read(lambda session: events.get(session, number))
    if event is None:
        raise Missing("There is no event of this number.")
    if event.state != "failed":
        raise Refused("This event has not failed, so there is nothing to retry.", 409)
    return page(
        request, "event_retry.html", visitor, title=f"Retry event {number}", event=event, failed=1, few=lists.FEW
    )


@router.post("/events/{number}/retry")
async def retry(request: Request, visitor: Steering, form: Sent, number: Number) -> Response:
    """Let one event be applied again."""
    await _retry(request, visitor.who, form.text("reason"), form.key, (number,))
    return done(request, address(request, "events", number), "The event waits for the worker, to be applied again.")


async def _retry(request: Request, who: str, reason: str, key: str, numbers: tuple[int, ...]) -> int:
    if not reason:
        raise Refused("Say why: the reason is kept in the audit log.", 422)
    api = parts_of(request).api
    now = api.clock()
    return await api.database.write(
        lambda session: retrying.retry(session, numbers, who=who, now=now, reason=reason, key=key)
    )


def _row(line: EventLine) -> tuple[Any, ...]:
    entered = ", ".join(one["playbook"] for one in (line.outcome or {}).get("entered", ()))
    return (line.id, line.received_at, line.at, line.kind, line.name, line.user_id, line.customer_id, line.state,
            line.source, entered, line.error)  # fmt: skip
