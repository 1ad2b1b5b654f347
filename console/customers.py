"""One customer, seen whole and live, and explained; and the accounts that customers belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from whenever import Instant

from console.faults import Missing
from console.pages import address, page, parts_of, same, unchanged
from console.parts import Parts
from console.visitors import Seeing
from intake import ahead, explain, finding, life, profile, reader
from intake.explain import Explained
from intake.life import Entry, Page
from intake.profile import Profile
from intake.reader import Position
from lifecycle.ahead import Ahead
from lifecycle.picture import Picture, picture
from lifecycle.policies import Check
from store import accounts, journeys, marks, pauses
from store import finding as stored
from store.tables import Account, Customer, Pause

router = APIRouter()

OPEN = 20
"""How many open journeys are shown at once."""

PICTURES = 200
"""How many versions' pictures are kept."""

_PICTURES: dict[str, Picture] = {}

MEMBERS = 50
"""Customers of an account a page."""

_KINDS = {
    "milestone": "milestone", "change": "attributes", "message": "message", "wait": "wait", "decision": "decision",
    "step": "step", "journey": "journey", "refused": "not sent", "deferred": "put off", "task": "task",
    "pause": "pause", "consent": "consent", "suppression": "suppression", "act": "act", "note": "note",
}  # fmt: skip
"""What kinds of entries are called on the page."""

STATES = {
    "accepted": "calm", "delivered": "good", "bounced": "bad", "dropped": "bad", "undelivered": "bad",
    "rejected": "bad", "lost": "bad", "refused": "warn", "suppressed": "warn", "expired": "warn", "cancelled": "warn",
    "pending": "warn", "unknown": "warn", "sending": "calm", "complained": "bad", "unsubscribed": "warn",
    "opened": "calm", "clicked": "good", "open": "calm", "done": "good",
}  # fmt: skip
"""The badge of a state of a message or task, and of what providers told."""


class Shown(NamedTuple):
    """An open journey on the page: where it stands and what is done next, what comes in words (`otherwise`: if nothing
    comes that it waits for), how certain that is, and its picture.
    """

    position: Position
    coming: list[Entry]
    otherwise: list[Entry]
    ahead: Ahead | None
    drawn: Picture
    visited: frozenset[str]
    own: Pause | None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a customer's page shows."""

    mark: str
    who: Profile
    journeys: list[Shown]
    page: Page


@router.get("/customers/{name}")
async def customer(request: Request, visitor: Seeing, name: str, after: str = "") -> Response:
    """The customer whom the product, or we, call so, with a page of their life."""
    _readable(name, after)
    parts, now = parts_of(request), parts_of(request).api.clock()
    found = await parts.api.database.read(lambda session: _seen(session, request, parts, name, after, now))
    if found is None:
        return unchanged(request)
    if isinstance(found, Customer):
        return RedirectResponse(address(request, "customers", found.id, after=after), 303)
    who = found.who
    return page(
        request, "customer.html", visitor, title=who.name, mark=found.mark, who=who, customer=who.customer,
        journeys=found.journeys, life=found.page, after=after, kinds=_KINDS, states=STATES,
        more=len(who.open) - len(found.journeys),
        paused=next((one for one in who.pauses if one.scope == "customer"), None),
    )  # fmt: skip


def _seen(
    session: Session, request: Request, parts: Parts, name: str, after: str, now: Instant
) -> Seen | Customer | None:
    """What the page shows; the customer alone where the page is at another address; None where nothing changed."""
    explainer = parts.explainer
    found, merged, addresses = profile.find(session, name, explainer.asker.secret)
    if found.id != name:
        return found
    mark = marks.of_customer(session, found, merged, [hashed for _, hashed in addresses], now) + f"|{after}"
    if same(request, mark):
        return None
    who = profile.of_customer(session, explainer, found, merged, addresses)
    if found.erased_at is not None:
        return Seen(mark, who, [], Page([], None))
    under_way = journeys.under_way(session, found.id)[::-1][:OPEN]
    positions = reader.positions(session, under_way, now)
    whose = life.Whose(found, merged, {one.playbook for one in who.had}, addresses, [one for one, _ in who.segments])
    told = life.read(session, whose, positions, after or None)
    coming = ahead.of_positions(session, explainer, found, positions, who.had, now)
    return Seen(mark, who, [_shown(one, coming.get(one.journey.id)) for one in positions], told)


def _shown(position: Position, coming: Ahead | None) -> Shown:
    visited = frozenset(line.step for line in position.lines if line.step and line.step != position.state.step)
    own = next((one for one in position.lying if one.scope == "journey"), None)
    lines = coming.lines if coming else ()
    otherwise = coming.then.otherwise if coming and coming.then else ()
    # That the time is over is what the wait itself says.
    otherwise = tuple(line for line in otherwise if line.what != "branch" or line.to != "timed_out")
    told, else_ = ([life.of_line(position, line) for line in each] for each in (lines, otherwise))
    return Shown(ahead.told(position, coming), told, else_, coming, _drawn(position), visited, own)


def _drawn(position: Position) -> Picture:
    """The picture of a version: it never changes, and to draw a large one takes longer than all else here."""
    version = position.plan.version
    if version not in _PICTURES:
        if len(_PICTURES) >= PICTURES:
            _PICTURES.clear()
        _PICTURES[version] = picture(position.plan)
    return _PICTURES[version]


def _readable(*words: str) -> None:
    """Raises Missing for words of an address that no database takes for a text, and nobody is called by."""
    if any("\x00" in word for word in words):
        raise Missing("Nobody and nothing is called so.")


# --- why -----------------------------------------------------------------------------------------------------------


@router.get("/customers/{name}/explain")
async def explained(request: Request, visitor: Seeing, name: str, message: str = "", playbook: str = "") -> Response:
    """Every check that a message or an entry had to pass, in order, with what it saw."""
    parts, now = parts_of(request), parts_of(request).api.clock()
    _readable(name, message, playbook)
    if message and playbook:
        raise Missing("Ask about a message or about a playbook, not about both.")

    def read(session: Session) -> tuple[Customer, Explained]:
        found = reader.find_customer(session, name)
        if message:
            return found, explain.of_message(session, parts.explainer, found, message, now)
        if playbook:
            return found, explain.of_playbook(session, parts.explainer, found, playbook, now)
        return found, explain.of_customer(session, parts.explainer, found, now)

    found, told = await parts.api.database.read(read)
    return page(
        request, "explain.html", visitor, title=f"Why: {told.about}", customer=found, told=told,
        who=finding.name_of(found) if found.erased_at is None else "Erased customer",
        stopped=_stopped(told), customer_zone=parts.explainer.zone(found), message=message, playbook=playbook,
    )  # fmt: skip


def _stopped(told: Explained) -> list[Check]:
    """The checks that were not passed: what refused it, or put it off."""
    return [check for check in told.checks if not check.passed]


# --- accounts ------------------------------------------------------------------------------------------------------


@router.get("/accounts/{name}")
async def account(request: Request, visitor: Seeing, name: str, after: str = "") -> Response:
    """The account that the product, or we, call so, with a page of its customers. The first page is live."""
    _readable(name, after)

    def read(session: Session) -> tuple[Account, list[Customer], list[Pause]]:
        found = accounts.find(session, name)
        if found is None:
            raise Missing("There is no account of this name.")
        members = stored.members(session, found.id, after, MEMBERS + 1)
        return found, members, pauses.active_on(session, "account", found.id)

    found, members, lying = await parts_of(request).api.database.read(read)
    mark = None
    if not after:
        mark = repr((found, members, lying, visitor.zone, visitor.user.role))
        if same(request, mark):
            return unchanged(request)
    known = [(key, life.shown(value)) for key, value in sorted((found.attributes or {}).items())]
    return page(
        request, "company.html", visitor, title=finding.account_name(found), mark=mark, account=found, known=known,
        members=[(one, finding.name_of(one)) for one in members[:MEMBERS]], lying=lying, after=after,
        next=members[MEMBERS - 1].id if len(members) > MEMBERS else None,
    )  # fmt: skip
