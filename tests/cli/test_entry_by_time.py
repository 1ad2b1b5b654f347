"""Playbooks that time enters, as their authors meet them: proved, simulated, back-tested, explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from whenever import Instant

from store import customers
from tests.cli.small_project import Small
from tests.intake.conftest import Build, build
from tests.intake.house import START

__all__ = ["build"]

WEEKLY = """\
playbook: welcome
stage: onboarding
entry: {schedule: "0 9 * * MON", if: customer.plan == 'pro'}
steps:
  - wait_for: first_use
    timeout: 3 days
    reached: [{send: well-done}]
    timed_out: [{task: "Call for {{ event.slot }}", assign: customer.plan}]
"""
TESTS = """\
customer: {first_name: Ada, plan: pro}
start: 2026-03-02 10:00
scenarios:
  - name: is entered at the start, where nothing is given
    expect: [{day: 3, task: "Call for {{ event.slot }}"}, {day: 3, end: finished}]
  - name: is entered at the start, and what is given happens after it
    given: [{day: 1, milestone: first_use}]
    expect: [{day: 1, send: well-done}, {day: 1, end: finished}]
  - name: is not for everybody
    with: {plan: free}
    expect: []
"""


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    made = Small(tmp_path, capsys)
    made.write("playbooks/onboarding/welcome.yaml", WEEKLY)
    made.write("playbooks/onboarding/welcome.test.yaml", TESTS)
    return made


def test_its_scenarios_begin_with_its_entry(small: Small) -> None:
    code, data = small.data("test")
    assert (code, data["passed"], data["failures"]) == (0, 3, [])


def test_a_simulation_begins_with_its_entry_and_temporal_agrees(small: Small) -> None:
    arguments = ("simulate", "welcome", "--set", "plan=pro", "--milestone", "first_use@2d")
    lines = small.lines(*arguments)
    assert [line["what"] for line in lines] == ["entered", "waiting", "milestone", "sent", "finished"]
    assert small.lines(*arguments, "--temporal") == lines


def test_who_does_not_pass_the_condition_is_told_why(small: Small) -> None:
    code, _, said = small.milepost("simulate", "welcome")
    assert code == 1
    assert "the entry asks for: customer.plan == 'pro'" in said


def test_a_back_test_passes_it_over_with_a_sentence(small: Small, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"type": "track", "userId": "ada", "event": "purchase", "timestamp": "2026-03-02T10:00:00Z"}\n', "utf-8"
    )
    code, printed, said = small.milepost("backtest", str(log))
    assert code == 0
    assert "welcome is passed over: time enters it, and of that a log of events tells nothing" in said
    assert printed.startswith("1 customers, 1 events")


def test_why_somebody_never_entered_is_explained(build: Build) -> None:
    from intake.explain import of_playbook
    from tests.intake.test_explain import explainer
    from tests.intake.test_sweeping import sweep

    house = build(
        {"weekly": "entry: {schedule: \"0 9 * * MON\", if: customer.plan == 'pro'}\nsteps: [{wait: 1 day}]\n"}
    )
    house.identify(plan="free")
    monday = Instant.from_utc(2026, 3, 9, 8)

    def explained() -> list[tuple[str, str, bool]]:
        customer = house.read(lambda session: customers.get(session, "ada"))
        assert customer is not None
        found = house.read(lambda session: of_playbook(session, explainer(house), customer, "weekly", monday))
        return [(one.check, one.saw, one.passed) for one in found.checks]

    assert explained()[-1] == ("entry", "it has not come since the customer is known", False)
    assert monday > START
    sweep(house, monday)
    house.apply(monday)
    assert explained()[-1] == ("condition", "customer.plan is free", False)
