"""Every code of docs/faults.md has an example that fails: the small project with one change, and what is then found."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from project import load
from tests.cli.small_project import FILES
from tests.docs.pages import ROOT

P, T = "playbooks/onboarding/welcome.yaml", "playbooks/onboarding/welcome.test.yaml"
M, G = "playbooks/map.yaml", "playbooks/segments.yaml"
H, D, S = "templates/hello.email.html", "templates/hello.email.de.html", "templates/well-done.sms.txt"
FOOT = "templates/layouts/foot.html"
OTHER = "playbooks/onboarding/other.yaml"
AT, FIRST = "entry: {milestone: purchase, if: event.revenue > 0}", "  - send: hello\n"

EXPECTING_NOTHING = """\
customer: {first_name: Ada}
start: 2026-03-02 10:00
scenarios: [{name: uses it, given: [{milestone: purchase, revenue: 5}]}]
"""

# Code: the file, what stands there, and what stands there instead; None for the whole of a file.
Change = tuple[str, str | None, str | bytes]


def step(text: str) -> Change:
    """A step before the first one."""
    return (P, FIRST, f"  - {text}\n{FIRST}")


def body(text: str) -> Change:
    """Something in the body of the e-mail."""
    return (H, "<p>Thank", f"{text}\n<p>Thank")


def other(steps: str, entry: str = "entry: purchase\n") -> Change:
    """A second playbook."""
    return (OTHER, None, f"playbook: other\nstage: onboarding\n{entry}steps: {steps}\n")


EXAMPLES: dict[str, list[Change]] = {
    "not-utf8": [(P, None, b"playbook: \xff\xfe")],
    "too-large": [(P, None, "x" * 1_000_001)],
    "yaml": [(P, "steps:\n", "steps: [\n")],
    "yaml-tab": [(P, "  - send: hello\n", "\t- send: hello\n")],
    "yaml-colon": [step("task: Call: they asked\n    assign: sam")],
    "yaml-hash": [step("task: Call about order #7\n    assign: sam")],
    "yaml-braces": [(H, "subject: Hello {{ customer.first_name }}", "subject: {{ customer.first_name }}, hello")],
    "not-a-mapping": [(P, None, "")],
    "twice": [step("send: hello\n    id: nudge\n  - send: well-done\n    id: nudge")],
    "unknown-key": [(P, AT, "trigger: purchase")],
    "missing-key": [step("task: Call")],
    "wrong-value": [(P, AT, f"{AT}\npriority: high")],
    "one-of": [(P, AT, f"{AT}\nexit: [{{milestone: second, if: customer.closed}}]")],
    "not-a-time": [step("wait: a while")],
    "not-a-schedule": [(P, AT, "entry: {schedule: daily}")],
    "never-comes": [(P, AT, 'entry: {schedule: "0 9 31 2 *"}')],
    "spread-too-long": [(P, AT, 'entry: {schedule: "0 * * * *", spread: 2 hours}')],
    "other-entry": [(P, AT, 'entry: {schedule: "0 9 * * *", per: revenue}')],
    "not-a-percentage": [(P, AT, f"{AT}\nholdout: 95%")],
    "not-an-address": [(H, "intent: welcome\n", "intent: welcome\nreply_to: Help desk\n")],
    "not-nested": [(H, "sample: {customer: {first_name: Ada}", "sample: {customer.first_name: Ada")],
    "condition": [step("branch: [{if: event.revenue = 5, then: []}]")],
    "not-in-segments": [(G, None, "big: {if: event.revenue > 5}\n")],
    "not-yet": [step("survey: nps")],
    "not-a-step": [step("hello")],
    "unknown-step": [step("email: hello")],
    "two-steps": [step("{send: hello, wait: 1 day}")],
    "unreachable": [step("branch: [{if: customer.closed, then: [{exit: a}]}, {else: [{exit: b}]}]")],
    "else-last": [step("branch: [{else: []}, {if: customer.closed, then: []}]")],
    "no-moment": [step("{wait: 3 days, passed: []}")],
    "not-a-date": [step("wait: {until: customer.plan}")],
    "no-message": [(P, "  - wait_for: first_use", "  - wait_for: {milestone: first_use, of: hello}")],
    "own-milestone": [(P, AT, "entry: message.clicked")],
    "not-settable": [step("set: {stage: adopter}")],
    "machine-opens": [(P, "  - wait_for: first_use", "  - wait_for: {milestone: message.opened, of: hello}")],
    "unknown-milestone": [(P, AT, "entry: purchas")],
    "unknown-property": [(P, "event.revenue > 0", "event.revenu > 0")],
    "unknown-attribute": [step("branch: [{if: customer.plam == 'pro', then: []}]")],
    "unknown-value": [step("set: {customer.plan: gold}")],
    "unknown-name": [body("{{ first_name }}")],
    "unknown-stage": [(P, "stage: onboarding", "stage: onbording")],
    "unknown-segment": [(P, AT, "entry: {segment: big_spender}")],
    "unknown-topic": [(H, "topic: tips", "topic: news")],
    "unknown-intent": [(M, "for: feel good", "for: feel good, forbids: [up-sell]")],
    "unknown-template": [(P, FIRST, "  - send: helo\n")],
    "unknown-playbook": [step("enrol: referal-ask")],
    "unknown-channel": [(T, "first_name: Ada", 'first_name: Ada, consent: ["tips:fax"]')],
    "unknown-split": [(T, "  - name: uses it\n", "  - name: uses it\n    with: {split: {subjct-test: short}}\n")],
    "unknown-variant": [
        step("{split: subject-test, variants: {short: {steps: []}, long: {steps: []}}}"),
        (T, "  - name: uses it\n", "  - name: uses it\n    with: {split: {subject-test: shrt}}\n"),
    ],
    "unknown-time-zone": [(M, "Europe/Paris", "Paris")],
    "file-name": [(P, "playbook: welcome", "playbook: welcomes")],
    "folder": [(P, "stage: onboarding", "stage: adopter")],
    "never-lawful": [(M, "postal_address:", 'hours: {sms: "06:00 to 08:00"}\npostal_address:')],
    "own-attribute": [(M, "  score: {type: number}", "  score: {type: number}\n  email: {type: number}")],
    "unused-milestone": [(M, "  first_use:", "  praised: {}\n  first_use:")],
    "no-consent-for-sms": [(M, "tips: {consent: opt_in", "tips: {consent: opt_out")],
    "forbidden-intent": [(M, "for: get going", "for: get going, forbids: [welcome]")],
    "topic-channel": [(M, "channels: [email, sms]", "channels: [email]")],
    "no-such-channel": [(P, FIRST, "  - {send: hello, channel: sms}\n")],
    "no-confirmation": [(M, "tips: {consent: opt_in", "tips: {consent: double_opt_in")],
    "untested": [other("[{send: hello}]")],
    "contradiction": [(T, "never: [well-done]", "never: [hello]")],
    "out-of-order": [(T, "[{day: 0, send: hello}, {day: 3, task", "[{day: 4, send: hello}, {day: 3, task")],
    "expects-nothing": [(T, None, EXPECTING_NOTHING)],
    "unused": [("templates/old.sms.txt", None, FILES[S])],
    "never-true": [step("branch: [{if: customer.plan == 'gold', then: [{send: hello, id: gold}]}]")],
    "always-over": [step('wait: {until: day 9}\n  - wait: {until: day 5, at: "10:00"}')],
    "never-happens": [
        (P, "reached: [{send: well-done}]", "reached: [{send: well-done, id: text}]"),
        (P, "timed_out:", "timed_out: [{wait_for: {milestone: message.clicked, of: text}, timeout: 1 day}] #"),
    ],
    "never-entered": [(P, f"{AT}\n", "")],
    "missing-value": [body("{{ customer.score }}")],
    "short-goal": [(P, AT, f"{AT}\ngoal: {{milestone: second, within: 1 day}}"), step("wait: 5 days")],
    "enrol-cycle": [step("enrol: other"), other("[{enrol: welcome}]")],
    "missing-language": [(D, "", "")],
    "over-cap": [step("{send: hello, id: a}\n  - {send: hello, id: b}\n  - {send: hello, id: c}")],
    "template-name": [("templates/welcome.mjml", None, "---\n---\n")],
    "front-matter": [(H, "---\nsubject", "subject")],
    "no-default": [("templates/later.email.de.html", None, FILES[H])],
    "disagrees": [(D, "subject: Hallo\n", "subject: Hallo\nintent: offer\n")],
    "no-subject": [(S, "topic: tips\n", "topic: tips\nsubject: Well done\n")],
    "empty": [(S, "Well done\n", "")],
    "template-syntax": [body("{% if %}")],
    "unknown-filter": [body("{{ customer.plan | uper }}")],
    "unknown-test": [body("{% if customer.plan is define %}x{% endif %}")],
    "unknown-layout": [(H, "layouts/foot.html", "layouts/fot.html")],
    "not-allowed": [body("{% call x() %}{% endcall %}")],
    "unsafe": [body("{{ customer.__class__ }}")],
    "not-for-marketing": [(H, "intent: welcome\n", "intent: welcome\nif_unknown: resend\n")],
    "no-postal-address": [(FOOT, "{{ postal_address }}", "")],
    "no-unsubscribe-link": [(FOOT, "<p>", "<!--"), (FOOT, "</p>", "-->")],
    "link": [body('<a href="/help">Help</a>')],
    "unsafe-place": [body('<p style="color: {{ customer.plan }}">x</p>')],
    "mjml": [("templates/box.email.mjml", None, "---\nsubject: a\ntopic: tips\nintent: offer\n---\n<mj-txt>\n")],
    "long-sms": [(S, "Well done", "Well done. " * 40)],
    "sample": [body("{{ 3 | d | date('%Y') }}")],
}  # fmt: skip

BY_HAND = {"unreadable": "no permission to read it: what root may read is no example"}


def codes_of(root: Path, changes: list[Change]) -> dict[str, str]:
    files: dict[str, str | bytes] = dict(FILES)
    for file, old, new in changes:
        if old is None:
            files[file] = new
            continue
        text = files[file]
        assert isinstance(text, str)
        assert isinstance(new, str)
        assert old in text, (file, old)
        files[file] = text.replace(old, new, 1) if old else text
    for file, text in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {fault.code: str(fault) for fault in load(root).faults}


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_of_a_code_fails_with_it(code: str, tmp_path: Path) -> None:
    found = codes_of(tmp_path, EXAMPLES[code])
    assert code in found, found
    assert re.match(r"[\w./-]+:\d+:\d+: ", found[code])


def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes_of(tmp_path, [])
    (tmp_path / P).chmod(0)
    if os.geteuid() == 0:  # root reads everything
        read = Path.open

        def denied(path: Path, *how: Any, **more: Any) -> Any:
            if path == tmp_path / P:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return read(path, *how, **more)

        monkeypatch.setattr(Path, "open", denied)
    assert "unreadable" in {fault.code for fault in load(tmp_path).faults}


def test_every_code_that_is_told_has_an_example() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \| (.*) \|$", (ROOT / "docs/faults.md").read_text("utf-8"), re.MULTILINE)
    assert {code for code, _, _ in rows} == set(EXAMPLES) | set(BY_HAND)
    assert all(example.strip() for _, _, example in rows)
    assert len({code for code, _, _ in rows}) == len(rows)
