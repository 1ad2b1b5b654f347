"""Confirming by the link in a confirmation mail (double opt-in)."""

from __future__ import annotations

from store import events
from tests.api.house import NOW, House
from tests.api.visitors import form_of, link, post


async def test_a_confirmation_that_nobody_asked_for_confirms_nothing(house: House) -> None:
    where = link(house, "confirm")
    before = house.digest()
    answer = await house.client.post(where, data={"confirm": "yes"})
    assert (answer.status_code, "This link does not work" in answer.text) == (400, True)
    assert (await house.client.post(where, data={})).status_code == 400
    assert house.digest() == before


async def test_the_button_of_a_confirmation_mail_gives_the_consent_that_was_asked_for(house: House) -> None:
    proof = {"granted": True, "source": "sign-up form", "ip": "192.0.2.1", "text_version": "v3"}
    where = "/v1/customers/ada/consents/stories"
    assert (await house.client.put(where, json=proof, headers=house.token("operate"))).json()["state"] == "requested"
    (event,) = house.database.read_now(lambda session: events.next_pending(session, NOW, 10))
    assert event.id
    mail = link(house, "confirm", house.message(entered_by=event.id, number="7"))
    before = house.digest()
    page = (await house.client.get(mail)).text
    assert "May Larkspur &amp; Co write to you, as you asked for?" in page
    assert house.digest() == before
    answer = await post(house, mail, form_of(page))
    assert "Thank you, this is confirmed." in answer.text
    row = house.consents()[-1]
    assert (row.topic, row.granted, row.ip, row.text_version) == ("stories", True, "192.0.2.7", "v3")
    assert row.request_id is not None
    assert "This was confirmed before" in (await post(house, mail, form_of(page))).text
    assert len(house.answers()) == 1
