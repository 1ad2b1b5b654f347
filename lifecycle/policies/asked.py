"""What the decision before a send is asked with, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

from whenever import Instant

from lifecycle.caps import Counted, Rival
from lifecycle.language.map import Map
from lifecycle.language.template import TemplateInfo
from lifecycle.quiet_hours import Reach


class Lying(NamedTuple):
    """A pause that lies on the message. `scope` is that of the pause: `playbook`, `channel`, `everything` ...

    `until` is the end that was given with it, None where nobody knows it. Transactional messages are held only by a
    pause that says so.
    """

    scope: str
    reason: str
    until: Instant | None = None
    transactional: bool = False


class Asked(NamedTuple):
    """All that is known at the instant of the decision.

    `consent` is the latest answer for the template's topic and channel, None where there was none. `suppression` is
    the reason and the scope (`marketing` or `all`) of what suppresses the address. `reach` is where the person is,
    None: in the map's time zone. `counted` are the marketing messages to the person that count, in any order, at least
    as far back as `caps.reaches_back`; `rivals` are the person's other messages that are put off. `priority` is that
    of the message's playbook, and `journey` its journey.
    """

    template: TemplateInfo
    map: Map
    now: Instant
    arm: Literal["journey", "holdout"] = "journey"
    exited: bool = False
    expires: Instant | None = None
    consent: bool | None = None
    address: Literal["known", "none", "invalid"] = "known"
    stage: str | None = None
    suppression: tuple[str, str] | None = None
    reach: Reach | None = None
    counted: Sequence[Counted] = ()
    rivals: Sequence[Rival] = ()
    priority: int = 5
    journey: str = ""
    pauses: Sequence[Lying] = ()
    erased: bool = False

    @property
    def marketing(self) -> bool:
        return self.template.purpose == "marketing"

    @property
    def where(self) -> Reach:
        return self.reach or Reach((self.map.time_zone,))


asked_of: Callable[[tuple[object, ...]], Asked] = partial(tuple.__new__, Asked)
"""Makes one of a tuple of all its fields, in half the time that calling Asked takes."""


class Decision(NamedTuple):
    """`reason` is None for `send`, the code of a rule for `refuse`, and for `defer` the codes of the rules that are not
    kept now, joined by ", ", the deciding one first.

    `until` is set for `defer` only: strictly later than now, and no later than the message expires. It is None for
    `defer` where a pause lies on the message whose end nobody knows; the reason is then `paused` alone.
    """

    outcome: Literal["send", "refuse", "defer"]
    reason: str | None = None
    until: Instant | None = None


class Check(NamedTuple):
    """One rule as it was looked at: its code, the value seen, whether it was kept, and what it asks in plain words."""

    check: str
    saw: str
    passed: bool
    says: str
