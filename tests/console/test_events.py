"""Events: what came in, what it did and why it entered nothing; what failed, and trying it again."""

from __future__ import annotations

import re
from functools import partial

import pytest

from store import audit, events
from tests.console.conftest import Build
from tests.console.desk import Desk
from tests.console.stored import MARKUP, counted, customer_id, form_of
from tests.intake.house import START

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase, if: event.revenue > 10}\nsteps: [{wait: 3 days}]\n",
    "again": "entry: {milestone: purchase}\nsteps: [{wait_for: {milestone: alpha}, timeout: 9 days}]\n",
}


@pytest.fixture
def desk(build: Build) -> Desk:
    return build(PLAYBOOKS)


def fail(desk: Desk, *names: str, user: str = "grace") -> list[int]:
    found = [desk.house.accept(name, START, user=user) for name in names]
    for one in found:
        desk.house.write(partial(events.set_aside, event_id=one, error="ValueError in lifecycle"))
    return found


def numbers(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'<th scope="row" role="rowheader"><a href="/console/events/(\d+)"', page)]


async def test_events_are_listed_and_asked_for_by_what_they_are(desk: Desk) -> None:
    desk.house.track("purchase", revenue=49)
    desk.house.identify(plan="pro")
    desk.house.track("alpha", user="grace")
    waits = desk.house.accept("beta", START, user="linus")
    (failed,) = fail(desk, "gamma", user="linus")
    page = (await desk.get("/events", "viewer")).text
    assert numbers(page) == [failed, waits, 3, 2, 1]
    assert "entered again, welcome" in page or "entered welcome, again" in page
    for query, found in [
        ("state=failed", [failed]), ("state=pending", [waits]), ("state=applied", [3, 2, 1]), ("kind=identify", [2]),
        ("name=purchase", [1]), ("customer=ada", [2, 1]), (f"customer={customer_id(desk)}", [2, 1]),
        ("customer=linus", [failed, waits]), ("customer=linus&state=failed", [failed]), ("customer=nobody", []),
        ("source=test&kind=track", [failed, waits, 3, 1]), ("source=key%3A1", []),
    ]:  # fmt: skip
        assert numbers((await desk.get(f"/events?{query}")).text) == found, query
    assert "Retry all" not in page
    assert "Retry all that failed" in (await desk.get("/events", "marketing")).text


async def test_an_event_says_what_it_did_and_why_it_did_not_enter(desk: Desk) -> None:
    desk.house.track("purchase", revenue=5, note=MARKUP)
    desk.house.track("alpha")
    with counted(desk) as asked:
        page = (await desk.get("/events/1", "viewer")).text
    assert len(asked) <= 3, asked
    entered, _, refused = page.partition("Did not enter")
    assert 'href="/console/playbooks/again"' in entered
    assert 'href="/console/playbooks/welcome"' in refused
    assert re.search(r"welcome</a>: \S", refused)
    assert MARKUP not in page
    assert "&lt;script&gt;" in page
    assert "<dd>5</dd>" in page
    assert "Concerned" in (await desk.get("/events/2")).text
    for number in ("99", "0", "-1", "x", "9" * 30):
        assert (await desk.get(f"/events/{number}")).status_code == 404


async def test_an_event_that_enters_nothing_says_so_and_one_that_is_not_declared_too(desk: Desk) -> None:
    desk.house.track("beta")
    desk.house.track("purchse")
    assert "No playbook is entered by it" in (await desk.get("/events/1")).text
    slip = (await desk.get("/events/2")).text
    assert "is not declared in the map; did you mean `purchase`?" in slip
    undeclared = (await desk.get("/events/undeclared", "viewer")).text
    assert "purchse" in undeclared
    assert "did you mean `purchase`?" in undeclared
    assert ">beta<" not in undeclared


async def test_an_event_that_failed_shows_its_error_and_is_retried_with_a_reason(desk: Desk) -> None:
    (failed,) = fail(desk, "purchase")
    page = (await desk.get(f"/events/{failed}", "marketing")).text
    assert "ValueError in lifecycle" in page
    assert f'href="/console/events/{failed}/retry"' in page
    assert "/retry" not in (await desk.get(f"/events/{failed}", "support")).text
    empty = await desk.post(f"/events/{failed}/retry", {"reason": " "}, "marketing")
    assert (empty.status_code, desk.house.event(failed).state) == (422, "failed")
    answer = await desk.post(f"/events/{failed}/retry", {"reason": "mended the map"}, "marketing")
    assert answer.headers["location"] == f"/console/events/{failed}"
    assert desk.house.event(failed).state == "pending"
    desk.house.apply(START)
    assert [one.playbook for one in desk.house.journeys("grace")] == ["again"]
    (act,) = desk.house.read(lambda session: audit.about(session, f"event {failed}"))
    assert (act.what, act.who, act.reason) == ("events retried", "user:marketing", "mended the map")
    assert (await desk.get(f"/events/{failed}/retry", "marketing")).status_code == 409


async def test_all_that_failed_are_retried_at_once(desk: Desk) -> None:
    failed = fail(desk, "alpha", "beta")
    assert "2 events are applied again" in (await desk.get("/events/retry", "marketing")).text
    await desk.post("/events/retry", {"reason": "mended"}, "marketing")
    assert [desk.house.event(one).state for one in failed] == ["pending", "pending"]
    assert "nothing to retry" in (await desk.get("/events/retry", "marketing")).text


@pytest.mark.parametrize("role", ["viewer", "support"])
async def test_a_role_that_may_not_steer_gets_403(desk: Desk, role: str) -> None:
    (failed,) = fail(desk, "alpha")
    for path in (f"/events/{failed}/retry", "/events/retry"):
        form = await form_of(desk, role)
        for answer in (await desk.get(path, role), await desk.send(path, {**form, "reason": "x"}, role)):
            assert (answer.status_code, "may not do this" in answer.text) == (403, True)
            assert "ValueError" not in answer.text
    assert desk.house.event(failed).state == "failed"


async def test_markup_in_events_is_text(desk: Desk) -> None:
    desk.house.track(MARKUP, START, MARKUP, **{MARKUP: MARKUP})
    fail(desk, MARKUP, user=MARKUP)
    for place in ("/events", "/events/1", "/events/2", "/events/2/retry", "/events/undeclared"):
        text = (await desk.get(place)).text
        assert MARKUP not in text, place
        assert "&lt;script&gt;" in text, place


async def test_a_list_of_events_asks_the_database_a_few_things_and_says_where_they_come_from(desk: Desk) -> None:
    assert "No event has come in yet" in (await desk.get("/events")).text
    assert "No event has failed" in (await desk.get("/events?state=failed")).text
    assert "Every milestone that came in lately is declared" in (await desk.get("/events/undeclared")).text
    for number in range(60):
        desk.house.accept("alpha", START, user=f"user{number}")
    desk.house.apply(START)
    for query in ("", "?state=pending", "?customer=user3", "?name=alpha&kind=track"):
        with counted(desk) as asked:
            await desk.get(f"/events{query}")
        assert len(asked) <= 6, asked
