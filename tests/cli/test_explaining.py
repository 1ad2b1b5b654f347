"""`milepost explain` (design.md, sections 9 and 13): the contract of its output; what it says is tested with intake."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Milepost


@pytest.fixture(autouse=True)
def ada(milepost: Milepost) -> None:
    """Somebody who bought something for nothing, and so is not in `welcome`."""
    milepost("track", "ada", "purchase", "--set", "revenue=0")


def test_an_explanation_is_one_object_of_outcome_and_checks(milepost: Milepost) -> None:
    answer = milepost("explain", "ada", "--playbook", "welcome", "--format", "json")
    assert answer.code == 0
    assert (answer.data["outcome"], answer.data["since"]) == ("not_in_it", [])
    assert answer.data["checks"][-1] == {
        "check": "condition", "saw": "event.revenue is 0", "passed": False,
        "says": "the entry's condition holds: event.revenue > 0",
    }  # fmt: skip
    for check in answer.data["checks"]:
        assert list(check) == ["check", "saw", "passed", "says"]


def test_people_read_it_in_lines(milepost: Milepost) -> None:
    lines = milepost("explain", "ada", "--playbook", "welcome").out.splitlines()
    assert lines[:2] == ["ada and welcome", "not_in_it: ada is not in welcome: event.revenue is 0"]
    assert lines[-1] == "  NO   condition  the entry's condition holds: event.revenue > 0 (event.revenue is 0)"
    assert lines[2].startswith("  yes  active     a version of the playbook is rolled out (")


def test_a_message_is_explained_by_its_template_although_nobody_sends_it(milepost: Milepost) -> None:
    told = milepost("explain", "ada", "mail/one", "--format", "json").data
    assert (told["outcome"], told["checks"][0]["check"], told["checks"][0]["passed"]) == (
        "not_coming",
        "journey",
        False,
    )


def test_somebody_in_no_journey_is_told_so(milepost: Milepost) -> None:
    assert milepost("explain", "ada", "--format", "json").data["outcome"] == "nothing_open"
    milepost("track", "ada", "purchase", "--set", "revenue=5")
    told = milepost("explain", "ada", "--format", "json").data
    assert (told["outcome"], len(told["checks"])) == ("under_way", 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody",), "there is no customer `nobody`"),
        (("ada", "mail/onne"), "`mail/onne` is no message, step or template; did you mean `mail/one`?"),
        (("ada", "--playbook", "welcom"), "no playbook `welcom` was ever rolled out; did you mean `welcome`?"),
        (("ada", "mail/one", "--playbook", "welcome"), "ask about a message or about a playbook, not about both"),
    ],
)
def test_a_wrong_name_is_one_sentence(milepost: Milepost, arguments: tuple[str, ...], says: str) -> None:
    answer = milepost("explain", *arguments)
    assert (answer.code, answer.out, answer.err) == (2, "", f"milepost: {says}\n")
