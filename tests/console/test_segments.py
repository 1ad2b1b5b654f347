"""Segments and the audit log, as lists."""

from __future__ import annotations

import html
import re
from typing import Any

from sqlalchemy.orm import Session

from store import audit, segments
from store.lists import segments as lists
from store.tables import Audit
from tests.console.desk import Desk
from tests.console.stored import MARKUP, counted, customer_id
from tests.intake.house import START
from tests.store.rows import add_customer


def join(desk: Desk, number: int, segment: str = "fans") -> None:
    def write(session: Session) -> None:
        for one in range(number):
            customer = add_customer(session, f"user{one}")
            segments.change(session, customer.id, {segment: True}, START.add(seconds=one))

    desk.house.write(write)


def act(desk: Desk, what: str, target: str, hours: int = 0, **values: Any) -> None:
    row = Audit(at=START.add(hours=hours), who="user:sam", what=what, target=target, **values)
    desk.house.write(lambda session: audit.record(session, row))


async def test_segments_are_shown_with_their_condition_and_size(desk: Desk) -> None:
    join(desk, 3)
    with counted(desk) as asked:
        page = (await desk.get("/segments", "viewer")).text
    assert len(asked) <= 2, asked
    assert "milestones.alpha.count >= 3 and customer.plan == 'pro'" in html.unescape(page)
    assert re.search(r'segments/fans".*?<td[^>]* class="number">3<', page, re.DOTALL)
    assert re.search(r'segments/quiet".*?<td[^>]* class="number">0<', page, re.DOTALL)
    lists.MOST, before = 2, lists.MOST
    try:
        assert "more than 2 customers" in (await desk.get("/segments/fans")).text
    finally:
        lists.MOST = before


async def test_members_come_by_the_latest_first_and_page(desk: Desk) -> None:
    join(desk, 60)
    page = (await desk.get("/segments/fans", "viewer")).text
    names = re.findall(r">(user\d+)</a>", page)
    assert names == [f"user{number}" for number in range(59, 9, -1)]
    assert "Mon 2 Mar 2026, 10:00" in page
    older = html.unescape(re.search(r'rel="next" href="/console([^"]+)"', page)[1])  # type: ignore[index]
    assert re.findall(r">(user\d+)</a>", (await desk.get(older)).text) == [f"user{n}" for n in range(9, -1, -1)]
    assert "Nobody is in it" in (await desk.get("/segments/quiet")).text
    for wrong in ("none", "%00", "..%2f", "<b>"):
        assert (await desk.get(f"/segments/{wrong}")).status_code == 404


async def test_the_audit_log_says_who_did_what_to_whom_and_why(desk: Desk) -> None:
    join(desk, 1)
    customer = customer_id(desk, "user0")
    act(desk, "task done", customer, reason="called", data={"task": "t1", "key": "form:secret-name"})
    act(desk, "pause", "welcome", 30, reason=MARKUP, data={"scope": "playbook"})
    page = (await desk.get("/audit", "viewer")).text
    assert page.index("pause") < page.index("called")
    assert f'href="/console/customers/{customer}"' in page
    assert "task: t1" in page
    assert "form:secret-name" not in page
    assert MARKUP not in page
    for query, shown, hidden in [
        ("target=user0", "called", "playbook</td>"), (f"target={customer}", "called", "scope: playbook"),
        ("what=pause", "scope: playbook", "called"), ("from=2026-03-03", "scope: playbook", "called"),
        ("to=2026-03-02", "called", "scope: playbook"), ("who=user%3Asam&target=welcome", "scope: playbook", "called"),
    ]:  # fmt: skip
        found = (await desk.get(f"/audit?{query}")).text
        assert shown in found, query
        assert hidden not in found, query
    assert "Nothing in the log is like this" in (await desk.get("/audit?who=nobody")).text
    with counted(desk) as asked:
        await desk.get("/audit?target=user0&what=skip")
    assert len(asked) <= 4, asked


async def test_an_empty_log_says_what_will_be_in_it(desk: Desk) -> None:
    desk.browser("viewer")
    desk.house.write(lambda session: session.query(Audit).delete())
    assert "Nobody has done anything yet" in (await desk.get("/audit", "viewer")).text
