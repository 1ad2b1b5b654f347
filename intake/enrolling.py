"""Enrolling a customer in a playbook by hand: an event like any other, stored with the audit log in one transaction.

What the playbook's own way in asks for is not asked. Whoever was in it is not enrolled again: that is refused where it
is known already, and else found when the event is applied, and said by the event.
"""

from __future__ import annotations

import hashlib
import uuid

from sqlalchemy.orm import Session
from whenever import Instant

from intake import asking, reader
from intake.asking import Conflict
from intake.reader import Unknown
from lifecycle.language.faults import did_you_mean
from store import audit, events, journeys, playbooks
from store.events import Arrival
from store.tables import Audit


def enrol(
    session: Session, customer: str, playbook: str, *, source: str, reason: str, who: str, now: Instant, key: str | None
) -> str:
    """Enrol a customer (the product's id or ours); returns the message id of the event.

    `key` as in `intake.asking`. Raises Unknown for a customer, or for a playbook that takes nobody; Conflict.
    """
    found = reader.find_customer(session, customer)
    active = playbooks.active(session)
    if playbook not in active:
        hint = did_you_mean(playbook, active)
        raise Unknown(f"there is no playbook `{playbook}` that takes customers" + (f"; {hint}" if hint else ""))
    asked = {"playbook": playbook}
    if (earlier := asking.before(session, "enrol", found.id, key, asked, ("event",))) is not None:
        return str((earlier.data or {})["event"])
    if any(one.playbook == playbook and not one.key for one in journeys.outlines(session, found.id)):
        raise Conflict(f"the customer has been in {playbook} already, and nobody is enrolled in it twice")
    told = hashlib.blake2b(key.encode(), digest_size=12).hexdigest() if key else uuid.uuid4().hex
    message = f"enrol/{found.id}/{playbook}/{told}"
    events.accept(session, [Arrival(source, message, found.user_id, "enrol", now, now, playbook)])
    data = asking.keyed({**asked, "event": message}, key)
    audit.record(session, Audit(at=now, who=who, what="enrol", target=found.id, reason=reason, data=data))
    return message
