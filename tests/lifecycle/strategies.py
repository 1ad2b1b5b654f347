"""Random playbooks, and random lives to lead through them, for properties of the core and for its drivers.

Playbooks are drawn as marketing would write them and go through the real compiler, with the map and the templates of
tests/project.
"""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from whenever import Instant

from lifecycle.compiler import compile_playbook
from lifecycle.language.faults import Faults
from lifecycle.language.playbook import Playbook
from lifecycle.plan import Plan
from lifecycle.simulated import Happening, World
from project import Project, load

START = Instant.from_utc(2026, 3, 20, 9)
"""Nine days before the clocks change in Europe, so that every life goes through a short day."""

DAYS = 40


@lru_cache(maxsize=1)
def small_project() -> Project:
    found = load(Path(__file__).parent.parent / "project")
    assert not found.faults.errors, [str(fault) for fault in found.faults]
    return found


def compiled(authored: dict[str, Any]) -> Plan:
    """The plan of a playbook given as data; fails where it has mistakes."""
    project, faults = small_project(), Faults()
    assert project.map is not None
    playbook = Playbook.model_validate(authored)
    plan = compile_playbook(playbook, project.map, project.templates.infos, ["random"], project.conditions, faults)
    assert plan is not None, [str(fault) for fault in faults]
    return plan


def world(plan: Plan) -> World:
    project = small_project()
    assert project.map is not None
    return World(project.map, [plan], project.templates.infos, project.conditions)


SPANS = ("1 hours", "7 hours", "30 hours", "1 days", "2 days", "3 days", "9 days", "1 working day", "1 week")
CLOCKS = ("02:30", "09:00", "10:00", "23:45")
CONDITIONS = (
    "milestones.alpha.count >= 1", "customer.plan == 'pro'", "event.revenue > 20", "customer.score > 3",
    "milestones.beta.days_since < 5", "messages.first.state == 'accepted'",
)  # fmt: skip


class Author(random.Random):
    """Writes playbooks at random, as somebody would who tries everything."""

    def span(self) -> str:
        return self.choice(SPANS)

    def moment(self) -> dict[str, str]:
        kind = self.randrange(6)
        if kind < 2:
            return {"until": f"day {self.randrange(30)}", "at": self.choice(CLOCKS)}
        if kind == 2:
            return {"until": f"day {self.randrange(30)}"}
        if kind == 3:
            return {"until": f"{self.choice(['monday', 'friday', 'sunday'])} {self.choice(CLOCKS)}"}
        return {"until": self.choice(["2026-04-02", "3 days before customer.renews_on"]), "at": "10:00"}

    def step(self, depth: int) -> dict[str, Any]:
        kind = self.randrange(12 if depth else 8)
        if kind < 3:
            found: dict[str, Any] = {"send": self.choice(["mail/one", "mail/two", "mail/receipt", "text/one"])}
            if self.randrange(4) == 0:
                found["refused"] = self.block(0)
            if self.randrange(4) == 0:
                found["expires"] = "1 day"
            return found
        if kind < 5:
            return {"wait": self.span()}
        if kind == 5:
            moment = self.moment()
            return {"wait": moment} | ({"passed": self.block(0)} if self.randrange(2) else {})
        if kind == 6:
            return self.choice(
                [
                    {"set": {"customer.plan": "pro"}},
                    {"record": "gamma"},
                    {"record": "alpha"},
                    {"set": {"customer.score": 1}},
                ]
            )
        if kind == 7:
            return {"task": "Call them", "assign": "customer.manager", "due": "1 working day"}
        if kind == 8:
            names = self.sample(["alpha", "beta", "twice"], k=self.randrange(1, 3))
            return {
                "wait_for": {"milestone": names, "since": self.choice(["entry", "entry", "step", "ever"])},
                "timeout": self.span(), "reached": self.block(depth - 1), "timed_out": self.block(depth - 1),
            }  # fmt: skip
        if kind == 9:
            arms = [{"if": self.choice(CONDITIONS), "then": self.block(depth - 1)} for _ in range(self.randrange(1, 3))]
            return {"branch": [*arms, {"else": self.block(depth - 1)}]}
        if kind == 10:
            a, b = ({"weight": weight, "steps": self.block(depth - 1)} for weight in (1, 2))
            return {"split": self.choice(["colour", "length"]), "variants": {"a": a, "b": b}}
        again = {"every": self.span(), "at_most": self.randrange(1, 5)} | (
            {"until": "beta"} if self.randrange(2) else {}
        )
        return {"repeat": again, "steps": self.block(depth - 1) or [{"send": "mail/two"}]}

    def block(self, depth: int) -> list[dict[str, Any]]:
        steps = [self.step(depth) for _ in range(self.randrange(1 + depth, 4 + depth))]
        return [*steps, {"exit": "enough"}] if depth < 2 and self.randrange(10) == 0 else steps

    def playbook(self) -> dict[str, Any]:
        """One that the compiler accepts. Its first step is a send called `first`."""
        goal = self.choice(
            [None, {"milestone": "delta", "within": "20 days"}, {"milestone": "delta", "then": "continue"}]
        )
        authored: dict[str, Any] = {
            "playbook": "random",
            "stage": "stranger",
            "entry": {"milestone": "purchase"},
            "exit": self.choice([[], [], ["omega"], [{"if": "customer.closed"}]]),
            "steps": [{"send": "mail/receipt", "id": "first"}, *self.block(2), {"wait": "2 days"}, *self.block(2)],
        }
        return authored | ({"goal": goal} if goal else {})

    def life(self, *, people: bool = True, wide: bool = False) -> list[Happening]:
        """What happens to a customer from the purchase at START on; with `people`, support intervenes as well.

        With `wide`, pauses may be of one channel, or hold transactional messages too.
        """
        found = [Happening(START, "milestone", "purchase", {"revenue": self.choice([10, 50])})]
        for _ in range(self.randrange(5)):
            at = START.add(minutes=self.randrange(1, DAYS * 1440))
            found.append(Happening(at, "milestone", self.choice(["alpha", "alpha", "beta", "beta", "delta", "omega"])))
        for _ in range(self.randrange(3)):
            values: dict[str, Any] = self.choice(
                [
                    {"plan": "pro"},
                    {"score": 5},
                    {"closed": True},
                    {"renews_on": "2026-04-08"},
                    {"renews_on": "2026-05-04"},
                ]
            )
            found.append(Happening(START.add(minutes=self.randrange(1, DAYS * 720)), "set", properties=values))
        if people and self.randrange(3) == 0:
            found.append(Happening(START.add(minutes=self.randrange(1, DAYS * 720)), "skip", "wait"))
        if people and self.randrange(2) == 0:
            pause, length = self.randrange(1, 20 * 1440), self.randrange(1, 12 * 1440)
            policy, handling = self.choice([("freeze", "send"), ("continue", "send"), ("continue", "skip")])
            what: dict[str, Any] = {}
            if wide:
                what = self.choice([{}, {}, {"transactional": True}])
                if policy == "continue" and self.randrange(2):
                    what = {**what, "channel": self.choice(["email", "sms"])}
            found.append(Happening(START.add(minutes=pause), "pause", policy, what))
            found.append(Happening(START.add(minutes=pause + length), "resume", handling))
        return sorted(found, key=lambda happening: happening.at)


seeds = st.integers(0, 2**48)
playbooks = seeds.map(lambda seed: Author(seed).playbook())
lives = seeds.map(lambda seed: Author(seed).life(wide=True))
