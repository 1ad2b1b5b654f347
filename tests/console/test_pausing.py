"""Pauses from the pages: in every scope, told beforehand, ended with each handling, and never by another's route."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from store import holds
from store.tables import Audit, JourneyInbox, Pause
from tests.console.conftest import Build
from tests.console.desk import Desk, fields_of
from tests.intake.house import START, day
from tests.intake.pausing import PLAYBOOKS, entered
from tests.intake.pausing import end as ended
from tests.intake.pausing import start as begun

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def desk(build: Build) -> Desk:
    """Three customers on their way through `welcome`; the first belongs to acme."""
    made = build(PLAYBOOKS)
    entered(made.house, 3)
    made.house.identify(user="user-0", first_name="Ada")
    made.house.group("acme", user="user-0")
    return made


def place(desk: Desk, scope: str) -> str:
    """The address of what is paused."""
    ada = desk.house.customer("user-0")
    return {
        "customer": f"/customers/{ada.id}", "account": f"/accounts/{ada.account_id}", "playbook": "/playbooks/welcome",
        "segment": "/segments/fans", "channel": "/channels/email", "everything": "/everything",
    }[scope]  # fmt: skip


def role(scope: str) -> str:
    return "support" if scope in ("customer", "account") else "marketing"


def end(desk: Desk, scope: str, pause: Pause) -> str:
    return f"{place(desk, scope)}/resume" if role(scope) == "support" else f"/pauses/{pause.id}/resume"


def text(page: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.partition("<main")[2])).split())


def only(desk: Desk) -> Pause:
    (row,) = desk.house.rows(Pause)
    return row


def meet(desk: Desk, pause: Pause, wants: str = "email", count: int = 3) -> list[str]:
    """What activities store that meet the pause."""
    number = pause.id
    assert number is not None
    journeys = [desk.house.journey(f"user-{place}").id for place in range(count)]

    def store(session: Session) -> None:
        for minutes, one in enumerate(journeys):
            holds.add(session, one, [number], START.add(minutes=minutes), {number: wants})

    desk.house.write(store)
    return journeys


async def notice(desk: Desk, to: str, as_: str) -> str:
    """What the next page says of what was done; any page shows it."""
    return (await desk.get("/pauses", as_)).text.partition('class="notice"')[2].partition("</p>")[0]


SCOPES = ["customer", "account", "playbook", "segment", "channel", "everything"]


@pytest.mark.parametrize("handling", ["send", "skip", "spread"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_each_scope_is_paused_and_resumed_with_each_handling_and_the_log_says_so(
    desk: Desk, scope: str, handling: str
) -> None:
    who, policy = role(scope), "continue"
    asked = {"reason": "a wrong price", "policy": policy, "until": "2026-03-09T10:00", "transactional": "yes"}
    made = await desk.post(f"{place(desk, scope)}/pause", asked, who)
    assert made.status_code == 303
    pause = only(desk)
    assert (pause.scope, pause.policy, pause.reason, pause.made_by) == (scope, policy, "a wrong price", f"user:{who}")
    assert pause.transactional
    assert pause.ends_at is not None
    assert pause.ends_at.format_iso() == "2026-03-09T09:00:00Z"  # ten o'clock in Paris, where the browser is
    meet(desk, pause)
    assert f'href="/console{end(desk, scope, pause)}"' in await notice(desk, made.headers["location"], who)
    desk.now = START.add(hours=1)
    where = end(desk, scope, pause)
    before = text((await desk.get(where, who)).text)
    assert "3 journeys stand because of it and go on at once. 3 e-mails are due" in before
    if handling == "spread" and scope == "customer":
        assert "bit by bit" not in before
        return
    given = {"reason": "it is right", "handling": handling, "spread": "60" if handling == "spread" else ""}
    ended = await desk.post(where, given, who)
    assert ended.status_code == 303
    pause = only(desk)
    assert (pause.ended_at, pause.handling, pause.spread) == (
        desk.now, "skip" if handling == "skip" else "send", 60 if handling == "spread" else None,
    )  # fmt: skip
    assert f"{place(desk, scope)}/pause" in await notice(desk, ended.headers["location"], who)
    acts = [(act.who, act.what, act.reason) for act in desk.house.rows(Audit) if act.what in ("pause", "resume")]
    assert acts == [(f"user:{who}", "pause", "a wrong price"), (f"user:{who}", "resume", "it is right")]


async def test_before_a_pause_it_is_told_how_many_journeys_are_under_way(desk: Desk) -> None:
    for scope, says in (
        ("customer", "1 journey is under way: each is held when it comes due."),
        ("account", "1 journey is under way"),
        ("playbook", "3 journeys are under way"),
        ("segment", "No journey is under way here"),
        ("channel", "3 journeys are under way through playbooks that send by it"),
        ("everything", "3 journeys are under way"),
    ):
        assert says in text((await desk.get(f"{place(desk, scope)}/pause", role(scope))).text), scope
    assert desk.house.rows(Pause) == []


async def test_a_pause_shows_who_is_held_and_why_and_what_its_end_would_do(desk: Desk) -> None:
    pause = begun(desk.house, reason=HOSTILE, ends_at=day(9))
    meet(desk, pause)
    other = begun(desk.house, "customer", "user-0", reason="on holiday")
    page = (await desk.get(f"/pauses/{pause.id}", "viewer")).text
    assert HOSTILE not in page
    shown = text(page)
    for says in (
        HOSTILE, "Mon 2 Mar 2026, 10:00", "Wed 11 Mar 2026, 10:00", "by test", "3 journeys, 3 messages due",
        "go on at once. 3 e-mails are due", "3 e-mails are not sent", "100 a minute That takes less than a minute.",
        "customer: on holiday", "Ada’s journey through welcome", "an e-mail is due",
    ):  # fmt: skip
        assert says in shown, says
    assert f'href="/console/pauses/{other.id}"' in page
    assert "Resume" not in shown
    assert f'href="/console/pauses/{pause.id}/resume"' in (await desk.get(f"/pauses/{pause.id}", "marketing")).text
    listed = (await desk.get("/pauses", "viewer")).text
    assert HOSTILE not in listed
    assert "playbook welcome" in text(listed)
    assert "Ada" in text(listed)
    assert "Nothing is paused" not in listed


async def test_the_pages_of_pauses_follow_what_happens_elsewhere(desk: Desk) -> None:
    pause = begun(desk.house)
    paths = ("/pauses", f"/pauses/{pause.id}")

    async def tags() -> list[str]:
        found = [(await desk.get(path, "viewer")).headers["etag"] for path in paths]
        for path, tag in zip(paths, found, strict=True):
            again = await desk.get(path, "viewer", headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")
        return found

    nobody = await tags()
    meet(desk, pause)
    some = await tags()
    assert not set(nobody) & set(some)
    ended(desk.house, pause, START.add(hours=1))
    assert not set(some) & set(await tags())
    assert "etag" not in (await desk.get("/pauses?before=99", "viewer")).headers


async def test_lists_come_in_pages(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    from console import pauses

    desk = build(PLAYBOOKS)
    assert "Nothing is paused" in (await desk.get("/pauses")).text
    assert "No pause has ended yet" in (await desk.get("/pauses?ended=true")).text
    entered(desk.house, 5)
    monkeypatch.setattr(pauses, "ROWS", 2)
    made = [begun(desk.house, reason=f"reason {number}") for number in range(5)]
    meet(desk, made[0], count=5)
    for where, row, count in (("/pauses", r"reason (\d)", 5), (f"/pauses/{made[0].id}", r"user-(\d)’s", 5)):
        seen: list[str] = []
        path: str | None = where
        while path:
            page = (await desk.get(path)).text
            found = re.findall(row, page.partition("<tbody")[2].partition("</tbody>")[0])
            assert len(found) <= 2
            seen += found
            more = re.search(r'href="/console([^"]*)">(?:Earlier ones|More)<', page)
            path = unescape(more[1]) if more else None
        assert (len(seen), len(set(seen))) == (count, count)
    assert (await desk.get(f"/pauses/{made[0].id}?since=soon")).status_code == 404


async def test_of_several_pauses_of_a_customer_one_is_chosen(desk: Desk) -> None:
    first, second = (begun(desk.house, "customer", "user-0", reason=why) for why in ("holiday", "complaint"))
    where = f"{place(desk, 'customer')}/resume"
    shown = text((await desk.get(where, "support")).text)
    assert "holiday" in shown
    assert "complaint" in shown
    ended = await desk.post(where, {"reason": "is back", "pause": str(second.id)}, "support")
    assert ended.status_code == 303
    rows = {row.id: row.ended_at is None for row in desk.house.rows(Pause)}
    assert rows == {first.id: True, second.id: False}


async def test_a_pause_of_one_scope_is_not_ended_by_a_route_of_another(desk: Desk) -> None:
    customer, playbook = begun(desk.house, "customer", "user-0"), begun(desk.house)
    for number in (customer.id, 999):
        assert (await desk.get(f"/pauses/{number}/resume", "marketing")).status_code == 404
    form = fields_of((await desk.get("/account", "admin")).text, "/console/sign-out")
    answer = await desk.send(f"/pauses/{customer.id}/resume", {**form, "reason": "r"}, "admin")
    assert answer.status_code == 404
    where = f"{place(desk, 'customer')}/resume"
    answer = await desk.post(where, {"reason": "r", "pause": str(playbook.id)}, "support")
    assert (answer.status_code, "belongs to something else" in answer.text) == (409, True)
    assert all(row.ended_at is None for row in desk.house.rows(Pause))


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"reason": " "}, 422, "Say why"),
        ({"reason": "x" * 201}, 422, "too long"),
        ({"reason": "a\0b"}, 422, "cannot be stored"),
        ({"reason": "r", "until": "2020-01-01T10:00"}, 422, "still ahead"),
        ({"reason": "r", "until": HOSTILE}, 422, "is not a time"),
        ({"reason": "r", "until": "9999-01-01T10:00"}, 422, "between 1970 and 2199"),
        ({"reason": "r", "policy": HOSTILE}, 422, "freeze or continue"),
    ],
)
async def test_what_makes_no_sense_is_said_on_the_page_with_the_form_as_it_was(
    desk: Desk, given: dict[str, Any], status: int, says: str
) -> None:
    answer = await desk.post("/playbooks/welcome/pause", {"transactional": "yes", **given}, "marketing")
    assert (answer.status_code, says in text(answer.text)) == (status, True), text(answer.text)
    assert "Nothing was changed" in answer.text
    assert HOSTILE not in answer.text
    assert re.search(r'name="transactional" value="yes" checked', answer.text)
    assert desk.house.rows(Pause) == []
    if given["reason"] == "r":
        assert 'name="reason" value="r"' in answer.text
        again = {**fields_of(answer.text, "/console/playbooks/welcome/pause"), "reason": "r", "until": "2026-03-09"}
        assert (await desk.send("/playbooks/welcome/pause", again, "marketing")).status_code == 303


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"handling": "spread", "spread": ""}, "say how many"), ({"handling": "spread", "spread": "0"}, "say how many"),
        ({"handling": "spread", "spread": HOSTILE}, "say how many"),
        ({"handling": "lose"}, "send or skip"), ({"reason": ""}, "say why"),
    ],
)  # fmt: skip
async def test_an_end_that_makes_no_sense_ends_nothing(desk: Desk, given: dict[str, str], says: str) -> None:
    pause = begun(desk.house)
    answer = await desk.post(f"/pauses/{pause.id}/resume", {"reason": "r", **given}, "marketing")
    assert (answer.status_code, says in text(answer.text).lower()) == (422, True)
    assert only(desk).ended_at is None


async def test_a_form_that_is_sent_twice_does_it_once(desk: Desk) -> None:
    shown = await desk.get("/everything/pause")
    form = {**fields_of(shown.text, "/console/everything/pause"), "reason": "an incident"}
    answers = [await desk.send("/everything/pause", form) for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 409]
    assert "sent before" in answers[1].text
    only(desk)
    pause = only(desk)
    shown = await desk.get(f"/pauses/{pause.id}/resume")
    form = {**fields_of(shown.text, f"/console/pauses/{pause.id}/resume"), "reason": "over"}
    answers = [await desk.send(f"/pauses/{pause.id}/resume", form) for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 409]
    assert (await desk.get(f"/pauses/{pause.id}/resume")).status_code == 409


async def test_what_there_is_not_is_a_page(desk: Desk) -> None:
    for path in (
        "/customers/nobody/pause", "/customers/a%00b/pause", "/accounts/acc_none/pause", "/playbooks/welcom/pause",
        "/segments/fan/pause", "/channels/fax/pause", "/pauses/77", "/pauses/0", "/pauses/99999999999999999999",
        "/pauses/x",
    ):  # fmt: skip
        answer = await desk.get(path)
        assert (answer.status_code, "<h1>Nothing here</h1>" in answer.text) == (404, True), path


async def test_the_page_of_a_pause_asks_few_questions_however_many_it_holds(build: Build) -> None:
    desk = build(PLAYBOOKS)
    entered(desk.house, 30)
    pause = begun(desk.house)
    meet(desk, pause, count=30)
    for number in range(10):
        begun(desk.house, "customer", f"user-{number}")
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    await desk.get("/pauses")
    event.listen(Engine, "before_cursor_execute", note)
    try:
        for path, most in ((f"/pauses/{pause.id}", 16), (f"/pauses/{pause.id}/resume", 16), ("/pauses", 12)):
            asked.clear()
            assert (await desk.get(path)).status_code == 200
            assert len(asked) <= most, (path, len(asked))
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_whom_a_pause_held_is_told_after_its_end(desk: Desk) -> None:
    from intake.resuming import drain

    pause = begun(desk.house)
    held = meet(desk, pause)
    await desk.post(f"/pauses/{pause.id}/resume", {"reason": "r"}, "marketing")
    assert desk.house.write(lambda session: drain(session, pause.id or 0, desk.now)) == 3
    assert {row.journey_id for row in desk.house.rows(JourneyInbox) if row.kind == "resumed"} == set(held)
