"""What happens to a rehearsed customer, written into the database as events, commands and applies really are."""

from __future__ import annotations

from sqlalchemy.orm import Session

from lifecycle.consent import changed, written
from lifecycle.inputs import ByPerson, Paused, Resumed, Skipped
from lifecycle.language.map import Map
from lifecycle.simulated import Happening
from store import consents, events, inbox, journeys, pauses, playbooks, rollouts
from store.tables import Consent, Journey, Pause, PlaybookVersion, Rollout


def accept(session: Session, map: Map, customer: str, happening: Happening, number: int) -> None:
    """Accept the event that a happening from outside is; `number` tells it from all others."""
    timed = happening.what == "due"
    canonical = happening.name if timed else map.canonical(happening.name)
    kind = "message" if canonical.startswith("message.") else "track"
    if happening.what in ("set", "due"):
        kind = happening.what
    properties = dict(happening.properties)
    if happening.of:
        properties["of"] = happening.of
    _consent(session, customer, canonical, happening)
    arrival = events.Arrival(
        "rehearsal", f"rehearsal-{number}", customer, kind, happening.at, happening.at, canonical or None, properties
    )
    events.accept(session, [arrival])


def _consent(session: Session, customer: str, milestone: str, happening: Happening) -> None:
    """A milestone of consent that happens stands for the answer that makes it."""
    for answer in written(changed({}, milestone, happening.properties)):
        row = Consent(customer_id=customer, source="rehearsal", at=happening.at, **answer._asdict())
        consents.add(session, row)


def leave(session: Session, journey: Journey, happening: Happening) -> None:
    """End a journey, as the command line would."""
    at = happening.at
    journeys.stamp_exit(session, journey.id, at, "exited", happening.name)
    inbox.append(session, journey.id, [inbox.Entry("exit", happening.name, at, None, {"outcome": "exited"})])


def ask_to_move(session: Session, customer: str, happening: Happening) -> None:
    """Ask the customer's journeys through a playbook to move, as an apply that concerns nobody else."""
    at, plan = happening.at, happening.properties["plan"]
    version = PlaybookVersion(
        id=plan.version, playbook=plan.playbook, plan=plan.packed.encode(), source="", created_at=at
    )  # fmt: skip
    playbooks.publish(session, version)
    row = Rollout(
        playbook=plan.playbook,
        to_version=plan.version,
        in_flight="follow",
        targets=dict(happening.properties.get("targets", {})),
        state="running",
        made_by="rehearsal",
        started_at=at,
    )
    number = rollouts.start(session, row)
    inside = [one.id for one in journeys.under_way(session, customer) if one.playbook == happening.name]
    rollouts.ask(session, number, inside, at)
    inbox.append_to_each(session, inside, inbox.Entry("move", str(number), at))


def command(session: Session, journey: Journey, happening: Happening) -> ByPerson | None:
    """What a person tells a journey, a pause or its end being stored; None where no pause is left to end."""
    at = happening.at
    if happening.what == "skip":
        return Skipped(at, "message" if happening.name == "message" else "wait")
    if happening.what == "pause":
        policy = "continue" if happening.name == "continue" else "freeze"
        row = Pause(
            scope="journey",
            target=journey.id,
            policy=policy,
            reason="rehearsal",
            started_at=at,
            made_by="rehearsal",
        )
        number = pauses.start(session, row)
        return Paused(at, str(number), "continue" if policy == "continue" else "freeze")
    lying = pauses.active_on(session, "journey", journey.id)
    if not lying or lying[-1].id is None:
        return None
    identity = lying[-1].id
    handling = "skip" if happening.name == "skip" else "send"
    pauses.end(session, identity, at, handling)
    return Resumed(at, str(identity), "skip" if handling == "skip" else "send")
