"""Messages: the list, one of them as its reader sees it and why it went or did not, and the outbox."""

from __future__ import annotations

import html
import re

import pytest

from store.tables import Delivery
from tests.console.desk import Desk
from tests.console.stored import MARKUP, counted, customer_id, write_message
from tests.intake.house import START


def ids(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'href="/console/messages/(m\d+)"', page)))


async def test_messages_are_listed_the_latest_first_and_paged(desk: Desk) -> None:
    for number in range(1, 121):
        write_message(desk, number)
    first = (await desk.get("/messages", "viewer")).text
    assert ids(first) == [f"m{number}" for number in range(120, 70, -1)]
    assert "Before these" not in first
    older = re.search(r'rel="next" href="/console([^"]+)"', first)
    assert older
    second = (await desk.get(html.unescape(older[1]))).text
    assert ids(second) == [f"m{number}" for number in range(70, 20, -1)]
    newer = re.search(r'rel="prev" href="/console([^"]+)"', second)
    assert newer
    assert ids((await desk.get(html.unescape(newer[1]))).text) == ids(first)


async def test_what_is_asked_for_is_shown_and_goes_on_with_the_page(desk: Desk) -> None:
    for number in range(1, 61):
        write_message(desk, number, template="a/b" if number % 2 else "c/d")
    write_message(desk, 61, user="grace", channel="sms", state="refused", reason="cap", due_at=START.add(hours=30))
    assert ids((await desk.get("/messages?state=refused")).text) == ["m61"]
    assert ids((await desk.get("/messages?channel=sms&playbook=welcome")).text) == ["m61"]
    assert ids((await desk.get("/messages?customer=grace")).text) == ["m61"]
    assert ids((await desk.get(f"/messages?customer={customer_id(desk, 'grace')}&state=refused")).text) == ["m61"]
    assert ids((await desk.get("/messages?playbook=other")).text) == []
    assert ids((await desk.get("/messages?from=2026-03-03&to=2026-03-03")).text) == ["m61"]
    even = (await desk.get("/messages?template=c%2Fd")).text
    assert ids(even) == [f"m{number}" for number in range(60, 0, -2)]
    assert 'value="c/d"' in even
    filtered = (await desk.get("/messages?from=2026-03-02&to=2026-03-02&channel=email")).text
    older = html.unescape(re.search(r'rel="next" href="/console([^"]+)"', filtered)[1])  # type: ignore[index]
    assert ("from=2026-03-02" in older, "channel=email" in older) == (True, True)
    assert ids((await desk.get(older)).text) == [f"m{number}" for number in range(10, 0, -1)]


async def test_a_day_is_one_of_the_viewers_zone(desk: Desk) -> None:
    write_message(desk, 1, due_at=START.add(hours=14))  # 23:00 UTC on 2 March
    paris, tokyo = {"milepost_zone": "Europe/Paris"}, {"milepost_zone": "Asia/Tokyo"}
    for zone, day, shown in (
        (paris, "2026-03-03", "Tue 3 Mar 2026, 00:00"),
        (tokyo, "2026-03-03", "Tue 3 Mar 2026, 08:00"),
    ):
        browser = desk.browser("viewer")
        browser.cookies.update(zone)
        text = (await browser.get(f"/console/messages?from={day}&to={day}")).text
        assert shown in text, zone
    desk.browser("viewer").cookies.delete("milepost_zone")


WRONG = [
    "state=no-such", "channel=pigeon", "from=yesterday", "from=9999-12-31", "to=0000-00-00", "to=2026-02-30",
    "at=broken",
    "at=" + "x" * 3000, "customer=nobody", "customer=" + "x" * 300, "template=%00", "playbook=%F0%9F%A6%8A%0A",
    "at=%FF", "from=2026-03-02T10:00", "state=%3Cscript%3E", "customer=%3Cscript%3Ealert(%22x%22)%3C%2Fscript%3E",
]  # fmt: skip


@pytest.mark.parametrize("place", ["/messages", "/outbox", "/tasks", "/events", "/audit", "/segments/fans"])
async def test_what_cannot_be_read_is_said_and_never_an_error(desk: Desk, place: str) -> None:
    write_message(desk)
    for wrong in WRONG:
        for more in ("", "&format=csv"):
            answer = await desk.get(f"{place}?{wrong}{more}")
            assert answer.status_code == 200, (wrong, answer.status_code)
            assert "<script>" not in answer.text
    assert "a place in the list that there is not" in (await desk.get(f"{place}?at=broken")).text


async def test_a_message_is_shown_as_its_reader_sees_it_with_what_led_to_it(desk: Desk) -> None:
    checks = [{"check": "consent", "saw": "offers: yes", "passed": True, "says": "agreed to it"}]
    write_message(desk, decision={"checks": checks}, state="delivered", text="Plain part")

    def told(session: object) -> None:
        for minutes, kind in ((1, "delivered"), (2, "opened"), (5, "clicked")):
            session.add(Delivery(message_id="m1", kind=kind, at=START.add(minutes=minutes), received_at=START))  # type: ignore[attr-defined]

    desk.house.write(told)
    with counted(desk) as asked:
        page = (await desk.get("/messages/m1", "viewer")).text
    assert len(asked) <= 6, asked
    assert re.search(r'<iframe[^>]* sandbox src="/console/messages/m1/body"', page)
    assert "Plain part" in page
    assert page.index("came due") < page.index("accepted by outbox") < page.index("delivered</li>")
    assert page.index("delivered</li>") < page.index("opened</li>") < page.index("clicked</li>")
    assert "offers: yes" in page
    customer = customer_id(desk)
    assert f'href="/console/customers/{customer}"' in page
    assert f'href="/console/customers/{customer}/explain?message=m1"' in page
    assert "/resend" not in page
    assert 'href="/console/messages/m1/resend"' in (await desk.get("/messages/m1", "support")).text
    assert (await desk.get("/messages/no-such")).status_code == 404
    assert (await desk.get("/messages/%00")).status_code == 404


async def test_one_that_was_refused_says_why_and_has_no_content(desk: Desk) -> None:
    checks = [{"check": "cap", "saw": "3 of 3 in 7 days", "passed": False, "says": "below the cap"}]
    values = {"html": None, "text": None, "subject": None, "recipient": None, "accepted_at": None, "sender": None}
    write_message(desk, 1, "ada", state="refused", reason="cap", decision={"checks": checks}, **values)
    page = (await desk.get("/messages/m1")).text
    assert "3 of 3 in 7 days" in page
    assert "it is made when a message goes out" in page
    assert "<iframe" not in page
    assert (await desk.get("/messages/m1/body")).status_code == 404


async def test_an_sms_is_a_bubble(desk: Desk) -> None:
    write_message(desk, channel="sms", html=None, subject=None, text="Hi & bye", segments=1, recipient="+33612345678")
    page = (await desk.get("/messages/m1")).text
    assert '<p class="bubble">Hi &amp; bye</p>' in page
    assert "1 segment" in page


BODY = (
    '<!doctype html><html><head><title>x</title></head><body onload="alert(1)">' + MARKUP
    + '<img src="https://tracker.example.com/open.gif"><a href="https://shop.example.com/unsubscribe">no</a></body></html>'
)  # fmt: skip


async def test_the_html_of_a_message_is_kept_in_a_frame_in_which_nothing_runs_and_nothing_is_loaded(desk: Desk) -> None:
    write_message(desk, html=BODY)
    body = await desk.get("/messages/m1/body", "viewer")
    policy = [part.strip() for part in body.headers["content-security-policy"].split(";")]
    assert policy[:4] == ["sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in body.headers["content-security-policy"]
    assert body.headers["x-frame-options"] == "SAMEORIGIN"
    assert (body.headers["referrer-policy"], body.headers["x-content-type-options"]) == ("no-referrer", "nosniff")
    assert body.text.startswith('<!doctype html><html><head><base target="_blank"><title>')
    page = (await desk.get("/messages/m1")).text
    assert MARKUP not in page
    assert "Pictures from elsewhere are not loaded" in page
    write_message(desk, 2)
    assert "Pictures from elsewhere" not in (await desk.get("/messages/m2")).text


async def test_markup_in_subjects_and_names_is_text(desk: Desk) -> None:
    write_message(
        desk, user=f"ada{MARKUP}", subject=MARKUP, template=MARKUP, reason=MARKUP, recipient=MARKUP, text=MARKUP
    )
    for place in ("/messages", "/outbox", "/messages/m1"):
        text = (await desk.get(place)).text
        assert MARKUP not in text
        assert html.escape(MARKUP) in text.replace("&#34;", "&quot;")


async def test_the_outbox_is_read_like_mail(desk: Desk) -> None:
    write_message(desk, 1, text="Dear Ada, welcome to all of it.")
    write_message(desk, 2, sender="sendgrid")
    write_message(desk, 3, channel="sms", subject=None, html=None, text="Your code")
    page = (await desk.get("/outbox", "viewer")).text
    assert ids(page) == ["m3", "m1"]
    assert "ada@example.com" in page
    assert "Dear Ada, welcome" in page
    assert ids((await desk.get("/outbox?channel=email")).text) == ["m1"]


async def test_an_empty_list_says_what_to_do_next(desk: Desk) -> None:
    assert "No message has come due yet" in (await desk.get("/messages")).text
    assert "milepost track ada purchase" in (await desk.get("/outbox")).text
    assert "No message is like this" in (await desk.get("/messages?state=lost")).text


@pytest.mark.parametrize("query", ["", "?channel=sms", "?customer=ada", "?state=accepted&template=x"])
async def test_a_page_asks_the_database_a_few_things_however_many_rows_it_shows(desk: Desk, query: str) -> None:
    for number in range(1, 61):
        write_message(desk, number)
    with counted(desk) as asked:
        await desk.get(f"/messages{query}")
    assert len(asked) <= 4, asked  # the session of the visitor, the customer, the edge of the look, the rows


async def test_the_beginning_of_a_list_follows_what_happens(desk: Desk) -> None:
    write_message(desk)
    page = await desk.get("/messages")
    again = {"If-None-Match": page.headers["etag"]}
    assert (await desk.get("/messages", headers=again)).status_code == 304
    write_message(desk, 2)
    assert ids((await desk.get("/messages", headers=again)).text) == ["m2", "m1"]
