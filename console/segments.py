"""Segments: how many are in each, and who, since when."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from console import spreadsheets
from console.faults import Missing
from console.lists import Query, shown
from console.pages import page, parts_of
from console.visitors import Seeing
from store.lists import segments as lists
from store.lists.paging import Page
from store.lists.segments import Member

router = APIRouter()

_HEADER = ("customer", "customer_id", "email", "stage", "since")


@router.get("/segments")
async def listing(request: Request, visitor: Seeing) -> Response:
    """All segments that are declared."""
    parts = parts_of(request)
    declared = parts.api.map.segments
    sizes = await parts.api.database.read(lambda session: lists.sizes(session, sorted(declared)))
    return page(request, "segments.html", visitor, title="Segments", segments=declared, sizes=sizes, most=lists.MOST)


@router.get("/segments/{name}")
async def one(request: Request, visitor: Seeing, name: str) -> Response:
    """Who is in a segment."""
    query, parts = Query(request, visitor.zone), parts_of(request)
    segment = parts.api.map.segments.get(name)
    if segment is None:
        raise Missing("No segment of this name is declared in playbooks/segments.yaml.")

    def read(session: Session, cursor: Any = None, limit: int = 50) -> Page[Member]:
        return lists.members(session, name, cursor, limit)

    if query.csv:
        return await spreadsheets.answer(request, visitor, query, f"segment-{name}", _HEADER, read, _row)
    found, sizes = await parts.api.database.read(
        lambda session: (read(session, query.cursor), lists.sizes(session, [name]))
    )
    return shown(
        request, "segment.html", visitor, query, found, title=f"Segment {name}", seen=sizes, name=name,
        segment=segment, size=sizes[name], most=lists.MOST,
    )  # fmt: skip


def _row(member: Member) -> tuple[Any, ...]:
    return member.user_id, member.customer_id, member.email, member.stage, member.since
