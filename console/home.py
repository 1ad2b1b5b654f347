"""The first page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from console.pages import page
from console.visitors import Seeing

router = APIRouter()


@router.get("/")
async def home(request: Request, visitor: Seeing) -> Response:
    """Where one begins."""
    return page(request, "home.html", visitor, title="Find")
