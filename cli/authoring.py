"""`milepost test`, and what it shares with `check` (cli.checking): the project with its mistakes, and a PATH in it."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    FAULTS,
    GOOD,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    note,
    out,
    out_json,
    project_root,
    read_project,
    settings,
)

if TYPE_CHECKING:
    from lifecycle.coverage import Coverage
    from lifecycle.scenarios import Failure
    from project import Project

PathArgument = Annotated[
    Path | None, typer.Argument(metavar="PATH", help="Only what is said of this file or folder.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    from cli.checking import register as register_check
    from cli.previewing import preview
    from cli.trying import send_test

    register_check(app)
    app.command("test", epilog="Example: milepost test playbooks/onboarding/first-90-days.yaml")(run_tests)
    app.command("preview", epilog="Example: milepost preview onboarding/welcome --out /tmp/welcome")(preview)
    app.command("send-test", epilog="Example: milepost send-test onboarding/welcome --to ada@example.com")(send_test)


# --- test ----------------------------------------------------------------------------------------------------------


def run_tests(path: PathArgument = None, project: ProjectOption = None, format: FormatOption = Format.text) -> int:
    """Run the scenarios that lie beside the playbooks, and say which steps and branches they went through."""
    from lifecycle.scenarios import run_scenarios

    found = read_with_mistakes(path, project)
    within = within_project(found, path)
    chosen = {name: file for name, file in found.files.items() if lies(file, within) or lies(_test_of(file), within)}
    wrong = [fault for fault in found.faults.errors if within is None or lies(fault.place.file, within)]
    wrong += [fault for fault in found.faults.errors if fault.place.file in chosen.values() and fault not in wrong]
    for fault in wrong:
        note(str(fault))
    passed, failures, covered = 0, list[tuple[str, "Failure"]](), dict[str, "Coverage | None"]()
    for name in chosen:
        plan, scenarios = found.plans.get(name), found.scenarios.get(name)
        if plan is None:
            continue
        if scenarios is None:
            covered[name] = None
            continue
        held, failed, covered[name] = run_scenarios(plan, scenarios, found.world())
        passed += held
        failures += [(name, failure) for failure in failed]
    if format is Format.json:
        out_json(
            {
                "passed": passed,
                "failed": len(failures),
                "coverage": _shares(found, covered),
                "failures": [_failure(failure) for _, failure in failures],
            }
        )
    else:
        _print_tests(found, covered, failures)
        shares = _shares(found, covered)
        out(
            f"{count(passed, 'scenario')} passed, {len(failures)} failed; "
            f"{shares['steps']:g} % of steps and {shares['branches']:g} % of branches gone through"
        )
    return FAULTS if failures or wrong else GOOD


def _print_tests(found: Project, covered: dict[str, Coverage | None], failures: list[tuple[str, Failure]]) -> None:
    width = max((len(name) for name in covered), default=0)
    for name, coverage in covered.items():
        if coverage is None:
            out(f"{name:<{width}}  no test file")
            continue
        number = len(found.scenarios[name].scenarios)
        failed = sum(failing == name for failing, _ in failures)
        steps = f"steps {len(coverage.seen_steps & coverage.steps)} of {len(coverage.steps)}"
        branches = f"branches {len(coverage.seen_arms)} of {len(coverage.arms)}"
        out(f"{name:<{width}}  {number - failed:>3} passed {failed:>3} failed   {steps}, {branches}")
        for missed in coverage.missed:
            out(f"{'':<{width}}  not gone through: {missed}")
    for _, failure in failures:
        out()
        out(f"{failure.place.file}:{failure.place.line}: {failure.scenario}")
        out(f"  {failure.why}")
        _side_by_side(failure.expected, failure.actual)
    if covered:
        out()


def _side_by_side(expected: list[str], actual: list[str]) -> None:
    width = max([len(line) for line in expected] + [len("expected")])
    out(f"    {'expected':<{width}}  actual")
    for left, right in zip_longest(expected, actual, fillvalue=""):
        out(f"    {left:<{width}}  {right}".rstrip())


def _failure(failure: Failure) -> dict[str, Any]:
    place = failure.place
    return {
        "file": place.file, "line": place.line, "scenario": failure.scenario,
        "expected": failure.expected, "actual": failure.actual,
    }  # fmt: skip


def _shares(found: Project, covered: dict[str, Coverage | None]) -> dict[str, float]:
    """How much was gone through, in percent, rounded down. A playbook without tests counts as not gone through."""
    from lifecycle.coverage import arms_of

    steps = arms = seen_steps = seen_arms = 0
    for name, coverage in covered.items():
        plan = found.plans[name]
        steps, arms = steps + len(plan.steps), arms + len(set(arms_of(plan)))
        if coverage is not None:
            seen_steps += len(coverage.seen_steps & coverage.steps)
            seen_arms += len(coverage.seen_arms)
    return {"steps": _percent(seen_steps, steps), "branches": _percent(seen_arms, arms)}


def _percent(part: int, whole: int) -> float:
    return part * 1000 // whole / 10 if whole else 100.0


# --- both ----------------------------------------------------------------------------------------------------------


def read_with_mistakes(path: Path | None, option: Path | None) -> Project:
    """The project, its mistakes included: the one that is named, else that in which PATH lies."""
    from project import NoProject, find_root

    if option is None and path is not None and settings().project is None and path.exists():
        try:
            option = find_root(path if path.is_dir() else path.parent)
        except NoProject:
            option = None
    return read_project(project_root(option), sound=False)


def within_project(found: Project, path: Path | None) -> str | None:
    """PATH as findings name it: relative to the project; None for all of it."""
    if path is None:
        return None
    there = [place.resolve() for place in (path, found.root / path) if place.exists()]
    if not there:
        raise Refused(f"there is no file or folder {path}")
    inside = next((place for place in there if place.is_relative_to(found.root)), None)
    if inside is None:
        raise Refused(f"{path} does not lie in the project {found.root}")
    return None if inside == found.root else inside.relative_to(found.root).as_posix()


def lies(file: str, within: str | None) -> bool:
    return within is None or file == within or file.startswith(f"{within}/")


def _test_of(file: str) -> str:
    return file.removesuffix(".yaml") + ".test.yaml"


def count(number: int, what: str) -> str:
    """`1 playbook`, `4 playbooks`"""
    return f"{number} {what}{'' if number == 1 else 's'}"
