"""`milepost test --update`: the expectations of scenarios that went otherwise, shown as they are and as they would be,
and then written.

Only what a scenario expects is rewritten, and only where it holds afterwards. What is under `never`, and what
contradicts itself, is for a person to decide. Either all files are written or none.
"""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.common import CONFLICT, Format, Refused, note, out

if TYPE_CHECKING:
    from cli.testing import Suite
    from lifecycle.scenarios import Trial
    from project import Project


def update_expectations(found: Project, suites: list[Suite], format: Format, *, yes: bool) -> list[dict[str, Any]]:
    """Show what would be rewritten, ask, and write; what was rewritten, for scripts: nothing where nobody wanted it."""
    contents = {suite.tests: _read(found.root / suite.tests) for suite in suites if suite.failures}
    new, changes = dict(contents), list[dict[str, Any]]()
    for suite in suites:
        for number, trial in enumerate(suite.trials):
            if trial.failure:
                before = new[suite.tests]
                new[suite.tests], changed = _revised(found, suite, trial, number, before)
                changes += changed
    for change in changes:
        _show(change, format)
    if not changes:
        return []
    files = {file: text for file, text in new.items() if text != contents[file]}
    if not yes:
        _agree(len(changes), len(files), format)
    _write(found.root, files, contents)
    return changes


def _agree(scenarios: int, files: int, format: Format) -> None:
    if format is Format.json or not sys.stdin.isatty():
        raise Refused("nothing was rewritten, because nobody is here to agree to it; add --yes")
    what = f"{scenarios} scenario{'s' * (scenarios > 1)} in {files} file{'s' * (files > 1)}"
    typer.confirm(f"Rewrite {what}?", abort=True, err=True)


def _revised(found: Project, suite: Suite, trial: Trial, number: int, text: str) -> tuple[str, list[dict[str, Any]]]:
    """The file with one scenario more that holds, and what was changed; as it was, and why, where that cannot be."""
    from lifecycle.language.rewrite import CannotRewrite
    from lifecycle.revision import revise

    failure = trial.failure
    assert failure
    try:
        new = revise(text, number, trial, found.plans[suite.playbook], found.world())
    except CannotRewrite as reason:
        note(f"{failure.place.file}:{failure.place.line}: {failure.scenario} stays as it is, because {reason}")
        return text, []
    return new, [
        {
            "file": failure.place.file, "line": failure.place.line, "scenario": failure.scenario, "why": failure.why,
            "before": _only(text, new), "after": _only(new, text),
        }
    ]  # fmt: skip


def _only(text: str, other: str) -> list[str]:
    """The lines of a text that another version of it does not have there."""
    lines = difflib.ndiff(text.splitlines(), other.splitlines())
    return [line[2:] for line in lines if line.startswith("- ")]


def _show(change: dict[str, Any], format: Format) -> None:
    say = note if format is Format.json else out
    say(f"{change['file']}:{change['line']}: {change['scenario']}")
    say(f"  {change['why']}")
    for sign, lines in (("-", change["before"]), ("+", change["after"])):
        for line in lines:
            say(f"  {sign} {line}")
    say("")


def _read(path: Path) -> str:
    """The text as it is, line ends and all."""
    return path.read_bytes().decode()


def _write(root: Path, files: dict[str, str], before: dict[str, str]) -> None:
    """Put the new files in the place of the old ones, which must still be as they were read."""
    staged: list[tuple[Path, Path]] = []
    try:
        for file, text in files.items():
            path = (root / file).resolve()
            if _read(path) != before[file]:
                raise Refused(f"{file} was changed meanwhile, and nothing was rewritten; run this again", CONFLICT)
            number, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with open(number, "wb") as stream:  # noqa: PTH123 - a descriptor
                stream.write(text.encode())
            Path(made).chmod(path.stat().st_mode)
            staged.append((Path(made), path))
        for made_path, path in staged:
            os.replace(made_path, path)  # noqa: PTH105
    except OSError as error:
        raise Refused(f"nothing was rewritten: {error.filename} cannot be written ({error.strerror})") from None
    finally:
        for made_path, _ in staged:
            made_path.unlink(missing_ok=True)
