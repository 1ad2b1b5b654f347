"""Runs `milepost` commands one after another, each in a process forked from this one, which has loaded the modules.

A command spends half of its time on loading, and a page has a dozen of them. Reads a JSON list of arguments a line,
answers a JSON line with the exit status and what was printed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

import cli.events
import cli.importing
import cli.main
import intake.commands
import intake.doors
import intake.reader
import rehearsal
import store.migrate

LOADED = (cli, intake, rehearsal, store)


def run(arguments: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            cli.main.main(arguments)  # ends the process
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)  # noqa: T201 - the answer is what is read
