"""What a developer would write by hand: the yardstick, of the shape in "Figures to beat".

Entry, e-mail, wait, e-mail, wait for a milestone with a timeout, then an e-mail (reached) or an e-mail and an SMS
(timed out). It is as small as Temporal allows, on purpose: no inbox, no trace, no pause, no checks. It must stay
so, and must show exactly the figures of tests/bench/test_by_hand.py, else every ratio taken against it says
something else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

TASK_QUEUE = "by-hand"
_AN_ACTIVITY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who entered; and, in seconds, the wait between the first two e-mails and the longest wait for the milestone."""

    customer: str
    wait: float
    timeout: float


@dataclass(frozen=True, slots=True)
class Message:
    customer: str
    template: str


@activity.defn
async def send_email(message: Message) -> None:
    """Returns at once: the store and the provider are left out on both sides of the comparison."""


@activity.defn
async def send_sms(message: Message) -> None:
    """Returns at once, as `send_email` does."""


@workflow.defn
class ByHand:
    def __init__(self) -> None:
        self._reached = False

    @workflow.run
    async def run(self, entry: Entry) -> None:
        await _send(send_email, Message(entry.customer, "onboarding/welcome"))
        await workflow.sleep(entry.wait)
        await _send(send_email, Message(entry.customer, "onboarding/first-steps"))
        try:
            await workflow.wait_condition(lambda: self._reached, timeout=entry.timeout)
        except TimeoutError:
            await _send(send_email, Message(entry.customer, "onboarding/need-a-hand"))
            await _send(send_sms, Message(entry.customer, "onboarding/need-a-hand"))
        else:
            await _send(send_email, Message(entry.customer, "onboarding/well-done"))

    @workflow.signal
    def milestone(self) -> None:
        self._reached = True


async def _send(by: Callable[[Message], Awaitable[None]], message: Message) -> None:
    await workflow.execute_activity(by, message, start_to_close_timeout=_AN_ACTIVITY)


def worker(client: Client) -> Worker:
    """A worker with the SDK's own settings: the journey's worker is compared at the same."""
    return Worker(client, task_queue=TASK_QUEUE, workflows=[ByHand], activities=[send_email, send_sms])


async def serve(address: str) -> None:
    """Runs the worker until it is cancelled or its process is killed; see `measure.working`."""
    await worker(await Client.connect(address)).run()
