"""Letting events that were set aside be applied again, by the worker, each after what its customer did since."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session
from whenever import Instant

from intake import asking
from intake.asking import Conflict
from store import audit, events
from store.tables import Audit

ACT = "events retried"
"""What the audit log calls it."""


class NotFailed(Conflict):
    """Not all of the events that were named are set aside; none is retried."""


def retry(
    session: Session, numbers: Collection[int], *, who: str, now: Instant, reason: str | None = None,
    key: str | None = None,
) -> int:  # fmt: skip
    """Retry these events, with none named all that were set aside; how many. One transaction, with the audit log.

    `key` as in `intake.asking`. Raises NotFailed.
    """
    wanted = list(dict.fromkeys(numbers))
    target = f"event {wanted[0]}" if len(wanted) == 1 else "events"
    asked = {"named": wanted} if len(wanted) > 1 else {}
    earlier = asking.before(session, ACT, target, key, asked, ("events",))
    if earlier is not None:
        return int((earlier.data or {})["events"])
    retried = events.retry(session, wanted or events.failed_ids(session))
    if wanted and retried < len(wanted):
        raise NotFailed("not all of these are events that failed, so none is retried")
    if retried:
        data = asking.keyed({"events": retried, **asked}, key)
        audit.record(session, Audit(at=now, who=who, what=ACT, target=target, reason=reason, data=data))
    return retried
