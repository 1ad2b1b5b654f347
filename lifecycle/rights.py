"""Who may do what in the console: four roles, and the rights of each. Nothing else decides it.

`see`: every page. `act`: on one customer, journey, account, message or task. `steer`: on playbooks, segments, channels,
events, or everything at once. `admin`: users and their sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Role = Literal["viewer", "support", "marketing", "admin"]
Right = Literal["see", "act", "steer", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)

RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        "viewer": frozenset({"see"}),
        "support": frozenset({"see", "act"}),
        "marketing": frozenset({"see", "steer"}),
        "admin": frozenset({"see", "act", "steer", "admin"}),
    }
)
"""The rights of each role; a role that is not here has none."""


def may(role: str, right: Right) -> bool:
    """Whether somebody of this role has this right."""
    return right in RIGHTS.get(role, ())
