"""The first page: finding a customer or an account, as one types."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from console.pages import page, parts_of
from console.visitors import Seeing
from intake import finding
from intake.finding import Found

router = APIRouter()


@router.get("/")
async def home(request: Request, visitor: Seeing, q: str = "") -> Response:
    """Where one begins; with a text, who is found by it."""
    found: list[Found] = []
    if q.strip():
        found = await parts_of(request).api.database.read(lambda session: finding.find(session, q))
    return page(request, "home.html", visitor, title="Find", asked=q[:200].strip(), found=found, most=finding.MOST)
