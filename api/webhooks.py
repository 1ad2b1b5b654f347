"""The providers' webhooks: found to be theirs, stored word for word, and answered at once.

What a callback means is read later, in the worker (`intake.callbacks`), so that a slow database or a bug there never
makes a provider send it again. Until the signature is good nothing that came in is believed, stored or logged.

A body that was stored before is refused: whoever recorded a good post cannot play it again.
"""

from __future__ import annotations

import hashlib
import json
from html import escape
from typing import Literal, NoReturn
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from whenever import Instant, TimeDelta

from api.fields import Handed
from api.parts import Parts
from api.problems import documented
from messaging.callbacks import sendgrid as sendgrid_
from messaging.callbacks import twilio
from store import callbacks
from store.tables import Callback

log = structlog.get_logger()

Provider = Literal["sendgrid", "twilio-status", "twilio-inbound"]

OLDEST = TimeDelta(hours=25)
"""SendGrid tries again for 24 hours; what was signed longer ago was recorded by somebody."""

AHEAD = TimeDelta(minutes=5)
"""How far SendGrid's clock may be ahead of ours."""

FIELDS = 200
"""The most fields in a form; Twilio posts about thirty."""

STATUS, INBOUND = "/webhooks/twilio/status", "/webhooks/twilio/inbound"

_SIGNATURE, _TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"

_HELPED_BY_TWILIO = frozenset({"HELP", "INFO"})
"""Twilio answers these itself, where they are all that was written."""

router = APIRouter(tags=["webhooks"], responses=documented(400, 401, 413, 503))


@router.post("/webhooks/sendgrid")
async def sendgrid(request: Request, parts: Handed) -> Response:
    """SendGrid's Event Webhook, with its signature switched on."""
    if not parts.sendgrid_keys:
        _missing("sendgrid", "MILEPOST_SENDGRID_WEBHOOK_KEY")
    body = await request.body()
    signature, timestamp = request.headers.get(_SIGNATURE), request.headers.get(_TIMESTAMP)
    if not any(sendgrid_.verified(key, body, signature, timestamp) for key in parts.sendgrid_keys):
        _refuse("sendgrid", 401, "The signature is not SendGrid's.")
    now = parts.clock()
    signed = _instant(timestamp)
    if signed is None or signed < now - OLDEST or signed > now + AHEAD:
        _refuse("sendgrid", 401, "The signature is too old, or of a time that has not come.")
    if not _are_events(body):
        _refuse("sendgrid", 400, "The body is not a JSON list of events.")
    await _store(parts, "sendgrid", (timestamp or "").encode() + body, body, now)
    return Response(status_code=200)


@router.post(STATUS, status_code=204)
async def status(request: Request, parts: Handed) -> Response:
    """What became of an SMS."""
    await _from_twilio(request, parts, "twilio-status", STATUS, ("MessageSid",))
    return Response(status_code=204)


@router.post(INBOUND)
async def inbound(request: Request, parts: Handed) -> Response:
    """An SMS that a customer wrote. The answer is TwiML, and almost always empty."""
    form = await _from_twilio(request, parts, "twilio-inbound", INBOUND, ("MessageSid", "From", "Body"))
    wants_help = twilio.read_inbound(form).intent == "help"
    answered = form.get("OptOutType") or form["Body"].strip().upper() in _HELPED_BY_TWILIO
    says = f"<Message>{escape(help_text(parts.map.company))}</Message>" if wants_help and not answered else ""
    return Response(f'<?xml version="1.0" encoding="UTF-8"?><Response>{says}</Response>', media_type="text/xml")


def help_text(company: str) -> str:
    """What somebody is told who asks by SMS for help."""
    return f"{company}: you get our SMS because you agreed to. Reply STOP to end them, START to have them again."


async def _from_twilio(
    request: Request, parts: Parts, provider: Provider, path: str, needed: tuple[str, ...]
) -> dict[str, str]:
    """The form that Twilio posted, once it is stored.

    Twilio signs the address that it was given, which is ours to the outside: what a proxy in between makes of it, in
    the Host header or elsewhere, is not asked.
    """
    if not parts.twilio_tokens:
        _missing(provider, "MILEPOST_TWILIO_AUTH_TOKEN")
    query, body = request.scope["query_string"], await request.body()
    url = f"{parts.public_url.rstrip('/')}{path}" + (f"?{query.decode('latin-1')}" if query else "")
    form = twilio.form_of(body)
    signature = request.headers.get("X-Twilio-Signature")
    if not any(twilio.verified(token, url, form, signature) for token in parts.twilio_tokens):
        _refuse(provider, 401, "The signature is not Twilio's.")
    if not _is_form(request, body) or not all(name in form for name in needed):
        _refuse(provider, 400, "The body is not a form of Twilio's, or not the whole of it.")
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    await _store(parts, provider, signed.encode(), query + b"&" + body if query else body, parts.clock())
    return form


async def _store(parts: Parts, provider: Provider, signed: bytes, body: bytes, now: Instant) -> None:
    digest = hashlib.sha256(provider.encode() + b"\0" + signed).hexdigest()
    callback = Callback(provider=provider, digest=digest, body=body, received_at=now)
    if not await parts.database.write(lambda session: callbacks.insert_new(session, callback)):
        _refuse(provider, 400, "This was received before; nothing was changed.")
    log.info("a callback came in", provider=provider, bytes=len(body))


def _are_events(body: bytes) -> bool:
    try:
        events = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(events, list) and all(isinstance(event, dict) for event in events)


def _is_form(request: Request, body: bytes) -> bool:
    if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return False
    try:
        text = body.decode("ascii")
        parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        return False
    return True


def _instant(seconds: str | None) -> Instant | None:
    if not seconds or not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return None
    try:
        return Instant.from_timestamp(int(seconds))
    except (ValueError, OverflowError):
        return None


def _missing(provider: Provider, setting: str) -> NoReturn:
    _refuse(provider, 503, f"{setting} is not set, so nobody can tell who posts this; nothing was stored.")


def _refuse(provider: Provider, status: int, because: str) -> NoReturn:
    log.warning("a callback was refused", provider=provider, status=status, because=because)
    raise HTTPException(status, because)
