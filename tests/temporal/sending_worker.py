"""A worker to be killed while it sends: the real senders, against the providers of `tests.provider`.

    python -m tests.temporal.sending_worker '{"database": ..., "temporal": ..., "provider": ..., "event_key": ...,
        "port": ..., "log": ..., "minute": ..., "uncommitted": false}'

Like `crashing_worker`, it forks a worker at each line that it reads. The worker serves webhooks on `port` and appends
to `log` when it hands a message to a provider and when it has the answer. `minute` is how many seconds a minute takes
for whoever waits. `uncommitted` takes away what keeps a message from going twice: the claim that is committed before
the call.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from temporalio.worker import Worker
from whenever import Instant, TimeDelta

import wiring
import worker
import workflows.journey
from activities import claiming, delivering
from activities.claiming import Claim, Claimed
from activities.contract import Work
from activities.delivering import Delivering
from activities.transaction import Aside, Context
from api.app import create
from api.parts import Parts
from api.server import listening, serving
from intake import reconcile
from intake.acceptor import Acceptor
from lifecycle import interpreter
from lifecycle.inputs import Result
from lifecycle.interpreter import answers, run
from messaging.links import Links
from messaging.senders.breaker import Breaker, Guarded
from messaging.senders.sendgrid import SendGrid
from messaging.senders.twilio import Twilio
from messaging.sending import Outcome, Outgoing, Sender
from project import Project
from store.database import Database
from tests.lifecycle.strategies import small_project
from tests.provider import ACCOUNT, API_KEY, AUTH_TOKEN

PUBLIC_URL = "https://milepost.example.com"
SECRET = "not a secret, and long enough"
PATIENCE = 5.0
TIMEOUTS = (1.0, 0.4)
SERVICE = "MG" + "0" * 32


class Given(NamedTuple):
    database: str
    temporal: str
    provider: str
    event_key: str
    port: int
    log: str
    minute: float
    uncommitted: bool


def main(text: str) -> None:
    given = Given(**json.loads(text))
    hurry(given.minute)
    project = small_project()
    twilio(given)  # the SDK imports most of itself when it is first used: once, and not in every worker
    if given.uncommitted:
        Claim.make = uncommitted  # type: ignore[method-assign]
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            # Temporal's SDK logs to standard output, here a pipe: once it is full, whoever writes to it stands still.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            asyncio.run(work(given, project))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def hurry(minute: float) -> None:
    """Shorten every wait in proportion; a worker's death is noticed, and its journeys taken over, within seconds."""
    waits = tuple(TimeDelta(seconds=minute * minutes) for minutes in (1, 5, 15))
    for module in (answers, claiming):
        vars(module)["UNKNOWN_RETRIES"] = waits
    for module in (interpreter, run):
        vars(module)["LATE"] = waits[0]
    claiming.ABSENCE_PROVES = waits[1]
    delivering.LONG = 5 * minute
    reconcile.LONGEST_ATTEMPT = TimeDelta(seconds=PATIENCE + 1)
    reconcile.SETTLING = waits[0]
    reconcile.AGES = tuple(TimeDelta(seconds=minute * minutes) for minutes in (10, 60))
    worker.RECONCILE = minute
    workflows.journey.PATIENCE = workflows.journey.SENDING = timedelta(seconds=PATIENCE)
    wiring.PASSED_THROUGH = (*wiring.PASSED_THROUGH, "activities")
    wiring.Worker = partial(  # type: ignore[attr-defined, assignment]
        Worker, sticky_queue_schedule_to_start_timeout=timedelta(seconds=1)
    )


class Watched:
    """A sender that takes its time, and notes when a message is on its way: time to die in."""

    def __init__(self, sender: Sender, descriptor: int) -> None:
        self.name, self.stores = sender.name, sender.stores
        self._sender, self._descriptor = sender, descriptor

    def send(self, message: Outgoing) -> Outcome:
        self._note("begin", message)
        time.sleep(random.uniform(0, 0.03))
        outcome = self._sender.send(message)
        time.sleep(random.uniform(0, 0.06))
        self._note("end", message)
        return outcome

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        return self._sender.look_up(message, since)

    def forget(self, subject: str) -> Outcome:
        return self._sender.forget(subject)

    def close(self) -> None:
        self._sender.close()

    def _note(self, what: str, message: Outgoing) -> None:
        os.write(self._descriptor, f"{what} {os.getpid()} {message.id}\n".encode())


make = Claim.make


def uncommitted(self: Claim, context: Context) -> Result | Aside:
    """The provider is called before the claim is committed."""
    answer = make(self, context)
    if not isinstance(answer, Claimed):
        return answer
    outcome = self.tools.senders[self.draft.command.channel].send(answer.outgoing)
    now = context.now
    settling = Delivering(self.tools, Work(journey="", state={}), lambda: now)
    settling._store(context.session, answer, outcome, now, now.add(seconds=outcome.wait + 1))
    return delivering._result(context, self.draft.id)


def twilio(given: Given) -> Sender:
    status = f"{PUBLIC_URL}/webhooks/twilio/status"
    return Twilio(ACCOUNT, AUTH_TOKEN, given.provider, SERVICE, status, timeouts=TIMEOUTS)


async def work(given: Given, project: Project) -> None:
    descriptor = os.open(given.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sendgrid = SendGrid(API_KEY, given.provider, "Larkspur <hello@example.com>", timeouts=TIMEOUTS)
    senders: dict[Any, Sender] = {
        "email": Watched(Guarded(sendgrid, Breaker("sendgrid", rest=given.minute)), descriptor),
        "sms": Watched(Guarded(twilio(given), Breaker("twilio", rest=given.minute)), descriptor),
    }
    database = Database(given.database)
    assert project.map is not None
    out = wiring.Outside(PUBLIC_URL, SECRET, senders)
    engine = wiring.engine(project, database, await wiring.connect(given.temporal), out)
    links = Links(PUBLIC_URL, SECRET)
    temporal = wiring.temporal_when_needed(given.temporal, "default")
    parts = Parts(
        database, project.map, links, PUBLIC_URL, Acceptor(database), engine.applier,
        wiring.explainer(project, engine.applier, SECRET), temporal, (given.event_key,), (AUTH_TOKEN,),
    )  # fmt: skip
    with listening("127.0.0.1", given.port) as taken:
        async with serving(create(parts), taken), worker.running(engine):
            await asyncio.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
