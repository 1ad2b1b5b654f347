"""The results of `milepost test` as JUnit's XML for CI servers: a `testsuite` a playbook, a `testcase` a scenario.

Only what all of them read is used. A playbook with mistakes is a suite with an error, one without tests a suite with a
skipped case: both are then seen, and not only missing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from cli.common import Refused

if TYPE_CHECKING:
    from cli.testing import Suite
    from lifecycle.scenarios import Trial

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(file: Path, suites: list[Suite]) -> None:
    """Write the results of all suites to `file`; folders on the way are made."""
    made = [_suite(suite) for suite in suites]
    root = ET.Element("testsuites", name="milepost test")
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(one.get(count, "0")) for one in made)))
    root.set("time", f"{sum(sum(suite.seconds) for suite in suites):.3f}")
    root.extend(made)
    ET.indent(root)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise Refused(f"the results cannot be written to {file}: {error.strerror}") from None


def _suite(suite: Suite) -> ET.Element:
    from cli.testing import covered

    element = ET.Element("testsuite", name=suite.playbook)
    cases = [_case(suite, trial, seconds) for trial, seconds in zip(suite.trials, suite.seconds, strict=True)]
    if suite.faults:
        cases.append(_outcome(suite, "has no mistakes", "error", "\n".join(str(fault) for fault in suite.faults)))
    elif suite.coverage is None:
        cases.append(_outcome(suite, "has a test file", "skipped", f"write {Path(suite.tests).name} beside it"))
    for count, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(count, str(sum(case.find(outcome) is not None for case in cases)))
    element.set("tests", str(len(cases)))
    element.set("time", f"{sum(suite.seconds):.3f}")
    if suite.coverage is not None:
        coverage = suite.coverage
        properties = ET.SubElement(element, "properties")
        for name, part, whole in (
            ("steps", len(coverage.seen_steps & coverage.steps), len(coverage.steps)),
            ("branches", len(coverage.seen_arms), len(coverage.arms)),
        ):
            ET.SubElement(properties, "property", name=f"{name} gone through", value=f"{part} of {whole}")
    element.extend(cases)
    if suite.coverage is not None:
        missed = [f"not gone through: {one}" for one in suite.coverage.missed]
        ET.SubElement(element, "system-out").text = _text("\n".join([covered(suite.coverage), *missed]))
    return element


def _case(suite: Suite, trial: Trial, seconds: float) -> ET.Element:
    from cli.testing import side_by_side

    place = trial.scenario.place()
    case = _named(suite, trial.scenario.name, place.line, seconds)
    failure = trial.failure
    if failure is not None:
        where = f"{failure.place.file}:{failure.place.line}"
        said = ET.SubElement(case, "failure", message=_text(failure.why), type=failure.cause)
        said.text = _text("\n".join([f"{where}: {failure.why}", "", *side_by_side(failure.rows)]))
    return case


def _outcome(suite: Suite, name: str, outcome: str, said: str) -> ET.Element:
    case = _named(suite, name, 1, 0.0)
    ET.SubElement(case, outcome, message=_text(said.partition("\n")[0])).text = _text(said)
    return case


def _named(suite: Suite, name: str, line: int, seconds: float) -> ET.Element:
    folder = Path(suite.file).parent.name
    return ET.Element(
        "testcase", classname=f"{folder}.{suite.playbook}", name=_text(name), file=suite.tests, line=str(line),
        time=f"{seconds:.3f}",
    )  # fmt: skip


def _text(text: str) -> str:
    """XML has no way to write some characters."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
