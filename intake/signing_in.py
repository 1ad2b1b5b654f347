"""Signing in to the console: how a password is kept and tried, how attempts are slowed down, how long a session lasts.

A password is checked outside of any transaction: that takes a twentieth of a second on purpose. One who names nobody
waits as long as one who names somebody, and reads the same sentence.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session
from whenever import Instant

from store import audit, users
from store.database import Database
from store.tables import Audit, SignInAttempt, User, UserSession

LASTS, IDLE = timedelta(days=7), timedelta(hours=12)
"""How long a session lasts at most, and how long without being used."""

SHORTEST = 12
"""Characters of a password."""

FREE, FREE_ADDRESS = 5, 20
"""Failures of one name, and from one address of the net, after which the next attempt has to wait."""

LONGEST = timedelta(minutes=15)
"""What an attempt waits at most. It doubles with each failure, from half a minute on."""

FORGOTTEN = timedelta(hours=24)
"""Failures older than this no longer count."""

_hasher = PasswordHasher()
_NOBODYS = _hasher.hash("the password of nobody")


class NotAllowed(Exception):
    """Nobody was signed in, or no user made; `str()` says why in a sentence."""


class Signed(NamedTuple):
    """Somebody who is signed in; `digest` names the session."""

    user: User
    digest: str


def digest_of(secret: str) -> str:
    """What is stored of a random secret, or of a subject of attempts."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hashed(password: str) -> str:
    """The argon2 hash of a password. Raises NotAllowed for one that is too short or too long."""
    if not SHORTEST <= len(password) <= 1000:
        raise NotAllowed(f"a password has at least {SHORTEST} characters")
    return _hasher.hash(password)


async def hashed_aside(password: str) -> str:
    """`hashed`, without holding up others meanwhile."""
    return await asyncio.to_thread(hashed, password)


async def with_password(database: Database, name: str, password: str, address: str, now: Instant) -> User:
    """The user whom name and password name. `address` is that of the net. Raises NotAllowed."""
    name = name.strip().lower()[:200]
    subjects = {digest_of(f"name {name}"): FREE, digest_of(f"address {address}"): FREE_ADDRESS}
    user = await database.read(lambda session: users.by_name(session, name))
    earlier = await database.read(lambda session: users.attempts(session, list(subjects)))
    waits = [one.until for one in earlier.values() if one.until and one.until > now]
    if waits:
        minutes = max(1, round((max(waits) - now).total("minutes")))
        raise NotAllowed(f"too many attempts failed; try again in {minutes} minute{'s' if minutes > 1 else ''}")
    known = user.password if user and user.password and user.disabled_at is None else None
    good = await _verified(known or _NOBODYS, password)
    if not good or known is None or user is None:

        def note(session: Session) -> None:
            # Read anew: many at once must not count as one.
            there = users.attempts(session, list(subjects))
            for subject, free in subjects.items():
                users.note_failure(session, _failed(subject, there.get(subject), free, now))

        await database.write(note)
        raise NotAllowed("name or password is wrong")
    await database.write(lambda session: users.forget_failures(session, list(subjects)))
    return user


def begin(session: Session, user: User, browser: str, now: Instant) -> tuple[str, Signed]:
    """Begin a session; the cookie for it, which is stored nowhere."""
    assert user.id is not None
    cookie = secrets.token_urlsafe(32)
    digest = digest_of(cookie)
    row = UserSession(
        digest=digest, user_id=user.id, created_at=now, seen_at=now, ends_at=now.add(hours=LASTS.days * 24),
        browser=browser[:120] or None,
    )  # fmt: skip
    users.begin(session, row)
    audit.record(session, Audit(at=now, who=f"user:{user.name}", what="signed in", target=f"user:{user.name}"))
    return cookie, Signed(user, digest)


def signed_in(session: Session, cookie: str, now: Instant) -> tuple[Signed, bool] | None:
    """Who is signed in with this cookie, and whether to note that they were seen; None where nobody is."""
    found = users.signed_in(session, digest_of(cookie))
    if found is None:
        return None
    row, user = found
    if row.ends_at <= now or (now - row.seen_at).total("seconds") > IDLE.total_seconds():
        return None
    return Signed(user, row.digest), (now - row.seen_at).total("seconds") > 60


def _failed(subject: str, earlier: SignInAttempt | None, free: int, now: Instant) -> SignInAttempt:
    counts = earlier is not None and (now - earlier.last_at).total("seconds") < FORGOTTEN.total_seconds()
    failures = (earlier.failures if earlier and counts else 0) + 1
    until = None
    if failures >= free:
        until = now.add(seconds=min(30 * 2 ** min(failures - free, 10), int(LONGEST.total_seconds())))
    return SignInAttempt(subject=subject, failures=failures, last_at=now, until=until)


async def _verified(known: str, password: str) -> bool:
    def verify() -> bool:
        try:
            return _hasher.verify(known, password[:1000])
        except (VerificationError, InvalidHashError):
            return False

    return await asyncio.to_thread(verify)
