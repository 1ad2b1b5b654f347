"""Findings as other programs read them: JSON, SARIF 2.1.0, and the annotations that GitHub shows beside a change.

SARIF and annotations name files from the root of the repository, because that is where their readers stand; where the
project lies in none, and in JSON and text, from the project's own root.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lifecycle.language.faults import Fault

SARIF_VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
"""What SARIF's readers call the root of the repository."""


def as_json(fault: Fault) -> dict[str, Any]:
    """A finding of `--format json`."""
    place = fault.place
    return {
        "file": place.file, "line": place.line, "column": place.column, "code": fault.code,
        "severity": fault.severity, "message": fault.message, "suggestion": fault.suggestion,
    }  # fmt: skip


def as_sarif(faults: Sequence[Fault], project: Path) -> dict[str, Any]:
    """All findings as one SARIF log. `project` is the folder from which they name their files."""
    codes = sorted({fault.code for fault in faults})
    return {
        "$schema": SCHEMA,
        "version": SARIF_VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "Milepost",
                        "semanticVersion": version("milepost"),
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(fault, codes, project) for fault in faults],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    words = code.replace("-", " ")
    return {
        "id": code,
        "shortDescription": {"text": words},
        "fullDescription": {"text": words},
        "help": {"text": f"docs/faults.md says what `{code}` means, with an example."},
    }


def _result(fault: Fault, codes: Sequence[str], project: Path) -> dict[str, Any]:
    place = fault.place
    return {
        "ruleId": fault.code,
        "ruleIndex": codes.index(fault.code),
        "level": fault.severity,
        "message": {"text": _sentence(fault)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(_from_repository(place.file, project)), "uriBaseId": ROOT},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
    }


def as_annotation(fault: Fault, project: Path) -> str:
    """A finding as the line that GitHub's runner reads from a step's output."""
    place = fault.place
    properties = {
        "file": _from_repository(place.file, project),
        "line": place.line,
        "col": place.column,
        "title": fault.code,
    }
    told = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{fault.severity} {told}::{_data(_sentence(fault))}"


def _sentence(fault: Fault) -> str:
    return f"{fault.message}; {fault.suggestion}" if fault.suggestion else fault.message


def _data(text: str) -> str:
    """A text in a command of the runner: it ends at the end of the line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _from_repository(file: str, project: Path) -> str:
    for folder in (project, *project.parents):
        if (folder / ".git").exists():
            return (project / file).relative_to(folder).as_posix()
    return file
