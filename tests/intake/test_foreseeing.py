"""A playbook's forecast for its page comes near to what its customers are then sent, and looks at a bounded number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from intake import foreseeing
from intake.foreseeing import DAYS, foresee
from lifecycle.cohort import Days
from lifecycle.language.behaviour import Behaviour
from project import load
from store.database import Database
from store.migrate import upgrade
from tests.intake.company import Company
from tests.intake.house import PROJECT
from tests.intake.test_forecasting import BEGINS, BEHAVIOUR, NOW

PLAYBOOK = "first-90-days"


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


def sent(company: Company) -> int:
    """What this playbook really sends in these days."""
    until = Days(NOW, DAYS, "Europe/Paris").end
    lines = (
        line
        for life in company.lives(until)
        for journey in life.journeys
        if journey.plan.playbook == PLAYBOOK
        for line in journey.lines
    )
    return sum(line.what == "sent" and NOW < line.at <= until for line in lines)


def test_it_comes_near_to_what_is_then_sent(company: Company, stored: Database) -> None:
    found = foresee(stored, company.map, company.world, PLAYBOOK, NOW)

    assert found.total == pytest.approx(sent(company), rel=0.15)
    assert set(found.messages) <= {"email", "sms"}
    assert len(found.dates) == DAYS
    assert (found.measured, found.days) == (True, 28)


def test_a_sample_stands_for_all(company: Company, stored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseeing, "SAMPLE", 120)
    monkeypatch.setattr(foreseeing, "WATCHED", 300)

    found = foresee(stored, company.map, company.world, PLAYBOOK, NOW)

    assert found.looked_at == 120 < found.inside
    assert found.total == pytest.approx(sent(company), rel=0.3)


def test_a_playbook_that_nobody_entered_sends_nothing(company: Company, stored: Database) -> None:
    found = foresee(stored, company.map, company.world, "nobody", NOW)

    assert (found.total, found.most, found.inside, found.a_day) == (0, 0, 0, 0)
