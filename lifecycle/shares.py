"""Who takes part while a version is tried on a share of the customers. Pure."""

from __future__ import annotations

import hashlib


def drawn(customer: str, version: str) -> float:
    """Where a customer is drawn for a version, from 0 to 100: they are in a share that is larger than this.

    Always the same, so that a share that grows lets nobody go; another for each version, so that it is not always the
    same people who try what is new.
    """
    digest = hashlib.blake2b(f"{customer}|share|{version}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100
