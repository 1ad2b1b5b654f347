"""The reference pages tell all there is: a key, code, command, option or setting that is not on its page fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from cli.main import app
from docs import draw
from lifecycle import ledger, quiet_hours, suppression
from lifecycle.language import behaviour, meanings, outcomes, playbook, scenario, segments, template
from lifecycle.language import map as map_language
from lifecycle.language.faults import Faults
from lifecycle.language.source import read
from lifecycle.language.validate import Authored
from lifecycle.reasons import REASONS
from lifecycle.state import TRANSITIONS
from settings import Settings
from tests.docs.codes import codes
from tests.docs.pages import ROOT
from tests.docs.reasons import given

# Where docs/language.md tells the keys of each model: under this heading, or after this line.
TOLD: dict[type[Authored], str] = {
    playbook.Playbook: "## The playbook",
    playbook.Entry: "### Entry",
    playbook.Goal: "### Goal",
    playbook.Leave: "### Exit",
    playbook.Send: "### send",
    playbook.Wait: "### wait\n",
    playbook.WaitUntil: "### wait\n",
    playbook.WaitFor: "### wait_for",
    playbook.Listen: "### wait_for",
    playbook.Branch: "### branch",
    playbook.Arm: "### branch",
    playbook.Split: "### split",
    playbook.Variant: "### split",
    playbook.Task: "### task",
    playbook.Repeat: "### repeat",
    playbook.Again: "### repeat",
    playbook.Set: "### set, record, enrol, exit",
    playbook.Record: "### set, record, enrol, exit",
    playbook.Enrol: "### set, record, enrol, exit",
    playbook.Exit: "### set, record, enrol, exit",
    playbook.Later: "### survey, webhook",
    template.FrontMatter: "## Templates",
    scenario.Scenarios: "## Tests",
    scenario.Scenario: "A scenario:",
    scenario.Given: "One line of `given`:",
    scenario.Expected: "One line of `expect` and `expect_some`:",
    map_language.Map: "## The map",
    map_language.Stage: "A stage:",
    map_language.MilestoneRule: "A milestone:",
    map_language.AttributeRule: "An attribute:",
    map_language.Topic: "A topic:",
    map_language.Cap: "A cap:",
    map_language.Hours: "A channel's hours:",
    segments.Segments: "## Segments",
    segments.Segment: "A segment:",
    outcomes.Suppress: "A rule of `suppress`:",
    outcomes.Halt: "The limits of `halt`:",
    behaviour.Behaviour: "## Behaviour files",
    behaviour.Entries: "The entries:",
    behaviour.Habit: "A milestone of a behaviour file:",
}  # fmt: skip


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def _told_after(start: str) -> set[str]:
    """The keys in the first column of the tables between `start` and the next heading or the next group of keys."""
    text = _page("language.md").split(start, 1)[1]
    text = re.split(r"^(?:#{2,3} |(?:A|An|The|One line) .*:$)", text, maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE))


def _models(base: type[Authored] = Authored) -> Iterator[type[Authored]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def test_every_model_of_the_language_has_its_place_in_the_reference() -> None:
    assert {model for model in _models() if model.__module__.startswith("lifecycle.")} == set(TOLD)


@pytest.mark.parametrize("model", TOLD, ids=lambda model: model.__name__)
def test_every_key_of_the_language_is_told(model: type[Authored]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    if model is playbook.Later:
        keys = {"survey", "webhook"}  # the rest of a survey is read, so that only the step itself is reported
    common = {"id"} if model.__module__.endswith("playbook") else set()
    assert keys - common <= _told_after(TOLD[model])


def test_the_reference_tells_no_key_that_does_not_exist() -> None:
    for start in set(TOLD.values()):
        models = [model for model, place in TOLD.items() if place == start]
        keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
        assert _told_after(start) <= keys, start


def test_editors_show_the_meanings_that_the_reference_tells() -> None:
    """`milepost schema` describes keys in the words of the page, links and emphasis left out."""
    for model, start in TOLD.items():
        keys = {field.alias or name for name, field in model.model_fields.items()} - {"id"}
        if model in (template.FrontMatter, playbook.Later, segments.Segments):
            continue
        if model.__module__ == behaviour.__name__:  # no part of a project, so editors are told nothing of it
            continue
        text = re.sub(r"\[([^\]]+)\]\([^)]*\)|\*([^*|]+)\*", r"\1\2", _page("language.md").split(start, 1)[1])
        rows = dict(reversed(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", text, re.MULTILINE)))
        assert {key: rows[key] for key in keys} == meanings.MEANINGS[model.__name__], model.__name__


def test_every_code_of_check_is_told() -> None:
    told = set(re.findall(r"^\| `([\w-]+)` \|", _page("faults.md"), re.MULTILINE))
    made = codes()
    assert told == set(made), {code: made.get(code) for code in told ^ set(made)}


def test_every_reason_is_told_in_the_table_of_its_kind() -> None:
    parts = re.split(r"^## ", _page("reasons.md"), flags=re.MULTILINE)
    told = {part.partition("\n")[0]: re.findall(r"^\| `([\w-]+)` \|", part, re.MULTILINE) for part in parts}
    for kind, heading in (("refused", "Refused"), ("deferred", "Put off"), ("unknown", "Unknown")):
        assert told[heading] == [code for code, reason in REASONS.items() if reason.kind == kind]


def test_every_reason_that_is_given_is_in_the_table_and_the_other_way_round() -> None:
    made = given()
    assert set(made) == set(REASONS), {code: made.get(code) for code in set(made) ^ set(REASONS)}


def test_the_hours_of_each_jurisdiction_are_told() -> None:
    rows = re.findall(r"^\| (.+?) \| (\d\d:\d\d to .+?) \|$", _page("reasons.md"), re.MULTILINE)
    states = {state: told for where, told in rows for state in re.findall(r"\b([A-Z]{2})\b", where)}
    weeks = {state: quiet_hours.week_of("sms", "US", state, None) for state in quiet_hours.STATES}
    assert states == {state: _told(week) for state, week in weeks.items()}
    known = [quiet_hours.DEFAULT, quiet_hours.FEDERAL, quiet_hours.STRICTEST]
    assert [told for where, told in rows if "(" not in where] == [_told(week) for week in known]


def _told(week: quiet_hours.Week | None) -> str:
    assert week is not None
    usual, sunday = week[0], week[quiet_hours.SUNDAY]
    later = str(sunday).partition(" ")[0]
    return str(usual) if usual == sunday else f"{usual}, on Sundays from {later}"


def test_every_setting_is_told() -> None:
    told = set(re.findall(r"^\| `MILEPOST_(\w+)` \|", _page("settings.md"), re.MULTILINE))
    assert told == {name.upper() for name in Settings.model_fields} | {"DEBUG"}


def test_every_setting_is_in_the_example_file() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    told = set(re.findall(r"^#MILEPOST_(\w+)=", example, re.MULTILINE))
    assert told == {name.upper() for name in Settings.model_fields}


def _commands() -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any]] = [("milepost", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        inside = getattr(command, "commands", {})
        waiting += [(f"{name} {one}", found) for one, found in inside.items()]
        if not inside:
            yield name, command


def test_every_command_and_option_is_told_with_an_example() -> None:
    page = _page("commands.md")
    sections = dict(re.findall(r"^## `(milepost[\w -]*?)`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    commands = dict(_commands())
    assert set(sections) == set(commands)
    for name, command in commands.items():
        told = sections[name]
        assert re.search(rf"^(?:\$ )?(?:\w+=\S+ )?{name}\b", told, re.MULTILINE), f"{name} has no example"
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in ("--project", "--format", "--help"):
                    assert f"`{option}" in told, f"{name} {option}"


def test_the_glossary_has_each_word_once() -> None:
    words = re.findall(r"^\| ([a-z][a-z, -]*) \|", _page("glossary.md"), re.MULTILINE)[1:]
    assert len(words) == len(set(words)) >= 20


@pytest.mark.parametrize("name", draw.PICTURES)
def test_the_pictures_are_what_the_code_draws(name: str) -> None:
    assert _page(name) == draw.PICTURES[name](), "run `.venv/bin/python docs/draw.py`"


def test_every_transition_is_in_the_picture() -> None:
    drawn = {
        (source, name, frozenset(targets.split()))
        for source, names, targets in re.findall(
            r'data-from="(\w+)" data-inputs="([\w ]+)" data-to="([\w ]+)"', _page("journey-states.svg")
        )
        for name in names.split()
    }
    table = {
        (phase.value, name, frozenset(target.value for target in targets))
        for phase, inputs in TRANSITIONS.items()
        for name, targets in inputs.items()
    }
    assert drawn == table


def test_every_transition_of_a_message_is_in_its_picture_and_no_other() -> None:
    picture = _page("message-states.svg")
    drawn = {
        (source, news, to)
        for sources, every, to in re.findall(r'data-from="([\w ]+)" data-news="([\w ]+)" data-to="(\w+)"', picture)
        for source in sources.split()
        for news in every.split()
    }
    table = {
        (state.value, news, to.value) for state, follows in ledger.TRANSITIONS.items() for news, to in follows.items()
    }
    assert drawn == table
    assert set(re.findall(r'data-state="(\w+)"', picture)) == {state.value for state in ledger.TRANSITIONS}


def test_our_own_rules_of_suppression_are_told_as_a_map_would_write_them() -> None:
    (told,) = re.findall(r"^```yaml\n(suppress:\n.*?)^```", _page("language.md"), re.MULTILINE | re.DOTALL)
    source = read("map.yaml", told, Faults())
    assert source is not None
    assert [outcomes.Suppress.model_validate(rule) for rule in source.data["suppress"]] == list(suppression.DEFAULTS)


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
