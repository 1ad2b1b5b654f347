"""The entry of `milepost`: its commands, and the one place where the process ends.

Commands import what they need when they run, so that `--help` and completion are quick.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from cli import (
    acting,
    authoring,
    customers,
    demo,
    doctor,
    events,
    explaining,
    forecasts,
    importing,
    incoming,
    journeys,
    mapping,
    pauses,
    persons,
    running,
    schemas,
    shadowing,
    simulating,
    starting,
    tasks,
    testing,
    tokens,
    users,
    verifying,
    versions,
)
from cli.common import FAULTS, GOOD, INTERRUPTED, UNREACHABLE, WRONG_CALL, Refused

app = typer.Typer(
    name="milepost",
    help="Lifecycle campaigns as playbooks that run as durable journeys on Temporal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (
    authoring, testing, schemas, simulating, forecasts, events, importing, explaining, pauses, verifying, persons,
    mapping, doctor, running, demo,
):  # fmt: skip
    module.register(app)
acting.register_resend(app)
app.add_typer(starting.app, name="new")
playbook = typer.Typer(help="Look at versions of a playbook.", no_args_is_help=True)
versions.register(app, playbook)
shadowing.register(playbook)
app.add_typer(playbook, name="playbook")
app.add_typer(customers.app, name="customer")
app.add_typer(journeys.app, name="journey")
app.add_typer(incoming.app, name="events")
app.add_typer(tasks.app, name="task")
app.add_typer(tokens.app, name="token")
app.add_typer(users.app, name="user")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit status."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):  # whoever read our output has left
            stream.flush()
    # Temporal's SDK can crash the interpreter while it winds down, after all work is done: so it does not wind down.
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. Whatever goes wrong is told in a sentence on standard error."""
    try:
        answer = _command()(list(arguments), prog_name="milepost", standalone_mode=False)
        if answer == INTERRUPTED:  # typer hears of Ctrl-C before we do
            return _say("interrupted", INTERRUPTED)
        return answer if isinstance(answer, int) else GOOD
    except typer.Exit as left:
        return left.exit_code
    except SystemExit:  # by it alone typer says that whoever read our output has left
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - what is left goes nowhere
        return GOOD
    except TyperException as error:  # typer brings its own click: those of the package of that name never come
        show = getattr(error, "show", None)
        if show is None:
            return _say(error.format_message(), WRONG_CALL)
        show()
        return WRONG_CALL
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", INTERRUPTED)
    except Refused as refused:
        return _say(str(refused), refused.code)
    except Exception as error:  # noqa: BLE001 - nobody is to meet a traceback
        return _unexpected(error)


@cache
def _command() -> Callable[..., Any]:
    """All commands, put together once: their parameters are read from the signatures, which takes a while."""
    return get_command(app)


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"milepost: {sentence}\n")
    return code


def _unexpected(error: Exception) -> int:
    """Errors of other rooms by what they mean to the person; one that nobody foresaw leaves its traceback in a file."""
    names = {kind.__name__ for kind in type(error).__mro__}  # by name: importing the classes would load their rooms
    if names & {"NoProject", "BadSettings"}:
        return _say(str(error), WRONG_CALL)
    if names & {"Unreachable", "StoreError"}:
        return _say(str(error), UNREACHABLE)
    if os.environ.get("MILEPOST_DEBUG"):
        traceback.print_exc()
    with tempfile.NamedTemporaryFile("w", prefix="milepost-", suffix=".log", delete=False) as log:
        traceback.print_exception(error, file=log)
    return _say(
        f"this is a mistake of Milepost's own ({type(error).__name__}); what is known of it is in {log.name}", FAULTS
    )


if __name__ == "__main__":
    main()
