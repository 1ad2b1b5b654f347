"""How a page is made: its template, its headers, whether it has changed, and the notice of what was just done."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from itsdangerous import BadData, URLSafeTimedSerializer

from console.parts import Parts
from console.templating import address, parts_of, templates

if TYPE_CHECKING:
    from console.visitors import Visitor

__all__ = ["address", "done", "page", "parts_of", "same", "unchanged"]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex",
}

NOTICE = "milepost_notice"
_SHOWN_WITHIN = 60
"""Seconds in which the page after an act shows its notice."""

POLL = 700
"""Milliseconds between two questions of a page that follows what happens: within a second of the truth."""


def page(
    request: Request,
    template: str,
    visitor: Visitor | None = None,
    *,
    title: str,
    status: int = 200,
    mark: str | None = None,
    poll: int = POLL,
    **values: Any,
) -> HTMLResponse:
    """The page that a template of console/templates makes of `values`, for a visitor.

    With `mark`, a fingerprint of all that it shows, the page asks every `poll` milliseconds whether that has changed
    (`same`), and shows what is new.
    """
    parts = parts_of(request)
    notice = None if mark and _polled(request) else _notice(request)
    html = templates.get_template(template).render(
        request=request,
        visitor=visitor,
        parts=parts,
        company=parts.api.map.company,
        title=title,
        zone=visitor.zone if visitor else parts.api.map.time_zone,
        poll=poll if mark else None,
        notice=notice,
        now=parts.api.clock(),
        **values,
    )
    response = HTMLResponse(html, status, _headers(parts))
    if mark:
        response.headers["ETag"] = _tag(mark)
    if notice:
        response.delete_cookie(NOTICE, path=parts.base or "/")
    return response


def same(request: Request, mark: str) -> bool:
    """Whether the page that is asked for is there already, with this fingerprint of what it shows."""
    return request.headers.get("if-none-match") == _tag(mark)


def unchanged(request: Request) -> Response:
    """The answer to a page that is up to date."""
    return Response(status_code=304, headers=_headers(parts_of(request)))


def done(request: Request, to: str, says: str, *, undo: str | None = None) -> RedirectResponse:
    """To the page at `to`, which shows what was done, and a way to undo it."""
    parts = parts_of(request)
    response = RedirectResponse(to, 303, _headers(parts))
    response.set_cookie(
        NOTICE, _notices(parts).dumps([says, undo]), max_age=_SHOWN_WITHIN, path=parts.base, httponly=True,
        secure=parts.secure, samesite="lax",
    )  # fmt: skip
    return response


def _headers(parts: Parts) -> dict[str, str]:
    return HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if parts.secure else {})


def _polled(request: Request) -> bool:
    return "if-none-match" in request.headers


def _tag(mark: str) -> str:
    return f'"{hashlib.sha256(mark.encode()).hexdigest()[:24]}"'


def _notices(parts: Parts) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts.secret_key, salt="console notice")


def _notice(request: Request) -> tuple[str, str | None] | None:
    given = request.cookies.get(NOTICE)
    if not given:
        return None
    try:
        says, undo = _notices(parts_of(request)).loads(given, max_age=_SHOWN_WITHIN)
    except BadData:
        return None
    return says, undo
