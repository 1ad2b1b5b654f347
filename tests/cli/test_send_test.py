"""`milepost send-test`: one message to oneself, by the sender of the settings, and nothing stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from whenever import Instant

import wiring
from lifecycle.language.template import Channel
from messaging.sending import Outcome, Outgoing, Sender
from settings import Settings
from tests.cli.small_project import Small

HELLO = "templates/hello.email.html"
TO = ("--to", "ada@example.com")
FILES = ("hello.email.html", "hello.email.txt", "hello.email.subject")


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.chdir(tmp_path)
    return Small(tmp_path / "project", capsys)


def test_with_the_outbox_a_test_message_leaves_nothing_but_files_and_says_so(small: Small) -> None:
    code, printed, told = small.milepost("send-test", "hello", *TO)
    folder = small.root / ".milepost" / "send-test"
    assert (code, told) == (0, "")
    assert printed.splitlines()[0] == (
        "Nothing left this machine: MILEPOST_SENDER is the outbox. ada@example.com would have got: [Test] Hello Ada"
    )
    assert printed.splitlines()[1:] == [f"  {folder / name}" for name in FILES]
    assert (folder / "hello.email.subject").read_text() == "[Test] Hello Ada\n"
    assert "Thank you for 5, Ada" in (folder / "hello.email.html").read_text()
    assert not list(small.root.rglob("*.db"))


def test_a_test_message_as_data(small: Small) -> None:
    code, data = small.data("send-test", "hello", "--to", "Ada@EXAMPLE.com", "--language", "de-AT")
    assert code == 0
    provider_id, files = data.pop("provider_id"), data.pop("files")
    assert provider_id.startswith("outbox-test_")
    assert [Path(file).name for file in files] == [name.replace("email", "email.de") for name in FILES]
    assert data == {
        "template": "hello",
        "channel": "email",
        "language": "de",
        "to": "Ada@example.com",
        "sender": "outbox",
        "outcome": "accepted",
        "reason": None,
    }


def test_a_number_gets_the_sms(small: Small) -> None:
    assert small.data("send-test", "well-done", "--to", "+33 6 12 34 56 78")[1]["to"] == "+33612345678"


def test_values_of_ones_own_are_shown(small: Small) -> None:
    values = small.write("values.json", json.dumps({"customer": {"first_name": "Bea"}, "event": {"revenue": 7}}))
    assert "[Test] Hello Bea" in small.milepost("send-test", "hello", *TO, "--data", str(values))[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("helo", *TO), "did you mean `hello`?"),
        (("hello", "--to", "ada"), "is no e-mail address, and no number"),
        (("hello", "--to", "a@b@c"), "is no e-mail address, and no number"),
        (("hello", "--to", "+33612345678"), "`hello` is not an SMS"),
        (("well-done", *TO), "`well-done` is not an e-mail"),
        (("hello", *TO, "--customer", "nobody"), "there is no customer `nobody`"),
        (("hello", *TO, "--customer", "x", "--data", "y"), "not from both"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_call(small: Small, arguments: tuple[str, ...], says: str) -> None:
    code, printed, told = small.milepost("send-test", *arguments)
    assert (code, printed) == (2, "")
    assert says in told
    assert len(told.splitlines()) == 1


def test_a_message_that_cannot_be_made_is_not_sent(small: Small, sender: Recording) -> None:
    values = small.write("values.json", "{}")
    code, printed, told = small.milepost("send-test", "hello", *TO, "--data", str(values))
    assert (code, printed, sender.sent) == (1, "", [])
    assert "there is no value for `customer.first_name`" in told


class Recording:
    """A sender that keeps what it is handed and answers `outcome`."""

    name, stores = "recording", False

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.outcome = Outcome("accepted", provider_id="id-1", sender="recording")
        self.closed = False

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        return self.outcome

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        return Outcome("unknown")

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Recording:
    made = Recording()

    def senders(settings: Settings) -> Mapping[Channel, Sender]:
        return {"email": made, "sms": made}

    monkeypatch.setattr(wiring, "senders", senders)
    return made


def test_the_sender_of_the_settings_is_handed_the_message_as_it_would_go_out(small: Small, sender: Recording) -> None:
    small.change(HELLO, "topic: tips", "from: Larkspur <hi@example.com>\nreply_to: help@example.com\ntopic: tips")
    code, printed, _ = small.milepost("send-test", "hello", *TO)
    assert (code, printed) == (0, "recording took the message for ada@example.com (id-1): [Test] Hello Ada\n")
    (message,) = sender.sent
    assert (message.channel, message.to, message.subject) == ("email", "ada@example.com", "[Test] Hello Ada")
    assert (message.from_, message.reply_to) == ("Larkspur <hi@example.com>", "help@example.com")
    assert (message.tracking, message.categories) == (False, ("test", "hello"))
    assert message.id.startswith("test_")
    assert message.unsubscribe_url is not None
    assert message.unsubscribe_url in message.text
    assert sender.closed
    assert not (small.root / ".milepost").exists()


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (Outcome("rejected", "rejected"), 1, "(rejected): the provider will not take this message"),
        (Outcome("later", "provider-refuses-us"), 3, "(later): the provider does not accept our key"),
        (Outcome("unknown", "no-answer"), 1, "(unknown): the provider did not answer, and may have it"),
        (Outcome("stopped", "opted-out"), 1, "(stopped): the person has opted out at the provider"),
    ],
)
def test_what_became_of_it_is_told(small: Small, sender: Recording, outcome: Outcome, code: int, says: str) -> None:
    sender.outcome = outcome
    found = small.milepost("send-test", "well-done", "--to", "+33612345678")
    assert found == (code, f"recording did not take the message for +33612345678 {says}\n", "")
