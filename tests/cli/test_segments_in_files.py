"""Segments as marketing writes them: the file, entries and tests that use them, and what `check` says of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.small_project import Small

SEGMENTS, PLAYBOOK = "playbooks/segments.yaml", "playbooks/onboarding/welcome.yaml"
TESTS = "playbooks/onboarding/welcome.test.yaml"

BIG = "big: {if: milestones.purchase.count >= 2 and customer.plan == 'pro', description: Buys a lot}\n"
ENTERED = """\
playbook: welcome
stage: onboarding
entry: {segment: big, if: customer.plan == 'pro', reentry: after_exit}
goal: segment.big.left
steps:
  - send: hello
  - wait_for: segment.big.left
    timeout: 3 days
"""
PROVEN = """\
customer: {first_name: Ada}
start: 2026-03-02 10:00
scenarios:
  - name: comes in by what happens
    with: {plan: pro}
    given: [{milestone: purchase}, {day: 1, milestone: purchase}]
    expect: [{day: 0, send: hello}, {day: 3, end: finished}]
  - name: comes in as given, and goes out
    given: [{milestone: segment.big.entered}, {day: 2, milestone: segment.big.left}]
    with: {plan: pro}
    expect: [{day: 0, send: hello}, {day: 2, end: goal}]
  - name: comes in by default, and goes out with the plan
    with: {plan: pro}
    expect: [{day: 0, send: hello}, {day: 3, end: finished}]
  - name: who is in it from the start does not come into it
    with: {plan: pro}
    given: [{set: {customer.plan: pro}}]
    expect: []
  - name: goes out with the plan
    given: [{milestone: purchase}, {milestone: purchase}, {set: {plan: pro}}, {day: 1, set: {plan: free}}]
    expect: [{day: 0, send: hello}, {day: 1, end: goal}]
"""
HELLO = "templates/hello.email.html"


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    found = Small(tmp_path, capsys)
    found.write(SEGMENTS, BIG)
    found.write(PLAYBOOK, ENTERED)
    found.write(TESTS, PROVEN)
    plain = "---\nsubject: Hello\ntopic: tips\nintent: welcome\n---\n<p>Hello</p>\n{% include 'layouts/foot.html' %}\n"
    found.write(HELLO, plain)
    found.write("templates/hello.email.de.html", plain)
    return found


def test_a_playbook_entered_by_a_segment_is_sound_and_proven(small: Small) -> None:
    code, printed, _ = small.milepost("check")
    assert (code, printed.splitlines()[-1]) == (0, "1 playbook, 1 segment, 3 templates, nothing to mend")
    code, printed, errors = small.milepost("test")
    assert code == 0, printed + errors
    code, printed, _ = small.milepost("simulate", "welcome", "--milestone", "purchase@0d", "--milestone",
                                      "purchase@2d", "--set", "plan=pro")  # fmt: skip
    assert code == 0
    assert "hello" in printed
    assert small.milepost("simulate", "welcome", "--milestone", "segment.big.entered@0d", "--set", "plan=pro")[0] == 0


def finding(small: Small) -> str:
    _, found = small.data("check")
    return "\n".join(
        f"{one['file']}:{one['line']}:{one['column']}: {one['code']} {one['message']}; {one['suggestion']}"
        for one in found["findings"]
        if one["severity"] == "error"
    )


@pytest.mark.parametrize(
    ("segments", "says"),
    [
        ("Big: {if: stage}\n", "wrong-value `Big` is no name for a segment: small letters"),
        ("big: {when: stage}\n", ":1:7: unknown-key `when` is not known here"),
        ("big: {description: none}\n", "missing-key `if` is missing here"),
        ("big: stage\n", "does not fit here"),
        ("big: {if: stage}\nbig: {if: stage}\n", ":2:1: twice `big` stands here twice"),
        ("big: {if: milestones.purchas.count > 1}\n", "unknown-milestone unknown milestone `purchas`; did you mean"),
        ("big: {if: customer.pla == 'pro'}\n", "unknown-attribute unknown attribute `customer.pla`; did you mean"),
        ("big: {if: customer.plan = 'pro'}\n", "condition this condition cannot be read"),
        ("big: {if: stage and event.revenue > 5}\n", ":1:21: not-in-segments a segment is about customers"),
        ("big: {if: messages.hello.state == 'accepted'}\n", "not-in-segments a segment is about customers, and"),
        ("big: {if: reached.revenue > 5}\n", "not-in-segments a segment is about customers, and about no journey"),
        ("big: {if: health > 5}\n", "not-in-segments a segment cannot look at `health` yet"),
        ("big: {if: customer.score + 1 > 5}\n", ":1:11: not-in-segments a segment cannot calculate"),
        ("big: {if: customer.plan|lower == 'pro'}\n", "not-in-segments in a segment the only filter is `default`"),
        ("big: {if: customer.plan is string}\n", "not-in-segments in a segment the only tests are `is defined`"),
        ("big: {if: customer.plan == customer.score}\n", "not-in-segments a segment cannot compare two attributes"),
        ("big: {if: \"'a' in customer.plan\"}\n", "not-in-segments after `in` a segment wants a list"),
        ("big: {if: milestones.purchase.first > 5}\n", "a moment can be compared with another moment only"),
        ("big: {if: milestones.purchase.first}\n", "a moment is neither true nor false"),
        ("big: {if: milestones.purchase.last|default(1)}\n", "a moment has no default in a segment"),
        ("big: {if: 1 == 1}\n", "this compares two fixed values"),
        ("big: {if: customer.score > 99999999999999999}\n", "a number in a segment is at most"),
        ("big: {if: customer.plan.name == 'x'}\n", "a segment looks at whole attributes"),
        ("big: {if: (stage == 'adopter') == true}\n", "a segment compares values, and no conditions"),
        ("big: {if: 1 if stage else 2}\n", "a segment has no `if ... else`"),
        ("big: {if: \"customer.plan == '\\\\x00'\"}\n", "characters that no stored text has"),
        ("# nothing\n", "not-a-mapping this file is empty"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_segment_is_found_where_it_stands(small: Small, segments: str, says: str) -> None:
    small.write(SEGMENTS, segments)
    found = finding(small)
    assert f"{SEGMENTS}:" in found
    assert says in found


def test_a_mistake_in_the_file_of_segments_is_the_only_one_that_is_told(small: Small) -> None:
    small.write(SEGMENTS, "big: {iff: stage}\n")
    found = finding(small).splitlines()
    assert len(found) == 2  # the key, and the one that is missing
    assert all(line.startswith(SEGMENTS) for line in found)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("segment: big", "segment: bigg", ":3:18: unknown-segment unknown segment `bigg`; did you mean `big`?"),
        (
            "segment: big",
            "segment: big, milestone: purchase",
            "one-of `milestone` and `segment` are two entries; write one of them",
        ),
        ("segment: big, ", "", "missing-key an entry names a `milestone`, `segment`, `schedule` or `date`"),
        ("segment: big", "segment: big, per: order", "unknown-property unknown property `event.order`"),
        ("wait_for: segment.big.left", "wait_for: segment.big.lef", "did you mean `segment.big.left`?"),
        ("goal: segment.big.left", "goal: segment.small.left", "unknown-milestone unknown milestone"),
        ("send: hello", "record: segment.big.entered", "own-milestone `segment.big.entered` happens where a customer"),
    ],
)
def test_a_playbook_that_names_a_segment_wrongly_is_told_so(small: Small, old: str, new: str, says: str) -> None:
    assert old in ENTERED
    small.write(PLAYBOOK, ENTERED.replace(old, new))
    assert says in finding(small)


def test_products_cannot_send_the_milestones_of_segments(small: Small) -> None:
    code, _, errors = small.milepost("track", "ada", "segment.big.entered")
    assert code == 2
    assert "made by Milepost itself when a customer comes into a segment or leaves it" in errors
