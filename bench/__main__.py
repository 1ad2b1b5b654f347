"""`make bench`: measures against the budgets, prints a table and writes bench/results.json.

docs/benchmarks.md explains each figure.

Exit status 1 where the workflow by hand is not what every ratio is taken against; a missed budget is said, and fails
nothing: it may be this machine.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback

from rich.console import Console

from bench import (
    backtests,
    cohort,
    commands,
    core,
    counts,
    intake,
    moving,
    pages,
    pausing,
    sending,
    turns,
)
from bench.figures import Section, show, write
from bench.server import Storage, running


def main() -> int:
    """Measure everything, in about a quarter of an hour; the exit status. What was measured is kept, come what may."""
    sections: list[Section] = []
    try:
        return _measure(sections)
    finally:
        write(sections)
        show(sections, Console())


def _measure(sections: list[Section]) -> int:
    _say("one journey, by hand and ours ...")
    hand, ours = asyncio.run(_counted())
    sections.append(Section("One journey by hand, four messages", counts.hand_figures(hand)))
    if not counts.is_yardstick(hand):
        _say("The workflow by hand is not of the agreed shape: nothing can be compared with it; see bench/by_hand.py.")
        return 1
    sections.append(Section("One journey of ours, four messages", counts.our_figures(ours, hand)))
    _say("commands ...")
    sections.append(Section("What a person waits for", [*commands.checks(), *commands.starts()]))
    _say("the core ...")
    sections.append(Section("Simulated ninety-day journeys", [*core.simulations(), cohort.lives()]))
    sections.append(Section("Decision before a send", core.decisions()))
    if found := backtests.backtests():
        sections.append(Section("Back-test of real customers", found))
    _say("pauses ...")
    sections.append(Section("Pausing a playbook with 100,000 journeys", pausing.pausing()))
    _say("moving to another version ...")
    sections.append(Section("Moving those inside to another version", asyncio.run(moving.moving())))
    _say("pages of the console, for about four minutes ...")
    sections.extend(pages.pages())
    _say("events in, for about two minutes ...")
    sections.extend(intake.intake())
    _say("sending ...")
    sections.append(Section("Sending to a local TLS server", sending.sends()))
    _say("journeys a second, for about four minutes ...")
    sections.append(Section("Many journeys on one server", asyncio.run(turns.rates())))
    return 0


async def _counted() -> tuple[counts.Both, counts.Both]:
    async with running(Storage.MEMORY) as (server, client):
        return await counts.of_hand(client), await counts.of_ours(server)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.dont_write_bytecode:
        # Else every start would compile all of Milepost, and the sandbox every journey's workflow: not measured here.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        os.execve(sys.executable, [sys.executable, "-m", "bench"], kept)
    status = 1
    try:
        status = main()
    except KeyboardInterrupt:
        status = 130
    except Exception:  # noqa: BLE001 - the process is left below, past Python's own report
        traceback.print_exc()
    # The interpreter may crash while it shuts down after a Temporal worker ran in it (temporalio/sdk-python#300).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
