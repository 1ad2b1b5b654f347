"""Confirming a consent by the link in a confirmation mail (double opt-in)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from api import pages
from api.fields import Handed
from api.pages import Page, Visit
from api.parts import Parts
from api.problems import documented
from intake import consents

FIELD, VALUE = "confirm", "yes"

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse, responses=documented(413))


@router.get("/confirm/{token}")
async def ask(token: str, parts: Handed) -> Response:
    """Ask whether the customer confirms what was asked for in their name. Nothing happens yet."""
    return await pages.looked_up(parts, "confirm", token, lambda session, visit: _question(parts, visit))


@router.post("/confirm/{token}")
async def confirm(token: str, request: Request, parts: Handed) -> Response:
    """Confirm; `confirm=yes` is all that the form must hold."""
    form = await pages.form_of(request)
    if VALUE not in form.get(FIELD, ()):
        return await pages.looked_up(
            parts, "confirm", token, lambda session, visit: _question(parts, visit, status=400)
        )

    def store(session: Session, visit: Visit) -> Page:
        words = visit.words
        became = consents.confirm(session, parts.map, visit.message.id, pages.ip_of(request), parts.clock())
        if became.state == "unknown":
            return pages.bad_link(parts)
        says = {"confirmed": words.confirmed, "again": words.confirmed_again, "expired": words.confirm_expired}
        return Page(words, words.confirm_heading, [says[became.state]], parts.links.preferences(visit.message.id))

    return await pages.carried_out(parts, "confirm", token, store)


def _question(parts: Parts, visit: Visit, status: int = 200) -> Page:
    words = visit.words
    asks = {
        "question": words.confirm_question.format(company=parts.map.company),
        "name": FIELD,
        "value": VALUE,
        "button": words.confirm_button,
    }
    return Page(words, words.confirm_heading, status=status, template="question.html", values=asks)
