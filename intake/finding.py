"""Finding a customer or an account by what somebody types: any id, an e-mail address, a phone number, a name; of each
but our own ids, the beginning is enough.

A person who was merged into another leads to who they are now. Of one who was erased nothing is shown but that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy.orm import Session

from messaging import addresses
from store import finding
from store.finding import Hit, Kind
from store.tables import Account, Customer

MOST = 10
"""How many are shown at once."""

_SHORTEST, _LONGEST = 1, 200

FEWEST_DIGITS = 4
"""From so many digits on a text may be the beginning of a phone number: with fewer, half of a country is found."""

_NUMBER = re.compile(r"\+?[\d\s().\-/]+")


class Found(NamedTuple):
    """One result. `id` is ours; `name` what people call it, `email` a customer's, `by` what matched, and `also` other
    words of it: an account's name, or that the customer used to be another one.
    """

    kind: Kind
    id: str
    name: str
    email: str | None
    by: str
    matched: str
    stage: str | None = None
    also: str | None = None
    erased: bool = False


def find(session: Session, typed: str) -> list[Found]:
    """At most `MOST` results, whole matches first. Nothing for an empty text."""
    text = "".join(one for one in typed if one.isprintable())[:_LONGEST].strip()
    if len(text) < _SHORTEST:
        return []
    hits = [*finding.named(session, text), *finding.beginning(session, text, MOST)]
    numbers = _numbers(text)
    for number in numbers:
        hits += finding.with_number(session, number, MOST)
    hits.sort(key=lambda hit: hit.matched.casefold() != text.casefold() and hit.matched not in numbers)
    people = _people(session, [hit.id for hit in hits if hit.kind == "customer"])
    firms = finding.accounts(session, [hit.id for hit in hits if hit.kind == "account"])
    found: dict[str, Found] = {}
    for hit in hits:
        told = _account(hit, firms[hit.id]) if hit.kind == "account" else _customer(hit, people)
        found.setdefault(told.id, told)
    return list(found.values())[:MOST]


def _numbers(text: str) -> list[str]:
    """How a phone number that somebody begins to type may be kept: with its country, or as it was told us without."""
    whole = addresses.normal("sms", text)
    if whole is not None:
        return [whole]
    if not _NUMBER.fullmatch(text):
        return []
    digits = "".join(one for one in text.replace("(0)", "") if one in "0123456789")
    if len(digits) < FEWEST_DIGITS:
        return []
    if text.startswith("+"):
        return [f"+{digits}"]
    return [digits, f"+{digits.removeprefix('00')}"]


def name_of(customer: Customer) -> str:
    """What people call a customer: the name where there is one, else the product's id."""
    known = customer.attributes or {}
    parts = [known.get("first_name"), known.get("last_name")]
    whole = " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
    name = whole or known.get("name")
    return name if isinstance(name, str) and name.strip() else customer.user_id


def account_name(account: Account) -> str:
    """What people call an account."""
    name = (account.attributes or {}).get("name")
    return name if isinstance(name, str) and name.strip() else account.group_id


def _people(session: Session, ids: list[str]) -> dict[str, Customer]:
    """The rows with these ids, and those to whom tombstones among them lead."""
    people: dict[str, Customer] = {}
    ahead = list(dict.fromkeys(ids))
    while ahead:
        near = finding.customers(session, ahead)
        people |= near
        ahead = [one.merged_into for one in near.values() if one.merged_into and one.merged_into not in people]
    return people


def _customer(hit: Hit, people: dict[str, Customer]) -> Found:
    was = row = people[hit.id]
    while row.merged_into is not None:
        row = people[row.merged_into]
    if row.erased_at is not None:
        return Found("customer", row.id, "Erased customer", None, hit.by, "", erased=True)
    also = None if was is row else f"was {was.user_id}"
    return Found("customer", row.id, name_of(row), row.email, hit.by, hit.matched, row.stage, also)


def _account(hit: Hit, row: Account) -> Found:
    return Found("account", row.id, account_name(row), None, hit.by, hit.matched, also=row.group_id)
