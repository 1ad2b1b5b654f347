"""Consent in what marketing writes: topics with double opt-in, milestones of consent, and scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.small_project import Small

MAP, TESTS = "playbooks/map.yaml", "playbooks/onboarding/welcome.test.yaml"
ASKS = """\
playbook: ask
stage: onboarding
entry: {milestone: consent.requested, per: topic, if: event.topic == "tips", reentry: after_exit}
goal: {milestone: consent.given, then: continue}
exit: [consent.withdrawn]
steps:
  - wait_for: consent.given
    timeout: 3 days
    reached: [{send: well-done}]
"""
CONFIRMED = """\
customer: {consent: [], phone: "+33612345678"}
start: 2026-03-02 10:00
scenarios:
  - name: confirms
    given:
      - {milestone: consent.requested, topic: tips}
      - {day: 1, milestone: consent.given, topic: tips, channel: CHANNEL}
    expect: [{day: 1, goal: consent.given}, {day: 1, WHAT: well-done}, {day: 1, end: finished}]
  - name: says no
    given:
      - {milestone: consent.requested, topic: tips}
      - {day: 1, milestone: consent.withdrawn, topic: tips}
    expect: [{day: 1, end: consent.withdrawn}]
  - name: does nothing
    given: [{milestone: consent.requested, topic: tips}]
    expect: [{day: 3, end: finished}]
"""
WITH = """\
customer: {first_name: Ada, email: ada@example.com, phone: "+33612345678"}
start: 2026-03-02 10:00
scenarios:
  - name: agrees to what is said
    with: {consent: CONSENT}
    given: [{milestone: purchase, revenue: 5}, {day: 1, milestone: first_use}]
    expect: [{day: 0, FIRST: hello}, {day: 1, SECOND: well-done}, {day: 1, end: finished}]
  - name: without a word agrees to everything
    given: [{milestone: purchase, revenue: 5}]
    expect: [{day: 0, send: hello}, {day: 3, task: Call}, {day: 3, end: finished}]
"""


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.delenv("MILEPOST_PROJECT", raising=False)
    return Small(tmp_path / "small", capsys)


def test_a_topic_with_double_opt_in_that_nobody_is_asked_to_confirm_is_advice(small: Small) -> None:
    small.change(MAP, "consent: opt_in", "consent: double_opt_in")
    code, printed, _ = small.milepost("check")
    assert code == 0
    assert ": no-confirmation nobody is asked to confirm `tips`; write a playbook that enters on" in printed
    small.write("playbooks/onboarding/ask.yaml", ASKS)
    assert "no-confirmation" not in small.milepost("check")[1]


@pytest.mark.parametrize(("channel", "what"), [("sms", "send"), ("email", "refused")])
def test_playbooks_enter_on_milestones_of_consent_which_change_the_answer_in_tests(
    small: Small, channel: str, what: str
) -> None:
    small.change("playbooks/map.yaml", "topics:\n", "topics:\n  news: {consent: double_opt_in}\n")
    small.write("playbooks/onboarding/ask.yaml", ASKS)
    text = CONFIRMED.replace("CHANNEL", channel).replace("WHAT", what)
    small.write("playbooks/onboarding/ask.test.yaml", text)
    code, printed, _ = small.milepost("test")
    assert code == 0, printed


@pytest.mark.parametrize(
    ("consent", "first", "second"),
    [
        ("[]", "refused", "refused"),
        ("[tips]", "send", "send"),
        ('["tips:sms"]', "refused", "send"),
        ('["tips:email"]', "send", "refused"),
    ],
)
def test_a_scenario_says_for_itself_what_its_customer_agreed_to(
    small: Small, consent: str, first: str, second: str
) -> None:
    text = WITH.replace("CONSENT", consent).replace("FIRST", first).replace("SECOND", second)
    small.write(TESTS, text)
    code, printed, _ = small.milepost("test")
    assert code == 0, printed


def test_a_wrong_name_of_a_consent_is_found_at_its_place(small: Small) -> None:
    text = WITH.replace("CONSENT", '["tips:email", "tipps", "tips:fax"]')
    small.write(TESTS, text.replace("FIRST", "send").replace("SECOND", "send"))
    printed = small.milepost("check")[1]
    assert "unknown-topic unknown topic `tipps`; did you mean `tips`?" in printed
    assert "unknown-channel unknown channel `fax`; known: `email`, `sms`" in printed
    small.write("playbooks/onboarding/ask.yaml", ASKS.replace("event.topic", "event.topc"))
    assert "unknown property `event.topc`; did you mean `event.topic`?" in small.milepost("check")[1]


def test_simulated_customers_agree_by_channel(small: Small) -> None:
    bought = ("--milestone", "purchase@0d:revenue=5", "--strict-consent", "--set", "consent=tips:email")
    first, second = (
        line for line in small.lines("simulate", "welcome", *bought, "--milestone", "first_use@1d")
        if line["what"] in ("sent", "refused")
    )  # fmt: skip
    assert (first["what"], second["what"], second["reason"]) == ("sent", "refused", "no-consent")
    code, _, told = small.milepost("simulate", "welcome", "--set", "consent=tips:fax")
    assert (code, told) == (2, "milepost: there is no channel `fax`\n")
