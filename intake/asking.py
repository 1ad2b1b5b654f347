"""An operating call that is repeated with its Idempotency-Key does nothing a second time. The key is kept in the audit
log, with what was asked: whoever uses it for something else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from store import audit
from store.tables import Audit


class Conflict(Exception):
    """It is not in a state for this, and nothing was changed; `str()` says why."""


def before(
    session: Session, what: str, target: str, key: str | None, asked: Mapping[str, Any], made: Sequence[str] = ()
) -> Audit | None:
    """The act of the request that had this key; Conflict where that asked for something else.

    `made` names what the act's data holds besides what was asked. Until the transaction ends, nobody else asks.
    """
    if key is None:
        return None
    audit.lock(session)
    for act in audit.about(session, target):
        data = act.data or {}
        if act.what == what and data.get("key") == key:
            if {**{name: data.get(name) for name in made}, **asked, "key": key} != data:
                raise Conflict("this Idempotency-Key was used for another request about the same target")
            return act
    return None


def keyed(data: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    """What the audit log keeps of a request."""
    return {**data, "key": key} if key else dict(data)
