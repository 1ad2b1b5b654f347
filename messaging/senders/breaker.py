"""Leaves a provider alone that fails: for a while nothing is sent, then one message tries whether it is back.

One breaker a provider and process. It only ever puts off what was not sent, so it can lose or repeat nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic

import structlog
from whenever import Instant

from messaging.sending import Outcome, Outgoing, Sender

FAILURES = 5
"""How many failures without an answer in between open it."""

REST = 60.0
"""Seconds for which it stays open, and that one try may take before the next one."""

log = structlog.get_logger()

_FAILED = frozenset({"provider-unreachable", "provider-failed", "no-answer"})
_REFUSED = "provider-refuses-us"


class Breaker:
    """Opens after a run of `failures`, and at once where the provider does not accept our key. Safe with threads.

    `rest` in seconds; `clock` gives seconds that only ever grow.
    """

    def __init__(
        self, name: str, *, failures: int = FAILURES, rest: float = REST, clock: Callable[[], float] = monotonic
    ) -> None:
        self.name, self._failures, self._rest, self._clock = name, failures, rest, clock
        self._run, self._until = 0, -1.0
        self._open, self._lock = False, Lock()

    def wait(self) -> float:
        """Seconds until the provider may be tried; 0.0: now. After a rest only one caller hears that, and must try."""
        with self._lock:
            now = self._clock()
            if self._open and now < self._until:
                return self._until - now
            # The try itself takes the next rest: should it never be heard of again, another one follows.
            self._until = now + self._rest
            return 0.0

    def heard(self, outcome: Outcome) -> None:
        """What became of a try. An answer of whatever kind shows that the provider is there, and closes the breaker."""
        with self._lock:
            if outcome.reason != _REFUSED and outcome.reason not in _FAILED:
                if self._open:
                    log.info("provider.back", provider=self.name)
                self._run, self._open = 0, False
                return
            self._run += 1
            if outcome.reason == _REFUSED or self._run >= self._failures:
                if not self._open:
                    log.error("provider.left_alone", provider=self.name, reason=outcome.reason)
                self._open, self._until = True, self._clock() + self._rest


class Guarded:
    """A sender behind a breaker: while that is open, it puts every message off (`provider-down`)."""

    def __init__(self, sender: Sender, breaker: Breaker) -> None:
        self.name, self.stores = sender.name, sender.stores
        self._sender, self._breaker = sender, breaker

    def send(self, message: Outgoing) -> Outcome:
        wait = self._breaker.wait()
        if wait:
            return Outcome("later", "provider-down", wait=wait, sender=self.name)
        outcome = self._sender.send(message)
        self._breaker.heard(outcome)
        return outcome

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        """Asked whether the breaker is open or not: a question does no harm, and its answer may settle a message."""
        return self._sender.look_up(message, since)

    def forget(self, subject: str) -> Outcome:
        """Asked whether the breaker is open or not, and not heard by it: no message waits for the answer."""
        return self._sender.forget(subject)

    def close(self) -> None:
        self._sender.close()
