"""The decision before a send: may this message go to this person now? Pure, with everything that it looked at.

The same rules serve the activity that sends, the simulator and scenario tests; `explain` adds to each rule the value
that it saw, and what is stored with the message and printed to support. Rules are looked at in order, and the first
that is not kept refuses the message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from whenever import Instant

from lifecycle.language.map import Map
from lifecycle.language.template import TemplateInfo


class Asked(NamedTuple):
    """All that is known at the instant of the decision.

    `consent` is the latest answer for the template's topic and channel, None where there was none. `address` says
    whether there is an address for the channel at all.
    """

    template: TemplateInfo
    map: Map
    now: Instant
    arm: Literal["journey", "holdout"] = "journey"
    exited: bool = False
    expires: Instant | None = None
    consent: bool | None = None
    address: bool = True
    stage: str | None = None

    @property
    def marketing(self) -> bool:
        return self.template.purpose == "marketing"


class Check(NamedTuple):
    """One rule as it was looked at: its code, the value seen, whether it was kept, and what it asks in plain words."""

    check: str
    saw: str
    passed: bool
    says: str


class Rule(NamedTuple):
    """`code` is the stable reason of a refusal."""

    code: str
    keeps: Callable[[Asked], bool]
    saw: Callable[[Asked], str]
    says: Callable[[Asked], str]


def _agreed(asked: Asked) -> bool:
    if not asked.marketing:
        return True
    topic = asked.map.topics.get(asked.template.topic or "")
    opted_out = topic is not None and topic.consent == "opt_out"
    return asked.consent is not False if opted_out else asked.consent is True


def _allowed(asked: Asked) -> bool:
    stage = asked.map.stages.get(asked.stage or "")
    return stage is None or asked.template.intent not in stage.forbids


_CONSENT = {True: "granted", False: "withdrawn", None: "no answer"}

RULES: tuple[Rule, ...] = (
    Rule(
        "exited",
        lambda asked: not asked.exited,
        lambda asked: "ended" if asked.exited else "open",
        lambda asked: "the journey has not been ended",
    ),
    Rule(
        "expired",
        lambda asked: asked.expires is None or asked.now <= asked.expires,
        lambda asked: asked.expires.format_iso() if asked.expires else "never",
        lambda asked: "the message is still worth sending",
    ),
    Rule(
        "no-address",
        lambda asked: asked.address,
        lambda asked: "known" if asked.address else "none",
        lambda asked: f"the customer has an address for {asked.template.channel}",
    ),
    Rule(
        "holdout",
        lambda asked: asked.arm != "holdout" or not asked.marketing,
        lambda asked: asked.arm,
        lambda asked: "the customer is not in the holdout, or the message is transactional",
    ),
    Rule(
        "no-consent",
        _agreed,
        lambda asked: _CONSENT[asked.consent],
        lambda asked: f"the customer agrees to `{asked.template.topic}`, or the message is transactional",
    ),
    Rule(
        "forbidden-intent",
        _allowed,
        lambda asked: f"{asked.template.intent} in stage {asked.stage or 'none'}",
        lambda asked: f"the customer's stage allows {asked.template.intent}",
    ),
)


def refusal(asked: Asked) -> str | None:
    """The code of the first rule that is not kept; None where the message may go."""
    for rule in RULES:
        if not rule.keeps(asked):
            return rule.code
    return None


def explain(asked: Asked) -> tuple[Check, ...]:
    """Every rule with the value that it saw, up to and with the first that is not kept."""
    checks: list[Check] = []
    for rule in RULES:
        checks.append(Check(rule.code, rule.saw(asked), rule.keeps(asked), rule.says(asked)))
        if not checks[-1].passed:
            break
    return tuple(checks)
