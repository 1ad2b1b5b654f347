"""Consent comes in: the one way for every door (calls, imports, pages, the command line), with its proof.

Who may be written to is a matter of law, so these rules lean to the safe side:
- A no always counts, from the moment in which it is stored. A yes that was said before a no that we know of is no yes:
  old files and late calls undo nobody's unsubscribing.
- A topic with double opt-in gets no consent from a door: the asking is stored with its proof, and the consent only once
  the link in the confirmation mail was used.
- What changes makes a milestone of Milepost's own (`consent.given`, `consent.withdrawn`, `consent.requested`), as an
  event beside it in the same transaction. Saying the same again changes nothing, and makes none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sqlalchemy.orm import Session
from whenever import Instant

from intake import asking
from lifecycle.consent import CONFIRM_WITHIN, answer_for
from lifecycle.language.faults import did_you_mean
from lifecycle.language.map import Map, Topic
from store import audit, consents, customers, events, journeys, messages
from store.tables import Audit, Consent, ConsentRequest, Customer

SOURCE = "milepost"
"""The source of events that Milepost itself makes."""

CONFIRMED = "double opt-in"
"""The source of a consent that was given by the link in a confirmation mail."""


_REQUEST = "request"
"""The property of `consent.requested` that names the stored request."""


class NotRecorded(Exception):
    """An answer that cannot be recorded; `str()` says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How a customer said it: where (`source`), when, from which address of the net, and what they were shown."""

    source: str
    at: Instant
    ip: str | None = None
    text_version: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an answer. `says` is a sentence for whoever brought it.

    given, withdrawn: stored, and counts from now on. requested: a confirmation is needed, and was asked for. same: it
    is what is stored already. outdated: a yes from before the customer's last no, which stands.
    """

    state: Literal["given", "withdrawn", "requested", "same", "outdated"]
    topic: str
    channel: str | None
    says: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of a confirmation; `says` is a sentence for the person who used the link.

    confirmed: the consent is stored. again: the link was used before, and nothing was done (if they unsubscribed since,
    that stands). expired: the request is older than `CONFIRM_WITHIN`. unknown: no confirmation mail has this link.
    """

    state: Literal["confirmed", "again", "expired", "unknown"]
    topic: str | None
    says: str


def topic_of(map: Map, name: str, channel: str | None = None) -> Topic:
    """The declared topic; NotRecorded where there is none of this name, or it is not sent by this channel."""
    topic = map.topics.get(name)
    if topic is None:
        hint = did_you_mean(name, map.topics)
        raise NotRecorded(f"there is no topic `{name}` in the map" + (f"; {hint}" if hint else ""))
    if channel is not None and channel not in topic.channels:
        raise NotRecorded(f"`{name}` is sent by {' and '.join(topic.channels)}, not by `{channel}`")
    return topic


def record(
    session: Session,
    map: Map,
    customer: Customer | str,
    topic: str,
    granted: bool,
    proof: Proof,
    now: Instant,
    channel: str | None = None,
) -> Recorded:
    """Store what a customer answered about a topic, and insert the milestone that follows.

    `customer` is one that this session has locked, or the product's id; a new one is made. `channel` None speaks for
    every channel of the topic. NotRecorded, and nothing stored: an unknown topic or channel.
    """
    declared = topic_of(map, topic, channel)
    if isinstance(customer, str):
        customer, _ = customers.lock_or_create(session, customer, now)
    if customer.erased_at is not None:
        return Recorded("same", topic, channel, "the customer was erased: nothing is sent to them, and nothing kept")
    proof = replace(proof, at=min(proof.at, now))
    had = consents.latest(session, customer.id)
    before = [answer_for(had, topic, one) for one in ([channel] if channel else declared.channels)]
    about = f"`{topic}`" + (f" by {channel}" if channel else "")
    if granted and any(_later_no(row, topic, channel, proof.at) for row in had):
        return Recorded("outdated", topic, channel, f"the customer said no to {about} after that, and the no stands")
    unchanged, answer = all(one is granted for one in before), "yes" if granted else "no"
    exact = next((row for row in had if (row.topic, row.channel) == (topic, channel)), None)
    confirmed = granted and declared.consent == "double_opt_in"
    if unchanged and (confirmed or (exact is not None and _proves(exact, proof))):
        return Recorded("same", topic, channel, f"the customer's answer to {about} is {answer} already")
    if confirmed:
        return _request(session, customer, topic, channel, proof, now)
    row = Consent(customer_id=customer.id, topic=topic, channel=channel, granted=granted, **asdict(proof))
    number = consents.add(session, row)
    if not unchanged:
        _tell(session, customer, "given" if granted else "withdrawn", row, number, now)
    return Recorded(
        "given" if granted else "withdrawn", topic, channel, f"the customer's answer to {about} is {answer}"
    )


def change(
    session: Session,
    map: Map,
    customer: Customer,
    topic: str,
    granted: bool,
    proof: Proof,
    now: Instant,
    channel: str | None = None,
    *,
    reason: str,
    who: str,
    key: str | None = None,
) -> Recorded:
    """`record` by a person of the company: with `reason` in the audit log. `key` as in `intake.asking`.

    `customer` is locked in this session. Raises NotRecorded, and Conflict for a key.
    """
    answer = "yes" if granted else "no"
    asked = {"topic": topic, "answer": answer, "channel": channel}
    if (earlier := asking.before(session, "consent", customer.id, key, asked, ("state",))) is not None:
        about = f"`{topic}`" + (f" by {channel}" if channel else "")
        says = f"the customer's answer to {about} was recorded as {answer} before"
        return Recorded((earlier.data or {})["state"], topic, channel, says)
    done = record(session, map, customer, topic, granted, proof, now, channel)
    data = asking.keyed({**asked, "state": done.state}, key)
    audit.record(session, Audit(at=now, who=who, what="consent", target=customer.id, reason=reason, data=data))
    return done


def confirm(session: Session, map: Map, message_id: str, ip: str | None, now: Instant) -> Confirmed:
    """Carry out the link of a confirmation mail: `message_id` is the mail's, `ip` the address that used the link."""
    asked = _asked_for(session, message_id)
    customer = customers.lock(session, asked.customer_id) if asked else None
    request = consents.request(session, asked.id) if asked and asked.id else None  # as it is under the lock
    if customer is None or customer.erased_at is not None:
        request = None
    if customer is None or request is None or request.id is None or request.topic not in map.topics:
        return Confirmed("unknown", None, "This link belongs to no confirmation that we asked for.")
    topic, channel = request.topic, request.channel
    if request.confirmed_at is not None:
        return Confirmed("again", topic, "This was confirmed before; there is nothing left to do.")
    if now > request.at + CONFIRM_WITHIN:
        day = request.at.to_tz(map.time_zone).date().format_iso()
        says = f"This link is too old: you asked for it on {day}, and it could be used for 30 days. Please ask again."
        return Confirmed("expired", topic, says)
    had = consents.latest(session, customer.id)
    before = [answer_for(had, topic, one) for one in ([channel] if channel else map.topics[topic].channels)]
    consents.mark_confirmed(session, request.id, now)
    proof = Proof(CONFIRMED, now, ip, request.text_version)
    row = Consent(
        customer_id=customer.id, topic=topic, channel=channel, granted=True, request_id=request.id, **asdict(proof)
    )
    number = consents.add(session, row)
    if not all(before):
        _tell(session, customer, "given", row, number, now)
    return Confirmed("confirmed", topic, "Thank you, this is confirmed.")


def _request(
    session: Session, customer: Customer, topic: str, channel: str | None, proof: Proof, now: Instant
) -> Recorded:
    about = f"`{topic}`" + (f" by {channel}" if channel else "")
    for earlier in consents.requests(session, customer.id):
        if (earlier.topic, earlier.channel) == (topic, channel) and _proves(earlier, proof) and earlier.at == proof.at:
            return Recorded("same", topic, channel, f"the customer asked for {about} already, and is to confirm it")
    row = ConsentRequest(customer_id=customer.id, topic=topic, channel=channel, **asdict(proof))
    number = consents.add_request(session, row)
    _tell(session, customer, "requested", row, number, now)
    return Recorded("requested", topic, channel, f"the customer asked for {about}; it counts once it is confirmed")


def _tell(
    session: Session,
    customer: Customer,
    what: Literal["given", "withdrawn", "requested"],
    row: Consent | ConsentRequest,
    number: int,
    now: Instant,
) -> None:
    """Insert the milestone, under an id derived from what it tells: the customer, and the number of the row."""
    properties: dict[str, Any] = {"topic": row.topic}
    if row.channel:
        properties["channel"] = row.channel
    if what == "requested":
        properties[_REQUEST] = number
    identity, name = f"{what}/{customer.id}/{number}", f"consent.{what}"
    arrival = events.Arrival(SOURCE, identity, customer.user_id, "consent", row.at, now, name, properties)
    events.accept(session, [arrival])


def _asked_for(session: Session, message_id: str) -> ConsentRequest | None:
    """The request that a confirmation mail is about: the one that its journey was entered by."""
    message = messages.by_id(session, message_id)
    journey = journeys.get(session, message.journey_id) if message else None
    entry = events.get(session, journey.entry_event_id) if journey and journey.entry_event_id else None
    if entry is None or entry.kind != "consent" or entry.name != "consent.requested":
        return None
    return consents.request(session, entry.properties[_REQUEST])


def _later_no(row: Consent, topic: str, channel: str | None, at: Instant) -> bool:
    """Whether a stored answer is a no to any of this that was said after `at`."""
    meant = row.topic == topic and (row.channel is None or channel is None or row.channel == channel)
    return meant and not row.granted and row.at > at


def _proves(row: Consent | ConsentRequest, proof: Proof) -> bool:
    """Whether a stored answer has this proof; the hour does not matter, for calls repeat what they told before."""
    return (row.source, row.ip, row.text_version) == (proof.source, proof.ip, proof.text_version)
