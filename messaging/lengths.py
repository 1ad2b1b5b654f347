"""How long each SMS can get, told before anybody pays for it: with its sample, and with the longest values declared.

A network sends an SMS in segments, and each is paid for. One letter outside GSM-7 halves what fits into a segment, so a
text that shows what customers typed (a first name) is counted as if it had such a letter. How long a name can get is
nobody's to say: the sample says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lifecycle.language.faults import Faults, Place
from lifecycle.language.map import Map
from lifecycle.language.template import TemplateInfo
from messaging.checking import GIVEN
from messaging.render import tidy
from messaging.samples import sample_given, sample_names
from messaging.sms import size_of
from messaging.templates import Templates, Variant

MOST = 2
"""A marketing or service text has no business with more segments."""

_PLAIN = ("email", "phone", "language", "time_zone", "country", "region")
"""Attributes of Milepost's own whose values are letters that every phone knows."""

_OUTSIDE = "Ł"


def check_lengths(templates: Templates, map_: Map, faults: Faults) -> None:
    """Advise on each SMS, in each language, that can take more than two segments."""
    for key, info in templates.infos.items():
        if info.channel != "sms":
            continue
        for variant in templates.variants[key].values():
            text = _longest(templates, variant, info, map_)
            if not text:
                continue
            size = size_of(text)
            strange = size_of(_OUTSIDE + text[1:]) if any(_is_free(name, map_) for name in info.names) else size
            if max(size.segments, strange.segments) <= MOST:
                continue
            if size.segments > MOST:
                message = f"this SMS takes {size.segments} segments ({len(text)} characters), and each is paid for"
                hint = f"at most {306 if size.encoding == 'GSM-7' else 134} characters go into two"
            else:
                message = f"this SMS takes {strange.segments} segments where a name has a letter such as `{_OUTSIDE}`"
                hint = "at most 134 characters go into two then"
            faults.add(Place(variant.file, variant.line), "long-sms", message, hint, "warning")


def _longest(templates: Templates, variant: Variant, info: TemplateInfo, map_: Map) -> str | None:
    """The text with the longest value of each attribute that the map, the template or its sample declares."""
    front = variant.front
    sample = {
        root: dict(values) if isinstance(values, Mapping) else values for root, values in front.sample.items()
    }  # fmt: skip
    for name in info.names:
        root, _, attribute = name.partition(".")
        if root not in ("customer", "account") or not isinstance(sample.setdefault(root, {}), dict):
            continue
        rule = map_.attributes.get(attribute)
        known = [*(rule.one_of or ()), rule.default] if rule is not None and rule.of == root else []
        values = [
            value for value in (sample[root].get(attribute), front.defaults.get(name), *known) if value is not None
        ]
        if values:
            sample[root][attribute] = max(values, key=lambda value: len(str(value)))
    names: dict[str, Any] = dict.fromkeys(GIVEN, "") | sample_given(info.purpose, map_.company)
    names |= sample_names(sample, front.defaults) | {"language": variant.language or map_.language}
    try:
        return tidy(templates.sandbox.rendered(variant.body, names))
    except Exception:  # noqa: BLE001 - that the sample cannot be shown is a finding of its own
        return None


def _is_free(name: str, map_: Map) -> bool:
    """Whether people type the value of a name as they like."""
    root, _, rest = name.partition(".")
    if root not in ("customer", "account"):
        return False
    rule = map_.attributes.get(rest)
    if rule is not None and rule.of == root:
        return rule.type == "text" and not rule.one_of
    return root == "customer" and rest in map_.customer_types() and rest not in _PLAIN
