"""Unsubscribing by the link in a message: what it takes, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from store import events
from tests.api.house import NOW, House
from tests.api.visitors import ONE_CLICK, form_of, link, post

MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    "multipart/form-data; boundary=x",
)
URLENCODED = (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(("body", "kind"), [URLENCODED, MULTIPART, (URLENCODED[0], "text/plain")])
async def test_one_click_unsubscribes_in_any_encoding_without_anything_else(
    house: House, body: bytes, kind: str
) -> None:
    answer = await house.client.post(link(house, "unsubscribe"), content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200
    assert not answer.history
    assert "set-cookie" not in answer.headers
    assert "Larkspur &amp; Co will send you no more messages about “Offers” by e-mail." in answer.text
    assert house.answers() == [("offers", "email", False)]
    row = house.consents()[-1]
    assert (row.source, row.ip, row.at) == ("unsubscribe link", "192.0.2.7", NOW)


async def test_the_button_of_the_page_does_the_same(house: House) -> None:
    where = link(house, "unsubscribe")
    page = (await house.client.get(where)).text
    assert "Do you want no more messages about “Offers” by e-mail?" in page
    assert (await post(house, where, form_of(page))).status_code == 200
    assert house.answers() == [("offers", "email", False)]


async def test_unsubscribing_twice_is_no_error_and_no_second_withdrawal(house: House) -> None:
    where = link(house, "unsubscribe")
    for _ in range(2):
        assert (await house.client.post(where, data=ONE_CLICK)).status_code == 200
    assert house.answers() == [("offers", "email", False)]


async def test_the_withdrawal_is_a_milestone_that_playbooks_hear_of(house: House) -> None:
    await house.client.post(link(house, "unsubscribe"), data=ONE_CLICK)
    (event,) = house.database.read_now(lambda session: events.next_pending(session, NOW, 10))
    assert (event.name, event.user_id) == ("consent.withdrawn", "ada")


async def test_an_sms_is_unsubscribed_from_sms(house: House) -> None:
    message = house.message(channel="sms")
    await house.client.post(link(house, "unsubscribe", message), data=ONE_CLICK)
    assert house.answers() == [("offers", "sms", False)]


@pytest.mark.parametrize("topic", [None, "a topic of last year"])
async def test_where_it_is_not_known_from_what_it_is_from_everything_by_that_channel(
    house: House, topic: str | None
) -> None:
    message = house.message(topic)
    answer = await house.client.post(link(house, "unsubscribe", message), data=ONE_CLICK)
    assert answer.status_code == 200
    assert house.answers() == [("offers", "email", False), ("tips", "email", False), ("stories", "email", False)]


BROKEN = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Cl'
FILE = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"; filename="f"\r\n\r\nOne-Click\r\n--x--\r\n'


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=é"]
)
@pytest.mark.parametrize("body", [b"", BROKEN, FILE, b"--x", b"\xff" * 50, MULTIPART[0][5:]])
async def test_a_form_that_cannot_be_read_changes_nothing(house: House, kind: str, body: bytes) -> None:
    where = link(house, "unsubscribe")
    before = house.digest()
    headers = {b"Content-Type": kind.encode()}
    assert (await house.client.post(where, content=body, headers=headers)).status_code == 400
    assert house.digest() == before


@pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "yes"}, {"one": "click"}])
async def test_a_post_that_says_something_else_changes_nothing_and_shows_the_button(
    house: House, data: Mapping[str, str]
) -> None:
    where = link(house, "unsubscribe")
    before = house.digest()
    answer = await house.client.post(where, data=data)
    assert (answer.status_code, "<button" in answer.text) == (400, True)
    assert house.digest() == before
