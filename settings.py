"""Settings, from the environment (`MILEPOST_*`) and a `.env` file beside the project; unsafe ones stop the start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Rate = Annotated[float, Field(gt=0, le=10_000)]

LIVE = ("secret_key", "sendgrid_api_key", "email_from", "twilio_account_sid", "twilio_auth_token",
        "twilio_messaging_service_sid")  # fmt: skip
"""What must be set before anything is sent for real."""

SHORTEST_KEY = 32

PREFIX, FOR_TESTS = "MILEPOST_", "MILEPOST_TEST_"


class BadSettings(Exception):
    """A setting is missing or unsafe; the message says what to set."""


class Settings(BaseSettings):
    """Every setting has the prefix MILEPOST_ in the environment.

    `database_url` and `temporal_address` are None where Milepost brings its own (`milepost dev`). A `second_...`
    account is used only where the first surely did not take a message. Rates are messages a second over all workers.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    project: Path | None = None
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    sender: Literal["outbox", "live"] = "outbox"
    public_url: str = "http://localhost:8080"
    secret_key: SecretStr | None = None
    email_from: str | None = None
    sendgrid_api_key: SecretStr | None = None
    sendgrid_base_url: str = "https://api.sendgrid.com"
    sendgrid_webhook_key: str | None = None
    second_sendgrid_api_key: SecretStr | None = None
    second_sendgrid_webhook_key: str | None = None
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_base_url: str = "https://api.twilio.com"
    twilio_messaging_service_sid: str | None = None
    second_twilio_account_sid: str | None = None
    second_twilio_auth_token: SecretStr | None = None
    second_twilio_messaging_service_sid: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = "your identity provider"
    email_per_second: Rate | None = None
    sms_per_second: Rate | None = None

    @field_validator("database_url")
    @classmethod
    def _a_database(cls, url: str | None) -> str | None:
        """What is set to nothing is not set."""
        if url:
            from store.connections import parse  # noqa: PLC0415 - it loads SQLAlchemy

            parse(url)
        return url or None

    @field_validator("temporal_address")
    @classmethod
    def _a_host(cls, address: str | None) -> str | None:
        if address and "://" in address:
            raise ValueError("an address of Temporal is HOST:PORT, without anything before it")
        return address or None

    @field_validator("public_url")
    @classmethod
    def _a_page(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or any(one.isspace() for one in url):
            raise ValueError("links begin with it, so it is an address such as https://milepost.example.com")
        return url

    @model_validator(mode="after")
    def _safe(self) -> Self:
        key = self.secret_key
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(
                f"MILEPOST_SECRET_KEY has fewer than {SHORTEST_KEY} characters; make one with "
                '`python -c "import secrets; print(secrets.token_urlsafe(48))"`'
            )
        if self.sender == "live":
            missing = [name for name in LIVE if getattr(self, name) is None]
            if missing:
                names = ", ".join(f"MILEPOST_{name.upper()}" for name in missing)
                raise ValueError(f"MILEPOST_SENDER is `live`, and this is not set: {names}")
            if urlsplit(self.public_url).hostname in ("localhost", None):
                raise ValueError(
                    "MILEPOST_SENDER is `live`, so MILEPOST_PUBLIC_URL must be an address that customers reach"
                )
        second = [
            self.second_twilio_account_sid,
            self.second_twilio_auth_token,
            self.second_twilio_messaging_service_sid,
        ]
        if any(second) and not all(second):
            raise ValueError("a second Twilio account needs all three of MILEPOST_SECOND_TWILIO_...: "
                             "ACCOUNT_SID, AUTH_TOKEN and MESSAGING_SERVICE_SID")  # fmt: skip
        if any(self.oidc) and not all(self.oidc):
            raise ValueError("an identity provider needs all three of MILEPOST_OIDC_...: "
                             "ISSUER, CLIENT_ID and CLIENT_SECRET")  # fmt: skip
        return self

    @property
    def oidc(self) -> tuple[str | None, str | None, SecretStr | None]:
        """The identity provider for the console: issuer, client id and secret; all of them or none."""
        return self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret


def load() -> Settings:
    """The settings of this process; BadSettings names each one that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(_says(e["loc"], e["msg"]) for e in error.errors(include_input=False, include_url=False))
        raise BadSettings(f"settings are wrong: {wrong}") from None
    except UnicodeDecodeError:
        raise BadSettings(f"the settings in {Path('.env').absolute()} are not UTF-8 text; save it as UTF-8") from None


def unknown() -> list[str]:
    """Names that begin like a setting, in the environment or in `.env`, and are none: a slip leaves the default."""
    from dotenv import dotenv_values  # noqa: PLC0415 - for `milepost doctor` alone

    named = {*os.environ, *dotenv_values(".env")}
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    ours = (name for name in named if name.upper().startswith(PREFIX) and not name.upper().startswith(FOR_TESTS))
    return sorted(name for name in ours if name.upper() not in known)


def _says(place: tuple[int | str, ...], message: str) -> str:
    """A rule of ours is a sentence already; pydantic's names no setting."""
    ours = message.removeprefix("Value error, ")
    if not place:
        return ours
    return f"MILEPOST_{str(place[0]).upper()}: {message.lower() if ours == message else ours}"
