"""`milepost serve`, to be killed: a process that has everything imported, and forks one that serves at each line read.

    MILEPOST_DATABASE_URL=URL python -m tests.intake.door PORT

It answers each line with the number of the process that serves.
"""

from __future__ import annotations

import os
import sys

import api.app
import api.server  # noqa: F401
import wiring  # noqa: F401
from cli.main import main as milepost


def main(port: str) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)  # what it says goes elsewhere than the numbers
            milepost(["serve", "--port", port])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        # So that it is gone before the next one wants its port.
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
