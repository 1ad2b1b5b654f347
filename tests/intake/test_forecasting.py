"""Forecasts from the database: a company whose behaviour is known, and what its simulation then sends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from whenever import Instant

import cli.forecasts
from cli.forecasts import foresee
from intake import forecasting
from lifecycle.cohort import Days
from lifecycle.language.behaviour import Behaviour
from project import load
from store import pauses
from store.database import Database
from store.migrate import upgrade
from store.tables import Pause
from tests.intake.company import Company
from tests.intake.house import PROJECT, START, House, day

BEHAVIOUR: dict[str, Any] = {
    "seed": 3,
    "entries": {"over": "60 days", "hours": "08:00 to 22:00"},
    "customers": {
        "email": "ada@example.com",
        "phone": "+33612345678",
        "time_zone": {"Europe/Paris": 3, "America/New_York": 1},
    },
    "consent": {"text_tips": "50%"},
    "milestones": {
        "purchase": {"rate": 1, "with": {"revenue": {"49": 9, "900": 1}}},
        "first_use": {"rate": "70%", "after": "2 days", "from": "purchase"},
        "activated": {"rate": "60%", "after": "9 days", "from": "first_use"},
        "purchase_refunded": {"rate": "5%", "after": "10 days"},
        "message.clicked": {"rate": "30%", "after": "4 hours"},
    },
}

BEGINS = Instant.from_utc(2026, 1, 5, 9)
NOW = BEGINS.add(hours=40 * 24)
AHEAD = 14
NO_RATES: Mapping[str, float | None] = {"email": None, "sms": None}


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(load(PROJECT.parent.parent), Behaviour.model_validate(BEHAVIOUR), BEGINS, 900)


@pytest.fixture(scope="module")
def stored(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('company') / 'milepost.db'}"
    upgrade(url)
    database = Database(url)
    company.store(database, NOW)
    yield database
    database.close()


@pytest.fixture(scope="module")
def truth(company: Company) -> Counter[str]:
    return company.sends(NOW, Days(NOW, AHEAD, "Europe/Paris").end)


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.processes.cores", lambda: 1)


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """The same behaviour with other dice: nobody's future is known."""
    file = tmp_path / "behaviour.yaml"
    file.write_text(json.dumps(BEHAVIOUR | {"seed": 77}), "utf-8")
    return file


def test_the_forecast_is_within_a_twentieth_of_what_the_simulation_then_sends(
    company: Company, stored: Database, truth: Counter[str], declared: Path
) -> None:
    data = foresee(company.project, stored, NOW, AHEAD, declared, NO_RATES)
    assert truth.total() > 1_500
    assert sum(data["messages"].values()) == pytest.approx(truth.total(), rel=0.05)
    assert data["messages"]["email"] == pytest.approx(truth["email"], rel=0.05)
    assert data["messages"]["sms"] == pytest.approx(truth["sms"], rel=0.12)  # some hundred: that much is chance
    assert sum(row["email"] for row in data["by_day"]) == pytest.approx(data["messages"]["email"], abs=AHEAD)
    assert data["entering"]["days"] == 28
    assert data["entering"]["a_day"]["first-90-days"] == pytest.approx(15, rel=0.1)
    assert (data["hits"], data["notes"]) == ([], [])


def test_what_customers_do_is_measured_where_nobody_declares_it(
    company: Company, stored: Database, truth: Counter[str]
) -> None:
    data = foresee(company.project, stored, NOW, AHEAD, None, NO_RATES)
    assert sum(data["messages"].values()) == pytest.approx(truth.total(), rel=0.07)
    assert data["behaviour"] == "measured"
    assert "not known for later than day 3" in data["notes"][0]


def test_a_sample_is_scaled_and_says_so(
    company: Company, stored: Database, truth: Counter[str], declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.forecasts, "SAMPLE", 150)
    data = foresee(company.project, stored, NOW, AHEAD, declared, NO_RATES)
    assert sum(data["messages"].values()) == pytest.approx(truth.total(), rel=0.15)
    assert "this is scaled from a sample: 150 of " in data["notes"][0]
    assert data["under_way"]["looked_at"] == 150


def test_a_rate_that_is_too_small_is_hit_and_delays(company: Company, stored: Database, declared: Path) -> None:
    free = foresee(company.project, stored, NOW, AHEAD, declared, NO_RATES)
    tight = foresee(company.project, stored, NOW, AHEAD, declared, {"email": 0.1, "sms": None})
    # Six a minute, and at ten in the morning of Paris dozens come due.
    assert len(tight["hits"]) >= AHEAD
    hit = max(tight["hits"], key=lambda hit: hit["delayed"])
    assert hit["channel"] == "email"
    assert hit["from"][11:16] in ("10:00", "16:00")  # in New York it is then ten, too
    assert hit["delayed"] > 20
    assert hit["longest_minutes"] > 3
    assert hit["until"] > hit["from"]
    assert tight["messages"] == free["messages"]  # they go all the same, on the same day


def test_what_is_paused_is_not_foreseen(company: Company, tmp_path: Path, declared: Path) -> None:
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    upgrade(url)
    database = Database(url)
    small = Company(company.project, company.behaviour, BEGINS, 60)
    small.store(database, NOW)
    free = foresee(company.project, database, NOW, AHEAD, declared, NO_RATES)
    pause = Pause(
        scope="everything",
        target="",
        policy="freeze",
        reason="a test",
        started_at=NOW.subtract(hours=1),
        made_by="test",
    )
    database.write_now(lambda session: pauses.start(session, pause))
    before = _rows(database)
    held = foresee(company.project, database, NOW, AHEAD, declared, NO_RATES)
    assert sum(held["messages"].values()) < sum(free["messages"].values()) / 2
    assert any("1 pause lies now" in note for note in held["notes"])
    assert _rows(database) == before
    database.close()


def _rows(database: Database) -> list[int]:
    tables = ("event", "journey", "journey_inbox", "message", "milestone", "trace", "hold")
    return database.read_now(
        lambda session: [session.execute(text(f"select count(*) from {table}")).scalar_one() for table in tables]
    )


def test_journeys_that_the_engine_has_entered_go_on(tmp_path: Path, sqlite_url: str) -> None:
    """Rows that applying events has written: not started yet, waiting, and reached by what came since."""
    mails = (
        "entry: purchase\nsteps:\n- send: mail/one\n- wait_for: beta\n  timeout: 5 days\n"
        "  reached: [{send: mail/two}]\n  timed_out: [{send: mail/two, id: late}]\n"
    )
    house = House.build(tmp_path, sqlite_url, {"mails": mails})
    for user in ("ada", "eve"):
        house.identify(day(0), user, email=f"{user}@example.com", consent={"news": True})
        house.track("purchase", day(0), user)
    house.track("beta", day(0.5), "eve")
    data = foresee(house.project, house.database, day(1), 7, None, NO_RATES)
    # The present two: one letter each at once, one after five days or at once. Two more come on each of six days,
    # and those of the first of these days are late as well.
    assert data["under_way"] == {"customers": 2, "journeys": 2, "looked_at": 2}
    assert data["entering"] == {"days": 1, "a_day": {"mails": 2.0}}
    assert data["messages"]["email"] == (2 + 2) + 6 * 2 + 2
    assert any("28 are better" in note for note in data["notes"])


def test_an_empty_house_foresees_nothing(tmp_path: Path, sqlite_url: str) -> None:
    house = House.build(tmp_path, sqlite_url, {})
    data = foresee(house.project, house.database, START, 5, None, NO_RATES)
    assert (data["messages"], data["under_way"]["journeys"]) == ({}, 0)
    assert len(data["by_day"]) == 5
    assert "too few customers" in data["notes"][0]


def test_who_came_while_under_way_is_no_arrival_where_a_behaviour_has_it(tmp_path: Path, sqlite_url: str) -> None:
    steps = "entry: {milestone: purchase, reentry: after_exit}\nsteps: [{wait: 1 day}]\n"
    house = House.build(tmp_path, sqlite_url, {"plain": steps, "other": "entry: beta\nsteps: [{wait: 9 days}]\n"})
    house.track("beta", day(0))
    house.track("purchase", day(1))
    found = house.read(lambda session: forecasting.recent(session, {"purchase"}, day(2)))
    assert [one.name for one in found.arrivals] == ["beta"]
    every = house.read(lambda session: forecasting.recent(session, set(), day(2)))
    assert [one.name for one in every.arrivals] == ["beta", "purchase"]
    assert every.entered == {"plain": 1, "other": 1}
