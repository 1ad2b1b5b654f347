"""Both providers, faked, in a process of their own or in a test: what they accepted stands in a log, and that is true.

`python -m tests.provider --port 8025 --log FILE` runs them; `with Provider(folder) as provider:` does it in a thread.
Nothing here imports a room of the project, so that no mistake can be made on both sides of the wire.
"""

from __future__ import annotations

from tests.provider.callbacks import Keys
from tests.provider.faults import CODES, Faults
from tests.provider.server import ACCOUNT, API_KEY, AUTH_TOKEN, Provider
from tests.provider.truth import Accepted

__all__ = ["ACCOUNT", "API_KEY", "AUTH_TOKEN", "CODES", "Accepted", "Faults", "Keys", "Provider"]
