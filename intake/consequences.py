"""What a pause would hold, and what its end would do, told before anybody confirms it.

The queries are bounded (`store.held`), the sentences are made by pure functions of what they found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from intake.pauses import Handling
from lifecycle.plan import Plan, Send
from store import held, playbooks
from store.tables import Pause

MOST, FEWER = 100_000, 10_000
"""So many journeys are counted before a pause begins, and fewer where they are found through their customers."""

OTHERS = 20
"""So many other pauses are named."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the end of a pause would do. `held` journeys stand because of it, `email` and `sms` of them with a message
    due by that channel. `others` are further pauses that hold some of them still, at most `OTHERS`.
    """

    policy: str
    held: int
    email: int = 0
    sms: int = 0
    others: Sequence[Pause] = ()

    @property
    def messages(self) -> int:
        return self.email + self.sms


@dataclass(frozen=True, slots=True)
class Concerned:
    """How many journeys are under way that a pause would concern. `more`: they were not counted to the end."""

    journeys: int
    more: bool = False


def end_of(session: Session, pause: Pause) -> Foreseen:
    """What the end of a stored pause would do now."""
    assert pause.id is not None
    found = held.sums(session, pause.id)
    others = held.also_holding(session, pause, found)[:OTHERS] if found.held else []
    return Foreseen(pause.policy, *found, tuple(others))


def start_of(session: Session, scope: str, target: str, plan_of: Callable[[Session, str], Plan]) -> Concerned:
    """How many journeys a pause would concern that began now.

    `target` is the name under which it is stored (our id of a customer or account). For a channel: journeys through
    playbooks whose present version sends by it.
    """
    sending: list[str] = []
    if scope == "channel":
        plans = {name: plan_of(session, version) for name, version in playbooks.active(session).items()}
        sending = [name for name, plan in plans.items() if _sends(plan, target)]
    most = FEWER if scope in ("account", "segment") else MOST
    count = held.under_way(session, scope, target, most + 1, sending)
    return Concerned(min(count, most), count > most)


def _sends(plan: Plan, channel: str) -> bool:
    return any(isinstance(step, Send) and step.channel == channel for step in plan.steps.values())


# --- in words --------------------------------------------------------------------------------------------------------


def beginning(concerned: Concerned, scope: str) -> str:
    """What a pause would hold, as a sentence."""
    if scope == "journey":
        return "The journey is held from now on, before whatever it comes to next."
    count = concerned.journeys
    if count == 0:
        return "No journey is under way here; whoever enters from now on is held from the start."
    many = f"More than {count:,} journeys are" if concerned.more else f"{_many(count, 'journey')} {_are(count)}"
    by = " through playbooks that send by it" if scope == "channel" else ""
    return f"{many} under way{by}: each is held when it comes due."


def ending(foreseen: Foreseen, handling: Handling = "send", spread: int | None = None) -> str:
    """What the end of a pause would do with `handling`, and `spread` journeys a minute, as sentences."""
    if not foreseen.held:
        return "No journey stands because of it, so nothing goes out at its end."
    go = f"{_many(foreseen.held, 'journey')} {'stands' if foreseen.held == 1 else 'stand'} because of it"
    if spread and handling == "send":
        takes_ = takes(foreseen.held, spread)
        go += f" and {_go(foreseen.held)} on at {spread:,} a minute, the longest held first: that takes {takes_}"
    else:
        go += f" and {_go(foreseen.held)} on at once"
    said = [f"{go}.", _messages(foreseen, handling)]
    if foreseen.others:
        count, more = len(foreseen.others), "at least " if len(foreseen.others) == OTHERS else ""
        hold = "holds" if count == 1 else "hold"
        said.append(f"{more}{_many(count, 'other pause')} {hold} some of them still.".capitalize())
    return " ".join(said)


def _messages(foreseen: Foreseen, handling: Handling) -> str:
    parts = [(foreseen.email, "e-mail"), (foreseen.sms, "SMS")]
    due = " and ".join(_many(count, what) for count, what in parts if count)
    if foreseen.policy == "freeze":
        stood = "The clock stood: what remained of each wait remains"
        return f"{stood}, and at most {due} {_go(foreseen.messages)} out at once." if due else f"{stood}."
    if not due:
        return "No message is due."
    if handling == "skip":
        return f"{due} {_are(foreseen.messages)} not sent: what came due meanwhile is skipped."
    are = f"{due} {_are(foreseen.messages)} due"
    return f"{are}; each is decided upon again before it is sent, and nothing is that has expired."


def takes(count: int, spread: int) -> str:
    """How long it takes until `count` journeys were let go on, `spread` a minute: `3 hours and 20 minutes`."""
    if count - 1 < spread:
        return "less than a minute"
    minutes = math.ceil((count - 1) / spread)
    days, rest = divmod(minutes, 24 * 60)
    parts = [(days, "day"), (rest // 60, "hour"), (rest % 60, "minute")]
    return " and ".join(_many(number, what) for number, what in [part for part in parts if part[0]][:2])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 and what != 'SMS' else ''}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _go(count: int) -> str:
    return "goes" if count == 1 else "go"
