"""Who sends events: the key is found, its scope checked, and for a browser's key the page that it is used on.

Products' libraries send their key as the user name of Basic auth (the password is not looked at), some as a Bearer, and
some that run in browsers within the body, as `writeKey`: a header of their own makes the browser ask beforehand whether
the page may call (a CORS preflight). It asks without a key, so that is answered by the origins of all keys.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException, Request, Response

from api.keys import digest_of
from api.parts import Parts
from store import tokens
from store.tables import Token

SENDS = frozenset({"ingest", "browser"})
"""The scopes that send events."""

SECURITY: Mapping[str, Any] = {"security": [{"HTTPBasic": []}, {"HTTPBearer": []}]}
"""What OpenAPI is told of these calls."""

READ = "Authorization, Content-Type, Content-Encoding, AnonymousId, X-Retry-Count"
"""The headers that libraries in browsers send."""

KEPT = "600"
"""Seconds for which a browser need not ask again."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A key that may send events; `headers` let the page read the answer."""

    token: Token
    headers: Mapping[str, str] = field(default_factory=dict)

    def refused(self, status: int, sentence: str) -> HTTPException:
        """A refusal that the page can read."""
        return HTTPException(status, sentence, dict(self.headers))


def key_of(request: Request) -> str | None:
    """The key in the header of a call."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            return ""
    return None


async def sender_of(parts: Parts, request: Request, key: str | None) -> Sender:
    """Who sends. HTTPException: 401 without a good key, 403 where it does not send events, or not from there."""
    if key is None:
        challenge = {"WWW-Authenticate": "Bearer"}
        raise HTTPException(401, "This call needs a key: as the user name of Basic auth, or as a Bearer.", challenge)
    digest = digest_of(key)
    token = await parts.keys.find(digest)
    if token is None:
        refused = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, "This key is not known, or was revoked.", refused)
    if token.scope not in SENDS:
        raise HTTPException(403, f"This key has the scope `{token.scope}`, and this call needs `ingest`.")
    if token.scope != "browser":
        return Sender(token)
    origin = request.headers.get("origin")
    if origin is None or origin not in (token.origins or ()):
        raise HTTPException(403, "This browser's key was not made for the site that it is used on.")
    return Sender(token, _readable(origin))


async def preflight(parts: Parts, request: Request) -> Response:
    """The answer to a browser that asks whether a page may call."""
    origin = request.headers.get("origin", "")
    known = await parts.database.read(tokens.origins)
    if origin not in known:
        raise HTTPException(403, "No browser's key was made for this site.")
    allowed = {
        **_readable(origin),
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": READ,
        "Access-Control-Max-Age": KEPT,
    }
    return Response(status_code=204, headers=allowed)


def _readable(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
