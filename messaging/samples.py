"""What preview, check and test messages show: a template's own sample values, and stand-ins for what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whenever import Date, Instant

from lifecycle.facts import Facts, Milestones
from lifecycle.language.template import Purpose
from messaging.names import NOTHING, Group, names_of

SAMPLE_NOW = Instant.from_utc(2026, 1, 5, 9)


class SampleGroup(Group):
    """A group in which a missing value reads as its own dotted name."""

    __slots__ = ()

    def find(self, key: str | int) -> Any:
        found = super().find(key)
        return f"{self.path}.{key}" if found is NOTHING else found


def sample_facts(sample: Mapping[str, Any], now: Instant = SAMPLE_NOW) -> Facts:
    """The facts that a template's `sample` describes.

    A milestone is given as a count, or as `{count: 2, first: 2026-01-01, last: 2026-01-04}`; without dates it happened
    now. A message is given as its state, or as `{state: accepted}`.
    """
    reached, health = sample.get("reached"), sample.get("health")
    return Facts(
        now=now,
        customer=_group(sample.get("customer")),
        account=_group(sample.get("account")),
        event=_group(sample.get("event")),
        reached=_group(reached) if reached is not None else None,
        milestones={str(name): _milestone(given, now) for name, given in _group(sample.get("milestones")).items()},
        messages={
            str(name): str(given.get("state", "accepted") if isinstance(given, Mapping) else given)
            for name, given in _group(sample.get("messages")).items()
        },
        stage=str(sample["stage"]) if sample.get("stage") is not None else None,
        health=float(health) if isinstance(health, int | float) else None,
    )


def sample_given(
    purpose: Purpose,
    company: str = "Our company",
    postal_address: str = "1 Example Street, Example Town",
    site: str = "https://example.com",
) -> dict[str, str]:
    """What Milepost gives a template beside the facts, with links below `site` that lead to no message.

    As in real messages, only marketing has a way to unsubscribe, and only transactional mail one to confirm.
    """
    given = {"company": company, "postal_address": postal_address}
    if purpose == "marketing":
        return given | {"unsubscribe_url": f"{site}/u/sample", "preferences_url": f"{site}/preferences/sample"}
    return given | {"confirm_url": f"{site}/confirm/sample"}


def sample_names(sample: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """All names that a template may use, each with a value: from the sample, a default, or its own name."""
    facts = sample_facts(sample)
    names = names_of(facts, defaults)
    given = {"customer": facts.customer, "account": facts.account, "event": facts.event, "reached": facts.reached or {}}
    names |= {group: SampleGroup(group, values, defaults) for group, values in given.items()}
    return {"stage": "stage", "health": 50.0} | names


def _group(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _milestone(given: Any, now: Instant) -> Milestones:
    if not isinstance(given, Mapping):
        return Milestones(given, now, now) if isinstance(given, int) and given > 0 else Milestones()
    first, last = _instant(given.get("first")), _instant(given.get("last"))
    count = given.get("count", 1)
    return Milestones(count if isinstance(count, int) else 1, first or last or now, last or first or now)


def _instant(value: Any) -> Instant | None:
    if not isinstance(value, str):
        return None
    try:
        return Instant.parse_iso(value)
    except ValueError:
        pass
    try:
        day = Date.parse_iso(value)
    except ValueError:
        return None
    return Instant.from_utc(day.year, day.month, day.day)
