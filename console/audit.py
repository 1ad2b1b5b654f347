"""The audit log: who did what, to whom, and why."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console import spreadsheets
from console.acts import undo_of
from console.lists import Query, shown
from console.pages import parts_of
from console.visitors import Seeing
from store import customers
from store.lists import audits as lists
from store.lists.audits import Act, AuditFilter
from store.lists.paging import Page

router = APIRouter()

KNOWN = (
    "consent", "enrol", "erase", "events retried", "exit", "lift", "list saved", "note", "pause", "resend", "resume",
    "shadow", "signed in", "skip", "suppress", "task assigned", "task done", "task reopened", "token created",
    "token revoked", "user added",
)  # fmt: skip
"""Words for what was done that the filter offers; others may be typed."""

_HEADER = ("at", "who", "what", "target", "reason", "data")


@router.get("/audit")
async def listing(request: Request, visitor: Seeing) -> Response:
    """All acts, the latest first."""
    query, parts = Query(request, visitor.zone), parts_of(request)
    target = query.text("target", parts.plans)
    who, what = query.text("who"), query.text("what", KNOWN)
    since, until = query.day("from"), query.day("to", after=True)

    def read(session: Session, cursor: Any = None, limit: int = 50) -> Page[Act]:
        # Acts upon a customer are stored under our id, and people know the product's.
        customer = customers.get(session, target) if target else None
        wanted = AuditFilter(who, what, customer.id if customer else target, since, until)
        return lists.listed(session, wanted, cursor, limit)

    if query.csv:
        return await spreadsheets.answer(request, visitor, query, "audit-log", _HEADER, read, _row)
    found = await parts.api.database.read(lambda session: read(session, query.cursor))
    return shown(
        request,
        "audit.html",
        visitor,
        query,
        found,
        title="Audit log",
        known=KNOWN,
        plans=parts.plans,
        about=_about,
        undo_of=undo_of,
    )


def _about(act: Act) -> dict[str, Any]:
    """What the act's data says, but for the key that makes a repeated request do nothing."""
    return {name: value for name, value in (act.data or {}).items() if name != "key" and value is not None}


def _row(act: Act) -> tuple[Any, ...]:
    return act.at, act.who, act.what, act.target, act.reason, _about(act)
