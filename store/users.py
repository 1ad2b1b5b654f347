"""Users of the console, their sessions, failed attempts to sign in, and the forms that were sent."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_new, changed, insert
from store.tables import FormSent, SignInAttempt, User, UserSession, table_of, values_of

_user, _session = table_of(User), table_of(UserSession)
_attempt, _form = table_of(SignInAttempt), table_of(FormSent)

_SIGNED_IN = (
    select(UserSession, User)
    .join(_user, _user.c.id == _session.c.user_id)
    .where(
        _session.c.digest == bindparam("digest"),
        _session.c.ended_at.is_(None),
        _user.c.disabled_at.is_(None),
    )
)


# --- users ---------------------------------------------------------------------------------------------------------


def add(session: Session, user: User) -> User | None:
    """Store a new user and return them with their id; None where the name is taken."""
    statement = insert(session, _user).on_conflict_do_nothing().returning(_user.c.id)
    given = session.execute(statement, values_of(user)).scalar_one_or_none()
    return session.get(User, given) if given is not None else None


def get(session: Session, user_id: int) -> User | None:
    """The user with this number, disabled or not."""
    return session.get(User, user_id)


def by_name(session: Session, name: str) -> User | None:
    """The user of this name (in lower case), disabled or not."""
    return session.scalar(select(User).where(_user.c.name == name))


def every(session: Session) -> list[User]:
    """All users that there ever were, by name."""
    return list(session.scalars(select(User).order_by(_user.c.name)))


def change(
    session: Session,
    user_id: int,
    *,
    role: str | None = None,
    password: str | None = None,
) -> None:
    """Give a user another role or another password (its hash)."""
    values = {name: value for name, value in (("role", role), ("password", password)) if value is not None}
    if values:
        session.execute(update(_user).where(_user.c.id == user_id).values(**values))


def set_disabled(session: Session, user_id: int, at: Instant | None) -> None:
    """Take from a user what they may do, or with None give it back."""
    session.execute(update(_user).where(_user.c.id == user_id).values(disabled_at=at))


# --- sessions ------------------------------------------------------------------------------------------------------


def begin(session: Session, row: UserSession) -> None:
    """Store a new session. Those that ended long ago are removed with it."""
    session.execute(delete(_session).where(_session.c.ends_at < row.created_at.subtract(hours=24 * 30)))
    add_new(session, row)


def signed_in(session: Session, digest: str) -> tuple[UserSession, User] | None:
    """The session of this cookie and its user, unless it was ended or the user disabled. Times are the caller's."""
    found = session.execute(_SIGNED_IN, {"digest": digest}).first()
    return (found[0], found[1]) if found else None


def seen(session: Session, digest: str, at: Instant) -> None:
    """Note that a session was used."""
    session.execute(update(_session).where(_session.c.digest == digest).values(seen_at=at))


def sessions_of(session: Session, user_id: int, now: Instant) -> list[UserSession]:
    """The sessions of a user that were not ended, the latest first."""
    return list(
        session.scalars(
            select(UserSession)
            .where(_session.c.user_id == user_id, _session.c.ended_at.is_(None), _session.c.ends_at > now)
            .order_by(_session.c.seen_at.desc())
        )
    )


def end(session: Session, digest: str, at: Instant) -> bool:
    """End one session; False where it was over."""
    ending = update(_session).where(_session.c.digest == digest, _session.c.ended_at.is_(None)).values(ended_at=at)
    return changed(session.execute(ending))


def end_all(session: Session, user_id: int, at: Instant, but: str = "") -> int:
    """End all sessions of a user, but for one; how many."""
    ended = session.execute(
        update(_session)
        .where(_session.c.user_id == user_id, _session.c.ended_at.is_(None), _session.c.digest != but)
        .values(ended_at=at)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


# --- attempts, and forms -------------------------------------------------------------------------------------------


def attempts(session: Session, subjects: list[str]) -> dict[str, SignInAttempt]:
    """The failed attempts of these names and addresses, by subject."""
    found = session.scalars(select(SignInAttempt).where(_attempt.c.subject.in_(subjects)))
    return {one.subject: one for one in found}


def note_failure(session: Session, row: SignInAttempt) -> None:
    """Store how often somebody failed, in the place of what was stored."""
    statement = insert(session, _attempt).values(values_of(row))
    said = {name: getattr(statement.excluded, name) for name in ("failures", "last_at", "until")}
    session.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=said))


def forget_failures(session: Session, subjects: list[str]) -> None:
    """Somebody got in."""
    session.execute(delete(_attempt).where(_attempt.c.subject.in_(subjects)))


def spend(session: Session, form: str, at: Instant, before: Instant) -> bool:
    """Note that a form was sent; False where it was before. Those sent before `before` are forgotten."""
    session.execute(delete(_form).where(_form.c.at < before))
    return add_new(session, FormSent(id=form, at=at))
