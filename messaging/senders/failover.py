"""A second sender in reserve: it gets only what the first one surely did not accept.

Unknown is not enough, however long the first one is silent: two providers would then send the same message. Being asked
to slow down is not either: the message is only late, while a reserve that nobody has warmed up would take the peak of
a campaign, and be blocked for it.
"""

from __future__ import annotations

from whenever import Instant

from messaging.sending import Outcome, Outgoing, Sender

_GONE = frozenset({"provider-unreachable", "provider-refuses-us", "provider-down"})


class Failover:
    """Two senders of one channel. Outcomes name the one that gave them, so their names differ; else ValueError."""

    stores = False

    def __init__(self, first: Sender, second: Sender) -> None:
        if first.name == second.name:
            raise ValueError(f"two senders are called {first.name}: nobody could tell who has a message")
        self.name, self.first, self.second = first.name, first, second

    def send(self, message: Outgoing) -> Outcome:
        outcome = self.first.send(message)
        if outcome.what != "later" or outcome.reason not in _GONE:
            return outcome
        instead = self.second.send(message)
        # Neither has it: whoever may be tried sooner says when, and why it waits.
        return min(outcome, instead, key=lambda one: one.wait) if instead.what == "later" else instead

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        """Asks both: absent only where it is with neither. Where it is known who had it, `who_had` asks that one."""
        answers = [sender.look_up(message, since) for sender in (self.first, self.second)]
        for what in ("accepted", "unknown"):
            for answer in answers:
                if answer.what == what:
                    return answer
        return answers[0]

    def forget(self, subject: str) -> Outcome:
        """Asks both: accepted only where both have taken it."""
        answers = [sender.forget(subject) for sender in (self.first, self.second)]
        return next((answer for answer in answers if answer.what != "accepted"), answers[0])

    def close(self) -> None:
        self.first.close()
        self.second.close()


def who_had(sender: Sender, name: str | None) -> Sender:
    """The sender of that name within `sender`, else `sender` itself.

    A message whose answer came is with the sender that gave it, which its row then names: asking that one settles it
    while the other is down and could prove nothing. Where no answer came the row names none, and both are asked.
    """
    if isinstance(sender, Failover):
        return next((part for part in (sender.first, sender.second) if part.name == name), sender)
    return sender
