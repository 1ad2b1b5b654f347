"""What one simulated customer has been sent, and what was put off: what the decision before a send asks for besides the
customer's own facts. The real engine reads the same from its ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from whenever import Instant

from lifecycle import caps
from lifecycle.caps import Counted, Rival
from lifecycle.events import Entering
from lifecycle.language.map import Map
from lifecycle.language.template import TemplateInfo
from lifecycle.state import DEFERRED, READY, State


class Posted:
    """Marketing messages of one customer; transactional ones neither count nor compete."""

    def __init__(self, map: Map) -> None:
        self.capped = bool(map.caps)
        self.tightest = map.tightest
        self.reach = caps.reaches_back(map.caps)
        self.counted: list[Counted] = []
        self.waiting: dict[str, tuple[Rival, State]] = {}

    def sent(self, template: TemplateInfo, now: Instant) -> None:
        if self.capped and template.purpose == "marketing":
            self.counted.append(Counted(now, template.channel, template.topic))

    def counting(self, now: Instant) -> Sequence[Counted]:
        """All messages that may count at `now`, in the order of time. Where so few went out that no cap can be full,
        there may be some among them that count no more; they are dropped once it matters.
        """
        counted = self.counted
        if len(counted) >= self.tightest and counted[0].at <= (since := now - self.reach):
            self.counted = counted = [one for one in counted if one.at > since]
        return counted

    def put_off(self, template: TemplateInfo, journey: Entering, until: Instant, state: State) -> None:
        """`state` is the journey's own, which tells as long as it lives whether the message is still wanted."""
        if self.capped and template.purpose == "marketing":
            rival = Rival(journey.plan.priority, until, journey.id, template.channel, template.topic)
            self.waiting[journey.id] = rival, state

    def rivals(self, journey: str) -> Sequence[Rival]:
        """Messages of other journeys that are put off and still wanted."""
        return [rival for name, (rival, state) in self.waiting.items() if name != journey and _waits(state)]


def _waits(state: State) -> bool:
    """Whether the journey is still at the message that was put off; `READY` where a pause holds it there."""
    return state.phase is DEFERRED or (state.phase is READY and state.again)
