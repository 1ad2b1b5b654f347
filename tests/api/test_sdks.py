"""The products' own libraries, unchanged, against a running server: what they send reaches a journey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from rudderstack.analytics.client import Client as RudderStack
from segment.analytics.client import Client as Segment
from sqlalchemy.orm import Session
from whenever import Instant

from api.server import listening, serving
from store import events
from store.tables import Event
from tests.api.house import House as Doors
from tests.intake.house import House

PLAYBOOKS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"}

LIBRARIES = [Segment, RudderStack]


@pytest.fixture
def house(tmp_path: Path, url: str) -> Iterator[House]:
    built = House.build(tmp_path, url, PLAYBOOKS)
    yield built
    built.database.close()


@pytest.fixture
def doors(house: House) -> Doors:
    return Doors.build(house.database, map=house.applier.map, applier=house.applier, clock=Instant.now)


@pytest.fixture
async def address(doors: Doors) -> AsyncIterator[str]:
    with listening("127.0.0.1", 0) as taken:
        async with serving(doors.app, taken):
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Product:
    """A product that sends with one of the libraries; `errors` is what the library told it."""

    def __init__(self, library: type[Any], key: str, address: str, **more: Any) -> None:
        self.errors: list[tuple[Exception, list[Any]]] = []
        self.library = library(
            key, host=address, on_error=lambda error, batch: self.errors.append((error, batch)), upload_interval=0.1,
            **more,
        )  # fmt: skip

    async def done(self) -> None:
        """Until everything is sent, or given up."""
        await asyncio.wait_for(asyncio.to_thread(self.library.flush), 60)
        await asyncio.to_thread(self.library.join)


def stored(house: House) -> dict[tuple[str, str | None], tuple[str, Any, str | None]]:
    """By kind and name: whom an event is about, what it brings, and the other id."""

    def read(session: Session) -> list[Any]:
        return events.next_pending(session, Instant.now(), 1000)

    return {(one.kind, one.name): (one.user_id, one.properties, one.previous_id) for one in house.read(read)}


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("library", LIBRARIES)
async def test_what_a_library_sends_reaches_a_journey(
    house: House, doors: Doors, address: str, library: type[Any], gzip: bool
) -> None:
    product = Product(library, doors.key("ingest"), address, gzip=gzip)
    send = product.library
    send.page(anonymous_id="visitor", name="Pricing", properties={"url": "/pricing"})
    send.identify("ada", {"firstName": "Ada", "email": "ada@example.com"}, anonymous_id="visitor")
    send.track("ada", "purchase", {"revenue": 49})
    send.group("ada", "larkspur", {"plan": "pro"})
    send.alias("visitor", "ada")
    send.screen("ada", name="Settings")
    await product.done()
    assert not product.errors
    assert stored(house) == {
        ("track", "page"): ("visitor", {"name": "Pricing", "url": "/pricing"}, None),
        ("identify", None): ("ada", {"first_name": "Ada", "email": "ada@example.com"}, "visitor"),
        ("track", "purchase"): ("ada", {"revenue": 49}, None),
        ("group", "larkspur"): ("ada", {"plan": "pro"}, None),
        ("alias", None): ("ada", {}, "visitor"),
        ("track", "screen"): ("ada", {"name": "Settings"}, None),
    }
    house.apply(Instant.now())
    (journey,) = house.journeys()
    assert (journey.playbook, journey.status) == ("welcome", "starting")
    assert house.customer().email == "ada@example.com"


@pytest.mark.parametrize("library", LIBRARIES)
async def test_of_a_hundred_with_a_bad_one_ninety_nine_arrive(
    house: House, doors: Doors, address: str, library: type[Any]
) -> None:
    product = Product(library, doors.key("ingest"), address, gzip=True)
    for number in range(100):
        product.library.track(f"customer-{number}", "purchase" if number != 37 else "message.opened")
    await product.done()
    assert not product.errors
    house.apply(Instant.now())
    entered = [number for number in range(100) if number != 37 and house.journeys(f"customer-{number}")]
    assert len(entered) == 99
    assert len(house.rows(Event)) == 99


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_wrong_key_is_told_at_once_and_not_tried_for_minutes(
    doors: Doors, address: str, library: type[Any]
) -> None:
    product = Product(library, "nobody's", address)
    product.library.track("ada", "purchase")
    await asyncio.wait_for(product.done(), 30)
    ((error, batch),) = product.errors
    assert (getattr(error, "status", None), getattr(error, "code", None), len(batch)) == (401, "unauthorized", 1)
    assert "not known" in str(error)
    assert not doors.events()
