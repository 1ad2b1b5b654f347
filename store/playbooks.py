"""Playbook versions: published once under the hash of their content, and which one new journeys take."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.shares import drawn
from store.statements import add_new, insert
from store.tables import PlaybookActive, PlaybookVersion, table_of

_version = table_of(PlaybookVersion)
_active = table_of(PlaybookActive)


def publish(session: Session, version: PlaybookVersion) -> bool:
    """Store a version; False where it is there already, unchanged by definition."""
    return add_new(session, version)


def activate(session: Session, playbook: str, version: str, now: Instant) -> None:
    """Let all new journeys of a playbook take this version. Where it is active already, `since` stays."""
    statement = insert(session, _active).values(playbook=playbook, version=version, since=now)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["playbook"],
            set_={"version": version, "since": now},
            where=_active.c.version != version,
        )
    )
    share(session, playbook, None, None)


def share(session: Session, playbook: str, canary: str | None, percent: int | None) -> None:
    """Let the customers who are drawn for it take another version than the others; None: nobody does."""
    session.execute(update(_active).where(_active.c.playbook == playbook).values(canary=canary, percent=percent))


def deactivate(session: Session, playbook: str) -> None:
    """Let nobody enter a playbook any more; journeys under way go on."""
    session.execute(_active.delete().where(_active.c.playbook == playbook))


_ACTIVE = select(_active)


def active(session: Session) -> dict[str, str]:
    """By playbook: the id of the version that new journeys take, but for those of a share."""
    return {row.playbook: row.version for row in session.execute(_ACTIVE)}


def actives(session: Session) -> list[PlaybookActive]:
    """What new journeys take, for each playbook that can be entered."""
    return list(session.scalars(select(PlaybookActive).execution_options(populate_existing=True)))


def latest(session: Session) -> dict[str, str]:
    """By playbook, of all that were ever published: the id of the version that was published last."""
    rows = session.execute(
        select(_version.c.playbook, _version.c.id).order_by(_version.c.created_at, _version.c.id.desc())
    )
    return {row.playbook: row.id for row in rows}


def those(session: Session, ids: Collection[str]) -> list[PlaybookVersion]:
    """These versions, whole."""
    return list(session.scalars(select(PlaybookVersion).where(_version.c.id.in_(ids))))


def taken_by(session: Session, customer_id: str) -> dict[str, str]:
    """By playbook: the id of the version that a customer would take."""
    return {
        row.playbook: row.canary
        if row.canary is not None and drawn(customer_id, row.canary) < (row.percent or 0)
        else row.version
        for row in session.execute(_ACTIVE)
    }


def taken(session: Session, playbook: str) -> dict[str, int]:
    """By version: how many percent of a playbook's new journeys take it."""
    row = session.execute(select(_active).where(_active.c.playbook == playbook)).first()
    if row is None:
        return {}
    if row.canary is None:
        return {row.version: 100}
    return {row.version: 100 - (row.percent or 0), row.canary: row.percent or 0}


def since(session: Session) -> dict[str, Instant]:
    """By playbook: since when new journeys take its present version."""
    return {row.playbook: row.since for row in session.execute(select(_active))}


def plan(session: Session, version: str) -> bytes | None:
    """The compiled plan of a version, as it was published."""
    return session.scalar(select(_version.c.plan).where(_version.c.id == version))


def plans(session: Session, versions: Collection[str]) -> dict[str, bytes]:
    """By version: its compiled plan, as it was published."""
    rows = session.execute(select(_version.c.id, _version.c.plan).where(_version.c.id.in_(versions)))
    return {row.id: row.plan for row in rows}


def get(session: Session, version: str) -> PlaybookVersion | None:
    """A version with its source."""
    return session.scalar(select(PlaybookVersion).where(_version.c.id == version))


def versions(session: Session, playbook: str) -> list[tuple[str, Instant]]:
    """The versions of a playbook and when each was published, the latest first."""
    rows = session.execute(
        select(_version.c.id, _version.c.created_at)
        .where(_version.c.playbook == playbook)
        .order_by(_version.c.created_at.desc(), _version.c.id)
    )
    return [(row.id, row.created_at) for row in rows]


def named(session: Session, name: str, playbook: str | None = None) -> list[str]:
    """The ids of versions that a name stands for: the number of one of `playbook`'s, counted from 1 in the order in
    which they were published, else the first letters of ids.
    """
    if playbook is not None and name.isdecimal():
        published = [version for version, _ in reversed(versions(session, playbook))]
        if 1 <= int(name) <= len(published):
            return [published[int(name) - 1]]
    found = select(_version.c.id).where(_version.c.id.startswith(name, autoescape=True)).order_by(_version.c.id)
    return list(session.scalars(found))
