"""Run the fake providers until the process ends; the first line says where they listen and what they sign with.

python -m tests.provider --port N --log FILE [--faults 0.1] [--seed 7] [--callbacks URL] [--late 2] [--tls]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from threading import Event

from tests.provider.faults import Faults
from tests.provider.server import Provider


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.provider")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--faults", type=Faults.read, default=Faults())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--callbacks")
    parser.add_argument("--late", type=float, default=2.0)
    parser.add_argument("--retry-after", type=int, default=1)
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    with Provider(
        given.log.parent, given.faults, seed=given.seed, port=given.port, tls=given.tls, log=given.log,
        callbacks=given.callbacks, late=given.late, retry_after=given.retry_after,
    ) as provider:  # fmt: skip
        certificate = str(provider.certificate) if provider.certificate else None
        line = {"url": provider.url, "event_key": provider.keys.event_key, "certificate": certificate}
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()
        Event().wait()


if __name__ == "__main__":
    main()
