"""What the acts on one customer share: whom one is about, the page before it, and where it leads back to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fastapi import Request
from sqlalchemy.orm import Session

from console.acts import Act, Field, named
from console.pages import address
from intake import reader
from store import held
from store.tables import Customer


class Found(NamedTuple):
    """A customer, and what people call them."""

    customer: Customer
    called: str


def find(session: Session, id: str) -> Found:
    """The customer of this name; raises `reader.Unknown`."""
    customer = reader.find_customer(session, named(id))
    return Found(customer, held.called(customer))


def page_before(
    request: Request,
    found: Found,
    title: str,
    act: str,
    says: Sequence[str],
    button: str,
    fields: Sequence[Field],
    facts: Sequence[tuple[str, str]] = (),
    *,
    asks_why: bool = True,
) -> Act:
    """The page before `act`, which is the last part of its address."""
    action = address(request, "customers", found.customer.id, act)
    return Act(title, says, action, back(request, found), button, fields, facts, asks_why=asks_why)


def back(request: Request, found: Found) -> str:
    """The customer's own page."""
    return address(request, "customers", found.customer.id)
