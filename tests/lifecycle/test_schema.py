"""The JSON Schemas accept what the reader accepts, and refuse keys that it does not know."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from lifecycle.language.faults import Faults
from lifecycle.language.map import Map
from lifecycle.language.playbook import Playbook
from lifecycle.language.scenario import Scenarios
from lifecycle.language.schema import KINDS, Kind, schema_of
from lifecycle.language.segments import Segments
from lifecycle.language.source import read
from lifecycle.language.times import NotATime, parse_span
from lifecycle.language.validate import Authored, validate

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {kind: Draft7Validator(schema_of(kind)) for kind in KINDS}
MODELS: dict[Kind, type[Authored]] = {"playbook": Playbook, "map": Map, "segments": Segments, "tests": Scenarios}

FREE = ("sample", "customer", "with", "set", "properties", "names")
"""Keys below which stands whatever a project declares."""


def kind_of(path: Path) -> Kind:
    if path.name.endswith(".test.yaml"):
        return "tests"
    return {"map.yaml": "map", "segments.yaml": "segments"}.get(path.name, "playbook")  # type: ignore[return-value]


def shipped() -> list[Path]:
    below = (ROOT, *(ROOT / "examples").glob("*"), ROOT / "tests/project")
    return sorted(path for folder in below for path in (folder / "playbooks").rglob("*.yaml"))


def data(path: Path) -> Any:
    source = read(path.name, path.read_bytes(), Faults())
    assert source is not None
    return source.data


def of(text: str) -> Any:
    source = read("x.yaml", text, Faults())
    assert source is not None
    return source.data


def refused(kind: Kind, written: Any) -> bool:
    return next(SCHEMAS[kind].iter_errors(written), None) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_schema_of_draft_7(kind: Kind) -> None:
    Draft7Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("path", shipped(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_shipped_file_fits_its_schema(path: Path) -> None:
    errors = [(list(error.path), error.message) for error in SCHEMAS[kind_of(path)].iter_errors(data(path))]
    assert errors == []


def _places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield (*path, key)
            yield from _places(value, (*path, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _places(value, (*path, index))


def _mistyped(written: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(written)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[f"{path[-1]}x"] = part.pop(path[-1])
    return changed


def _understood(kind: Kind, written: Any) -> bool:
    return validate(MODELS[kind], _source(written), Faults()) is not None


def _source(written: Any) -> Any:
    from lifecycle.language.source import Source

    source = Source("x.yaml", written)
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), written)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, dict):
            source.paths[id(part)] = path
        inside = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        waiting += [((*path, key), value) for key, value in inside]
    return source


def test_a_mistyped_key_is_refused_wherever_the_reader_refuses_it() -> None:
    """One key of each kind of place in the shipped files, with a letter too many."""
    seen: set[tuple[Any, ...]] = set()
    tried = 0
    for path in sorted((ROOT / "playbooks").rglob("*.yaml")):
        kind, written = kind_of(path), data(path)
        for place in _places(written):
            alike = (kind, *(key for key in place[-4:] if not isinstance(key, int)))
            if alike in seen or any(key in FREE for key in place[:-1]):
                continue
            seen.add(alike)
            mistyped = _mistyped(written, place)
            tried += 1
            assert refused(kind, mistyped) is not _understood(kind, mistyped), (path.name, place)
    assert tried > 150


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("playbook", "playbok: a\nstage: b\nsteps: [{send: x}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{sned: x}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{send: x, chanel: sms}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{send: x, channel: fax}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{wait: 3 dayz}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{wait: {untill: day 3}}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{wait_for: x}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{send: x, wait: 3 days}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{branch: [{if: x, thn: []}]}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: []"),
        ("playbook", "playbook: a\nstage: b\nholdout: 95%\nsteps: [{send: x}]"),
        ("playbook", "playbook: a\nstage: b\nentry: {milestone: x, segment: y}\nsteps: [{send: x}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{survey: nps}]"),
        ("map", "time_zone: x\nmilestones: {}\nstages: {a: {fr: x}}"),
        ("map", "time_zone: x\nmilestones: {Purchase: {}}\nstages: {a: {for: x}}"),
        ("map", "time_zone: x\nmilestones: {}\nstages: {}\ncaps: [{at_most: 0, every: 7 days}]"),
        ("segments", "big: {if: x, descripton: y}"),
        ("segments", "Big: {if: x}"),
        ("tests", "start: 2026-03-02 10:00\nscenarios: [{name: a, expectt: []}]"),
        ("tests", "start: 2026-03-02 10:00\nscenarios: [{name: a, given: [{milestne: x}]}]"),
        ("tests", "start: march\nscenarios: [{name: a}]"),
    ],
)
def test_what_nobody_may_write_is_refused(kind: Kind, text: str) -> None:
    assert refused(kind, of(text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("playbook", "playbook: a\nstage: b\nentry: purchase\ngoal: upgraded\nexit: [x, {if: y}]\nsteps: [{send: x}]"),
        ("playbook", "playbook: a\nstage: b\nholdout: 5%\nsteps: [{send: x}, {wait: P3D}, {wait: {until: day 3}}]"),
        ("playbook", "playbook: a\nstage: b\nholdout: 7.5\nsteps: [{wait_for: x, timeout: 1 day}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{wait_for: [x, y], timeout: 1 day 12 hours, reached: []}]"),
        ("playbook", "playbook: a\nstage: b\nsteps: [{repeat: {every: P1M, at_most: 3}, steps: [{exit: y}]}]"),
        ("map", "time_zone: Europe/Paris\nmilestones: {a: {also: One}}\nstages: {a: {for: x}}\nhalt: {bounced: 1%}"),
        ("segments", "{}"),
    ],
)  # fmt: skip
def test_every_short_form_is_accepted(kind: Kind, text: str) -> None:
    written = of(text)
    assert _understood(kind, written)
    assert not refused(kind, written)


@pytest.mark.parametrize(
    "text",
    [
        "3 days", "1 day", "2 weeks", "72 hours", "90 minutes", "1 working day", "2 business days", "1 day 12 hours",
        "1 day, 12 hours", "1 day and 12 hours", "P3D", "PT72H", "P1M2DT3H", "3 Days", "3days", "a while", "3", "days",
        "3 dayz", "P", "PT", "3 days before", "three days", "", "-3 days", "3 days x",
    ],
)  # fmt: skip
def test_lengths_of_time_look_to_a_schema_as_to_the_reader(text: str) -> None:
    try:
        parse_span(text)
        known = True
    except NotATime:
        known = False
    assert refused("playbook", {"playbook": "a", "stage": "b", "steps": [{"wait": text}]}) is not known


def test_every_key_has_a_meaning() -> None:
    for kind in KINDS:
        made = schema_of(kind)
        for name, definition in [(kind, made), *made["$defs"].items()]:
            for key, shape in definition.get("properties", {}).items():
                assert shape.get("description"), (name, key)
