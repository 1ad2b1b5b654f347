"""What the console is handed when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from api.parts import Parts as ApiParts
from console.counted import Counted
from console.foreseer import Foreseer
from intake.explain import Explainer
from intake.proving import Proof
from lifecycle.language.scenario import Scenarios
from lifecycle.plan import Plan
from lifecycle.simulated import World

if TYPE_CHECKING:
    from console.provider import Provider


@dataclass(frozen=True, slots=True)
class Parts:
    """`plans` and `sources` are those of the project's files, which are in the folder `root`, and `scenarios` those of
    their test files, which are run in `world`. `secret_key` signs forms and notices. `provider` is where users may sign
    in without a password. `public_url` of `api` is where the outside reaches both. `counted` keeps what takes long to
    count, `proofs` what came of the scenarios, `foreseer` forecasts.
    """

    api: ApiParts
    secret_key: str
    root: Path
    plans: Mapping[str, Plan] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    provider: Provider | None = None
    scenarios: Mapping[str, Scenarios] = field(default_factory=dict)
    world: World | None = None
    counted: Counted = field(default_factory=Counted)
    proofs: dict[str, Proof] = field(default_factory=dict)
    foreseer: Foreseer = field(default_factory=Foreseer)

    @property
    def explainer(self) -> Explainer:
        return self.api.explainer

    @property
    def base(self) -> str:
        """The path of the console's addresses, as the outside sees it."""
        return urlsplit(self.api.public_url).path.rstrip("/") + "/console"

    @property
    def secure(self) -> bool:
        """Whether browsers come by HTTPS, so that cookies may go no other way."""
        return urlsplit(self.api.public_url).scheme == "https"
