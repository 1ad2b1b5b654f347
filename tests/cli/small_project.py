"""A project of one playbook that tests write into a folder of their own and then change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run

FILES = {
    "playbooks/map.yaml": """\
time_zone: Europe/Paris
milestones:
  purchase: {side: core, also: [Order Completed], stage: adopter, properties: {revenue: number}}
  first_use: {stage: onboarding}
  second: {when: milestones.purchase.count >= 2, stage: onboarding}
attributes:
  plan: {one_of: [free, pro], default: free}
  score: {type: number}
  closed: {type: boolean, default: false}
  renews_on: {type: date}
topics:
  tips: {consent: opt_in, channels: [email, sms]}
stages:
  adopter: {for: feel good}
  onboarding: {for: get going}
caps: [{channel: email, at_most: 3, every: 7 days, topic: tips}]
postal_address: 1 Example Street, Paris
""",
    "playbooks/onboarding/welcome.yaml": """\
playbook: welcome
stage: onboarding
entry: {milestone: purchase, if: event.revenue > 0}
steps:
  - send: hello
  - wait_for: first_use
    timeout: 3 days
    reached: [{send: well-done}]
    timed_out: [{task: Call, assign: customer.plan}]
""",
    "playbooks/onboarding/welcome.test.yaml": """\
customer: {first_name: Ada}
start: 2026-03-02 10:00
scenarios:
  - name: uses it
    given: [{milestone: purchase, revenue: 5}, {day: 1, milestone: first_use}]
    expect: [{day: 0, send: hello}, {day: 1, send: well-done}, {day: 1, end: finished}]
  - name: does not use it
    given: [{milestone: purchase, revenue: 5}]
    expect: [{day: 0, send: hello}, {day: 3, task: Call}, {day: 3, end: finished}]
    never: [well-done]
""",
    "templates/hello.email.html": """\
---
subject: Hello {{ customer.first_name }}
topic: tips
intent: welcome
sample: {customer: {first_name: Ada}, event: {revenue: 5}}
---
<p>Thank you for {{ event.revenue }}, {{ customer.first_name }}.</p>
{% include "layouts/foot.html" %}
""",
    "templates/layouts/foot.html": ('<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>\n'),
    "templates/hello.email.de.html": (
        "---\nsubject: Hallo\n---\n<p>Hallo {{ customer.first_name }}</p>\n{% include 'layouts/foot.html' %}\n"
    ),
    "templates/well-done.sms.txt": "---\ntopic: tips\nintent: celebration\n---\nWell done\n",
}


class Small:
    """The project, and `milepost` run in it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def change(self, name: str, old: str, new: str) -> None:
        assert old in FILES[name]
        self.write(name, FILES[name].replace(old, new))

    def milepost(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self.capsys.readouterr()
        code = run([command, *arguments, "--project", str(self.root)])
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err

    def data(self, command: str, *arguments: str) -> tuple[int, Any]:
        code, printed, _ = self.milepost(command, *arguments, "--format", "json")
        return code, json.loads(printed)

    def lines(self, command: str, *arguments: str) -> list[dict[str, Any]]:
        code, printed, _ = self.milepost(command, *arguments, "--format", "json")
        assert code == 0
        return [json.loads(line) for line in printed.splitlines()]
