"""`milepost test`: the scenarios beside the playbooks, what they go through, and what went otherwise.

`--junit` writes the same for a CI server (`cli.junit`), `--update` rewrites expectations (`cli.updating`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.authoring import PathArgument, count, lies, read_with_mistakes, within_project
from cli.common import FAULTS, GOOD, Format, FormatOption, ProjectOption, Refused, note, out, out_json

if TYPE_CHECKING:
    from lifecycle.coverage import Coverage
    from lifecycle.language.faults import Fault
    from lifecycle.scenarios import Failure, Row, Trial
    from project import Project

JunitOption = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write the results to FILE besides, as JUnit's XML, for CI."),
]
UpdateOption = Annotated[
    bool,
    typer.Option("--update", help="Show what is expected otherwise than it happens, and rewrite it in the test files."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="With --update: write without asking.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("test", epilog="Example: milepost test playbooks/onboarding/first-90-days.yaml")(run_tests)


@dataclass(slots=True)
class Suite:
    """The scenarios of one playbook as they ran. `seconds` are those of each trial, `faults` what spoils the files.

    `coverage` is None where there is no test file, or where the playbook has mistakes.
    """

    playbook: str
    file: str
    tests: str
    trials: list[Trial] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    coverage: Coverage | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        return [trial.failure for trial in self.trials if trial.failure]


def run_tests(
    path: PathArgument = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
    junit: JunitOption = None,
    update: UpdateOption = False,
    yes: YesOption = False,
) -> int:
    """Run the scenarios that lie beside the playbooks, and say which steps and branches they went through."""
    if yes and not update:
        raise Refused("`--yes` goes with `--update`: without it nothing is written")
    found = read_with_mistakes(path, project)
    within = within_project(found, path)
    suites = _suites(found, within)
    wrong = _wrong(found, within, suites)
    for fault in wrong:
        note(str(fault))
    updated: list[dict[str, Any]] = []
    if update:
        from cli.updating import update_expectations

        if wrong:
            raise Refused(f"{count(len(wrong), 'mistake')} to mend before anything is rewritten", FAULTS)
        updated = update_expectations(found, suites, format, yes=yes)
        if updated:
            found = read_with_mistakes(path, project)
            suites = _suites(found, within)
    if junit is not None:
        from cli.junit import write

        write(junit, suites)
    failures = [failure for suite in suites for failure in suite.failures]
    passed = sum(len(suite.trials) for suite in suites) - len(failures)
    shares = _shares(found, suites)
    if format is Format.json:
        data = {"passed": passed, "failed": len(failures), "coverage": shares}
        out_json(data | {"failures": [_failure(one) for one in failures]} | ({"updated": updated} if update else {}))
        return FAULTS if failures or wrong else GOOD
    _print(suites, failures=not update)
    out(
        f"{count(passed, 'scenario')} passed, {len(failures)} failed; "
        f"{shares['steps']:g} % of steps and {shares['branches']:g} % of branches gone through"
    )
    if not update and not wrong and any(failure.cause == "differs" for failure in failures):
        note("Was the playbook changed on purpose? Then `milepost test --update` rewrites what is expected.")
    return FAULTS if failures or wrong else GOOD


def _suites(found: Project, within: str | None) -> list[Suite]:
    """Run the scenarios of every playbook that lies in `within`, or whose test file does."""
    from lifecycle.coverage import Coverage
    from lifecycle.scenarios import trials

    suites: list[Suite] = []
    for name, file in found.files.items():
        tests = file.removesuffix(".yaml") + ".test.yaml"
        if not (lies(file, within) or lies(tests, within)):
            continue
        suite = Suite(name, file, tests)
        suite.faults = [fault for fault in found.faults.errors if fault.place.file in (file, tests)]
        suites.append(suite)
        plan, scenarios = found.plans.get(name), found.scenarios.get(name)
        if plan is None and not suite.faults:  # what it sends has mistakes
            suite.faults = [fault for fault in found.faults.errors if fault.place.file.startswith("templates/")]
        if plan is None or scenarios is None:
            continue
        suite.coverage = Coverage.of(plan)
        began = time.perf_counter()
        for trial in trials(plan, scenarios, found.world(), suite.coverage):
            suite.trials.append(trial)
            suite.seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
    return suites


def _wrong(found: Project, within: str | None, suites: list[Suite]) -> list[Fault]:
    """The mistakes of what is tested: where any is found, nothing is proven."""
    tested = {suite.file for suite in suites}
    spoilt = [fault for suite in suites for fault in suite.faults]
    return [
        fault
        for fault in found.faults.errors
        if lies(fault.place.file, within) or fault.place.file in tested or fault in spoilt
    ]


# --- printed -------------------------------------------------------------------------------------------------------


def _print(suites: list[Suite], *, failures: bool) -> None:
    width = max((len(suite.playbook) for suite in suites), default=0)
    for suite in suites:
        if suite.coverage is None:
            out(f"{suite.playbook:<{width}}  {'not tested: it has mistakes' if suite.faults else 'no test file'}")
            continue
        failed = len(suite.failures)
        passed = len(suite.trials) - failed
        out(f"{suite.playbook:<{width}}  {passed:>3} passed {failed:>3} failed   {covered(suite.coverage)}")
        for missed in suite.coverage.missed:
            out(f"{'':<{width}}  not gone through: {missed}")
    for suite in suites:
        for failure in suite.failures if failures else ():
            out()
            out(f"{failure.place.file}:{failure.place.line}: {failure.scenario}")
            out(f"  {failure.why}")
            for line in side_by_side(failure.rows):
                out(f"  {line}".rstrip())
    if suites:
        out()


def covered(coverage: Coverage) -> str:
    """`steps 5 of 5, branches 1 of 2`"""
    steps = f"steps {len(coverage.seen_steps & coverage.steps)} of {len(coverage.steps)}"
    return f"{steps}, branches {len(coverage.seen_arms)} of {len(coverage.arms)}"


def side_by_side(rows: Sequence[Row]) -> list[str]:
    """What was expected beside what happened; `>` marks the lines that differ."""
    width = max([len(row.expected) for row in rows] + [len("expected")])
    lines = [f"  {'expected':<{width}}  actual"]
    return lines + [f"{' ' if row.same else '>'} {row.expected:<{width}}  {row.actual}".rstrip() for row in rows]


def _failure(failure: Failure) -> dict[str, Any]:
    place = failure.place
    return {
        "file": place.file, "line": place.line, "scenario": failure.scenario,
        "expected": failure.expected, "actual": failure.actual,
    }  # fmt: skip


def _shares(found: Project, suites: list[Suite]) -> dict[str, float]:
    """How much was gone through, in percent, rounded down. A playbook without tests counts as not gone through."""
    from lifecycle.coverage import Coverage

    steps = arms = seen_steps = seen_arms = 0
    for suite in suites:
        if suite.playbook not in found.plans:
            continue
        coverage = suite.coverage or Coverage.of(found.plans[suite.playbook])
        steps, arms = steps + len(coverage.steps), arms + len(coverage.arms)
        seen_steps += len(coverage.seen_steps & coverage.steps)
        seen_arms += len(coverage.seen_arms)
    return {"steps": _percent(seen_steps, steps), "branches": _percent(seen_arms, arms)}


def _percent(part: int, whole: int) -> float:
    return part * 1000 // whole / 10 if whole else 100.0
