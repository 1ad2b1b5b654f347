"""Notes that people write about a customer. A note is a line of the audit log: who, when, and what they wrote.

So it is shown with the acts, exported with them, and scrubbed with them when the customer is erased.
"""

from __future__ import annotations

from sqlalchemy.orm import Session
from whenever import Instant

from intake import asking, reader
from intake.asking import Conflict
from intake.pauses import Impossible
from store import audit
from store.tables import Audit

NOTE = "note"
"""What the audit log calls it."""

LONGEST = 2000
"""Characters."""


def add(session: Session, customer: str, text: str, *, who: str, now: Instant, key: str | None = None) -> str:
    """Keep what somebody wrote about a customer (the product's id or ours); returns our id of the customer.

    `key` as in `intake.asking`. Raises reader.Unknown, Impossible for an empty or endless text, Conflict for a key.
    """
    found, kept = reader.find_customer(session, customer), text.strip()
    if not kept:
        raise Impossible("a note says something")
    if len(kept) > LONGEST:
        raise Impossible(f"a note has up to {LONGEST} characters, and this one {len(kept)}")
    if found.erased_at is not None:
        raise Conflict("the customer was erased: nothing is kept about them")
    if (earlier := asking.before(session, NOTE, found.id, key, {})) is not None:
        if earlier.reason != kept:
            raise Conflict("this Idempotency-Key was used for another note about the same customer")
        return found.id
    data = asking.keyed({}, key) or None
    audit.record(session, Audit(at=now, who=who, what=NOTE, target=found.id, reason=kept, data=data))
    return found.id
