"""An unsubscribe counts for the next message, whatever waits; a confirmation starts what waited for it (issue 3).

On a real Temporal server whose time skips: the customer's links are used between two steps of a running journey.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from api.app import Parts, create
from embedded import TemporalServer
from intake import consents
from intake.acceptor import Acceptor
from intake.consents import Proof
from lifecycle.language.map import Hours
from lifecycle.simulated import Happening
from lifecycle.timeline import Line
from project import Project, load
from rehearsal import Rehearsal, rehearse
from store import messages
from tests.api.house import away
from tests.lifecycle.strategies import compiled, small_project

ROOT = Path(__file__).parents[2]
START = Instant.from_utc(2026, 1, 5, 9)  # ten in Paris
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
STEPS = [{"send": "mail/one"}, {"wait": "1 day"}, {"send": "mail/two"}, {"send": "mail/receipt"}]
ADDRESS = {"email": "ada@example.com"}


def at(hours: float) -> Instant:
    return START.add(hours=hours)


def project(hours: str | None = None) -> Project:
    """A playbook of two marketing messages a day apart and a transactional one; `hours` are those of e-mail."""
    authored = {"playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": STEPS}
    found = replace(small_project(), plans={"random": compiled(authored)}, sources={"random": ""})
    assert found.map is not None
    return replace(found, map=found.map.model_copy(update={"hours": Hours(email=hours)}))


@asynccontextmanager
async def api(rehearsal: Rehearsal, now: Instant) -> AsyncIterator[httpx.AsyncClient]:
    """The pages that customers reach, as they are at `now`."""
    engine = rehearsal.engine
    links = engine.tools.links
    parts = Parts(
        engine.database, engine.tools.map, links, "https://example.com", Acceptor(engine.database), engine.applier,
        wiring.explainer(engine.project, engine.applier, wiring.Outside().secret_key), away, clock=lambda: now,
    )  # fmt: skip
    app = create(parts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://example.com") as client:
        yield client


async def message_of(rehearsal: Rehearsal, ada: str, template: str) -> str:
    found = await rehearsal.engine.database.read(lambda session: messages.of_customer(session, ada))
    return next(one.id for one in found if one.template == template)


async def click(rehearsal: Rehearsal, ada: str, now: Instant) -> None:
    """Ada's mail program posts the one-click header of the first message."""
    link = rehearsal.engine.tools.links.unsubscribe(await message_of(rehearsal, ada, "mail/one"))
    async with api(rehearsal, now) as client:
        answer = await client.post(link, data=ONE_CLICK)
    assert answer.status_code == 200


async def tell(rehearsal: Rehearsal, ada: str, now: Instant) -> None:
    """The product puts down Ada's no, as any door does."""
    engine = rehearsal.engine
    proof = Proof("phone", now)

    def record(session: Session) -> consents.Recorded:
        return consents.record(session, engine.tools.map, ada, "news", False, proof, now)

    assert (await engine.database.write(record)).state == "withdrawn"


def told(lines: list[Line]) -> list[tuple[str, str | None, str | None]]:
    """What became of the messages, in their order."""
    return [(one.what, one.template, one.reason) for one in lines if one.what in ("sent", "refused", "deferred")]


@pytest.fixture
def ada() -> str:
    """A customer of each test's own: journeys are named by their customer, and the tests share a server."""
    return f"cus_{uuid.uuid4().hex}"


@pytest.mark.parametrize("how", ["one-click", "a door", None])
async def test_an_unsubscribe_between_two_steps_stops_the_next_marketing_message_and_no_transactional_one(
    server: TemporalServer, url: str, ada: str, how: str | None
) -> None:
    async with rehearse(project(), url, server=server) as rehearsal:
        await rehearsal.add_customer(ada, ADDRESS, None, ["news"], START)
        await rehearsal.live(ada, [Happening(START, "milestone", "purchase")], at(1))
        if how == "one-click":
            await click(rehearsal, ada, at(2))
        elif how == "a door":
            await tell(rehearsal, ada, at(2))
        await rehearsal.live(ada, [], at(72))
        (lines,) = await rehearsal.timeline(ada)
    second = ("refused", "mail/two", "no-consent") if how else ("sent", "mail/two", None)
    assert told(lines) == [("sent", "mail/one", None), second, ("sent", "mail/receipt", None)]


@pytest.mark.parametrize("unsubscribes", [True, False])
async def test_an_unsubscribe_stops_a_message_that_was_put_off_already(
    server: TemporalServer, url: str, ada: str, unsubscribes: bool
) -> None:
    evening = at(11.5)
    async with rehearse(project("09:00 to 20:00"), url, server=server) as rehearsal:
        await rehearsal.add_customer(ada, ADDRESS, None, ["news"], START)
        await rehearsal.live(ada, [Happening(evening, "milestone", "purchase")], evening.add(hours=1))
        (lines,) = await rehearsal.timeline(ada)
        assert told(lines) == [("deferred", "mail/one", "quiet-hours")]
        if unsubscribes:
            await click(rehearsal, ada, evening.add(hours=2))
        await rehearsal.live(ada, [], at(72))
        (lines,) = await rehearsal.timeline(ada)
    one, two = [
        ("refused", f"mail/{name}", "no-consent") if unsubscribes else ("sent", f"mail/{name}", None)
        for name in ("one", "two")
    ]
    assert told(lines) == [("deferred", "mail/one", "quiet-hours"), one, two, ("sent", "mail/receipt", None)]


async def test_a_subscription_is_confirmed_by_the_link_in_the_mail_and_welcomed(
    server: TemporalServer, url: str, ada: str
) -> None:
    """The shipped playbook, from the form to the welcome."""
    proof = Proof("sign-up form", START, "192.0.2.1", "2026-01")
    async with rehearse(load(ROOT), url, server=server) as rehearsal:
        engine = rehearsal.engine
        await rehearsal.add_customer(ada, ADDRESS, None, [], START)

        def ask(session: Session) -> consents.Recorded:
            return consents.record(session, engine.tools.map, ada, "newsletter", True, proof, START)

        assert (await engine.database.write(ask)).state == "requested"
        # What happens to Ada besides: then her events are applied.
        await rehearsal.live(ada, [Happening(START, "milestone", "visited")], at(1))
        (lines,) = await rehearsal.timeline(ada)
        assert told(lines) == [("sent", "subscribe/confirm", None)]
        link = engine.tools.links.confirm(await message_of(rehearsal, ada, "subscribe/confirm"))
        async with api(rehearsal, at(2)) as client:
            assert (await client.get(link)).status_code == 200  # a scanner looks, and confirms nothing
            assert (await client.post(link, data={"confirm": "yes"})).status_code == 200
        await rehearsal.live(ada, [Happening(at(2), "milestone", "visited")], at(72))
        (lines,) = await rehearsal.timeline(ada)
    assert told(lines) == [("sent", "subscribe/confirm", None), ("sent", "subscribe/welcome", None)]
