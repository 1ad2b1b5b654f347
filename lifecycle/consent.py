"""Consent by topic and channel: which of a customer's answers speaks for a message.

The one place of that rule: stored rows, scenario files and simulated customers are all read by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from whenever import TimeDelta

_ANSWERS = {"consent.given": True, "consent.withdrawn": False}

CONFIRM_WITHIN = TimeDelta(hours=30 * 24)
"""How long the link of a confirmation mail may be used, from the request on."""


class Answer(Protocol):
    """A yes or no of a customer to a topic; `channel` None speaks for every channel."""

    @property
    def topic(self) -> str: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def granted(self) -> bool: ...


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class Written(NamedTuple):
    """An answer as files and traits write it."""

    topic: str
    channel: str | None
    granted: bool


def answer_for(answers: Iterable[Answer], topic: str | None, channel: str) -> bool | None:
    """What a customer last said about a topic for a channel; None where they said nothing.

    `answers` come in the order in which we learnt of them. The last one that is about the topic, and about this channel
    or every channel, counts: a no to everything ends an earlier yes to SMS, and a later yes to SMS stands beside it.
    """
    counting = [one.granted for one in answers if one.topic == topic and one.channel in (None, channel)]
    return counting[-1] if counting else None


def standing(answers: Iterable[AnyAnswer]) -> list[AnyAnswer]:
    """The answers that still count for something, in their order: later ones outrank what they are about."""
    counting: list[AnyAnswer] = []
    for one in answers:
        counting = [
            old
            for old in counting
            if old.topic != one.topic or (one.channel is not None and old.channel != one.channel)
        ]
        counting.append(one)
    return counting


def written(consent: Mapping[str, bool]) -> list[Written]:
    """Answers that are written as `offers` (every channel) or `offers:sms` (one), in their order."""
    return [_written(name, granted) for name, granted in consent.items()]


@lru_cache(maxsize=1024)
def _written(name: str, granted: bool) -> Written:
    topic, _, channel = name.partition(":")
    return Written(topic, channel or None, granted)


def changed(consent: dict[str, bool], milestone: str, properties: Mapping[str, Any]) -> dict[str, bool]:
    """Written answers after a milestone: `consent.given` and `consent.withdrawn` of a topic add one, at the end."""
    topic, channel = properties.get("topic"), properties.get("channel")
    if milestone not in _ANSWERS or topic is None:
        return consent
    name = f"{topic}:{channel}" if channel else str(topic)
    return {key: granted for key, granted in consent.items() if key != name} | {name: _ANSWERS[milestone]}
