"""Calls of other programs that can be carried out, and the reading of a problem."""

from __future__ import annotations

import httpx

CONSENT = "/v1/customers/ada/consents/offers"
YES = {
    "granted": True,
    "source": "sign-up form",
    "ip": "192.0.2.1",
    "text_version": "v3",
    "at": "2026-03-01T10:00:00+01:00",
}
PAUSE = {"scope": "playbook", "target": "welcome", "reason": "a wrong price in it"}
CALLS = [
    ("PUT", CONSENT, YES),
    ("POST", "/v1/pauses", PAUSE),
    ("DELETE", "/v1/pauses/1?reason=x", None),
    ("GET", "/v1/pauses", None),
    ("POST", "/v1/journeys/nobody.0/skip", {"reason": "x"}),
    ("POST", "/v1/journeys/nobody.0/exit", {"reason": "x"}),
    ("POST", "/v1/customers/ada/enrol", {"reason": "x", "playbook": "welcome"}),
    ("GET", "/v1/customers/nobody/timeline", None),
    ("GET", "/v1/events/order-1", None),
]


def problem(answer: httpx.Response, status: int) -> str:
    """The sentence of a problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["type"], told["status"]) == ("about:blank", status)
    assert told["title"]
    detail: str = told["detail"]
    assert detail[0].isupper()
    assert detail.endswith(".")
    return detail
