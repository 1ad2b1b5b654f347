"""What a sender is: it takes one message and says what became of it. Senders decide nothing and never raise.

Three senders speak this: SendGrid, Twilio and the outbox; one set of contract tests holds for all of them. An answer is
`accepted` only where the provider said so, `later` only where it surely does not have the message; whatever lies
between is `unknown`, and nobody sends that again without proof (see `lifecycle.ledger`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from whenever import Instant

from lifecycle.language.template import Channel


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to go. `id` names it for ever and travels with it; it is the same at every attempt.

    `to` is a valid e-mail address or a number in E.164. `from_` and `reply_to` are `Name <address>` or an address,
    None: the sender's own. `unsubscribe_url` is set on marketing e-mail only and takes a POST. `categories` are the
    playbook and the template: no personal data. `valid_for`: seconds after which a queued SMS must not be delivered.
    """

    id: str
    channel: Channel
    to: str
    text: str
    subject: str = ""
    html: str = ""
    from_: str | None = None
    reply_to: str | None = None
    unsubscribe_url: str | None = None
    categories: tuple[str, ...] = ()
    tracking: bool = True
    valid_for: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt.

    `accepted`: the provider has it, and calls it `provider_id`. `later`: it surely does not; try again after `wait`
    seconds. `rejected`: it never will. `stopped`: the person has opted out at the provider. `unknown`: nobody can tell.
    `absent` answers `look_up` only: the provider was asked, and does not have it.

    `reason` is a code of ours (`lifecycle.reasons`), never a provider's text, which may quote an address. `sender` is
    the name of the sender that gave this answer. `final` answers `look_up` too: what became of an accepted message, if
    that is certain.
    """

    what: Literal["accepted", "later", "rejected", "stopped", "unknown", "absent"]
    reason: str | None = None
    provider_id: str | None = None
    wait: float = 0.0
    sender: str = ""
    final: Literal["delivered", "undelivered", "dropped"] | None = None


class Sender(Protocol):
    """Sends the messages of one channel. Its methods block, are called from several threads, and do not raise.

    `stores` says that its effect is a row of our own: such a sender claims and accepts in one transaction, and is never
    unknown (rules.md 8).
    """

    name: str
    stores: bool

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one message, once."""
        ...

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        """Ask the provider whether it has a message that was handed over at `since` or later: `accepted`, `absent`, or
        `unknown` where it cannot tell.
        """
        ...

    def forget(self, subject: str) -> Outcome:
        """Ask the provider to delete what it has of a person: an e-mail's by `subject`, the address; an SMS by its
        `provider_id`. `accepted` also where it has nothing of that.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Outbox:
    """Keeps what would have been sent, in our own database, for everybody to see. The embedded default.

    The message's row is the outbox, so there is nothing to do here: whoever claims the row stores its content.
    """

    name = "outbox"
    stores = True

    def send(self, message: Outgoing) -> Outcome:
        return Outcome("accepted", provider_id=f"outbox-{message.id}", sender=self.name)

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        return Outcome("absent", sender=self.name)

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted", sender=self.name)

    def close(self) -> None:
        pass
