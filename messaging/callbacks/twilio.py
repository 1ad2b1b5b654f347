"""Twilio's webhooks: the status of an SMS, and SMS that customers write.

A status names no message of ours by itself: our id is in the query of the URL that we gave with the message. So the
parameters of the query and of the form are stored and read as one, joined by `&`: `id=...&MessageSid=...`. Twilio's own
begin with capitals, and cannot be taken for ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from whenever import Instant

from messaging.callbacks.intent import Intent, intent_of
from messaging.callbacks.news import Kind, News
from messaging.callbacks.reading import id_of

_KINDS: Mapping[str, Kind] = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "dropped",
}

_INVALID = frozenset({"21211", "21614", "30005", "30006"})
"""Errors that say that no SMS ever reaches the number: not a number, not a mobile, unknown, a landline."""

_OPT_OUTS: Mapping[str, Intent] = {"STOP": "stop", "START": "start", "HELP": "help"}


class Inbound(NamedTuple):
    """An SMS that a customer wrote: from which number (E.164), to which of ours, and what they want.

    Its text is read here and goes no further.
    """

    number: str
    ours: str
    intent: Intent


def verified(auth_token: str, url: str, params: Mapping[str, str], signature: str | None) -> bool:
    """Whether Twilio signed this post. `url` is the public one, exactly as Twilio knows it, with its query; `params`
    are those of the form alone.
    """
    if not auth_token or not signature:
        return False
    try:
        return bool(RequestValidator(auth_token).validate(url, dict(params), signature))
    except (ValueError, UnicodeError):  # a URL that is none
        return False


def form_of(body: bytes) -> dict[str, str]:
    """The parameters of a stored callback, or of a posted form; of a name that is there twice the first value."""
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(reversed(pairs))


def read_status(form: Mapping[str, str], received: Instant) -> News | None:
    """What a status says; None where it is about no message of ours. Twilio gives no time: `received` is its."""
    message, status = id_of(form.get("id")), form.get("MessageStatus") or form.get("SmsStatus") or ""
    if message is None or not status:
        return None
    code = form.get("ErrorCode", "")
    detail = None
    if code.isascii() and code.isdigit() and len(code) <= 6:
        detail = "invalid" if code in _INVALID else code
    provider_id = id_of(form.get("MessageSid") or form.get("SmsSid"))
    return News(message, _KINDS.get(status.lower(), "mentioned"), received, provider_id, detail)


def read_inbound(form: Mapping[str, str]) -> Inbound:
    """Who wrote, and what they want. Where Twilio has acted on a keyword itself, it says so, and that counts."""
    acted = _OPT_OUTS.get(form.get("OptOutType", "").upper())
    return Inbound(form.get("From", ""), form.get("To", ""), acted or intent_of(form.get("Body", "")))
