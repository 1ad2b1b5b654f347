"""Signing in at an identity provider. It says who somebody is; what they may do is our user's of that name, who is made
beforehand.
"""

from __future__ import annotations

import asyncio
import secrets

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadData, URLSafeTimedSerializer

from console.faults import Missing, Refused
from console.pages import parts_of
from console.provider import NotVerified, Provider, ProviderFailed
from console.sign_in import begun
from store import users

COOKIE, LASTS = "milepost_oidc", 600
"""What was asked of the provider, kept in the browser for as long as somebody may take to sign in there (seconds)."""

log = structlog.get_logger()

router = APIRouter()


@router.get("/oidc")
async def start(request: Request) -> Response:
    """Lead to the provider."""
    parts, provider = parts_of(request), _provider(request)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    try:
        asked = await asyncio.to_thread(provider.asking, _back(request), state, nonce, verifier)
    except ProviderFailed as error:
        raise _failed(error) from None
    response = RedirectResponse(asked, 303, {"Cache-Control": "no-store"})
    kept = _signer(parts.secret_key).dumps([state, nonce, verifier, request.query_params.get("next", "")[:500]])
    response.set_cookie(
        COOKIE, kept, max_age=LASTS, path=parts.base, httponly=True, secure=parts.secure, samesite="lax"
    )
    return response


@router.get("/oidc/back")
async def back(request: Request, state: str = "", code: str = "") -> Response:
    """Whoever signed in there comes back here."""
    parts, provider = parts_of(request), _provider(request)
    try:
        asked, nonce, verifier, wanted = _signer(parts.secret_key).loads(request.cookies.get(COOKIE, ""), max_age=LASTS)
    except (BadData, ValueError):
        raise Refused("Signing in took too long, or began in another browser. Begin anew.", 403) from None
    if not code or not secrets.compare_digest(state.encode(), str(asked).encode()):
        raise Refused("The identity provider signed nobody in. Begin anew.", 403)
    try:
        email = await asyncio.to_thread(provider.email_of, code, _back(request), nonce, verifier)
    except NotVerified:
        says = "The identity provider does not vouch for your e-mail address, so nobody was signed in."
        raise Refused(says, 403) from None
    except ProviderFailed as error:
        raise _failed(error) from None
    user = await parts.api.database.read(lambda session: users.by_name(session, email))
    if user is None or user.disabled_at is not None:
        raise Refused("You are known there, but are no user here. Ask an administrator to add you.", 403)
    response = await begun(request, user, wanted)
    response.delete_cookie(COOKIE, path=parts.base)
    return response


def _provider(request: Request) -> Provider:
    found = parts_of(request).provider
    if found is None:
        raise Missing("No identity provider is set up; sign in with a password.")
    return found


def _back(request: Request) -> str:
    """Our own address, as it is registered there: never the one that a request came by."""
    return f"{parts_of(request).api.public_url.rstrip('/')}/console/oidc/back"


def _failed(error: ProviderFailed) -> Refused:
    log.error("the identity provider failed", error=str(error))
    return Refused("The identity provider does not answer as it should; try again, or sign in with a password.", 503)


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="console oidc")
