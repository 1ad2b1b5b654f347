"""The pages of the console, by name: what is looked at in a browser, and drawn for the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import accounts, customers, journeys, messages, pauses, tasks
from store.tables import Event, table_of
from tests.browser.site import Site

PAGES: Mapping[str, str] = {
    "find": "/",
    "your account": "/account",
    "users": "/users",
}
"""Below /console. In braces stands what has an id of its own: a kind, and which one of tests/console/company.py."""

DARK = frozenset({"find"})
"""Which of them the documentation shows in the dark as well."""


async def addresses(site: Site) -> dict[str, str]:
    """Every page's address, by its name."""
    return await site.database.read(lambda session: {name: _filled(session, path) for name, path in PAGES.items()})


def _filled(session: Session, path: str) -> str:
    return re.sub(r"{(\w+) ([^}]+)}", lambda found: _IDS[found[1]](session, *found[2].split()), path)


def _customer(session: Session, name: str) -> str:
    found = customers.get(session, name)
    assert found is not None, f"nobody is called {name}"
    return found.id


def _journey(session: Session, name: str, playbook: str) -> str:
    """The latest of a customer's journeys through a playbook."""
    theirs = journeys.of_customer(session, _customer(session, name))
    return max((one for one in theirs if one.playbook == playbook), key=lambda one: one.entered_at).id


def _message(session: Session, name: str, step: str) -> str:
    theirs = messages.of_customer(session, _customer(session, name))
    return max((one for one in theirs if one.step == step), key=lambda one: one.due_at).id


def _task(session: Session, name: str) -> str:
    return tasks.of_customer(session, _customer(session, name))[0].id


def _account(session: Session, name: str) -> str:
    found = accounts.find(session, name)
    assert found is not None
    return found.id


def _event(session: Session, state: str) -> str:
    """The latest event in a state."""
    row = table_of(Event)
    return str(session.scalar(select(row.c.id).where(row.c.state == state).order_by(row.c.id.desc()).limit(1)))


def _pause(session: Session, scope: str) -> str:
    return str(next(one.id for one in pauses.ever(session) if one.scope == scope))


_IDS: Mapping[str, Callable[..., str]] = {
    "customer": _customer, "journey": _journey, "message": _message, "task": _task, "account": _account,
    "event": _event, "pause": _pause,
}  # fmt: skip
