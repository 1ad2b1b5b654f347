"""Accounts: companies, found by the product's id or by ours. Their customers see what changes the next time they look.

A transaction that changes an account locks it after its customer, and no second one: whoever held one and wanted
another could wait for somebody who has it the other way round.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from whenever import Instant

from store.statements import add_new
from store.tables import Account, table_of
from store.tables.people import findable

_account = table_of(Account)


def by_id(session: Session, account_id: str) -> Account | None:
    """The account with our own id (`acc_...`), read anew."""
    return session.scalar(select(Account).where(_account.c.id == account_id).execution_options(populate_existing=True))


def find(session: Session, name: str) -> Account | None:
    """The account that the product, or we, call so."""
    meant = or_(_account.c.group_id == name, _account.c.id == name)
    return session.scalar(select(Account).where(meant).order_by(_account.c.group_id != name).limit(1))


def learn(session: Session, group_id: str, attributes: Mapping[str, Any], now: Instant) -> tuple[Account, bool]:
    """The account that the product calls `group_id`, with these attributes; and whether that made or changed it.

    Only what is new is written: most calls say what is known, and lock nothing.
    """
    found = select(Account).where(_account.c.group_id == group_id).execution_options(populate_existing=True)
    account = session.scalar(found)
    if account is not None and _knows(account, attributes):
        return account, False
    if account is None:
        made = Account(id=f"acc_{secrets.token_hex(8)}", group_id=group_id, created_at=now, updated_at=now)
        add_new(session, findable(made))
    account = session.execute(found.with_for_update(key_share=True)).scalar_one()
    if not _knows(account, attributes):
        account.attributes |= attributes
        account.updated_at = now
        flag_modified(account, "attributes")
        session.flush()
    return account, True


def _knows(account: Account, attributes: Mapping[str, Any]) -> bool:
    return all(name in account.attributes and account.attributes[name] == value for name, value in attributes.items())
