"""What can be paused from the pages: what it is called, where its pages are, and who may pause it."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from sqlalchemy.orm import Session

from intake import pauses, reader
from intake.pauses import Scope
from lifecycle.step_words import CHANNELS
from store import accounts, held
from store.tables import Pause

STEERED: dict[str, str] = {"playbook": "playbooks", "segment": "segments", "channel": "channels"}
ACTED: dict[str, str] = {"customer": "customers", "account": "accounts", "journey": "journeys"}
"""The rooms of scopes, by who may pause them."""


class Subject(NamedTuple):
    """What is to be paused: its scope, the name under which it is stored and the one that people know, and its page."""

    scope: Scope
    target: str
    called: str
    back: tuple[str, ...]


def subject_of(session: Session, scope: Scope, name: str, segments: Any, *, gone: bool = False) -> Subject:
    """What a name of an address means; with `gone` also a playbook or segment that is not declared any more."""
    if scope == "customer":
        customer = reader.find_customer(session, name)
        return Subject(scope, customer.id, held.called(customer), ("customers", customer.id))
    if scope == "account":
        account = accounts.find(session, name)
        if account is None:
            raise reader.Unknown("there is no such account")
        return Subject(scope, account.id, account.group_id, ("accounts", account.id))
    target = name if gone else pauses.resolved(session, scope, name, segments)[1]
    if scope == "everything":
        return Subject(scope, "", "everything", ("pauses",))
    back = ("pauses",) if scope == "channel" else (STEERED[scope], target)
    return Subject(scope, target, target, back)


def place_of(subject: Subject) -> tuple[str, ...]:
    """The room and name of an address, before what is done there."""
    if subject.scope == "everything":
        return ("everything",)
    return ({**STEERED, **ACTED}[subject.scope], subject.target)


def resume_place_of(pause: Pause) -> tuple[str, ...]:
    """Where a pause is ended."""
    if pause.scope in ACTED:
        return (ACTED[pause.scope], pause.target, "resume")
    return ("pauses", str(pause.id), "resume")


def what(subject: Subject) -> str:
    """Who or what is paused, in words."""
    match subject.scope:
        case "customer":
            return subject.called
        case "account":
            return f"all customers of {subject.called}"
        case "segment":
            return f"whoever is in {subject.called}"
        case "channel":
            return CHANNELS[subject.target]
        case "everything":
            return "everything"
        case _:
            return f"the playbook {subject.called}"


def name_of(pause: Pause, name: held.Named) -> str:
    """The same of a pause whose subject's name is known."""
    if pause.scope in ("customer", "journey"):
        return name.text
    return what(Subject(cast("Scope", pause.scope), pause.target, name.text, ()))
