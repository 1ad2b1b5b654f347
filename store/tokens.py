"""Keys to the API. Only their hashes are stored: a key that is lost is revoked, and another is made."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import changed, insert
from store.tables import Token, table_of, values_of

_token = table_of(Token)

_BY_DIGEST = select(Token).where(_token.c.digest == bindparam("digest"), _token.c.revoked_at.is_(None))


def add(session: Session, token: Token) -> int:
    """Store a key's hash and return its number."""
    given: int = session.execute(insert(session, _token).returning(_token.c.id), values_of(token)).scalar_one()
    return given


def get(session: Session, token_id: int) -> Token | None:
    """The key with this number, revoked or not."""
    return session.get(Token, token_id)


def by_digest(session: Session, digest: str) -> Token | None:
    """The key with this hash, unless it was revoked."""
    return session.scalar(_BY_DIGEST, {"digest": digest})


def every(session: Session) -> list[Token]:
    """All keys that were ever made, oldest first."""
    return list(session.scalars(select(Token).order_by(_token.c.id)))


def revoke(session: Session, token_id: int, at: Instant) -> bool:
    """End a key; False where there is none of this number, or it was revoked before."""
    return changed(
        session.execute(
            update(_token).where(_token.c.id == token_id, _token.c.revoked_at.is_(None)).values(revoked_at=at)
        )
    )


def origins(session: Session) -> set[str]:
    """The sites on which any key may be used that was not revoked."""
    listed = session.scalars(select(_token.c.origins).where(_token.c.scope == "browser", _token.c.revoked_at.is_(None)))
    return {origin for one in listed for origin in one or ()}
