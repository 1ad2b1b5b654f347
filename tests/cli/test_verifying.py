"""`milepost verify` (design.md, section 13): each fault is found, and told apart from what is only unknown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from whenever import Instant

from cli.common import database
from intake import verifying
from lifecycle.ledger import message_id
from store import deliveries, messages, traces
from store.tables import Delivery, Message, Trace, table_of
from tests.cli.conftest import Milepost
from tests.store.rows import START, add_journey, message

ID = message_id("welcome.1", "hello", 1)

Change = Callable[[Session], object]
Store = Callable[[Change], None]


@pytest.fixture
def store(project: Path) -> Store:
    """Changes the database of the project, in which one message was sent, told of and noted in the timeline."""

    def change(fn: Change) -> None:
        with contextlib.closing(database(project)) as opened:
            opened.write_now(fn)

    change(sent)
    return change


def sent(session: Session) -> None:
    add_message(session, "hello", "accepted", provider_id="P1")
    said(session, 1, "hello")
    told(session, ID, "delivered", "P1")


def add_message(session: Session, step: str, state: str, name: str = "welcome.1", **values: Any) -> None:
    """A message of a journey of its own."""
    journey = add_journey(session, name, name)
    messages.add(session, message(journey, step, id=message_id(name, step, 1), state=state, **values))


def said(session: Session, number: int, step: str, journey: str = "welcome.1") -> None:
    line = Trace(journey_id=journey, seq=number, at=START, day=0, what="sent", step=step)
    traces.add(session, [line])


def told(session: Session, identity: str, kind: str, provider_id: str) -> None:
    row = Delivery(message_id=identity, kind=kind, at=START, received_at=START, provider_id=provider_id)
    deliveries.add(session, row)


def becomes(state: str, **values: Any) -> Change:
    one = table_of(Message)
    return lambda session: session.execute(update(one).where(one.c.id == ID).values(state=state, **values))


def found(milepost: Milepost) -> tuple[int, dict[str, Any]]:
    answer = milepost("verify", "--format", "json")
    assert set(answer.data) == {"checked", "duplicates", "lost", "unknown"}
    return answer.code, answer.data


def test_where_ledger_timelines_and_callbacks_agree_nothing_is_found(milepost: Milepost, store: Store) -> None:
    assert found(milepost) == (0, {"checked": 1, "duplicates": [], "lost": [], "unknown": []})
    assert milepost("verify").out == "messages checked: 1; duplicates 0, lost 0, unknown 0\n"


def test_an_empty_database_is_good(milepost: Milepost, project: Path) -> None:
    assert found(milepost) == (0, {"checked": 0, "duplicates": [], "lost": [], "unknown": []})


def test_a_message_that_a_provider_knows_under_two_ids_went_twice(milepost: Milepost, store: Store) -> None:
    store(lambda session: told(session, ID, "accepted", "P2"))
    code, data = found(milepost)
    assert (code, [one["id"] for one in data["duplicates"]], data["lost"]) == (1, [ID], [])
    assert "under 2 ids" in milepost("verify").out


def test_the_machines_that_sendgrid_adds_to_its_id_make_no_second_message(milepost: Milepost, store: Store) -> None:
    store(lambda session: told(session, ID, "processed", "P1.recvd-5f8c-1.0"))
    assert found(milepost)[0] == 0


def test_a_message_that_is_proved_to_be_nowhere_is_lost(milepost: Milepost, store: Store) -> None:
    store(lambda session: add_message(session, "hello", "lost", "welcome.2"))
    code, data = found(milepost)
    assert (code, data["checked"], len(data["lost"]), data["unknown"]) == (1, 2, 1, [])


def test_what_a_timeline_calls_sent_and_the_ledger_does_not_know_is_lost(milepost: Milepost, store: Store) -> None:
    store(lambda session: said(session, 2, "goodbye"))
    store(lambda session: said(session, 3, "hello"))  # twice said to be sent, and only one is there
    code, data = found(milepost)
    lost = {(one["id"], one["journey"], one["step"]) for one in data["lost"]}
    assert code == 1
    assert lost == {
        (message_id("welcome.1", "goodbye", 1), "welcome.1", "goodbye"),
        (message_id("welcome.1", "hello", 2), "welcome.1", "hello"),
    }


def test_what_a_timeline_calls_sent_and_the_ledger_calls_refused_is_lost(milepost: Milepost, store: Store) -> None:
    store(lambda session: add_message(session, "hello", "refused", "welcome.2"))
    store(lambda session: said(session, 1, "hello", "welcome.2"))
    code, data = found(milepost)
    assert (code, [one["journey"] for one in data["lost"]]) == (1, ["welcome.2"])


@pytest.mark.parametrize("state", ["pending", "unknown", "refused", "rejected"])
def test_news_of_a_message_that_the_ledger_does_not_call_accepted_is_a_loss_in_the_ledger(
    milepost: Milepost, store: Store, state: str
) -> None:
    store(becomes(state))
    code, data = found(milepost)
    assert code == 1
    assert any("the provider told of it (delivered)" in one["why"] for one in data["lost"])


def test_an_unknown_message_is_listed_and_is_no_fault(milepost: Milepost, store: Store) -> None:
    store(lambda session: add_message(session, "hello", "unknown", "welcome.2", reason="no-answer"))
    code, data = found(milepost)
    assert (code, data["lost"], [one["why"] for one in data["unknown"]]) == (
        0, [], ["nobody can tell whether the provider has it (no-answer)"],
    )  # fmt: skip


def test_a_claim_that_nobody_works_on_any_more_is_unknown_and_a_fresh_one_is_not(
    milepost: Milepost, store: Store
) -> None:
    store(lambda session: add_message(session, "hello", "sending", "welcome.2", claimed_at=START))
    store(lambda session: add_message(session, "hello", "sending", "welcome.3", claimed_at=Instant.now()))
    code, data = found(milepost)
    assert (code, [one["journey"] for one in data["unknown"]]) == (0, ["welcome.2"])


def test_a_ledger_of_many_pages_is_read_to_its_end(
    milepost: Milepost, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "PAGE", 2)

    def seven(session: Session) -> None:
        for number in range(2, 9):
            add_message(session, "hello", "lost" if number in (4, 8) else "accepted", f"welcome.{number}")
            said(session, 1, "hello", f"welcome.{number}")

    store(seven)
    code, data = found(milepost)
    assert (code, data["checked"]) == (1, 8)
    # Their timelines say that they were sent; even so they are named once.
    assert [one["journey"] for one in sorted(data["lost"], key=lambda one: one["journey"])] == [
        "welcome.4",
        "welcome.8",
    ]


def test_people_are_shown_the_first_and_told_of_the_rest(
    milepost: Milepost, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.verifying.SHOWN", 1)

    def two(session: Session) -> None:
        for number in (2, 3):
            add_message(session, "hello", "unknown", f"welcome.{number}", reason="interrupted")

    store(two)
    answer = milepost("verify")
    assert answer.out.count("unknown: ") == 1
    assert answer.err == "1 more unknown; --format json lists all\n"
