"""Pauses by people: one row holds a person, a group of them, a playbook, a channel, everything, or one journey
(design.md, section 9).

Each function is one transaction's worth and is handed its session: the row and the audit log are stored together.
Nobody is told. Journeys meet a pause when they come due, however many there are; those that it holds are woken after
its end by `intake.resuming`. Pauses stack: each is ended by itself, and what another one holds stays held.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy.orm import Session
from whenever import Instant

from activities.contract import QUEUES
from intake import asking, reader
from intake.asking import Conflict
from intake.reader import Unknown
from lifecycle.language.faults import did_you_mean
from store import accounts, audit, holds, journeys, pauses, playbooks
from store.tables import Audit, Pause

Scope = Literal["journey", "customer", "account", "segment", "playbook", "channel", "everything"]
Policy = Literal["freeze", "continue"]
Handling = Literal["send", "skip"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

DEFAULTS: dict[Scope, Policy] = {
    "journey": "freeze", "customer": "freeze", "account": "freeze", "segment": "continue", "playbook": "continue",
    "channel": "continue",
    "everything": "continue",
}  # fmt: skip
"""The clock policy where none is given: what holds one person, or those of one company, stops their clock."""


class Impossible(Exception):
    """What was asked makes no sense, whoever asks it whenever; `str()` says why in a sentence. Nothing was stored."""


class Listed(NamedTuple):
    """A pause, and how many journeys stand because of it: they have met it, and wait to be told of its end."""

    pause: Pause
    held: int


def start(
    session: Session,
    *,
    scope: str,
    target: str = "",
    reason: str,
    who: str,
    now: Instant,
    policy: Policy | None = None,
    ends_at: Instant | None = None,
    include_transactional: bool = False,
    key: str | None = None,
    segments: Collection[str] = (),
) -> Pause:
    """Store a pause, and return it with its id. It holds from `now` (UTC) on, until `ends_at` or `end`.

    `target` is the id of a customer, an account (the product's or ours) or a journey, the name of a segment (one of
    `segments`, those that are declared) or of a playbook, or a channel (email, sms); empty for everything. Marketing
    only, unless `include_transactional`. `who` is for the audit log. With `key`, whoever asks the same again for the
    same target gets the pause that was stored then (an Idempotency-Key: it is kept in the audit log's data). Raises
    Unknown for a name, Impossible, and Conflict: another request had this key, or the journey has ended.
    """
    kind, name = resolved(session, scope, target, segments)
    chosen = policy or DEFAULTS[kind]
    if chosen not in get_args(Policy):
        raise Impossible(f"the clock policy is freeze or continue, not `{chosen}`")
    if kind == "channel" and chosen == "freeze":
        raise Impossible("a channel's pause lets time run: a journey has one clock, and goes by the other channel too")
    asked = {"scope": kind, "target": name, "policy": chosen, "transactional": include_transactional}
    asked |= {"ends_at": ends_at.format_iso()} if ends_at else {}
    if (earlier := _asked_before(session, "pause", name or kind, key, asked)) is not None:
        return earlier
    if ends_at is not None and ends_at <= now:
        raise Impossible("a pause ends after it has begun: give an end that is still ahead")
    if kind == "journey" and not _under_way(session, name):
        raise Conflict("the journey has ended already, or nothing is sent in it")
    row = Pause(
        scope=kind,
        target=name,
        policy=chosen,
        reason=_reason(reason),
        started_at=now,
        made_by=who,
        ends_at=ends_at,
        transactional=include_transactional,
    )
    number = pauses.start(session, row)
    _log(session, "pause", name or kind, reason, who, now, {"pause": number, **asked}, key)
    return _found(session, number)


def end(
    session: Session,
    pause_id: int,
    *,
    reason: str,
    who: str,
    now: Instant,
    handling: Handling = "send",
    spread: int | None = None,
    key: str | None = None,
) -> Pause:
    """End a pause, and return it. Whoever is held goes on within seconds, with `spread` at so many journeys a minute.

    `handling` says what becomes of what came due meanwhile under `continue`. `key` as in `start`. Raises Unknown,
    Impossible, and Conflict where the pause has ended already.
    """
    pause = pauses.get(session, pause_id)
    if pause is None:
        raise Unknown(f"there is no pause {pause_id}")
    if handling not in get_args(Handling):
        raise Impossible(f"what came due is dealt with by send or skip, not `{handling}`")
    if spread is not None and spread < 1:
        raise Impossible("spread at least one journey a minute")
    if spread is not None and handling == "skip":
        raise Impossible("what is skipped is not sent, so there is nothing to spread; choose one of the two")
    asked: dict[str, Any] = {"pause": pause_id, "handling": handling} | ({"spread": spread} if spread else {})
    target = pause.target or pause.scope
    if (earlier := _asked_before(session, "resume", target, key, asked)) is not None:
        return earlier
    if not pauses.end(session, pause_id, now, handling, spread):
        raise Conflict(f"the pause {pause_id} has ended already")
    _log(session, "resume", target, reason, who, now, asked, key)
    return _found(session, pause_id)


def listed(session: Session, *, ended: bool = False) -> list[Listed]:
    """Pauses in the order of their start: those that hold or still have somebody to wake; with `ended` all of them."""
    found = pauses.ever(session) if ended else pauses.unfinished(session)
    held = holds.counts(session, [pause.id for pause in found if pause.id is not None])
    return [Listed(pause, held.get(pause.id or 0, 0)) for pause in found]


def resolved(session: Session, scope: str, target: str, segments: Collection[str]) -> tuple[Scope, str]:
    """The scope, and the name under which its target is stored. Raises Unknown and Impossible, as `start` does."""
    if scope not in SCOPES:
        hint = did_you_mean(scope, SCOPES)
        raise Unknown(f"there is no scope `{scope}`; " + (hint or f"there are {', '.join(SCOPES)}"))
    kind: Scope = scope
    if kind == "everything":
        if target:
            raise Impossible(f"everything is paused as a whole; leave `{target}` out, or name its scope")
        return kind, ""
    if not target:
        raise Impossible(f"say which {kind} is to be paused")
    if kind == "customer":
        return kind, reader.find_customer(session, target).id
    if kind == "account":
        account = accounts.find(session, target)
        if account is None:
            raise Unknown(f"there is no account `{target}`")
        return kind, account.id
    if kind == "journey":
        return kind, reader.find_journey(session, target).id
    if kind in ("segment", "channel"):
        known = segments if kind == "segment" else QUEUES
        if target not in known:
            hint = did_you_mean(target, known) or (f"there are {', '.join(known)}" if known else "none is declared")
            raise Unknown(f"there is no {kind} `{target}`; {hint}")
        return kind, target
    if not playbooks.versions(session, target):
        hint = did_you_mean(target, playbooks.active(session))
        raise Unknown(f"there is no playbook `{target}`" + (f"; {hint}" if hint else ""))
    return kind, target


def _under_way(session: Session, journey_id: str) -> bool:
    journey = journeys.get(session, journey_id)
    return journey is not None and journey.status in journeys.UNDER_WAY


def _reason(reason: str) -> str:
    if not reason.strip():
        raise Impossible("say why: the reason is kept in the audit log, and shown to whoever asks what holds a journey")
    return reason


def _asked_before(session: Session, what: str, target: str, key: str | None, asked: dict[str, Any]) -> Pause | None:
    """The pause of the request that had this key; Conflict where that asked for something else."""
    act = asking.before(session, what, target, key, asked, ("pause",))
    return pauses.get(session, int((act.data or {})["pause"])) if act else None


def _found(session: Session, number: int) -> Pause:
    pause = pauses.get(session, number)
    assert pause is not None
    return pause


def _log(
    session: Session, what: str, target: str, reason: str, who: str, now: Instant, data: dict[str, Any], key: str | None
) -> None:
    kept = asking.keyed(data, key)
    audit.record(session, Audit(at=now, who=who, what=what, target=target, reason=_reason(reason), data=kept))
