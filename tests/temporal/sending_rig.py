"""What the chaos test works with: the providers in a process of their own, and whoever kills the workers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.database import Database
from store.tables import Message, table_of
from tests.provider import truth


@dataclass
class Providers:
    """The process that is both providers; it calls back at `port`, and each fault has the probability `faults`."""

    folder: Path
    port: int
    faults: float
    seed: int
    process: subprocess.Popen[str] = field(init=False)
    url: str = ""
    event_key: str = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.provider", "--log", str(self.log), "--faults", str(self.faults)]
        command += ["--seed", str(self.seed), "--callbacks", f"http://127.0.0.1:{self.port}", "--late", "0.8"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        said = json.loads(self.process.stdout.readline())
        self.url, self.event_key = said["url"], said["event_key"]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def log(self) -> Path:
        return self.folder / "provider.log"

    def lines(self, what: str) -> list[dict[str, Any]]:
        return [line for line in truth.read(self.log) if line["what"] == what]

    def replay(self) -> int:
        """Send again every callback that was lost; how many still are."""
        request = urllib.request.Request(f"{self.url}/control/replay", b"{}", {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return int(json.loads(answer.read())["lost"])


class Killer:
    """Starts workers and kills `times` of them while they send, each within `within` seconds after its first message.

    `given` is what `sending_worker` is told.
    """

    def __init__(self, given: dict[str, Any], database: Database, seed: int, times: int, within: float) -> None:
        command = [sys.executable, "-m", "tests.temporal.sending_worker", json.dumps(given)]
        self.nursery = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.log, self.database, self.random = Path(given["log"]), database, random.Random(seed)
        self.times, self.within = times, within
        self.worker = self.kills = self.while_sending = 0
        self.interrupted: set[str] = set()
        """Messages that were `sending` when their worker was killed."""

    def start(self) -> None:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write("go\n")
        self.nursery.stdin.flush()
        self.worker = int(self.nursery.stdout.readline())

    def run(self) -> None:
        self.start()
        while self.kills < self.times:
            self._until_sending()
            time.sleep(self.random.uniform(0, self.within))
            self._until_sending()
            self._kill()
            self.start()

    def _until_sending(self) -> None:
        patience = time.monotonic() + 60
        while not self._on_their_way() and time.monotonic() < patience:
            time.sleep(0.005)

    def _kill(self) -> None:
        os.kill(self.worker, signal.SIGKILL)
        self.kills += 1
        self.while_sending += self._on_their_way() > 0
        # Only once it is dead is what is stored what it left behind.
        time.sleep(0.1)
        self.interrupted |= self.database.read_now(_sending)

    def _on_their_way(self) -> int:
        """How many messages the present worker had begun to hand over, and had no answer yet."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        mine = [line.split() for line in lines if line.split()[1] == str(self.worker)]
        counted = Counter(name for what, _, name in mine if what == "begin")
        counted.subtract(name for what, _, name in mine if what == "end")
        return counted.total()

    def stop(self) -> None:
        os.kill(self.worker, signal.SIGKILL)
        self.nursery.kill()
        self.nursery.communicate()


def _sending(session: Session) -> set[str]:
    one = table_of(Message)
    return set(session.scalars(select(one.c.id).where(one.c.state == "sending")))
