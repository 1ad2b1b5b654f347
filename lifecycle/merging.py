"""What becomes of two records of one person: a visitor's and a customer's (rules.md 21). Pure.

The customer stays, and what the visitor has comes to them:
- Attributes: the customer's own win, what they lack comes from the visitor. Of two stages the one further on the map.
- History adds up. Nothing that either reached is lost, and a milestone counts for a journey from its entry on, whoever
  of the two reached it.
- Journeys move with the arms that were drawn. Of two open ones through one playbook, for one occurrence, the older
  stays. What either has ever been in counts for entries that happen once.
- A no is never lost: a yes that was said before a no of the other record's is no yes, as if there had been one record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol, get_args

from whenever import Instant

from lifecycle.events import Joined, Person
from lifecycle.facts import Milestones
from lifecycle.language.map import Map
from lifecycle.language.template import Channel

ADDRESSES = ("email", "phone")


class Run(Protocol):
    """A journey of either, open or not. `per_value` is what its occurrence was told by, `key` its name among others."""

    @property
    def id(self) -> str: ...
    @property
    def playbook(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def per_value(self) -> str | None: ...
    @property
    def entered_at(self) -> Instant: ...


class Said(Protocol):
    """An answer about a topic, said at `at`; `channel` None speaks for every channel."""

    @property
    def topic(self) -> str: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def granted(self) -> bool: ...
    @property
    def at(self) -> Instant: ...


class No(NamedTuple):
    """A no that is to be said once more, because a yes that was said before it came in after it."""

    topic: str
    channel: str
    at: Instant


def refusal(kind: str, customer: Person, visitor: Person, *, known: bool) -> str | None:
    """Why a visitor is not merged into a customer, though both could be; None where they are.

    `alias` is the product's own word that the two are one. `identify` is sent by browsers, which people share: so it
    takes nobody along who is `known` as a customer already, or who left an address that is not the customer's.
    """
    if kind == "alias":
        return None
    if known:
        return "the previous id is a customer's own, into whom others were merged"
    for name in ADDRESSES:
        theirs, ours = visitor.attributes.get(name), customer.attributes.get(name)
        if theirs and ours and str(theirs).casefold() != str(ours).casefold():
            return f"the previous id left another {name} than the customer's"
    return None


def joined(customer: Person, visitor: Person, map: Map) -> Joined:
    """The customer with what the visitor brings, and the names of all that is new to either's journeys."""
    brought = {name: value for name, value in visitor.attributes.items() if value is not None}
    own = {name: value for name, value in customer.attributes.items() if value is not None}
    person = Person(
        customer.id,
        {**brought, **own},
        _further(customer.stage, visitor.stage, map),
        _added(customer, visitor),
        customer.account or visitor.account,
    )
    touched = {f"milestones.{name}" for name in customer.history.keys() | visitor.history.keys()}
    for root, parts in (
        ("customer", (customer.attributes, visitor.attributes, person.attributes)),
        ("account", (customer.account, visitor.account, person.account)),
    ):
        ours, theirs, both = parts
        touched |= {f"{root}.{name}" for name in both if not ours.get(name) == theirs.get(name) == both[name]}
    return Joined(customer, visitor, person, frozenset(touched))


def _further(one: str | None, other: str | None, map: Map) -> str | None:
    return max((one, other), key=lambda stage: (map.order.get(stage or "", -1), stage is not None))


def _added(one: Person, other: Person) -> dict[str, Milestones]:
    added = dict(one.history)
    for name, more in other.history.items():
        had = added.get(name, Milestones())
        firsts = [at for at in (had.first, more.first) if at is not None]
        lasts = [at for at in (had.last, more.last) if at is not None]
        added[name] = Milestones(had.count + more.count, min(firsts, default=None), max(lasts, default=None))
    return added


def leaving(open_ones: Iterable[Run]) -> list[str]:
    """Of the open journeys of both those that end, because an older one of its playbook and occurrence stays."""
    stays: set[tuple[str, str | None]] = set()
    ends = []
    for run in sorted(open_ones, key=lambda run: (run.entered_at, run.id)):
        occurrence = (run.playbook, run.per_value)
        if occurrence in stays:
            ends.append(run.id)
        stays.add(occurrence)
    return ends


def renamed(customers: Collection[Run], visitors: Iterable[Run]) -> dict[str, str]:
    """By id of those of the visitor's journeys whose key the customer has had in the playbook too: another key.

    The id of the journey makes it one that no occurrence has.
    """
    taken = {(run.playbook, run.key) for run in customers}
    return {run.id: f"{run.key}~{run.id}" for run in visitors if (run.playbook, run.key) in taken}


def noes(answers: Sequence[Said]) -> list[No]:
    """The noes to say once more, so that what counts for the two is what would count, had they been one from the start.

    `answers` are those of both, in the order in which we learnt of them.
    """
    found = []
    for topic in dict.fromkeys(one.topic for one in answers):
        for channel in get_args(Channel):
            about = [one for one in answers if one.topic == topic and one.channel in (None, channel)]
            no = _standing_no(about)
            if no is not None and about[-1].granted:
                found.append(No(topic, channel, no.at))
    return found


def _standing_no(about: Iterable[Said]) -> Said | None:
    """The no that stands after these answers. A yes from before a no that was known already counts for nothing."""
    standing: Said | None = None
    latest: Said | None = None
    for one in about:
        if not one.granted:
            standing = one
            latest = one if latest is None or one.at >= latest.at else latest
        elif latest is None or one.at >= latest.at:
            standing = None
    return standing
