"""The rules that refuse a message for good, in the order in which they are looked at.

`refusal` is the whole of what they decide, in one go because it is asked before every message; `TOLD` is what the
checks say about each of them afterwards, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lifecycle.policies.asked import Asked
from lifecycle.policies.words import CHANNELS, moment


def refusal(asked: Asked) -> str | None:
    """The code of the first rule that is not kept (`lifecycle.reasons`); None where none refuses."""
    template = asked.template
    marketing = template.purpose == "marketing"
    if asked.erased:
        return "erased"
    if asked.exited:
        return "exited"
    if asked.expires is not None and asked.now >= asked.expires:
        return "expired"
    if asked.address != "known":
        return "no-address" if asked.address == "none" else "invalid-address"
    # A suppression of marketing leaves transactional mail alone.
    if asked.suppression is not None and (marketing or asked.suppression[1] == "all"):
        return "suppressed"
    if marketing:
        if asked.arm == "holdout":
            return "holdout"
        if not asked.consent and not (asked.consent is None and _opted_out(asked)):
            return "no-consent"
    stage = asked.map.stages.get(asked.stage or "")
    if stage is not None and template.intent in stage.forbids:
        return "forbidden-intent"
    return None


def _opted_out(asked: Asked) -> bool:
    """Whether the topic needs no yes."""
    topic = asked.map.topics.get(asked.template.topic or "")
    return topic is not None and topic.consent == "opt_out"


class Told(NamedTuple):
    """What is told about a rule: the value that it saw, and what it asks."""

    code: str
    saw: Callable[[Asked], str]
    says: Callable[[Asked], str]


_CONSENT = {True: "granted", False: "withdrawn", None: "no answer"}

TOLD: tuple[Told, ...] = (
    Told(
        "erased",
        lambda asked: "erased" if asked.erased else "no",
        lambda asked: "the customer has not been erased",
    ),
    Told(
        "exited",
        lambda asked: "ended" if asked.exited else "open",
        lambda asked: "the journey has not been ended",
    ),
    Told(
        "expired",
        lambda asked: moment(asked, asked.expires) if asked.expires else "never",
        lambda asked: "the message is still worth sending",
    ),
    Told(
        "no-address",
        lambda asked: asked.address,
        lambda asked: f"the customer has an address for {CHANNELS[asked.template.channel]}",
    ),
    Told(
        "invalid-address",
        lambda asked: asked.address,
        lambda asked: f"the customer's address for {CHANNELS[asked.template.channel]} can be one",
    ),
    Told(
        "suppressed",
        lambda asked: f"{asked.suppression[0]} ({asked.suppression[1]})" if asked.suppression else "no",
        lambda asked: "the address is not suppressed, or for marketing only and the message is transactional",
    ),
    Told(
        "holdout",
        lambda asked: asked.arm,
        lambda asked: "the customer is not in the holdout, or the message is transactional",
    ),
    Told(
        "no-consent",
        lambda asked: _CONSENT[asked.consent],
        lambda asked: f"the customer agrees to `{asked.template.topic}`, or the message is transactional",
    ),
    Told(
        "forbidden-intent",
        lambda asked: f"{asked.template.intent} in stage {asked.stage or 'none'}",
        lambda asked: f"the customer's stage allows {asked.template.intent}",
    ),
)
