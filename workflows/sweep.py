"""A sweep on Temporal: begun by a schedule, it runs page after page until nothing is left, and says what it did.

Where a page ended is a cursor that the page gives; what was done is in the database, so a sweep that is cut off is
simply followed by the next. A run goes on in a new one after PAGES pages, so that histories stay small.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.contract import SweepAnswer, SweepOrder

PAGES = 200

PATIENCE = timedelta(minutes=2)
"""How long an attempt at a page may take before its worker counts as dead."""

RETRY = RetryPolicy(maximum_interval=timedelta(seconds=20), maximum_attempts=5)
"""After these the sweep fails, which shows; the schedule begins another soon."""

BULK = Priority(priority_key=5)
"""A sweep waits for journeys, and never they for it."""


@workflow.defn(name="Sweep")
class SweepWorkflow:
    """One sweep through everything that it concerns."""

    @workflow.run
    async def run(self, order: SweepOrder) -> dict[str, int]:
        """Run pages until nothing is left; what this run did, in numbers."""
        counts: dict[str, int] = {}
        pages = 0
        while True:
            answer: SweepAnswer = await workflow.execute_activity(
                "sweep",
                order,
                result_type=SweepAnswer,
                start_to_close_timeout=PATIENCE,
                retry_policy=RETRY,
                summary=order.name,
                priority=BULK,
            )
            for name, count in answer.counts.items():
                counts[name] = counts.get(name, 0) + count
            if not answer.cursor:
                return counts
            order, pages = SweepOrder(name=order.name, cursor=answer.cursor), pages + 1
            if pages == PAGES:
                workflow.continue_as_new(order)
