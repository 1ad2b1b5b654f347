"""Faults that are sown into the shipped project, one at a time: each is found, with its code, on its line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from project import load

ROOT = Path(__file__).resolve().parents[2]
THANKS = "playbooks/adopter/thank-you.yaml"
NINETY = "playbooks/onboarding/first-90-days.yaml"
UPSELL = "playbooks/loyalist/upsell-offer.yaml"
REFERRAL = "playbooks/advocate/referral-ask.yaml"
CONFIRM = "playbooks/subscribe/confirm-subscription.yaml"
MAP = "playbooks/map.yaml"
NUDGE = "templates/onboarding/first-use-nudge.sms.txt"


class Seed(NamedTuple):
    """In `file`, `old` becomes `new`; `code` is found in the line that holds `shows` (of `at`, else of `file`)."""

    file: str
    old: str
    new: str
    code: str
    shows: str
    severity: str = "warning"
    at: str = ""


SEEDS = {
    "an unreachable step": Seed(
        THANKS,
        "  - send: adopter/thank-you\n    id: thanks\n",
        "  - branch:\n      - if: event.revenue > 5\n        then: [{exit: much}]\n      - else: [{exit: little}]\n"
        "  - send: adopter/thank-you\n    id: thanks\n",
        "unreachable", "- send: adopter/thank-you\n    id: thanks", "error",
    ),
    "a wait without end": Seed(
        CONFIRM, "    timeout: 7 days\n", "", "missing-key", "- id: confirmed", "error",
    ),
    "a wait for what an SMS never tells": Seed(
        UPSELL,
        "      - send: loyalist/upsell-last-days\n        channel: sms\n        expires: 8 hours\n",
        "      - send: loyalist/upsell-last-days\n        id: last-days\n        channel: sms\n"
        "      - wait_for: {milestone: message.clicked, of: last-days}\n        timeout: 2 days\n",
        "never-happens", "milestone: message.clicked, of: last-days", "error",
    ),
    "a typo in a milestone": Seed(
        REFERRAL, "  - wait_for: referral_made\n    id: unasked", "  - wait_for: referal_made\n    id: unasked",
        "unknown-milestone", "referal_made", "error",
    ),
    "an upsell to an adopter": Seed(
        THANKS, "send: adopter/who-you-support", "send: loyalist/upsell-reminder",
        "forbidden-intent", "loyalist/upsell-reminder", "error",
    ),
    "an upsell to those whom a purchase has just made adopters": Seed(
        UPSELL, "entry: {milestone: purchase_again, reentry: never}", "entry: {milestone: purchase, reentry: never}",
        "forbidden-intent", "- send: loyalist/upsell-reminder",
    ),
    "a cap broken across two playbooks": Seed(
        THANKS,
        '  - wait: {until: day 12, at: "10:00"}\n  - send: adopter/who-you-support\n',
        '  - wait: {until: day 3, at: "10:00"}\n  - {send: adopter/who-you-support, id: three}\n'
        '  - wait: {until: day 4, at: "10:00"}\n  - {send: adopter/who-you-support, id: four}\n'
        '  - wait: {until: day 6, at: "10:00"}\n  - send: adopter/who-you-support\n',
        "over-cap", "- send: adopter/who-you-support",
    ),
    "a template variable that can be missing": Seed(
        "templates/onboarding/good-start.email.mjml", "{% block content %}\n",
        "{% block content %}\n<mj-text>For {{ customer.company }}</mj-text>\n",
        "missing-value", "- send: onboarding/good-start\n    timed_out", at=NINETY,
    ),
    "an enrol cycle": Seed(
        REFERRAL, "  - send: advocate/referral-thanks\n",
        "  - enrol: first-90-days\n  - send: advocate/referral-thanks\n", "enrol-cycle", "- enrol: first-90-days",
    ),
    "a goal window shorter than the way": Seed(
        UPSELL, "within: 30 days", "within: 7 days", "short-goal", "within: 7 days",
    ),
    "a missing language": Seed(
        "templates/adopter/who-you-support.email.de.mjml", "", "", "missing-language",
        "- send: adopter/who-you-support", at=THANKS,
    ),
    "an untested playbook": Seed(
        "playbooks/adopter/thank-you.test.yaml", "", "", "untested", "playbook: thank-you", at=THANKS,
    ),
    "an unused template": Seed(
        UPSELL, "  - send: loyalist/upsell-reminder\n    id: reminder\n",
        "  - send: loyalist/upsell-offer-price\n    id: reminder\n", "unused", "---",
        at="templates/loyalist/upsell-reminder.email.mjml",
    ),
    "an SMS over two segments": Seed(
        NUDGE, "Larkspur: Hi", "Larkspur: " + "Good morning. " * 12 + "Hi", "long-sms", "Good morning",
    ),
    "an SMS that nobody agreed to": Seed(
        NUDGE, "topic: text_tips", "topic: service", "no-consent-for-sms", "topic: service",
    ),
    "a milestone that nothing makes": Seed(
        MAP, "when: milestones.purchase.count >= 2", "when: customer.plan == 'gold'", "never-happens",
        "entry: {milestone: purchase_again", "warning", UPSELL,
    ),
    "a milestone that nothing uses": Seed(
        MAP, "  thanked:\n", "  praised: {description: Said something nice}\n  thanked:\n",
        "unused-milestone", "praised:",
    ),
    "a value that nobody has": Seed(
        UPSELL, 'if: customer.plan == "business"', 'if: customer.plan == "busines"', "never-true",
        'if: customer.plan == "busines"', "error",
    ),
    "a wait for the milestone that ends the journey": Seed(
        THANKS, "  - record: thanked\n",
        "  - record: thanked\n  - wait_for: purchase_refunded\n    timeout: 1 day\n"
        "    reached: [{send: adopter/who-you-support, id: sorry}]\n",
        "unreachable", "reached: [{send", "error",
    ),
    "a playbook that nobody enters": Seed(
        UPSELL, "entry: {milestone: purchase_again, reentry: never}\n", "", "never-entered", "playbook: upsell-offer",
    ),
    "a day that is over": Seed(
        NINETY, '  - wait: {until: day 45, at: "10:00"}\n', '  - wait: {until: day 25, at: "10:00"}\n',
        "always-over", "until: day 25",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shipped")
    for folder in ("playbooks", "templates"):
        shutil.copytree(ROOT / folder, root / folder)
    return root


@pytest.fixture
def sown(shipped: Path) -> Callable[[Seed], Path]:
    def sow(seed: Seed) -> Path:
        path = shipped / seed.file
        text = path.read_text("utf-8")
        if not seed.old:
            path.unlink()
            return path
        assert seed.old in text
        path.write_text(text.replace(seed.old, seed.new, 1), "utf-8")
        return path

    return sow


@pytest.mark.parametrize("name", SEEDS)
def test_a_fault_is_found_on_its_line(name: str, shipped: Path, sown: Callable[[Seed], Path]) -> None:
    seed = SEEDS[name]
    path = sown(seed)
    try:
        faults = list(load(shipped).faults)
        file = seed.at or seed.file
        text = (shipped / file).read_text("utf-8")
        line = text[: text.index(seed.shows)].count("\n") + 1
        found = [(fault.place.file, fault.place.line, fault.code, fault.severity) for fault in faults]
        assert (file, line, seed.code, seed.severity) in found, "\n".join(map(str, faults))
        place = next(fault.place for fault in faults if (fault.code, fault.place.line) == (seed.code, line))
        assert 1 <= place.column <= len(text.splitlines()[line - 1])
    finally:
        shutil.copyfile(ROOT / seed.file, path)


def test_the_shipped_project_gives_no_false_alarm(shipped: Path) -> None:
    assert list(load(shipped).faults) == []
