"""An API with a database of its own, and what providers, customers and other programs need to call it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col
from temporalio.client import Client
from twilio.request_validator import RequestValidator
from whenever import Instant

from activities.asking import Asker
from api.app import Parts, create
from api.keys import Scope, digest_of, new_key
from intake.acceptor import Acceptor
from intake.apply import Applier
from intake.commands import NoAnswer
from intake.explain import Explainer
from lifecycle.language.map import Map
from messaging.conditions import JinjaConditions
from messaging.links import Links
from messaging.render import Renderer
from messaging.sandbox import Sandbox
from messaging.templates import Templates
from store import consents, customers, journeys, messages, playbooks, tokens
from store.database import Database
from store.tables import METADATA, Callback, Consent, Customer, Event, Journey, Message, PlaybookVersion, Token

NOW = Instant.from_utc(2026, 3, 2, 9)
PUBLIC = "https://milepost.example.com"
INSIDE = "http://10.0.0.7:8080"
"""What the API is called behind the proxy: nothing that anybody outside knows."""

SECRET, AUTH = "a secret of 32 characters or more", "twilio-auth-token"
KEY = ec.generate_private_key(ec.SECP256R1())

MAP = Map.model_validate(
    {
        "company": "Larkspur & Co",
        "time_zone": "Europe/Paris",
        "milestones": {"purchase": {}},
        "stages": {"customer": {"for": "enjoy it"}},
        "topics": {
            "offers": {
                "description": "Offers",
                "names": {"de": "Angebote"},
                "consent": "opt_in",
                "channels": ["email", "sms"],
            },
            "tips": {"description": "Tips", "consent": "opt_out", "channels": ["email"]},
            "stories": {"description": "Stories", "consent": "double_opt_in", "channels": ["email"]},
        },
    }
)


def public_key(private: ec.EllipticCurvePrivateKey = KEY) -> str:
    """As SendGrid's console shows it."""
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@cache
def application() -> FastAPI:
    """The routes, put together once, for that takes a while. Whoever uses them says whose parts they answer of."""
    return create(cast("Parts", None))


async def away() -> Client:
    """Temporal, where none answers."""
    raise NoAnswer("Temporal does not answer, and nothing was changed")


@dataclass
class House:
    database: Database
    parts: Parts
    app: FastAPI
    client: httpx.AsyncClient

    @classmethod
    def build(cls, database: Database, **other: Any) -> House:
        links = Links(other.get("public_url", PUBLIC), SECRET)
        applier = Applier(MAP, JinjaConditions())
        renderer = Renderer(Templates({}, {}, Sandbox()))
        explainer = Explainer(MAP, applier.conditions, renderer, Asker(MAP, SECRET.encode(), applier.plan))
        parts = Parts(
            database,
            MAP,
            links,
            PUBLIC,
            Acceptor(database),
            applier,
            explainer,
            away,
            (public_key(),),
            (AUTH,),
            lambda: NOW,
        )
        parts = replace(parts, **other)
        app = application()
        app.state.parts = parts
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
        return cls(database, parts, app, httpx.AsyncClient(transport=transport, base_url=INSIDE))

    # --- what is stored --------------------------------------------------------------------------------------------

    def message(
        self,
        topic: str | None = "offers",
        *,
        language: str | None = None,
        channel: str = "email",
        entered_by: int = 1,
        number: str = "0",
    ) -> str:
        """A message to a customer (ada) who agreed to `offers`, in a journey that an event entered; its id."""

        def store(session: Session) -> str:
            customer, new = customers.lock_or_create(session, "ada", NOW)
            customer.language = language
            if new:
                before = NOW.subtract(hours=1)
                yes = Consent(customer_id=customer.id, topic="offers", granted=True, source="form", at=before)
                consents.add(session, yes)
            version = PlaybookVersion(id="v1", playbook="welcome", plan=b"", source="", created_at=NOW)
            playbooks.publish(session, version)
            journey = Journey(
                id=f"welcome.{number}", customer_id=customer.id, playbook="welcome", version="v1", key=number,
                entry_event_id=entered_by, history_mark=0, entered_at=NOW,
            )  # fmt: skip
            journeys.add(session, journey)
            message = Message(
                id=f"{number}123456789abcdef01234567", journey_id=journey.id, step="hello", occurrence="1",
                customer_id=customer.id, channel=channel, template="hello", state="accepted", due_at=NOW,
                purpose="marketing", topic=topic,
            )  # fmt: skip
            messages.add(session, message)
            return message.id

        return self.database.write_now(store)

    def token(self, scope: Scope, name: str | None = None, **more: Any) -> Mapping[str, str]:
        """The headers of somebody with a key of this scope."""
        return {"Authorization": f"Bearer {self.key(scope, name, **more)}"}

    def key(self, scope: Scope, name: str | None = None, **more: Any) -> str:
        key = new_key()
        row = Token(name=name or f"a {scope} key", digest=digest_of(key), scope=scope, created_at=NOW, **more)
        self.database.write_now(lambda session: tokens.add(session, row))
        return key

    def answers(self, user: str = "ada") -> list[tuple[str, str | None, bool]]:
        """The consent rows that were stored after the one to begin with: topic, channel, answer."""
        return [(row.topic, row.channel, row.granted) for row in self.consents(user) if row.source != "form"]

    def consents(self, user: str = "ada") -> list[Consent]:
        def read(session: Session) -> list[Consent]:
            customer = customers.get(session, user)
            return consents.history(session, customer.id) if customer else []

        return self.database.read_now(read)

    def customer(self) -> Customer:
        found = self.database.read_now(lambda session: customers.get(session, "ada"))
        assert found is not None
        return found

    def events(self) -> list[Event]:
        """What was accepted, in its order."""
        return self.database.read_now(lambda session: list(session.scalars(select(Event).order_by(col(Event.id)))))

    def callbacks(self) -> list[Callback]:
        return self.database.read_now(lambda session: list(session.scalars(select(Callback))))

    def digest(self) -> str:
        """A hash of every row of every table."""

        def read(session: Session) -> str:
            everything = {
                name: [tuple(row) for row in session.execute(select(table))] for name, table in METADATA.tables.items()
            }
            return hashlib.sha256(repr(sorted(everything.items())).encode()).hexdigest()

        return self.database.read_now(read)

    # --- callers ---------------------------------------------------------------------------------------------------

    async def sendgrid(
        self, body: bytes | None = None, at: Instant = NOW, key: ec.EllipticCurvePrivateKey = KEY, **other: Any
    ) -> httpx.Response:
        """A signed post; `sent` is what arrives in the place of what was signed."""
        given = json.dumps(EVENTS).encode() if body is None else body
        headers = {**sendgrid_headers(given, str(at.timestamp()), key), **other.get("headers", {})}
        return await self.client.post("/webhooks/sendgrid", content=other.get("sent", given), headers=headers)

    async def twilio(
        self, path: str, form: Mapping[str, str], *, signed: str | None = None, token: str = AUTH, **headers: str
    ) -> httpx.Response:
        """A post to `path` (with its query) that is signed for `signed`, else for the public address."""
        signature = RequestValidator(token).compute_signature(signed or PUBLIC + path, dict(form))
        return await self.post(path, form, {"X-Twilio-Signature": signature, **headers})

    async def post(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        content = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.client.post(path, content=urlencode(form).encode(), headers={**content, **(headers or {})})


EVENTS: Sequence[Mapping[str, Any]] = [
    {"milepost_id": "m1", "event": "delivered", "timestamp": NOW.timestamp(), "email": "ada@example.com"}
]


def sendgrid_headers(body: bytes, timestamp: str, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, str]:
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "Content-Type": "application/json",
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }
