"""Expectations that are rewritten hold, are rewritten once, and leave everything else in their file as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifecycle.coverage import Coverage
from lifecycle.language.faults import Faults
from lifecycle.language.rewrite import CannotRewrite, Edit, rewrite
from lifecycle.language.scenario import Scenarios
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.revision import revise
from lifecycle.scenarios import Trial, trials
from project import Project, load

ROOT = Path(__file__).parents[2]
NAMES = ("thank-you", "referral-ask", "upsell-offer", "first-90-days", "confirm-subscription")


@cache
def shipped() -> Project:
    return load(ROOT)


def text_of(name: str) -> str:
    return (ROOT / shipped().files[name].replace(".yaml", ".test.yaml")).read_text("utf-8")


def tried(name: str, text: str) -> list[Trial]:
    faults = Faults()
    source = read("x.test.yaml", text.encode(), faults)
    assert source
    scenarios = validate(Scenarios, source, faults)
    assert scenarios, list(faults)
    plan = shipped().plans[name]
    return list(trials(plan, scenarios, shipped().world(), Coverage.of(plan)))


def updated(name: str, text: str) -> str:
    for number, trial in enumerate(tried(name, text)):
        if trial.failure:
            text = revise(text, number, trial, shipped().plans[name], shipped().world())
    return text


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"(?m)(?:^|\s)(#.*?)\r?$", text))


def without_expectations(text: str) -> list[str]:
    """The lines of the file that say something else than what is expected, as they are."""
    return re.findall(r"(?m)^\s*(?:- name|with|given|start|customer|scenarios|# about)[^\r\n]*", text)


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, str]:
    """A shipped test file with some of its expectations spoilt, in the style of one author or another."""
    name = draw(st.sampled_from(NAMES))
    data = yaml.load(text_of(name), Loader=yaml.BaseLoader)
    out = [
        "# a file",
        f"start: {data['start']}",
        f"customer: {yaml.dump(data['customer'], default_flow_style=True, width=999).strip()}",
    ]
    out.append("scenarios:")
    indent = draw(st.sampled_from(["", "  "]))
    for scenario in data["scenarios"]:
        out += [f"{indent}# about it", f"{indent}- name: {scenario['name']!r}"]
        inner = indent + "  "
        for key in ("with", "given"):
            if key in scenario:
                out.append(f"{inner}{key}: {flow(scenario[key])}")
        entries = [dict(entry) for entry in scenario.get("expect", [])]
        for entry in entries:
            if draw(st.integers(0, 5)) == 0:
                entry["day"] = str(max(0, int(entry["day"]) + draw(st.integers(-2, 2))))
            if "at" in entry and draw(st.integers(0, 3)) == 0:
                entry["at"] = draw(st.sampled_from(["09:00", "10:00", "23:59"]))
        kept = [entry for entry in entries if draw(st.integers(0, 5))]
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(kept)))
            kept.insert(
                at, {"day": kept[at - 1]["day"] if kept else "0", "task": draw(st.sampled_from(["Call: now", "x"]))}
            )
        out += list(expectations(draw, inner, kept))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return name, newline.join(out) + draw(st.sampled_from(["", newline]))


def expectations(draw: st.DrawFn, inner: str, entries: list[dict[str, str]]) -> Iterator[str]:
    style = draw(st.sampled_from(["missing", "block", "long", "flow", "lines"]))
    if style == "block" and entries:
        yield f"{inner}expect:  # what is expected"
        for entry in entries:
            yield f"{inner}  - {flow(entry)}" + draw(st.sampled_from(["", "   # why"]))
            if draw(st.booleans()):
                yield f"{inner}  # more"
    elif style == "long" and entries:
        yield f"{inner}expect:"
        for entry in entries:
            for number, (key, value) in enumerate(entry.items()):
                yield f"{inner}  {'  ' if number else '- '}{key}: {flow(value)}" + draw(st.sampled_from(["", " # why"]))
    elif style == "flow":
        yield f"{inner}expect: [{', '.join(flow(entry) for entry in entries)}]  # all"
    elif style == "lines" and entries:
        yield f"{inner}expect: ["
        yield from (f"{inner}  {flow(entry)}," for entry in entries)
        yield f"{inner}]"


def flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    text = str(value)
    return text if re.fullmatch(r"[\w./-]+( [\w./-]+)*", text) else f'"{text}"'


@given(spoilt())
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_what_is_rewritten_holds_and_is_rewritten_once(case: tuple[str, str]) -> None:
    name, text = case
    causes = {trial.failure.cause for trial in tried(name, text) if trial.failure}
    if "contradiction" in causes:
        with pytest.raises(CannotRewrite):
            updated(name, text)
        return
    new = updated(name, text)
    assert [trial.failure for trial in tried(name, new) if trial.failure] == []
    assert updated(name, new) == new
    assert comments(new) == comments(text)
    assert without_expectations(new) == without_expectations(text)
    assert ("\r\n" in new) == ("\r\n" in text)
    assert new.count("\r") == (new.count("\n") if "\r\n" in text else 0)


@pytest.mark.parametrize("name", NAMES)
def test_what_holds_stays_byte_for_byte(name: str) -> None:
    assert updated(name, text_of(name)) == text_of(name)


def test_a_new_entry_is_written_as_a_person_would_write_it() -> None:
    text = (
        'start: 2026-03-02 10:00\ncustomer: {success_manager: "s@example.com"}\nscenarios:\n- name: card\n'
        "  given: [{milestone: purchase, revenue: 1200}]   # a large one\n"
    )
    assert updated("thank-you", text) == text.replace(
        "# a large one\n",
        "# a large one\n"
        "  expect:\n"
        '    - {day: 0, at: "12:00", send: adopter/thank-you}\n'
        "    - {day: 0, record: thanked}\n"
        "    - {day: 0, task: Write a thank-you card by hand}\n"
        '    - {day: 12, at: "10:00", send: adopter/who-you-support}\n'
        "    - {day: 12, end: finished}\n",
    )


def test_an_entry_whose_time_moved_keeps_everything_else() -> None:
    text = text_of("thank-you").replace('- {day: 12, at: "10:00", send', "- {at: '11:00',  day:   14, send", 1)
    text = text.replace("{day: 12, end", "{day: 14, end", 1)
    wanted = text.replace("- {at: '11:00',  day:   14, send", "- {at: '10:00',  day:   12, send")
    assert updated("thank-you", text) == wanted.replace("{day: 14, end", "{day: 12, end")


def test_what_stands_once_for_several_scenarios_is_left_to_a_person() -> None:
    text = "scenarios:\n- name: a\n  expect: &x [{day: 0, end: goal}]\n- {name: b, expect: *x}\n"
    for number in (0, 1):
        with pytest.raises(CannotRewrite, match="once for several"):
            rewrite(text, number, "expect", [Edit(0, day=1)])


def test_a_comment_within_brackets_is_not_lost() -> None:
    text = "scenarios:\n- name: a\n  expect: [\n    {day: 0, end: goal}, # this one\n    {day: 1, task: x}\n  ]\n"
    with pytest.raises(CannotRewrite, match="a comment would be lost"):
        rewrite(text, 0, "expect", [Edit(0, text=""), Edit(1)])
