"""Playbooks on pages: the list, one with its picture and numbers, its versions, and rolling them out."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest
from sqlalchemy import event, update

from console import foreseer
from intake import foreseeing, rollouts
from intake.rollouts import Wanted
from store import pauses as stored_pauses
from store import playbooks, results
from store import rollouts as stored_rollouts
from store.tables import Audit, Journey, Pause, Rollout, table_of
from tests.console.conftest import Build
from tests.console.desk import Desk
from tests.intake.house import START, day
from tests.intake.test_rollouts import version

WELCOME = {
    "welcome": "entry: {milestone: purchase, if: event.revenue > 0}\ngoal: {milestone: delta, within: 30 days}\n"
    "holdout: 50%\nsteps: [{send: mail/one, id: hello}, {wait: 10 days}, {branch: [{if: customer.score > 3, then: "
    "[{exit: enough}]}]}, {wait_for: {milestone: beta}, timeout: 9 days}]\n",
    "bare": "steps: [{send: mail/one}]\n",
    "receipts": "entry: {milestone: alpha}\nsteps: [{send: mail/receipt}]\n",
}
_journey = table_of(Journey)


@pytest.fixture
def desk(build: Build) -> Desk:
    return build(WELCOME)


def inside(desk: Desk) -> int:
    return sum(one.people for one in desk.house.read(results.standing)["welcome"])


def enter(desk: Desk, count: int = 20, step: str = "wait-10-days") -> None:
    """Customers are inside, and stand at a step."""
    for number in range(count):
        desk.house.track("purchase", START, f"customer-{number}", revenue=9)
    desk.house.write(
        lambda session: session.execute(
            update(_journey).where(_journey.c.status == "starting").values(status="open", step=step)
        )
    )


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


async def said(desk: Desk, path: str, as_: str = "viewer") -> str:
    found = await desk.get(path, as_)
    assert found.status_code == 200, found.text
    return text_of(found.text)


async def test_the_list_shows_every_playbook_with_who_is_inside_and_what_it_brings(desk: Desk) -> None:
    enter(desk)
    desk.house.track("delta", day(1), "customer-0")
    desk.now = day(2)

    page = await said(desk, "/playbooks")

    assert "customer enjoy it" in page, "the stage, and what it is for"
    assert f"welcome A test. running {inside(desk)} 20 " in page
    assert "bare A test. running 0" in page
    assert "no goal" in page


async def test_without_playbooks_the_list_says_what_to_do(build: Build) -> None:
    page = await said(build(), "/playbooks")

    assert "milepost new playbook" in page


async def test_a_playbook_is_a_picture_with_people_on_its_steps(desk: Desk) -> None:
    enter(desk)
    people = inside(desk)
    assert 0 < people < 20, "some are held out"

    page = await desk.get("/playbooks/welcome", "viewer")

    assert f"{people} customers are inside" in text_of(page.text)
    assert page.text.count('<g class="step ') == 7, "entry, five steps and the end"
    assert page.text.count('<g class="count">') == 1
    words = text_of(page.text)
    assert f"Wait : Wait 10 days. {people} people here. Then If customer.score" in words
    assert "yes: then End: enough." in words


async def test_the_arms_are_compared_and_the_goal_counts_for_both(desk: Desk) -> None:
    enter(desk, 60)
    arms: dict[str, list[str]] = {"journey": [], "holdout": []}
    for number in range(60):
        arms[desk.house.journey(f"customer-{number}").arm].append(f"customer-{number}")
    for people in arms.values():
        for name in people[::2]:
            desk.house.track("delta", day(1), name)
    desk.now = day(2)

    page = await said(desk, "/playbooks/welcome")

    reached = {arm: len(people[::2]) for arm, people in arms.items()}
    assert f"Through the playbook {len(arms['journey'])} {reached['journey']} " in page
    assert f"Held out {len(arms['holdout'])} {reached['holdout']} " in page
    told = f"{reached['journey']} of {len(arms['journey'])} against {reached['holdout']} of {len(arms['holdout'])}"
    assert re.search(f"{told} held out: .*; too early to tell", page)
    assert "95 % interval" in page


async def test_what_changes_shows_and_what_does_not_is_no_work(desk: Desk) -> None:
    first = await desk.get("/playbooks/welcome")
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await desk.get("/playbooks/welcome", headers=tag)).status_code == 304
    enter(desk, 3)
    desk.now = START.add(seconds=70)
    again = await desk.get("/playbooks/welcome", headers=tag)
    assert again.status_code == 200
    assert "inside" in text_of(again.text)


@pytest.mark.parametrize("path", ["/playbooks/none", "/playbooks/none/roll-out?version=1", "/playbooks/none/stop",
                                  "/playbooks/none/differences?old=1&new=2"])  # fmt: skip
async def test_a_playbook_that_is_not_there_is_a_page(desk: Desk, path: str) -> None:
    found = await desk.get(path)
    assert found.status_code == 404
    assert "There is no playbook called none." in text_of(found.text)


async def test_a_playbook_without_entry_goal_holdout_and_tests_says_what_would_help(desk: Desk) -> None:
    desk.house.track("purchase", START, "ada", revenue=1)
    page = await said(desk, "/playbooks/bare")
    assert "another playbook has to enrol customers in it" in page
    assert "Nobody entered in this time." in page
    assert "Write bare.test.yaml beside its file" in page


async def test_a_retired_playbook_and_a_file_that_is_gone_are_told_apart(build: Build) -> None:
    desk = build(WELCOME)
    object.__setattr__(desk.parts, "plans", {})
    assert "milepost apply welcome" in await said(desk, "/playbooks/welcome")
    desk.house.write(lambda session: rollouts.begin(session, Wanted("welcome", "pin", None), "test", day(1)))
    page = await said(desk, "/playbooks/welcome")
    assert "Nobody enters this playbook any more" in page
    assert "nobody enters" in await said(desk, "/playbooks")


async def test_a_pause_is_in_plain_sight(desk: Desk) -> None:
    pause = Pause(scope="playbook", target="welcome", policy="continue", reason="A <b>wrong</b> price", made_by="x",
                  started_at=START)  # fmt: skip
    desk.house.write(lambda session: stored_pauses.start(session, pause))
    page = await desk.get("/playbooks/welcome")
    assert "A &lt;b&gt;wrong&lt;/b&gt; price" in page.text
    assert "paused" in await said(desk, "/playbooks")


async def test_pages_take_a_bounded_number_of_queries(desk: Desk) -> None:
    enter(desk, 3)
    counted: list[str] = []
    engine = desk.house.database._read_engine

    def note(*call: Any) -> None:
        counted.append(call[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        numbers = []
        for path in ("/playbooks", "/playbooks/welcome", "/playbooks/welcome", "/map", "/playbooks"):
            counted.clear()
            assert (await desk.get(path)).status_code == 200
            numbers.append(len([one for one in counted if "SELECT" in one.upper()]))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert numbers[0] <= 8
    assert numbers[1] <= 18
    assert numbers[2] <= 10, "what was just counted is not counted again"
    assert numbers[3] <= 6
    assert numbers[4] <= 6


# --- versions --------------------------------------------------------------------------------------------------------


def second(desk: Desk) -> str:
    """Another version of welcome runs."""
    plan = version({"wait": "4 days"}, {"send": "mail/one"})
    wanted = Wanted("welcome", "pin", plan, "playbook: welcome\nsteps: [<script>]\n", reason="shorter")
    desk.house.write(lambda session: rollouts.begin(session, wanted, "test", day(1)))
    return plan.version


async def test_two_versions_are_laid_beside_each_other(desk: Desk) -> None:
    second(desk)
    page = await desk.get("/playbooks/welcome/differences?old=1&new=2", "viewer")
    words = text_of(page.text)
    assert "new Wait 4 days" in words
    assert "gone Wait for beta" in words
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert (await desk.get("/playbooks/welcome/differences?old=1&new=9")).status_code == 404


async def test_an_older_version_is_made_active_again(desk: Desk) -> None:
    old = desk.house.read(playbooks.active)["welcome"]
    new = second(desk)
    enter(desk, 4, step="wait-4-days")
    path = "/playbooks/welcome/roll-out?version=1"

    shown = text_of((await desk.get(path, "marketing")).text)
    assert "New journeys take version 1 from then on, instead of version 2." in shown
    answer = await desk.post(path, {"reason": "It was better"}, "marketing")

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/playbooks/welcome")
    assert desk.house.read(playbooks.active)["welcome"] == old
    row = desk.house.rows(Rollout)[-1]
    assert (row.from_version, row.to_version, row.made_by, row.reason) == (new, old, "user:marketing", "It was better")
    assert "New journeys take version 1 of welcome now." in await said(desk, "/playbooks/welcome", "marketing")
    log = desk.house.rows(Audit)[-1]
    assert (log.who, log.what, log.target) == ("user:marketing", "apply", "welcome")


async def test_those_whose_step_is_gone_do_not_follow_nowhere(desk: Desk) -> None:
    old = desk.house.read(playbooks.active)["welcome"]
    second(desk)
    for number in range(4):
        desk.house.track("purchase", day(1), f"c-{number}")
    desk.house.write(lambda session: session.execute(update(_journey).values(status="open", step="wait-4-days")))
    path = "/playbooks/welcome/roll-out?version=1"
    assert "The step is gone: choose one" in (await desk.get(path)).text

    refused = await desk.post(path, {"reason": "x", "in_flight": "follow"})
    says = "4 customers are at `wait-4-days`, which the new version of welcome does not have, and nothing was changed;"
    assert (refused.status_code, f"{says} say where they go on." in text_of(refused.text)) == (422, True)
    wrong = await desk.post(path, {"reason": "x", "in_flight": "follow", "move:wait-4-days": "nowhere"})
    says = "There is no step of the new version of welcome called `nowhere`"
    assert (wrong.status_code, says in text_of(wrong.text)) == (422, True)
    assert desk.house.read(playbooks.active)["welcome"] != old
    answer = await desk.post(path, {"reason": "x", "in_flight": "follow", "move:wait-4-days": "hello"})
    assert answer.status_code == 303
    assert desk.house.rows(Rollout)[-1].targets == {"wait-4-days": "hello"}


async def test_a_share_tries_a_version_and_is_continued_or_stopped(desk: Desk) -> None:
    second(desk)
    path = "/playbooks/welcome/roll-out?version=1"
    answer = await desk.post(path, {"reason": "try", "percent": "10", "in_flight": "exit"})
    assert answer.status_code == 303
    shown = text_of((await desk.get("/playbooks/welcome")).text)
    assert "10 % try version 1" in shown
    assert (await desk.get(path)).status_code in (200, 409)
    again = await desk.post("/playbooks/welcome/stop", {"reason": "enough"})
    assert again.status_code == 303
    assert (await desk.get("/playbooks/welcome/stop")).status_code == 409
    await desk.post(path, {"reason": "try again", "percent": "10"})
    on = await desk.post("/playbooks/welcome/continue", {"reason": "good"})
    assert on.status_code == 303
    states = [row.state for row in desk.house.rows(Rollout)]
    assert states == ["done", "stopped", "done"]
    assert (await desk.get("/playbooks/welcome/continue")).status_code == 409


@pytest.mark.parametrize("form", [{"reason": ""}, {"reason": "x", "percent": "0"}, {"reason": "x", "percent": "many"},
                                  {"reason": "x", "in_flight": "eat"}])  # fmt: skip
async def test_a_wrong_form_changes_nothing(desk: Desk, form: dict[str, str]) -> None:
    second(desk)
    before = desk.house.read(playbooks.active)
    answer = await desk.post("/playbooks/welcome/roll-out?version=1", form)
    assert answer.status_code == 422
    assert desk.house.read(playbooks.active) == before
    assert desk.house.read(lambda session: stored_rollouts.under_way(session, "welcome")) is None


@pytest.mark.parametrize("role", ["viewer", "support"])
async def test_whoever_may_not_steer_sees_and_rolls_nothing_out(desk: Desk, role: str) -> None:
    second(desk)
    page = await desk.get("/playbooks/welcome", role)
    assert "roll-out" not in page.text
    for path in ("roll-out?version=1", "stop", "continue"):
        assert (await desk.get(f"/playbooks/welcome/{path}", role)).status_code == 403
        assert (await desk.send(f"/playbooks/welcome/{path}", {"reason": "x"}, role)).status_code == 403


# --- what is coming --------------------------------------------------------------------------------------------------


async def test_what_is_coming_is_a_chart_and_a_table(desk: Desk) -> None:
    page = await desk.get("/playbooks/receipts/coming", "viewer")
    assert "Nothing is coming" in text_of(page.text)
    for number in range(3):
        desk.house.identify(user=f"customer-{number}", email=f"customer-{number}@example.com")
        desk.house.track("alpha", START, f"customer-{number}")
    desk.now = START.add(hours=2)
    page = await desk.get("/playbooks/receipts/coming", "viewer")
    words = text_of(page.text)
    assert re.search(r"[1-9]\d* messages in the next 14 days", words), words
    assert "3.0 came a day in the last 1 day" in words
    assert page.text.count('class="bar bar-email"') >= 13
    assert "The same as a table" in words
    tag = {"If-None-Match": page.headers["etag"]}
    assert (await desk.get("/playbooks/receipts/coming", "viewer", headers=tag)).status_code == 304
    assert (await desk.get("/playbooks/none/coming", "viewer")).status_code == 404


async def test_a_page_does_not_wait_long_for_what_is_being_foreseen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()

    def held_up(*given: Any) -> foreseeing.Foreseen:
        free.wait(60)
        return foresee(*given)

    foresee = foreseeing.foresee
    monkeypatch.setattr(foreseeing, "foresee", held_up)
    monkeypatch.setattr(foreseer, "PATIENCE", 0.01)
    page = await desk.get("/playbooks/receipts/coming", "viewer")
    assert "This is being foreseen" in text_of(page.text)
    free.set()
    await asyncio.gather(*desk.parts.foreseer.under_way.values())
    page = await desk.get("/playbooks/receipts/coming", "viewer")
    assert "Nothing is coming" in text_of(page.text)
