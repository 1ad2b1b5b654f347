"""The preference page: what it shows, in whose language, and what saving it changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from api.words import LANGUAGES
from tests.api.house import House
from tests.api.visitors import ONE_CLICK, form_of, link, post


def boxes(page: str) -> dict[str, bool]:
    return {
        value: "checked" in rest
        for value, rest in re.findall(r'<input type="checkbox" name="on" value="([\w:]+)"(.*?)>', page)
    }


async def test_the_page_shows_what_the_customer_receives(house: House) -> None:
    page = (await house.client.get(link(house, "preferences"))).text
    # An opt-out topic is received until somebody says no, the others once somebody said yes.
    assert boxes(page) == {"offers:email": True, "offers:sms": True, "tips:email": True, "stories:email": False}


async def test_the_page_speaks_the_language_of_the_customer(house: House) -> None:
    message = house.message(language="de-AT")
    where = link(house, "preferences", message)
    page = (await house.client.get(where)).text
    assert '<html lang="de">' in page
    assert "<h1>Was Sie erhalten</h1>" in page
    assert "<legend>Angebote</legend>" in page
    assert "<legend>Tips</legend>" in page  # has no German name
    assert "</label>" in page
    assert "E-Mail" in page
    answer = await post(house, where, [field for field in form_of(page) if field != ("on", "offers:sms")])
    assert "Ihre Auswahl ist gespeichert und gilt ab sofort." in answer.text
    assert answer.headers["content-language"] == "de"
    assert house.answers() == [("offers", "sms", False)]
    stopped = await house.client.post(link(house, "unsubscribe", message), data=ONE_CLICK)
    assert "Larkspur &amp; Co schickt Ihnen keine Nachrichten über „Angebote“ per E-Mail mehr." in stopped.text


@pytest.mark.parametrize("language", [None, "", "it", "xx-YY", "*"])
async def test_a_language_that_no_page_speaks_is_english(house: House, language: str | None) -> None:
    page = (await house.client.get(link(house, "preferences", house.message(language=language)))).text
    assert '<html lang="en">' in page


def test_every_language_says_everything_with_the_same_blanks() -> None:
    def blanks(words: Any) -> dict[str, set[str]]:
        return {
            name: set(re.findall(r"{\w+}", str(said))) for name, said in words._asdict().items() if name != "channels"
        }

    english = LANGUAGES["en"]
    for words in LANGUAGES.values():
        assert blanks(words) == blanks(english)
        assert all(words)
        assert set(words.channels) == set(english.channels)


async def test_saving_what_was_not_touched_changes_nothing(house: House) -> None:
    where = link(house, "preferences")
    page = (await house.client.get(where)).text
    before = house.digest()
    answer = await post(house, where, form_of(page))
    assert (answer.status_code, "Your choice is saved" in answer.text) == (200, True)
    assert house.digest() == before


async def test_only_what_was_changed_is_recorded_with_its_proof(house: House) -> None:
    where = link(house, "preferences")
    fields = form_of((await house.client.get(where)).text)
    fields.remove(("on", "offers:email"))
    answer = await post(house, where, fields)
    assert boxes(answer.text)["offers:email"] is False
    assert boxes(answer.text)["offers:sms"] is True
    assert house.answers() == [("offers", "email", False)]
    row = house.consents()[-1]
    assert (row.source, row.ip) == ("preference page", "192.0.2.7")
    assert re.fullmatch(r"preferences-en-[0-9a-f]{8}", row.text_version or "")
    again = await post(house, where, [*fields, ("on", "offers:email")])
    assert boxes(again.text)["offers:email"] is True
    assert house.answers()[1:] == [("offers", "email", True)]


async def test_a_topic_with_double_opt_in_is_asked_for_and_not_given(house: House) -> None:
    where = link(house, "preferences")
    fields = form_of((await house.client.get(where)).text)
    answer = await post(house, where, [*fields, ("on", "stories:email")])
    assert "please confirm by the link in it" in answer.text
    assert boxes(answer.text)["stories:email"] is False
    assert house.answers() == []


async def test_what_the_page_did_not_show_stays_as_it_is(house: House) -> None:
    """A topic that was added while the page was open is not withdrawn because its box was not there."""
    where = link(house, "preferences")
    fields = [("shown", "offers:email"), ("on", "offers:email"), ("on", "a:b"), ("shown", "<&>"), ("do", "save")]
    assert (await post(house, where, fields)).status_code == 200
    assert house.answers() == []


async def test_everything_is_stopped_by_one_button(house: House) -> None:
    where = link(house, "preferences")
    answer = await house.client.post(where, data={"do": "stop"})
    assert "Larkspur &amp; Co will send you no more of all this." in answer.text
    assert not any(boxes(answer.text).values())
    assert house.answers() == [("offers", None, False), ("tips", None, False), ("stories", None, False)]


@pytest.mark.parametrize("data", [{}, {"do": "something"}, {"on": "offers:email"}])
async def test_a_post_without_its_button_changes_nothing(house: House, data: Mapping[str, str]) -> None:
    where = link(house, "preferences")
    before = house.digest()
    assert (await house.client.post(where, data=data)).status_code == 400
    assert house.digest() == before
