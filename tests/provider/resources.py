"""Twilio's messages as its API shows them, and which of them a question to the list is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.provider.truth import Accepted

ACCOUNT = "AC" + "0" * 32
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"


def matches(message: Accepted, query: Mapping[str, str]) -> bool:
    if query.get("To", message.to) != message.to or query.get("From", message.sender) != message.sender:
        return False
    at = datetime.fromisoformat(message.at)
    for name, holds in (("DateSent>", at.__ge__), ("DateSent<", at.__le__)):
        if name in query and not holds(datetime.fromisoformat(query[name]).replace(tzinfo=UTC)):
            return False
    return "DateSent" not in query or at.date().isoformat() == query["DateSent"][:10]


def resource(message: Accepted, status: str) -> dict[str, Any]:
    when = format_datetime(datetime.fromisoformat(message.at))
    service = message.sender if message.sender.startswith("MG") else None
    return {
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": message.body, "date_created": when,
        "date_sent": None if status == "queued" else when, "date_updated": when, "direction": "outbound-api",
        "error_code": None, "error_message": None, "from": None if service else message.sender,
        "messaging_service_sid": service, "num_media": "0", "num_segments": "1", "price": None, "price_unit": "USD",
        "sid": message.provider_id, "status": status, "subresource_uris": {}, "to": message.to,
        "uri": f"{MESSAGES}/{message.provider_id}.json",
    }  # fmt: skip
