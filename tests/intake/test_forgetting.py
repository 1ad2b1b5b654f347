"""What providers are asked to forget is asked until it is done, in longer and longer steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from intake.erasing import Forgetter
from intake.forgetting import ATTEMPTS, Forgetting
from messaging.sending import Outbox, Outcome
from store import erasures
from store.tables import Erasure
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.post import KEY, run

WAITS = {"welcome": "entry: {milestone: purchase}\nsteps: [{send: mail/one}]\n"}


class Provider(Outbox):
    """Answers with `answers` in turn, then accepts."""

    name, stores = "sendgrid", False

    def __init__(self, *answers: Outcome) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def forget(self, subject: str) -> Outcome:
        self.asked.append(subject)
        return self.answers.pop(0) if self.answers else Outcome("accepted")


@pytest.fixture
def house(build: Build) -> House:
    house = build(WAITS)
    house.identify(email="ada@example.com")
    ada = house.customer().id
    house.write(partial(erasures.ask, customer_id=ada, provider="sendgrid", subject="ada@example.com", now=START))
    return house


def step(house: House, sender: Any, days: float) -> Erasure:
    """One look of a worker; the row after it."""
    assert house.project.map is not None
    client: Any = None
    with ThreadPoolExecutor(1) as threads:
        forgetter = Forgetter(house.database, client, house.project.map, KEY)
        run(Forgetting(forgetter, {"email": sender, "sms": sender}, threads).step(day(days)))
    (row,) = house.rows(Erasure)
    return row


def test_it_is_asked_again_until_it_is_done_and_its_subject_is_emptied(house: House) -> None:
    provider = Provider(Outcome("unknown", "no-answer"), Outcome("later", "rate-limited", wait=900.0))
    row = step(house, provider, 0)
    assert (row.state, row.attempts, row.error, row.retry_at) == ("pending", 1, "no-answer", START.add(minutes=1))
    row = step(house, provider, 0.001)
    assert (row.attempts, row.error, row.retry_at) == (2, "rate-limited", day(0.001).add(minutes=15))
    row = step(house, provider, 0.002)
    assert row.attempts == 2  # it is not due
    row = step(house, provider, 1)
    assert (row.state, row.subject, row.error, row.done_at) == ("done", None, None, day(1))
    assert provider.asked == ["ada@example.com"] * 3
    assert house.read(erasures.open) == []


def test_what_a_provider_refuses_is_set_aside_for_somebody_to_see(house: House) -> None:
    row = step(house, Provider(Outcome("rejected", "rejected")), 0)
    assert (row.state, row.subject, row.error) == ("failed", "ada@example.com", "rejected")
    assert [one.id for one in house.read(erasures.open)] == [row.id]


def test_what_was_asked_in_vain_for_weeks_is_set_aside(house: House) -> None:
    provider = Provider(*[Outcome("unknown", "no-answer")] * ATTEMPTS)
    for attempt in range(ATTEMPTS):
        row = step(house, provider, attempt)
    assert (row.state, row.attempts) == ("failed", ATTEMPTS)


def test_without_the_account_it_waits(house: House) -> None:
    row = step(house, Outbox(), 0)
    assert (row.state, row.error, row.subject) == ("pending", "no-sender", "ada@example.com")
