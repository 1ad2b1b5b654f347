"""Finding, a customer's page, explanations and accounts: what they show, to whom, and that it is all escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from console.templating import templates
from intake import erasing
from lifecycle.ledger import message_id
from store import audit, journeys, pauses, tasks
from store.tables import Audit, Message, Pause, Task
from tests.console.conftest import Build
from tests.console.desk import Desk
from tests.intake.house import START, day
from tests.intake.pausing import start as begun

PLAYBOOKS = {
    "welcome": """entry: {milestone: purchase}
steps:
  - wait: 1 day
  - send: mail/one
    id: one
  - wait: 2 days
  - branch:
      - if: customer.plan == 'pro'
        then: [{send: mail/two, id: two}]
    id: ask
""",
    "upgrade": "entry: {milestone: alpha, if: customer.score >= 8}\nsteps: [{send: mail/two}]\n",
    "other": "entry: {milestone: beta}\nsteps: [{send: mail/two}]\n",
}
HOSTILE = "<script>alert('x')</script>\"'{{7331*7}}"


@pytest.fixture
def desk(build: Build) -> Desk:
    built = build(PLAYBOOKS)
    house = built.house
    house.identify(email="ada@example.com", first_name="Ada", time_zone="America/New_York", consent=["news"])
    house.track("purchase")
    house.write(lambda session: journeys.mark_started(session, house.journey().id, START))
    return built


def address(desk: Desk, user: str = "ada") -> str:
    return f"/customers/{desk.house.customer(user).id}"


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def text(desk: Desk, path: str, as_: str = "support") -> str:
    answer = await desk.get(path, as_)
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return text_of(answer.text)


# --- find ------------------------------------------------------------------------------------------------------------


async def test_finding_shows_results_with_what_matched(desk: Desk) -> None:
    answer = await desk.get("/?q=ADA@", "viewer")
    assert f'href="/console{address(desk)}"' in answer.text
    assert "by e-mail" in text_of(answer.text)
    assert 'data-find="results"' in answer.text


async def test_finding_nothing_says_what_to_do(desk: Desk) -> None:
    assert "Nobody is found by “zz”" in await text(desk, "/?q=zz")
    assert "Type the beginning of an id" in await text(desk, "/")


async def test_what_is_typed_is_escaped(desk: Desk) -> None:
    answer = await desk.get("/", "viewer", params={"q": HOSTILE})
    assert "<script>alert" not in answer.text
    assert html.escape("<script>alert") in answer.text


# --- the customer ----------------------------------------------------------------------------------------------------


async def test_the_products_id_leads_to_the_page(desk: Desk) -> None:
    answer = await desk.get("/customers/ada", "viewer")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console{address(desk)}")


async def test_nobody_is_a_404_page(desk: Desk) -> None:
    for path in (
        "/customers/nobody",
        "/customers/nobody/explain",
        "/accounts/nobody",
        "/customers/%00",
        "/accounts/a%00",
        "/customers/ada/explain?playbook=%00",
    ):
        answer = await desk.get(path, "viewer")
        assert (answer.status_code, "Nothing here" in answer.text) == (404, True), path


async def test_the_page_says_who_they_are_and_what_comes_next_when_and_why(desk: Desk) -> None:
    said = await text(desk, address(desk))
    assert "Ada’s journey through welcome waiting" in said
    assert "Comes next: sends mail/one by e-mail" in said
    assert "waits until 2026-03-03 04:00" in said
    coming = said.partition("What comes")[0]
    assert "sends mail/one by e-mail" in coming
    assert "then it decides at ask, by what is known then" in said
    assert "New_York" in said
    assert "news e-mail yes" in said
    assert "Mon 2 Mar 2026, 10:00 (Mon 2 Mar 2026, 04:00 New York)" in said


async def test_the_present_step_is_lit(desk: Desk) -> None:
    answer = await desk.get(address(desk), "viewer")
    assert answer.text.count("step-lit") == 1
    assert 'aria-current="step"' in answer.text


async def test_links_to_act_are_for_those_who_may(desk: Desk) -> None:
    journey = desk.house.journey().id
    acts = [f"{address(desk)}/{act}" for act in ("pause", "enrol", "consent", "suppress", "note")]
    acts += [f"/journeys/{journey}/{act}" for act in ("pause", "skip", "exit")]
    for role, may in (("viewer", False), ("marketing", False), ("support", True), ("admin", True)):
        page = (await desk.get(address(desk), role)).text
        assert [f'href="/console{act}"' in page for act in acts] == [may] * len(acts), role


async def test_a_pause_is_told_and_can_be_ended(desk: Desk) -> None:
    customer, journey = desk.house.customer().id, desk.house.journey().id

    def pause(session: Session) -> None:
        for scope, target in (("customer", customer), ("journey", journey)):
            row = Pause(scope=scope, target=target, policy="freeze", reason=HOSTILE, started_at=START, made_by="kim")
            pauses.start(session, row)

    desk.house.write(pause)
    answer = await desk.get(address(desk), "support")
    said = text_of(answer.text)
    assert "This customer is paused since" in said
    assert f"/console/journeys/{journey}/resume" in answer.text
    assert f"/console/journeys/{journey}/pause" not in answer.text
    assert "What holds it?" in said
    assert "<script>alert" not in answer.text


async def test_the_page_follows_what_happens(desk: Desk) -> None:
    first = await desk.get(address(desk), "viewer")
    mark = first.headers["etag"]
    same = await desk.get(address(desk), "viewer", headers={"If-None-Match": mark})
    assert (same.status_code, same.content) == (304, b"")
    desk.house.track("gamma", at=day(0.1))
    changed = await desk.get(address(desk), "viewer", headers={"If-None-Match": mark})
    assert (changed.status_code, "gamma" in changed.text) == (200, True)
    mark = changed.headers["etag"]
    desk.now = day(1.5)  # the wait is over, though nobody has written that yet; the session is, too
    desk.clients.clear()
    due = await desk.get(address(desk), "viewer", headers={"If-None-Match": mark})
    assert (due.status_code, "is due, and the worker is at it" in due.text) == (200, True)


async def test_older_entries_are_on_pages_of_their_own(desk: Desk) -> None:
    for number in range(60):
        desk.house.accept("gamma", day(1).add(minutes=number), number=number)
    desk.house.apply(day(2))
    page = (await desk.get(address(desk), "viewer")).text
    (older,) = re.findall(r'rel="next" href="/console([^"#]*)', page)
    rest = (await desk.get(html.unescape(older), "viewer")).text
    assert "entered the playbook" not in text_of(page)
    assert "entered the playbook" in text_of(rest)
    assert "Newest" in text_of(rest)


async def test_who_was_erased_is_shown_with_nothing(desk: Desk) -> None:
    path = address(desk)
    desk.house.write(lambda session: erasing.erase(session, "ada", reason="asked", who="t", now=START, key=b"key"))
    answer = await desk.get(path, "admin")
    assert "This customer was erased on" in text_of(answer.text)
    for word in ("ada", "Ada", "purchase", "welcome"):
        assert word not in answer.text.partition("<main")[2]


async def test_who_was_merged_leads_to_who_they_are_now(desk: Desk) -> None:
    desk.house.identify(user="visitor")
    old = desk.house.customer("visitor").id
    desk.house.alias("visitor", at=day(1))
    answer = await desk.get(f"/customers/{old}", "viewer")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console{address(desk)}")
    assert "Also known as visitor" in await text(desk, address(desk))


# --- why -------------------------------------------------------------------------------------------------------------


async def test_one_click_leads_to_the_check_that_refused_an_offer_and_its_value(desk: Desk) -> None:
    desk.house.identify(at=day(0.1), score=3)
    desk.house.track("alpha", at=day(0.2))
    page = (await desk.get(address(desk), "support")).text
    links = {html.unescape(link) for link in re.findall(r'href="/console([^"]*)"[^>]*>Why not upgrade\?', page)}
    assert links == {f"{address(desk)}/explain?playbook=upgrade"}
    answer = await desk.get(links.pop(), "support")
    (stopped,) = re.findall(r'<div class="card stopped".*?</div>', answer.text, re.DOTALL)
    assert "the entry's condition holds: customer.score >= 8" in text_of(stopped)
    assert "customer.score is 3" in text_of(stopped)


async def test_playbooks_that_they_were_never_in_are_listed(desk: Desk) -> None:
    said = await text(desk, address(desk))
    assert "2 playbooks that Ada was never in Why not other? Why not upgrade?" in said
    other = await text(desk, f"{address(desk)}/explain?playbook=other")
    assert "`beta` never happened" in other


async def test_a_refused_message_links_to_its_checks(desk: Desk) -> None:
    journey = desk.house.journey()
    check = {"check": "no-consent", "saw": "withdrawn", "passed": False, "says": "the customer agrees to `news`"}
    row = Message(
        id=message_id(journey.id, "one", 1), journey_id=journey.id, step="one", occurrence="1",
        customer_id=journey.customer_id, channel="email", template="mail/one", state="refused", due_at=day(1),
        claimed_at=day(1), reason="no-consent", decision={"checks": [check]},
    )  # fmt: skip
    desk.house.write(lambda session: session.add(row))
    page = (await desk.get(address(desk), "viewer")).text
    assert f"/console/messages/{row.id}" in page
    assert "the customer has not agreed to this topic" in text_of(page)
    said = await text(desk, f"{address(desk)}/explain?message={row.id}")
    assert "This check was not passed the customer agrees to `news` What it saw withdrawn" in said


@pytest.mark.parametrize(
    ("query", "status"),
    [("?message=one", 200), ("?playbook=welcome", 200), ("", 200), ("?message=nonsense", 404), ("?playbook=x", 404),
     ("?message=one&playbook=welcome", 404)],
)  # fmt: skip
async def test_what_can_be_asked(desk: Desk, query: str, status: int) -> None:
    assert (await desk.get(f"{address(desk)}/explain{query}", "viewer")).status_code == status


# --- accounts --------------------------------------------------------------------------------------------------------


async def test_an_account_lists_its_customers(desk: Desk) -> None:
    desk.house.group("acme", name="Acme & Co")
    account = desk.house.customer().account_id
    said = await text(desk, f"/accounts/{account}")
    assert "Acme & Co account" in said
    assert "Ada ada@example.com" in said
    assert "Account Acme & Co" in await text(desk, address(desk))


async def test_the_page_of_an_account_follows_what_happens_elsewhere(desk: Desk) -> None:
    desk.house.group("acme", name="Acme")
    path = f"/accounts/{desk.house.customer().account_id}"
    seen = (await desk.get(path, "viewer")).headers["etag"]
    changes: list[Callable[[], object]] = [
        lambda: desk.house.group("acme", name="Acme & Co"),
        lambda: desk.house.identify(first_name="Adele"),
        lambda: begun(desk.house, "account", "acme"),
    ]
    for change in changes:
        assert (await desk.get(path, "viewer", headers={"If-None-Match": seen})).status_code == 304
        change()
        answer = await desk.get(path, "viewer", headers={"If-None-Match": seen})
        assert (answer.status_code, answer.headers["etag"] != seen) == (200, True)
        assert '<h1 id="name" data-live>Acme &amp; Co ' in answer.text
        seen = answer.headers["etag"]


# --- what comes from outside -----------------------------------------------------------------------------------------


async def test_hostile_values_in_every_field_are_escaped(desk: Desk) -> None:
    """Names, addresses, attributes, events, subjects, reasons, accounts, notes, tasks: all are text."""
    house, bad = desk.house, HOSTILE
    more: dict[str, Any] = {bad: bad}
    house.identify(user=bad, email=bad, phone=bad, first_name=bad, last_name=bad, time_zone=bad, language=bad, **more)
    house.group(bad, user=bad, name=bad, **more)
    house.track("purchase", user=bad, **more)
    customer, journey = house.customer(bad), house.journey(bad)

    def fill(session: Session) -> None:
        session.add(Message(
            id="mmmmm1", journey_id=journey.id, step="one", occurrence="1", customer_id=customer.id, channel="email",
            template=bad, subject=bad, state="refused", due_at=START, claimed_at=START, reason=bad,
            decision={"checks": [{"check": bad, "saw": bad, "passed": False, "says": bad}]},
        ))  # fmt: skip
        tasks.add(session, Task(id="t1", journey_id=journey.id, step="x", occurrence="1", customer_id=customer.id,
                                title=bad, assignee=bad, created_at=START))  # fmt: skip
        for target in (customer.id, journey.id):
            audit.record(session, Audit(at=START, who=bad, what="note", target=target, reason=bad, data={bad: bad}))
        pauses.start(session, Pause(scope="everything", policy="freeze", reason=bad, started_at=START, made_by=bad))

    house.write(fill)
    account = house.customer(bad).account_id
    of = f"/customers/{customer.id}"
    asked = ("/explain?message=mmmmm1", "/explain?playbook=upgrade", "/explain")
    for path in (of, f"/accounts/{account}", *(of + one for one in asked)):
        answer = await desk.get(path, "admin")
        assert answer.status_code == 200, (path, answer.text)
        assert "<script>alert" not in answer.text, path
        assert "51317" not in answer.text, path
        for attribute in re.findall(r'\s(?:title|aria-label|href|value)="([^"]*)"', answer.text):
            assert "<" not in attribute


async def test_markup_would_be_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without escaping, the test above finds the script."""
    monkeypatch.setattr(templates, "autoescape", False)
    templates.cache.clear()  # type: ignore[union-attr]
    desk.house.identify(user="eve", first_name=HOSTILE)
    answer = await desk.get(address(desk, "eve"), "admin")
    templates.cache.clear()  # type: ignore[union-attr]
    assert "<script>alert" in answer.text


# --- how much is read ------------------------------------------------------------------------------------------------


@contextmanager
def counted(desk: Desk) -> Iterator[list[str]]:
    """Statements that the database is sent meanwhile, for reading."""
    engine: Any = desk.house.database._read_engine
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement != "BEGIN":
            sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_queries_are_few_however_much_happened(desk: Desk) -> None:
    path = address(desk)
    await desk.get(path, "viewer")
    with counted(desk) as few:
        await desk.get(path, "viewer")
    for number in range(300):
        desk.house.accept("gamma", day(1).add(minutes=number), number=number)
    desk.house.apply(day(2))
    for number in range(5):
        desk.house.track("beta", at=day(3 + number))
    with counted(desk) as many:
        answer = await desk.get(path, "viewer")
    assert answer.text.count("journey through") == 2
    assert len(many) <= len(few) + 2
    assert len(many) <= 50
    with counted(desk) as unchanged:
        assert (await desk.get(path, "viewer", headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
    assert len(unchanged) == 5
