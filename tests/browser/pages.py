"""The pages of the console, by name: what is looked at in a browser, and drawn for the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import accounts, customers, journeys, messages, pauses, tasks
from store.tables import Customer, Event, table_of
from tests.browser.site import Site

PAGES: Mapping[str, str] = {
    # --- customers
    "find": "/",
    "found": "/?q=ha",
    "customer": "/customers/ada",
    "customer held": "/customers/nadia",
    "customer hostile": "/customers/markup",
    "customer unbroken": "/customers/unbroken",
    "customer gone": "/customers/kaya",
    "customer unknown": "/customers/otto",
    "customer erased": "/customers/{erased one}",
    "account": "/accounts/harbour",
    "why not sent": "/customers/ines/explain?message={message ines upsell-offer-people}",
    "why not in": "/customers/ada/explain?playbook=referral-ask",
    # --- what is done to them
    "pause a customer": "/customers/ada/pause",
    "resume a customer": "/customers/nadia/resume",
    "enrol": "/customers/ada/enrol",
    "consent": "/customers/ada/consent",
    "suppress": "/customers/ada/suppress",
    "lift": "/customers/bea/lift",
    "note": "/customers/ada/note",
    "pause a journey": "/journeys/{journey ada first-90-days}/pause",
    "resume a journey": "/journeys/{journey greta first-90-days}/resume",
    "skip": "/journeys/{journey ada first-90-days}/skip",
    "end": "/journeys/{journey ada first-90-days}/exit",
    "pause an account": "/accounts/harbour/pause",
    "resume an account": "/accounts/harbour/resume",
    # --- playbooks
    "playbooks": "/playbooks",
    "playbook": "/playbooks/first-90-days",
    "playbook in two versions": "/playbooks/upsell-offer",
    "playbook paused": "/playbooks/referral-ask",
    "differences": "/playbooks/upsell-offer/differences?old=1&new=2",
    "roll out": "/playbooks/thank-you/roll-out?version=1",
    "let everybody": "/playbooks/upsell-offer/continue",
    "stop": "/playbooks/upsell-offer/stop",
    "pause a playbook": "/playbooks/first-90-days/pause",
    "what it will send": "/playbooks/first-90-days/coming",
    "map": "/map",
    # --- lists
    "messages": "/messages",
    "outbox": "/outbox",
    "message": "/messages/{message ada welcome}",
    "send again": "/messages/{message ada welcome}/resend",
    "tasks": "/tasks",
    "task done": "/tasks/{task tilda}/done",
    "task reopened": "/tasks/{task bruno}/reopen",
    "task assigned": "/tasks/{task tilda}/assign",
    "events": "/events",
    "undeclared": "/events/undeclared",
    "event": "/events/{event applied}",
    "event failed": "/events/{event failed}",
    "retry one": "/events/{event failed}/retry",
    "retry all": "/events/retry",
    "segments": "/segments",
    "segment": "/segments/not_started",
    "pause a segment": "/segments/not_started/pause",
    "audit log": "/audit",
    # --- pauses
    "pauses": "/pauses",
    "pause": "/pauses/{pause playbook}",
    "resume a playbook": "/pauses/{pause playbook}/resume",
    "pause a channel": "/channels/sms/pause",
    "pause everything": "/everything/pause",
    # --- users
    "your account": "/account",
    "users": "/users",
}
"""Below /console. In braces stands what has an id of its own: a kind, and which one of tests/console/company.py."""

DARK = frozenset({"customer", "playbook"})
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


def _erased(session: Session, _: str) -> str:
    row = table_of(Customer)
    return str(session.scalar(select(row.c.id).where(row.c.erased_at.is_not(None)).limit(1)))


def _pause(session: Session, scope: str) -> str:
    return str(next(one.id for one in pauses.ever(session) if one.scope == scope))


_IDS: Mapping[str, Callable[..., str]] = {
    "customer": _customer, "journey": _journey, "message": _message, "task": _task, "account": _account,
    "event": _event, "pause": _pause, "erased": _erased,
}  # fmt: skip
