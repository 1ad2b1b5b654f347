"""`milepost customer enrol`, `suppress`, `lift` and `note`. What they store is tested in tests/intake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Milepost
from tests.cli.test_importing import line


@pytest.fixture
def ada(milepost: Milepost, tmp_path: Path) -> str:
    """Somebody with an e-mail address; our id of her."""
    file = tmp_path / "ada.jsonl"
    file.write_text(line(type="identify", messageId="i1", userId="ada", traits={"email": "ada@example.com"}), "utf-8")
    assert milepost("import", file).code == 0
    milepost("track", "ada", "purchase", "--set", "revenue=0")
    found: str = milepost("customer", "show", "ada", "--format", "json").data["id"]
    return found


def test_an_address_is_suppressed_and_lifted(milepost: Milepost, ada: str) -> None:
    made = milepost("customer", "suppress", "ada", "email", "--scope", "marketing", "--reason", "another reads it")
    assert (made.code, made.out) == (0, "ada: no marketing is sent to their e-mail address any more.\n")
    again = milepost("customer", "suppress", "ada", "email", "--scope", "marketing", "--reason", "r")
    assert (again.code, again.out) == (4, "")
    assert "by hand already" in again.err
    data = milepost("customer", "suppress", "ada", "email", "--reason", "r", "--format", "json").data
    assert data == {"id": ada, "channel": "email", "scope": "all"}
    lifted = milepost("customer", "lift", "ada", "email", "--cause", "by-hand", "--reason", "works again")
    assert (lifted.code, lifted.out) == (0, "ada: their e-mail address is suppressed no more (by-hand).\n")
    assert milepost("customer", "lift", "ada", "email", "--reason", "r").code == 4


def test_a_customer_is_enrolled_and_noted(milepost: Milepost, ada: str) -> None:
    made = milepost("customer", "enrol", "ada", "welcome", "--reason", "asked for it", "--format", "json")
    assert made.data["id"].startswith(f"enrol/{ada}/welcome/")
    assert milepost("customer", "note", "ada", "rings at six", "--format", "json").data == {"id": ada}


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("enrol", "ada", "welcom", "--reason", "r"), "did you mean `welcome`"),
        (("enrol", "bo", "welcome", "--reason", "r"), "no customer `bo`"),
        (("suppress", "ada", "sms", "--reason", "r"), "no phone number"),
        (("suppress", "ada", "email", "--reason", " "), "say why"),
        (("note", "ada", " "), "says something"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(milepost: Milepost, arguments: tuple[str, ...], sentence: str) -> None:
    answer = milepost("customer", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err


def test_who_has_been_in_a_playbook_is_not_told_that_they_enter_it(milepost: Milepost, ada: str) -> None:
    assert milepost("track", "ada", "purchase", "--set", "revenue=1").out.count("entered welcome") == 1
    again = milepost("customer", "enrol", ada, "welcome", "--reason", "asked for it")
    assert (again.code, again.out) == (4, "")
    assert again.err == "milepost: the customer has been in welcome already, and nobody is enrolled in it twice\n"


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "command",
    ["customer enrol ada welcome", "journey pause x", "journey skip x", "journey exit x", "pause customer ada",
     "resume 1", "erase ada --yes", "task done x"],
)  # fmt: skip
def test_a_reason_says_something(milepost: Milepost, command: str) -> None:
    answer = milepost(*command.split(), "--reason", "  ")
    assert (answer.code, answer.err) == (2, "milepost: say why: the reason is kept in the audit log\n")
