"""What goes wrong, and how often. A message's faults follow from the seed, its id and how often it was tried: the order
in which threads are served changes nothing.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from threading import Lock

CODES = (
    "429", "500", "500-accepted", "503", "503-accepted", "drop", "drop-accepted", "late", "400", "401", "403", "413",
    "21610",
)  # fmt: skip
"""What `Provider.next` takes. `-accepted`: the provider has the message, and the client does not hear of it. `late` is
accepted too. 400, 401, 403, 413 and Twilio's 21610 (opted out) accept nothing."""

ACCEPTS = frozenset({"500-accepted", "503-accepted", "drop-accepted", "late", ""})
AMBIGUOUS = frozenset({"500", "503", "drop"}) | (ACCEPTS - {""})
"""Faults after which no client can tell whether the message was accepted."""


@dataclass(frozen=True)
class Faults:
    """Probabilities. The first six exclude each other; half of the 500s and 503s come after the message was accepted.

    `lost` and `repeated` are those of callbacks.
    """

    too_many: float = 0.0
    error_500: float = 0.0
    error_503: float = 0.0
    drop_before: float = 0.0
    drop_after: float = 0.0
    late: float = 0.0
    lost: float = 0.0
    repeated: float = 0.0

    @classmethod
    def each(cls, probability: float) -> Faults:
        return cls(**{one.name: probability for one in fields(cls)})

    @classmethod
    def read(cls, text: str) -> Faults:
        """`0.1` for each, or `too_many=0.1,late=0.2`."""
        if "=" not in text:
            return cls.each(float(text or 0))
        given = (part.split("=") for part in text.split(","))
        return cls(**{name.strip(): float(value) for name, value in given})

    def draw(self, chance: random.Random) -> str:
        """One of CODES, or nothing."""
        at = chance.random()
        accepted = "-accepted" if chance.random() < 0.5 else ""
        shares: Mapping[str, float] = {
            "429": self.too_many,
            f"500{accepted}": self.error_500,
            f"503{accepted}": self.error_503,
            "drop": self.drop_before,
            "drop-accepted": self.drop_after,
            "late": self.late,
        }
        for code, share in shares.items():
            at -= share
            if at < 0:
                return code
        return ""


@dataclass
class Dice:
    """Draws a fault for each request; those told by `next` come first."""

    faults: Faults
    seed: int
    told: deque[str] = field(default_factory=deque)
    tries: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def draw(self, name: str) -> str:
        with self.lock:
            if self.told:
                return self.told.popleft()
            self.tries[name] += 1
            return self.faults.draw(random.Random(f"{self.seed}/{name}/{self.tries[name]}"))

    def of_callback(self, name: str) -> tuple[bool, bool, float]:
        """Whether a callback is lost, whether it is repeated, and a number between 0 and 1 for its delay."""
        chance = random.Random(f"{self.seed}/{name}/callback")
        return chance.random() < self.faults.lost, chance.random() < self.faults.repeated, chance.random()
