"""Pauses in a small company: two playbooks, and journeys that stand because of a pause."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from intake import pauses
from store import holds, journeys
from store.tables import Pause
from tests.intake.house import START, House

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase}\nsteps: [{wait: 3 days}, {send: mail/one}]\n",
    "other": "entry: {milestone: gamma}\nsteps: [{wait: 3 days}, {send: text/one}]\n",
}


def start(house: House, scope: str = "playbook", target: str = "welcome", **more: Any) -> Pause:
    given = {"reason": "too many", "who": "test", "now": START, "segments": house.applier.map.segments, **more}
    return house.write(lambda session: pauses.start(session, scope=scope, target=target, **given))


def end(house: House, pause: Pause, at: Instant, **more: Any) -> Pause:
    assert pause.id is not None
    number = pause.id
    return house.write(
        lambda session: pauses.end(session, number, **{"reason": "mended", "who": "test", "now": at, **more})
    )


def entered(house: House, count: int = 1) -> list[str]:
    """Journeys through `welcome` that have begun, each of a customer of its own."""
    found = []
    for number in range(count):
        house.track("purchase", user=f"user-{number}")
        found.append(house.journey(f"user-{number}").id)
    house.write(lambda session: [journeys.mark_started(session, one, START) for one in found])
    return found


def hold(house: House, pause: Pause, held: list[str]) -> None:
    """What the activities of these journeys do when they meet the pause, one after the other."""
    assert pause.id is not None
    number = pause.id

    def meet(session: Session) -> None:
        for minutes, one in enumerate(held):
            holds.add(session, one, [number], START.add(minutes=minutes))

    house.write(meet)


def heard(house: House, journey: str) -> list[tuple[str, str]]:
    return [(kind, name) for _, kind, name in house.heard(journey)]
