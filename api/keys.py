"""Keys of the API: made once, shown once, stored as a hash, and asked for as `Authorization: Bearer KEY`.

A key is 32 random bytes, so a plain hash of it cannot be turned around by trying. `operate` may also read; `ingest`
sends events and nothing else; `browser` sends some of them, from some sites, and is public. How those two are shown and
checked stands in `api.senders`.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.fields import Handed, Text
from store.tables import Token

Scope = Literal["read", "operate", "ingest", "browser"]

ALLOWS: dict[str, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "operate": frozenset({"operate", "read"}),
    "ingest": frozenset({"ingest"}),
    "browser": frozenset(),
}
"""What a key of each scope may do."""

_bearer = HTTPBearer(auto_error=False, description="A key made with `milepost token create`.")


def new_key() -> str:
    """A key that was never given before. It begins so that whoever finds one knows what it opens."""
    return f"milepost_{secrets.token_urlsafe(32)}"


def digest_of(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _needing(scope: Scope) -> Any:
    async def check(parts: Handed, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Token:
        if given is None:
            raise HTTPException(
                401, "This call needs a key: `Authorization: Bearer KEY`.", {"WWW-Authenticate": "Bearer"}
            )
        digest = digest_of(given.credentials)
        token = await parts.keys.find(digest)
        if token is None:
            refused = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise HTTPException(401, "This key is not known, or was revoked.", refused)
        if scope not in ALLOWS.get(token.scope, ()):
            raise HTTPException(403, f"This key has the scope `{token.scope}`, and this call needs `{scope}`.")
        return token

    return Depends(check)


Reading = Annotated[Token, _needing("read")]
Operating = Annotated[Token, _needing("operate")]

Once = Annotated[
    Text | None,
    Header(alias="Idempotency-Key", description="Whoever repeats a call with the same key gets the first answer."),
]
"""The Idempotency-Key of an operating call (`intake.asking`)."""


def who(token: Token) -> str:
    """Who calls, for the audit log."""
    return f"api:{token.name}"
