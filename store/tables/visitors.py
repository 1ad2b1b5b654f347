"""Who may use the console: users, their sessions, failed attempts to sign in, and forms that were sent."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, RowId


class User(Row, table=True):
    """Somebody who may sign in to the console; `name` is what they sign in with, in lower case.

    `role`: viewer, support, marketing or admin (`lifecycle.rights`). `password` is an argon2 hash; None for whoever
    signs in elsewhere (OpenID Connect, by an e-mail address that is the name) or by a link.
    """

    __tablename__ = "console_user"

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    name: str = Field(unique=True)
    role: str
    password: str | None = None
    created_at: Instant = Field(sa_type=InstantType)
    disabled_at: Instant | None = Field(default=None, sa_type=InstantType)


class UserSession(Row, table=True):
    """One browser in which a user is signed in. `digest` is a hash of the cookie, which nobody else knows.

    It is over at `ends_at`, or when nothing was asked for too long since `seen_at`, or once `ended_at` is set.
    """

    __tablename__ = "console_session"
    __table_args__ = (Index(None, "user_id"), Index(None, "ends_at"))

    digest: str = Field(primary_key=True)
    user_id: int = Field(sa_type=RowId, foreign_key="console_user.id")
    created_at: Instant = Field(sa_type=InstantType)
    seen_at: Instant = Field(sa_type=InstantType)
    ends_at: Instant = Field(sa_type=InstantType)
    ended_at: Instant | None = Field(default=None, sa_type=InstantType)
    browser: str | None = None


class SignInAttempt(Row, table=True):
    """Failed attempts to sign in with one name, or from one address of the net: `subject` is a hash of it.

    No further attempt is looked at before `until`.
    """

    __tablename__ = "sign_in_attempt"

    subject: str = Field(primary_key=True)
    failures: int
    last_at: Instant = Field(sa_type=InstantType)
    until: Instant | None = Field(default=None, sa_type=InstantType)


class FormSent(Row, table=True):
    """A form of the console that was sent, so that it is not carried out again. `id` is the form's one-time name."""

    __tablename__ = "form_sent"
    __table_args__ = (Index(None, "at"),)

    id: str = Field(primary_key=True)
    at: Instant = Field(sa_type=InstantType)
