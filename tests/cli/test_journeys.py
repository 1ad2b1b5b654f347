"""`milepost journey` (design.md, sections 9 and 13). What commands do to a journey is tested in tests/intake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Milepost


@pytest.fixture
def journey(milepost: Milepost) -> str:
    """A journey that has begun; nothing runs."""
    answer = milepost("track", "ada", "purchase", "--set", "revenue=49", "--format", "json")
    identity: str = answer.data["entered"][0]["journey"]
    return identity


def test_a_journey_is_shown_with_its_timeline(milepost: Milepost, journey: str) -> None:
    shown = milepost("journey", "show", journey[:12], "--format", "json").data
    assert (shown["id"], shown["state"]) == (journey, "starting")
    assert [one["what"] for one in shown["timeline"]] == ["entered", "waiting"]
    assert "ada's journey through welcome" in milepost("journey", "show", journey).out


@pytest.mark.parametrize("command", ["show", "pause", "resume", "skip", "exit"])
def test_an_unknown_journey_is_one_sentence(milepost: Milepost, command: str) -> None:
    reason = [] if command == "show" else ["--reason", "r"]
    answer = milepost("journey", command, "nothing", *reason)
    assert (answer.code, answer.out, answer.err) == (2, "", "milepost: there is no journey `nothing`\n")


@pytest.mark.parametrize("command", ["pause", "resume", "skip"])
@pytest.mark.parametrize("address", [None, "127.0.0.1:1"], ids=["none known", "nobody there"])
def test_without_temporal_nothing_is_changed(
    milepost: Milepost,
    journey: str,
    command: str,
    address: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if address:
        monkeypatch.setenv("MILEPOST_TEMPORAL_ADDRESS", address)
    before = milepost("journey", "show", journey).out
    answer = milepost("journey", command, journey, "--reason", "r")
    assert (answer.code, answer.out) == (3, "")
    assert "nothing was changed" in answer.err
    assert milepost("journey", "show", journey).out == before


def test_a_journey_can_be_ended_while_temporal_is_away(milepost: Milepost, journey: str) -> None:
    answer = milepost("journey", "exit", journey, "--reason", "asked us to stop", "--format", "json")
    assert (answer.code, answer.data["state"]) == (0, "ended")
    assert "as soon as the worker reaches Temporal" in answer.err
    again = milepost("journey", "exit", journey, "--reason", "asked us to stop")
    assert (again.code, again.out) == (4, "")
    assert "ended already" in again.err


def test_a_command_needs_a_reason(milepost: Milepost, journey: str) -> None:
    assert milepost("journey", "exit", journey).code == 2


def test_the_address_of_a_running_dev_is_found(milepost: Milepost, journey: str, project: Path) -> None:
    (project / ".milepost").mkdir(exist_ok=True)
    (project / ".milepost" / "dev.json").write_text('{"temporal": "127.0.0.1:1"}', "utf-8")
    answer = milepost("journey", "pause", journey, "--reason", "r")
    assert answer.code == 3
    assert "127.0.0.1:1" in answer.err
