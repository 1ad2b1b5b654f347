"""What the pages share that links in messages lead to. Whoever has the link may use it.

- A GET changes nothing, for programs follow links before people do: it reads through a connection that cannot write.
- A page needs no script, no cookie, no sign-in, and nothing of another site.
- A transaction says what the page will show; the page is made after it, so that no writer waits for a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.orm import Session

from api.parts import Parts
from api.words import Words, name_of, words_for
from messaging.links import Kind
from store import customers, messages
from store.errors import StoreError
from store.tables import Customer, Message

log = structlog.get_logger()

HERE = Path(__file__).parent
STYLES = (HERE / "static" / "pages.css").read_bytes()
SHEET = "/static/pages.css"

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of a page is the right to use it
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

FIELDS = 500
"""The most fields that a form of ours may have."""

Form = Mapping[str, Sequence[str]]

_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)

router = APIRouter()


class Visit(NamedTuple):
    """Somebody with a link of ours: the message that it was in, whose that is, and the words of their language."""

    message: Message
    customer: Customer
    words: Words


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows; `values` are those of its template."""

    words: Words
    heading: str
    sentences: Sequence[str] = ()
    more: str | None = None
    status: int = 200
    template: str = "base.html"
    values: Mapping[str, Any] = field(default_factory=dict)


Act = Callable[[Session, Visit], Page]


@router.get(SHEET, include_in_schema=False)
async def styles() -> Response:
    """The one stylesheet."""
    return Response(STYLES, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


async def looked_up(parts: Parts, kind: Kind, token: str, show: Act) -> Response:
    """The page that `show` makes of what is stored; it can change nothing."""
    return await _answered(
        parts, lambda: parts.database.read(lambda session: _visited(session, parts, kind, token, show))
    )


async def carried_out(parts: Parts, kind: Kind, token: str, act: Act) -> Response:
    """The page that `act` makes of what it did, in one transaction that holds the customer."""

    def locked(session: Session, visit: Visit) -> Page:
        customer = customers.lock(session, visit.customer.id)
        return act(session, visit._replace(customer=customer)) if customer else bad_link(parts)

    return await _answered(
        parts, lambda: parts.database.write(lambda session: _visited(session, parts, kind, token, locked))
    )


def bad_link(parts: Parts) -> Page:
    """The page for a link that is not one of ours."""
    words = words_for(parts.map.language)
    return Page(words, words.bad_link_heading, [words.bad_link], status=400)


def named(parts: Parts, visit: Visit) -> dict[str, str]:
    """Topic and channel of a message, as its customer reads them."""
    key, words = visit.message.topic, visit.words
    declared = parts.map.topics.get(key) if key else None
    topic = name_of(declared, key, words.language) if key and declared else words.everything
    return {"topic": topic, "channel": words.channels[visit.message.channel]}


async def form_of(request: Request) -> Form:
    """The fields of a posted form, urlencoded or multipart; what is no form has none."""
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        fields: dict[str, list[str]] = {}
        async with request.form(max_files=0, max_fields=FIELDS) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields.setdefault(name, []).append(value)
        return fields
    body = await request.body()
    try:
        return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        return {}


def ip_of(request: Request) -> str | None:
    """The address of the net from which a request came."""
    return request.client.host if request.client else None


def _visited(session: Session, parts: Parts, kind: Kind, token: str, show: Act) -> Page:
    message_id = parts.links.read(kind, token)
    message = messages.by_id(session, message_id) if message_id else None
    customer = customers.by_id(session, message.customer_id) if message else None
    if message is None or customer is None:
        return bad_link(parts)
    return show(session, Visit(message, customer, words_for(customer.language, parts.map.language)))


async def _answered(parts: Parts, transaction: Callable[[], Any]) -> Response:
    try:
        page: Page = await transaction()
    except StoreError as error:
        log.error("the database is away", error=type(error).__name__)  # noqa: TRY400 - its text may quote a statement
        words = words_for(parts.map.language)
        page = Page(words, words.later_heading, [words.later], status=503)
    html = _templates.get_template(page.template).render(
        words=page.words,
        heading=page.heading,
        sentences=page.sentences,
        more=page.more,
        company=parts.map.company,
        stylesheet=urlsplit(parts.public_url).path.rstrip("/") + SHEET,
        **page.values,
    )
    return HTMLResponse(html, page.status, {**HEADERS, "Content-Language": page.words.language})
