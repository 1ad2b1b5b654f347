"""Segment's reserved traits, and the attributes of ours that they become. What is not in the tables keeps its name.

An address is an object in Segment's traits and an attribute each with us, so that a condition reads
`customer.country`. What the product's library only noticed (the language and the zone of a browser) counts where the
product itself does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRAITS = {
    "firstName": "first_name", "lastName": "last_name", "email": "email", "phone": "phone", "birthday": "birthday",
    "createdAt": "created_at", "locale": "language", "language": "language", "timezone": "time_zone",
}  # fmt: skip
"""By trait: the attribute."""

ADDRESS = {
    "country": "country", "state": "region", "region": "region", "city": "city", "postalCode": "postal_code",
    "street": "street",
}  # fmt: skip
"""By part of the trait `address`: the attribute."""

NOTICED = {"locale": "language", "timezone": "time_zone"}
"""By part of a call's `context`: the attribute."""


def attributes_of(traits: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that an `identify` brings."""
    noticed = {ours: context[part] for part, ours in NOTICED.items() if isinstance(context.get(part), str)}
    address = traits.get("address")
    if not isinstance(address, dict):
        return noticed | _renamed(traits, TRAITS)
    rest = {trait: value for trait, value in traits.items() if trait != "address"}
    return noticed | _renamed(address, ADDRESS) | _renamed(rest, TRAITS)


def _renamed(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in told.items()}
