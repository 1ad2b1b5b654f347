"""Users of the console: making them, and changing what they may do. Each is kept in the audit log.

All take `who` does it, for the log, and raise `signing_in.NotAllowed` with a sentence; nothing is stored then.
"""

from __future__ import annotations

from sqlalchemy.orm import Session
from whenever import Instant

from intake.signing_in import NotAllowed
from lifecycle.language.faults import did_you_mean
from lifecycle.rights import ROLES
from store import audit, users
from store.tables import Audit, User


def make(session: Session, name: str, role: str, password: str | None, who: str, now: Instant) -> User:
    """Store a user. `password` is a hash (`signing_in.hashed`); None for whoever signs in elsewhere, or by a link."""
    name = name.strip().lower()
    if not name or len(name) > 200 or any(sign.isspace() or not sign.isprintable() for sign in name):
        raise NotAllowed("a user has a name without spaces of at most 200 characters, best their e-mail address")
    made = users.add(session, User(name=name, role=_role(role), password=password, created_at=now))
    if made is None:
        raise NotAllowed(f"there is a user `{name}` already")
    _log(session, made, "user added", who, now, role=role)
    return made


def find(session: Session, name: str) -> User:
    """The user of this name."""
    found = users.by_name(session, name.strip().lower())
    if found is None:
        hint = did_you_mean(name, [one.name for one in users.every(session)])
        raise NotAllowed(f"there is no user `{name}`" + (f"; {hint}" if hint else ""))
    return found


def set_role(session: Session, user: User, role: str, who: str, now: Instant) -> None:
    """Give a user another role; it holds from their next click on."""
    assert user.id is not None
    users.change(session, user.id, role=_role(role))
    _log(session, user, "role changed", who, now, before=user.role, role=role)


def set_password(session: Session, user: User, password: str, who: str, now: Instant, keep: str = "") -> None:
    """Give a user another password (its hash), and end their sessions but for `keep`."""
    assert user.id is not None
    users.change(session, user.id, password=password)
    users.end_all(session, user.id, now, keep)
    _log(session, user, "password changed", who, now)


def disable(session: Session, user: User, who: str, now: Instant) -> None:
    """Keep a user out from now on, and end their sessions."""
    assert user.id is not None
    if user.disabled_at is not None:
        raise NotAllowed(f"`{user.name}` is kept out already")
    users.set_disabled(session, user.id, now)
    users.end_all(session, user.id, now)
    _log(session, user, "user disabled", who, now)


def enable(session: Session, user: User, who: str, now: Instant) -> None:
    """Let a user in again."""
    assert user.id is not None
    if user.disabled_at is None:
        raise NotAllowed(f"`{user.name}` is not kept out")
    users.set_disabled(session, user.id, None)
    _log(session, user, "user enabled", who, now)


def end_sessions(session: Session, user: User, who: str, now: Instant) -> int:
    """Sign a user out everywhere; how many sessions ended."""
    assert user.id is not None
    ended = users.end_all(session, user.id, now)
    _log(session, user, "sessions ended", who, now, sessions=ended)
    return ended


def _role(role: str) -> str:
    if role not in ROLES:
        hint = did_you_mean(role, ROLES)
        raise NotAllowed(f"there is no role `{role}`; " + (hint or f"there are {', '.join(ROLES)}"))
    return role


def _log(session: Session, user: User, what: str, who: str, now: Instant, **data: object) -> None:
    audit.record(session, Audit(at=now, who=who, what=what, target=f"user:{user.name}", data=data or None))
