"""Settings, from the environment (`MILEPOST_*`) and a `.env` file beside the project; unsafe ones stop the start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class BadSettings(Exception):
    """A setting is missing or unsafe; the message says what to set."""


class Settings(BaseSettings):
    """Every setting has the prefix MILEPOST_ in the environment.

    `database_url` and `temporal_address` are None where Milepost brings its own (`milepost dev`).
    """

    model_config = SettingsConfigDict(env_prefix="MILEPOST_", env_file=".env", extra="ignore", frozen=True)

    project: Path | None = None
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    sender: Literal["outbox"] = "outbox"
    public_url: str = "http://localhost:8080"


def load() -> Settings:
    """The settings of this process; BadSettings names each one that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"MILEPOST_{str(e['loc'][0]).upper()}: {e['msg'].lower()}" for e in error.errors() if e["loc"]
        )
        raise BadSettings(f"settings are wrong: {wrong}") from None
