"""What can go wrong between us and the database, in words for whoever runs the command.

    StoreError
    +-- DatabaseBusy          somebody else kept what we need locked for longer than we wait
    +-- DatabaseUnreachable   no such server, no such folder, or it went away
    +-- SchemaTooNew          the database was written by a later version of Milepost

Everything else (a unique key, a bug in a query) stays SQLAlchemy's own exception.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from store.connections import is_busy


class StoreError(Exception):
    """The database cannot be used as it is; the text says what happened, where, and what to do next."""


class DatabaseBusy(StoreError):
    """Another process held the lock on the SQLite file, or another transaction rows of ours; nothing was changed."""


class DatabaseUnreachable(StoreError):
    """No connection could be made, or it broke. What was under way did not commit, or cannot be known to have."""


class SchemaTooNew(StoreError):
    """The schema's revision is not one that this version knows."""


def translated(error: DBAPIError, url: URL, patience: float) -> StoreError | None:
    """What a database error means to people, or None where it is not about reaching the database.

    `patience` is the time, in seconds, for which a lock was waited for. The password is never shown.
    """
    where = url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    if is_busy(error.orig):
        return DatabaseBusy(
            f"the database {where} was locked by another process for {patience:g} s, and nothing was changed;"
            " stop the process that holds it, or try again"
        )
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN:
            return DatabaseUnreachable(
                f"the database {where} cannot be opened; check that its folder exists and may be written"
            )
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return DatabaseUnreachable(
                f"the file {where} is no SQLite database, or a damaged one; check MILEPOST_DATABASE_URL,"
                " or bring back a copy"
            )
        return None
    # psycopg gives no SQLSTATE where no server answered; class 08 is a broken connection, 57P a server shutting down,
    # 53300 one that has no connection left, 25P03 one that waited too long for us.
    state = getattr(error.orig, "sqlstate", None)
    lost = error.connection_invalidated or state is None or state.startswith(("08", "57P", "28", "3D", "53300"))
    if (isinstance(error, OperationalError) and lost) or state == "25P03":
        reason = " ".join(str(error.orig).split())
        return DatabaseUnreachable(
            f"the database {where} cannot be reached ({reason}); check that it runs and MILEPOST_DATABASE_URL is right"
        )
    return None


def about_the_value(error: BaseException) -> bool:
    """Whether an error is about what was to be stored, and so would come again, however often it is tried.

    Not so are a full disk, a deadlock, a server that stops: the next attempt may go well.
    """
    if not isinstance(error, OperationalError):
        return True
    # Class 54, a limit of PostgreSQL's: a text too long for its index, a JSON too deep.
    return str(getattr(error.orig, "sqlstate", None)).startswith("54")
