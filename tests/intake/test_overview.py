"""What lies in the events table: the lag, and what was set aside and may be tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from intake import overview
from store import events
from store.database import Database
from store.events import Arrival
from tests.intake.conftest import Build
from tests.intake.house import START, House, day


@pytest.fixture
def house(build: Build) -> House:
    return build({})


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    opened = Database(request.getfixturevalue(request.param))
    yield opened
    opened.close()


def test_the_lag_is_the_age_of_the_oldest_event_that_waits(database: Database) -> None:
    assert database.read_now(lambda session: overview.lag(session, START)) == (0, 0.0, 0)
    came = [Arrival("test", f"e{n}", "ada", "track", day(-9), START.add(seconds=n), "delta") for n in range(3)]
    first, second, _ = database.write_now(lambda session: events.accept(session, came))
    assert database.read_now(lambda session: overview.lag(session, START.add(seconds=7))) == (3, 7.0, 0)
    assert first is not None
    assert second is not None
    database.write_now(lambda session: events.mark_applied(session, first, START, None, {}))
    database.write_now(lambda session: events.set_aside(session, second, "E"))
    assert database.read_now(lambda session: overview.lag(session, START.add(seconds=7))) == (1, 5.0, 1)


def test_an_event_that_was_set_aside_can_be_tried_again_and_is_applied_late(house: House) -> None:
    failed = house.accept("alpha", START)
    house.write(lambda session: events.set_aside(session, failed, "KeyError"))
    house.track("beta")
    assert [one.id for one in house.read(lambda session: events.failed(session, 10))] == [failed]
    assert house.write(lambda session: events.retry(session, [failed])) == 1
    assert house.write(lambda session: events.retry(session, [failed])) == 0
    event = house.event(failed)
    assert (event.state, event.attempts, event.retry_at) == ("pending", 0, None)
    house.apply(START)
    assert house.history() == ["beta", "alpha"]
    assert house.event(failed).error is None
