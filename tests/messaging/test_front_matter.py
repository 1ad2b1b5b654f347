"""What a template says of itself that senders act on: who sends it, where answers go, whether it may go twice."""

from __future__ import annotations

import pytest

from tests.messaging.conftest import EMAIL, Load


def test_only_a_transactional_message_may_be_sent_once_more(project: Load) -> None:
    templates, faults = project(
        {"a.email.html": EMAIL.replace("intent", "if_unknown: resend\nintent") + "x", "b.email.html": EMAIL + "x"}
    )
    assert faults == []
    assert (templates.infos["a", "email"].resend, templates.infos["b", "email"].resend) == (True, False)


@pytest.mark.parametrize("key", ["from", "reply_to"])
@pytest.mark.parametrize(
    "party",
    [
        "hello@example.com", "Larkspur <hello@example.com>", "'\"Larkspur, Inc.\" <hello@example.com>'",
        "Grüße aus Paris <a.b+c@sub.example.com>",
    ],
)  # fmt: skip
def test_a_party_is_one_address_with_or_without_a_name(project: Load, key: str, party: str) -> None:
    assert project({"a.email.html": EMAIL.replace("intent", f"{key}: {party}\nintent") + "x"})[1] == []


@pytest.mark.parametrize("key", ["from", "reply_to"])
@pytest.mark.parametrize(
    "party",
    [
        r"a@example.com\r\nBcc: b@example.com", r"a@example.com\nBcc: b@example.com", r"Ada\u2028<a@example.com>",
        r"a@example.com\x00", "a@example.com, b@example.com", "a@example.com; b@example.com", "Ada a@example.com",
        "Ada <a@example.com> <b@example.com>", "Ada <a@example.com", "<a@example.com>", "a@example", "@example.com",
        "{{ customer.email }}", "Bcc: b@example.com", "a b@example.com", r"\"a@example.com",
    ],
)  # fmt: skip
def test_nothing_in_a_party_can_begin_another_header_or_name_another_person(
    project: Load, key: str, party: str
) -> None:
    _, faults = project({"a.email.html": EMAIL.replace("intent", f'{key}: "{party}"\nintent') + "x"})
    assert [fault.split(" ")[1] for fault in faults] == ["not-an-address"]
