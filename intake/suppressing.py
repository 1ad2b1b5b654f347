"""Suppressing a customer's address by hand, and lifting what suppresses it.

A suppression belongs to the address, whoever has it (store.suppressions): it is kept under a keyed hash, and outlives
a change of the customer's address and their erasure. Two reasons are not for us to lift: who wrote STOP takes that back
by START, and who said no before they were erased by a yes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from sqlalchemy.orm import Session
from whenever import Instant

from intake import asking, reader
from intake.asking import Conflict
from intake.pauses import Impossible
from lifecycle.suppression import BY_HAND, SAID_NO, STOPPED
from messaging import addresses
from store import audit, suppressions
from store.tables import Audit, Customer, Suppression

Channel = Literal["email", "sms"]
Scope = Literal["marketing", "all"]

CHANNELS: tuple[Channel, ...] = get_args(Channel)
SCOPES: tuple[Scope, ...] = get_args(Scope)

WORDS = {"email": "e-mail address", "sms": "phone number"}

_THEIRS = {
    STOPPED: "they wrote STOP, and only a START of theirs ends that",
    SAID_NO: "they had said no before they were erased, and only a yes of theirs ends that",
}


class Lying(NamedTuple):
    """A suppression of one of a customer's addresses. `liftable`: a person of the company may end it."""

    channel: Channel
    reason: str
    scope: str
    at: Instant
    made_by: str
    liftable: bool


def of_customer(session: Session, customer: Customer, secret: bytes) -> list[Lying]:
    """What suppresses the addresses that a customer has now. `secret` keys the hashes of addresses."""
    marks = [(channel, mark) for channel in CHANNELS if (mark := _mark(customer, channel, secret)) is not None]
    return [
        Lying(channel, row.reason, row.scope, row.at, row.made_by, row.reason not in _THEIRS)
        for channel, mark in marks
        for row in suppressions.active(session, channel, mark)
    ]


def suppress(
    session: Session,
    customer: str,
    channel: Channel,
    *,
    scope: Scope,
    reason: str,
    who: str,
    secret: bytes,
    now: Instant,
    key: str | None = None,
) -> Customer:
    """Never message the present address of a customer (the product's id or ours) by this channel again, until lifted.

    `scope` marketing leaves transactional messages alone. `key` as in `intake.asking`. Raises reader.Unknown,
    Impossible (no such channel or scope, no address, no reason) and Conflict: it is suppressed by hand already.
    """
    found = reader.find_customer(session, customer)
    mark = _checked(found, channel, scope, reason, secret)
    asked = {"channel": channel, "scope": scope}
    if asking.before(session, "suppress", found.id, key, asked) is not None:
        return found
    row = Suppression(channel=channel, address=mark, reason=BY_HAND, scope=scope, at=now, made_by=who)
    if not suppressions.add(session, row):
        raise Conflict(f"this {WORDS[channel]} is suppressed by hand already, as widely or more so")
    _log(session, "suppress", found.id, reason, who, now, asking.keyed(asked, key))
    return found


def lift(
    session: Session,
    customer: str,
    channel: Channel,
    *,
    cause: str | None = None,
    reason: str,
    who: str,
    secret: bytes,
    now: Instant,
    key: str | None = None,
) -> list[str]:
    """End what suppresses the present address of a customer by this channel; the reasons of what was ended.

    With `cause` only what was suppressed for that reason (`by-hand`, `bounced` ...). Raises reader.Unknown, Impossible,
    and Conflict: nothing suppresses it, or it is not for us to end.
    """
    found = reader.find_customer(session, customer)
    mark = _checked(found, channel, "all", reason, secret)
    asked = {"channel": channel} | ({"cause": cause} if cause else {})
    if (earlier := asking.before(session, "lift", found.id, key, asked, ("lifted",))) is not None:
        return list((earlier.data or {})["lifted"])
    lying = dict.fromkeys(row.reason for row in suppressions.active(session, channel, mark))
    meant = [one for one in lying if cause in (None, one)]
    ended = [one for one in meant if one not in _THEIRS]
    if not ended:
        theirs = next((_THEIRS[one] for one in meant if one in _THEIRS), None)
        because = f" because of `{cause}`" if cause else ""
        raise Conflict(theirs or f"nothing suppresses this {WORDS[channel]}{because}")
    for one in ended:
        suppressions.lift(session, channel, mark, one, now)
    _log(session, "lift", found.id, reason, who, now, asking.keyed({**asked, "lifted": ended}, key))
    return ended


def _checked(customer: Customer, channel: str, scope: str, reason: str, secret: bytes) -> str:
    """The hash of the customer's address."""
    if channel not in CHANNELS:
        raise Impossible(f"an address is suppressed by email or sms, not by `{channel}`")
    if scope not in SCOPES:
        raise Impossible(f"what is suppressed is marketing or all, not `{scope}`")
    if not reason.strip():
        raise Impossible("say why: the reason is kept in the audit log")
    mark = _mark(customer, channel, secret)
    if mark is None:
        raise Impossible(f"the customer has no {WORDS[channel]}")
    return mark


def _mark(customer: Customer, channel: str, secret: bytes) -> str | None:
    given = customer.email if channel == "email" else customer.phone
    normal = addresses.normal(channel, given) if given else None
    return None if normal is None else addresses.fingerprint(secret, channel, normal)


def _log(
    session: Session, what: str, target: str, reason: str, who: str, now: Instant, data: dict[str, object]
) -> None:
    audit.record(session, Audit(at=now, who=who, what=what, target=target, reason=reason, data=data))
