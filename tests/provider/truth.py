"""The log: one line of JSON for each thing that happened, written before anybody is answered.

`accepted` lines are the truth about messages. `answered` lines say what the client was told about an attempt, `fault`
being one of `faults.CODES` or empty; `called` lines what became of a callback.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any


@dataclass(frozen=True)
class Accepted:
    """A message that a provider has. `id` is ours, `provider_id` theirs; `at` is an ISO instant in UTC."""

    id: str
    channel: str
    provider_id: str
    to: str
    at: str
    body: str = ""
    sender: str = ""
    callback: str = ""


class Truth:
    """Written by many threads; read by anybody."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = Lock()
        self._accepted: list[Accepted] = []

    def accept(self, message: Accepted) -> None:
        with self._lock:
            self._write({"what": "accepted", **asdict(message)})
            self._accepted.append(message)

    def note(self, what: str, **values: Any) -> None:
        with self._lock:
            self._write({"what": what, "at": datetime.now(UTC).isoformat(), **values})

    def accepted(self, channel: str | None = None) -> list[Accepted]:
        with self._lock:
            return [one for one in self._accepted if channel in (None, one.channel)]

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, f"{json.dumps(line)}\n".encode())


def read(path: Path) -> Sequence[dict[str, Any]]:
    """The lines of a log, which may be in the middle of being written."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
