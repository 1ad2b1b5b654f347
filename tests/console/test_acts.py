"""Acts on a customer and on a journey from the pages: shown before, done once, undone by the opposite, in the log."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from console.acts import undo_of
from embedded import TemporalServer
from store import journeys, messages
from store.tables import Audit, Consent, Event, Journey, Message, Pause, Resend, Suppression, table_of
from tests.console.conftest import Build
from tests.console.desk import Desk, fields_of
from tests.console.test_pausing import text
from tests.intake.conftest import temporal as temporal  # noqa: PLC0414 - a fixture
from tests.intake.house import START, House
from tests.intake.test_commands import PLAYBOOKS, begin, running, settle, until

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def desk(build: Build) -> Desk:
    """Ada, on her way through `welcome`, which has not begun."""
    made = build(PLAYBOOKS)
    made.house.identify(first_name="Ada", email="ada@example.com", consent={"news": True})
    made.house.track("purchase")
    return made


def customer(desk: Desk) -> str:
    return f"/customers/{desk.house.customer().id}"


def journey(desk: Desk) -> str:
    return f"/journeys/{desk.house.journey().id}"


def log(house: House) -> list[tuple[str, str, str | None]]:
    own = ("signed in", "user added")
    return [(act.who, act.what, act.reason) for act in house.rows(Audit) if act.what not in own]


async def undo(desk: Desk, answer: Any) -> str | None:
    """Where the notice after an act leads whoever wants to undo it."""
    assert answer.status_code == 303, text(answer.text)
    shown = (await desk.get("/pauses", "support")).text.partition('class="notice"')[2].partition("</p>")[0]
    assert shown
    found = re.search(r'href="/console([^"]*)">Undo', shown)
    return unescape(found[1]) if found else None


# --- customers -------------------------------------------------------------------------------------------------------


async def test_an_address_is_suppressed_and_lifted_each_being_the_others_undo(desk: Desk) -> None:
    where = f"{customer(desk)}/suppress"
    assert "ada@example.com" in text((await desk.get(where, "support")).text)
    given = {"channel": "email", "scope": "marketing", "reason": HOSTILE}
    back = await undo(desk, await desk.post(where, given, "support"))
    (row,) = desk.house.rows(Suppression)
    assert (row.reason, row.scope, row.made_by, row.lifted_at) == ("by-hand", "marketing", "user:support", None)
    again = await desk.post(where, {"channel": "email", "scope": "marketing", "reason": "r"}, "support")
    assert (again.status_code, "by hand already" in again.text) == (409, True)
    assert back == f"{customer(desk)}/lift?channel=email&cause=by-hand"
    page = (await desk.get(back, "support")).text
    assert "by-hand (marketing), by user:support" in text(page)
    lifted = await desk.post(
        f"{customer(desk)}/lift", {"suppression": "email by-hand", "reason": "works again"}, "support", at=back
    )
    assert await undo(desk, lifted) == f"{where}?channel=email"
    (row,) = desk.house.rows(Suppression)
    assert row.lifted_at == START
    assert log(desk.house) == [("user:support", "suppress", HOSTILE), ("user:support", "lift", "works again")]
    assert (await desk.get(f"{customer(desk)}/lift", "support")).status_code == 409


async def test_a_consent_is_changed_with_its_proof_and_a_reason(desk: Desk) -> None:
    where = f"{customer(desk)}/consent"
    assert "news by e-mail yes" in text((await desk.get(where, "support")).text)
    given = {"topic": "news", "answer": "no", "source": "phone", "reason": "called us"}
    back = await undo(desk, await desk.post(where, given, "support"))
    assert back == f"{where}?topic=news&answer=yes"
    assert [(row.granted, row.source) for row in desk.house.rows(Consent)][-1] == (False, "phone")
    assert log(desk.house) == [("user:support", "consent", "called us")]
    for wrong, says in (
        ({"answer": ""}, "yes or no"), ({"source": " "}, "where they said so"), ({"topic": HOSTILE}, "no topic"),
        ({"channel": "fax"}, "not by `fax`"), ({"reason": ""}, "Say why"),
    ):  # fmt: skip
        answer = await desk.post(where, given | wrong, "support")
        assert (answer.status_code, says in text(answer.text)) == (422, True), text(answer.text)
        assert HOSTILE not in answer.text
    assert len(log(desk.house)) == 1


async def test_a_customer_is_enrolled_and_a_note_is_kept(build: Build) -> None:
    desk = build({**PLAYBOOKS, "boost": "steps: [{wait: 3 days}]\n"})
    desk.house.identify(first_name="Ada")
    desk.house.track("purchase")
    where = f"{customer(desk)}/enrol"
    wrong = await desk.post(where, {"playbook": HOSTILE, "reason": "r"}, "support")
    assert (wrong.status_code, HOSTILE in wrong.text) == (422, False)
    twice = await desk.post(where, {"playbook": "welcome", "reason": "asked again"}, "support")
    assert (twice.status_code, "has been in welcome already" in text(twice.text)) == (409, True)
    assert await undo(desk, await desk.post(where, {"playbook": "boost", "reason": "asked"}, "support")) is None
    assert [(row.source, row.name) for row in desk.house.rows(Event) if row.kind == "enrol"] == [("console", "boost")]
    where = f"{customer(desk)}/note"
    for wrong_text in ("  ", "x" * 2001):
        assert (await desk.post(where, {"text": wrong_text}, "support")).status_code == 422
    assert (await desk.post(where, {"text": "rings at six\n" + HOSTILE}, "support")).status_code == 303
    assert log(desk.house)[-1] == ("user:support", "note", "rings at six\n" + HOSTILE)


async def test_an_act_that_is_sent_twice_is_done_once(desk: Desk) -> None:
    where = f"{customer(desk)}/note"
    form = fields_of((await desk.get(where, "support")).text, f"/console{where}") | {"text": "once"}
    answers = [(await desk.send(where, form, "support")).status_code for _ in range(2)]
    assert (answers, len(log(desk.house))) == ([303, 409], 1)


async def test_what_cannot_be_done_is_said_before_anybody_is_asked_why(desk: Desk) -> None:
    desk.house.identify(user="bo")
    nobody = f"/customers/{desk.house.customer('bo').id}"
    for path, says in (
        (f"{nobody}/suppress", "no e-mail address and no phone number"),
        (f"{nobody}/lift", "nothing suppresses"),
        (f"{customer(desk)}/resume", "no pause of Ada"),
        (f"{journey(desk)}/resume", "itself is not paused"),
        (f"{journey(desk)}/skip", "has not begun yet"),
    ):
        answer = await desk.get(path, "support")
        assert (answer.status_code, says.lower() in text(answer.text).lower()) == (409, True), text(answer.text)
    desk.house.end(desk.house.journey().id, START)
    for act in ("pause", "resume", "skip", "exit"):
        answer = await desk.get(f"{journey(desk)}/{act}", "support")
        assert (answer.status_code, "has ended already" in answer.text) == (409, True)


def test_the_audit_log_knows_the_opposite_of_an_act() -> None:
    assert undo_of("pause", "cus_1", {"scope": "customer", "pause": 3}) == (("customers", "cus_1", "resume"), "act")
    assert undo_of("pause", "welcome", {"scope": "playbook", "pause": 3}) == (("pauses", "3", "resume"), "steer")
    assert undo_of("pause", "welcome.1", {"pause": 3}) == (("journeys", "welcome.1", "resume"), "act")
    assert undo_of("suppress", "cus_1", None) == (("customers", "cus_1", "lift"), "act")
    assert undo_of("lift", "cus_1", None) == (("customers", "cus_1", "suppress"), "act")
    assert undo_of("consent", "cus_1", None) == (("customers", "cus_1", "consent"), "act")
    assert {undo_of(what, "x", None) for what in ("exit", "skip", "note", "resend", "resume", "pause withdrawn")} == {
        None
    }


async def test_the_audit_log_leads_to_the_opposite_whoever_may_do_that(desk: Desk) -> None:
    await desk.post(f"{customer(desk)}/pause", {"reason": "on holiday"}, "support")
    link = f'href="/console{customer(desk)}/resume"'
    assert link in (await desk.get("/audit", "support")).text
    assert link not in (await desk.get("/audit", "viewer")).text


# --- journeys --------------------------------------------------------------------------------------------------------


async def test_where_temporal_is_away_the_page_says_what_is_stored(desk: Desk) -> None:
    paused = await desk.post(f"{journey(desk)}/pause", {"reason": "on holiday"}, "support")
    assert (paused.status_code, "the pause is stored" in paused.text) == (503, True)
    (row,) = desk.house.rows(Pause)
    assert (row.scope, row.reason, row.ended_at) == ("journey", "on holiday", None)
    assert (await desk.get(f"{journey(desk)}/pause", "support")).status_code == 409
    shown = text((await desk.get(f"{journey(desk)}/resume", "support")).text)
    assert "Paused by user:support: on holiday." in shown
    resumed = await desk.post(f"{journey(desk)}/resume", {"reason": "is back"}, "support")
    assert (resumed.status_code, "the end of the pause is stored" in resumed.text) == (503, True)
    (row,) = desk.house.rows(Pause)
    assert row.ended_at == START
    ended = await desk.post(f"{journey(desk)}/exit", {"reason": "moved away"}, "support")
    assert await undo(desk, ended) is None
    (one,) = desk.house.rows(Journey)
    assert (one.exit_outcome, one.exit_reason) == ("exited", "moved away")
    assert [what for _, what, _ in log(desk.house)] == ["pause", "resume", "exit"]


@pytest.mark.parametrize("act", ["pause", "exit"])
async def test_an_act_on_a_journey_without_a_reason_changes_nothing(desk: Desk, act: str) -> None:
    answer = await desk.post(f"{journey(desk)}/{act}", {"reason": " "}, "support")
    assert (answer.status_code, "Say why" in answer.text) == (422, True)
    past = await desk.post(f"{journey(desk)}/pause", {"reason": "r", "until": "2020-01-01T10:00"}, "support")
    assert (past.status_code, "still ahead" in past.text, 'value="2020-01-01T10:00"' in past.text) == (422, True, True)
    assert (log(desk.house), desk.house.rows(Pause), desk.house.journey().exit_at) == ([], [], None)


SLOW = {
    "welcome": """entry: {milestone: purchase}
steps:
  - wait: 3 days
  - wait: {until: day 6}
  - send: mail/one
"""
}


async def test_pages_before_an_act_and_explanations_say_what_comes_next_as_the_customers_page_does(
    build: Build,
) -> None:
    desk = build(SLOW)
    desk.house.identify(first_name="Ada", email="ada@example.com", consent={"news": True})
    desk.house.track("purchase")
    desk.house.write(lambda session: journeys.mark_started(session, desk.house.journey().id, START))
    page = text((await desk.get(customer(desk), "support")).text)
    said = page.partition("Comes next: ")[2].partition(". It waits")[0]
    assert "sends mail/one by e-mail , Sun 8 Mar 2026" in said, page
    for act in ("pause", "exit", "skip"):
        shown = text((await desk.get(f"{journey(desk)}/{act}", "support")).text)
        assert (act, f"Comes next {said}" in shown) == (act, True), shown
    assert "Then comes next: sends mail/one by e-mail." in shown
    told = text((await desk.get(f"{customer(desk)}/explain", "support")).text)
    assert "comes next: sends mail/one by e-mail" in told


async def test_a_journey_is_paused_resumed_skipped_and_ended_on_a_real_server(
    build: Build, temporal: TemporalServer
) -> None:
    async def client() -> Any:
        return temporal.client

    desk = build(PLAYBOOKS, temporal=client)
    desk.house.identify(first_name="Ada", email="ada@example.com", consent={"news": True})
    async with running(desk.house, temporal) as dispatcher:
        await begin(desk.house, dispatcher)
        where = journey(desk)
        shown = text((await desk.get(f"{where}/skip", "support")).text)
        assert "sends mail/one by e-mail" in shown
        paused = await desk.post(f"{where}/pause", {"reason": "on holiday", "policy": "freeze"}, "support")
        assert await undo(desk, paused) == f"{where}/resume"
        assert desk.house.journey().due is None
        resumed = await desk.post(f"{where}/resume", {"reason": "is back"}, "support")
        assert await undo(desk, resumed) == f"{where}/pause"
        assert desk.house.journey().due is not None
        assert (await desk.post(f"{where}/skip", {"what": "wait", "reason": "no need"}, "support")).status_code == 303
        await until(lambda: [row.template for row in desk.house.rows(Message)] == ["mail/one"])
        assert (await desk.post(f"{where}/exit", {"reason": "enough"}, "support")).status_code == 303
        await until(lambda: desk.house.journey().status == "ended")
        await settle(dispatcher)
        await asyncio.sleep(0)
    assert [what for _, what, _ in log(desk.house)] == ["pause", "resume", "skip", "exit"]


async def test_a_message_is_sent_again_once_and_not_while_it_is_on_its_way(desk: Desk) -> None:
    house = desk.house
    one = house.journey()

    def store(session: Session) -> None:
        messages.add(
            session,
            Message(
                id="m1", journey_id=one.id, step="one", occurrence="1", customer_id=one.customer_id, channel="email",
                template="mail/one", state="pending", due_at=START,
            ),
        )  # fmt: skip

    house.write(store)
    where = "/messages/m1/resend"
    answer = await desk.get(where, "support")
    assert (answer.status_code, "may still go by itself" in answer.text) == (409, True)
    house.write(lambda session: session.execute(update(table_of(Message)).values(state="bounced")))
    assert "mail/one by e-mail So far bounced" in text((await desk.get(where, "support")).text)
    assert (await desk.post(where, {"reason": ""}, "support")).status_code == 422
    assert await undo(desk, await desk.post(where, {"reason": HOSTILE}, "support")) is None
    again = await desk.post(where, {"reason": "r"}, "support")
    assert (again.status_code, "being sent again already" in again.text) == (409, True)
    (row,) = house.rows(Resend)
    assert (row.original, row.occurrence) == ("m1", "manual:1")
    assert log(house) == [("user:support", "resend", HOSTILE)]
    assert (await desk.get("/messages/none/resend", "support")).status_code == 404
