"""The page that sets up the providers names settings and addresses that exist, and all that are needed to send."""

from __future__ import annotations

import re

from api import webhooks
from settings import LIVE, Settings
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "deliverability.md").read_text("utf-8")


def test_every_setting_on_the_page_exists() -> None:
    named = set(re.findall(r"`MILEPOST_([A-Z_]+)`", PAGE))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_every_setting_that_sending_needs_is_on_the_page() -> None:
    told = PAGE.split("## 4. Settings")[1].split("## 5.")[0]
    for name in (*LIVE, "sender", "public_url", "sendgrid_webhook_key", "sendgrid_base_url", "twilio_base_url"):
        assert f"`MILEPOST_{name.upper()}`" in told


def test_every_webhook_on_the_page_exists_and_every_one_is_told() -> None:
    told = set(re.findall(r"`(/webhooks/[a-z/]+)", PAGE))
    assert told == {getattr(route, "path", None) for route in webhooks.router.routes}
