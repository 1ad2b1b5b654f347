"""What a back-test of real customers costs, and that of two versions. CPU time of this one thread.

The log is the public CDNOW sample of 2,357 customers, as `track` calls, one a line; it is not part of this repository.
`MILEPOST_BENCH_LOG` names it. Without it nothing is measured here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.figures import Figure
from bench.shape import ROOT
from lifecycle.backtest import Backtest, Comparison
from lifecycle.plan import Wait
from lifecycle.simulated import World
from project import load

LOG = "MILEPOST_BENCH_LOG"


def backtests() -> list[Figure]:
    if not os.environ.get(LOG):
        return []
    lines = Path(os.environ[LOG]).read_bytes().splitlines()
    world = _world()
    one, two = Backtest(world), Comparison(world, _later(world))
    for line in lines:
        assert one.take(line) is None
        assert two.take(line) is None
    took = _cpu(one.run)
    compared = _cpu(lambda: list(two.run()))
    size = f"{one.customers:,} customers, {one.events:,} events, {len(world.plans)} playbooks"
    return [
        Figure("one version", took, "s", note=f"{size}."),
        Figure("two versions, message by message", compared, "s"),
        Figure("which is, of two back-tests", compared / (2 * took), "×"),
    ]


def _world() -> World:
    shipped = load(ROOT).world()
    return replace(shipped, plans=[plan for plan in shipped.plans if not (plan.entry and plan.entry.timed)])


def _later(world: World) -> World:
    """The same, with a message of first-90-days two days later."""
    plans = []
    for plan in world.plans:
        steps = {
            name: replace(step, until="day 4") if isinstance(step, Wait) and step.until == "day 2" else step
            for name, step in plan.steps.items()
        }
        plans.append(replace(plan, steps=steps))
    return replace(world, plans=plans)


def _cpu(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
