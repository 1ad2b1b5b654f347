"""Who a customer is, on one page: what is known of them, what they agreed to, what holds or suppresses messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from activities.asking import address_of
from intake.explain import Explainer
from intake.finding import name_of
from intake.life import shown
from intake.reader import Unknown
from lifecycle.consent import answer_for
from messaging import addresses
from store import accounts, consents, customers, events, journeys, pauses, playbooks, segments, suppressions
from store.journeys import UNDER_WAY, Outline
from store.tables import Account, Customer, Pause, Suppression


class Agreed(NamedTuple):
    """What a customer said about a topic for a channel. `no need`: nothing, and the topic needs no yes."""

    topic: str
    description: str
    channel: str
    answer: Literal["yes", "no", "not asked", "no need", "not confirmed"]
    since: Instant | None
    told_by: str | None


class Known(NamedTuple):
    """An attribute with its value as people read it."""

    name: str
    value: str
    description: str


@dataclass(frozen=True, slots=True)
class Profile:
    """`zone` is that in which the customer's times are meant, `marks` are keyed hashes of how to reach them.

    `pauses` hold the customer now, or all of some group they are in. `had` are their journeys in outline, in the order
    of entry, and `others` the playbooks that take customers and never had this one. Of an erased customer nothing is
    known but when that was.
    """

    customer: Customer
    name: str
    zone: str
    merged: Sequence[Customer]
    account: Account | None
    segments: Sequence[tuple[str, Instant]]
    agreed: Sequence[Agreed]
    suppressed: Sequence[Suppression]
    pauses: Sequence[Pause]
    known: Sequence[Known]
    had: Sequence[Outline]
    others: Sequence[str]
    waiting: int
    marks: Sequence[tuple[str, str]]

    @property
    def open(self) -> list[Outline]:
        """Journeys that have not ended, the latest entered first."""
        return [one for one in reversed(self.had) if one.status in UNDER_WAY]


def find(session: Session, name: str, secret: bytes) -> tuple[Customer, list[Customer], list[tuple[str, str]]]:
    """The customer whom the product, or we, call so; the rows that were merged into theirs; and the keyed hashes of how
    to reach them, as channel and hash. Raises Unknown.
    """
    found = customers.get(session, name) or customers.by_id(session, name)
    if found is None:
        raise Unknown("there is no customer of this name")
    return found, customers.merged_into(session, found.id), marks_of(found, secret)


def marks_of(customer: Customer, secret: bytes) -> list[tuple[str, str]]:
    """The keyed hashes of a customer's addresses, as channel and hash."""
    marks = []
    for channel in ("email", "sms"):
        given = address_of(customer, channel)
        normal = addresses.normal(channel, given) if given and customer.erased_at is None else None
        if normal is not None:
            marks.append((channel, addresses.fingerprint(secret, channel, normal)))
    return marks


def of_customer(
    session: Session,
    explainer: Explainer,
    customer: Customer,
    merged: Sequence[Customer],
    marks: Sequence[tuple[str, str]],
) -> Profile:
    """Who a customer is; `merged` and `marks` as `find` gives them."""
    zone = explainer.zone(customer)
    if customer.erased_at is not None:
        return Profile(customer, "Erased customer", zone, (), None, (), (), (), (), (), (), (), 0, ())
    inside = segments.since(session, customer.id)
    had = journeys.outlines(session, customer.id)
    seen = {one.playbook for one in had}
    names = [customer.user_id, *(one.user_id for one in merged)]
    return Profile(
        customer,
        name_of(customer),
        zone,
        merged,
        accounts.by_id(session, customer.account_id) if customer.account_id else None,
        inside,
        _agreed(session, explainer, customer),
        [row for channel, mark in marks for row in suppressions.active(session, channel, mark)],
        pauses.of_people(session, customer, [name for name, _ in inside]),
        _known(explainer, customer),
        had,
        sorted(name for name in playbooks.active(session) if name not in seen),
        events.not_applied(session, names),
        marks,
    )


def _agreed(session: Session, explainer: Explainer, customer: Customer) -> list[Agreed]:
    said = consents.latest(session, customer.id)
    asked = {one.topic: one for one in consents.requests(session, customer.id) if one.confirmed_at is None}
    told = []
    for topic, rule in explainer.map.topics.items():
        for channel in rule.channels:
            answer = answer_for(said, topic, channel)
            last = [one for one in said if one.topic == topic and one.channel in (None, channel)][-1:]
            word: Literal["yes", "no", "not asked", "no need", "not confirmed"] = "yes" if answer else "no"
            if answer is None:
                word = "no need" if rule.consent == "opt_out" else "not confirmed" if topic in asked else "not asked"
            since = last[0].at if last else asked[topic].at if word == "not confirmed" else None
            by = {"email": "e-mail", "sms": "SMS"}[channel]
            told.append(Agreed(topic, rule.description, by, word, since, last[0].source if last else None))
    return told


def _known(explainer: Explainer, customer: Customer) -> list[Known]:
    """Declared attributes first, in the order of the map."""
    rules = {name: rule for name, rule in explainer.map.attributes.items() if rule.of == "customer"}
    order = [name for name in rules if name in customer.attributes]
    order += sorted(name for name in customer.attributes if name not in rules)
    return [
        Known(name, shown(customer.attributes[name]), rules[name].description if name in rules else "")
        for name in order
    ]
