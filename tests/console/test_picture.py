"""The picture of a playbook as a template draws it: what is lit, counted and done, seen and read; all escaped."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from console.templating import templates
from lifecycle.picture import Picture, picture
from lifecycle.plan import Exit, Plan, Send, Wait

PLAN = Plan(
    "welcome", "adopter", "hello",
    {"hello": Send("mail/<b>one</b>", "email", "wait", "wait"), "wait": Wait("end", "end", span="2 days"),
     "end": Exit('"enough" & <script>')},
    "Europe/Paris",
)  # fmt: skip
_CALL = '{% from "parts/picture.html" import picture %}{{ picture(drawn, **more) }}'


def drawn(found: Picture | None = None, **more: object) -> str:
    return str(templates.from_string(_CALL).render(drawn=found or picture(PLAN), more=more))


def step(page: str, words: str) -> str:
    """The group of the step that says so."""
    groups: list[str] = re.findall(r'<g class="step .*?</g>\s', page, re.DOTALL)
    return next(one for one in groups if words in one)


def test_it_is_well_formed_and_holds_no_style_or_script() -> None:
    page = drawn(lit="wait", counts={"wait": 1234}, visited={"hello"})
    ET.fromstring(page.strip())
    assert "style=" not in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;one&lt;/b&gt;" in page


def test_where_somebody_is_and_has_been_is_told_in_words_and_not_by_colour_alone() -> None:
    page = drawn(lit="wait", visited=["hello"])
    assert "step-lit" in step(page, "2 days")
    assert "Wait · now" in page
    assert "step-visited" in step(page, "one")
    assert "E-mail · done" in page
    words = page.partition("<ol>")[2]
    assert 'aria-current="step"' in words
    assert "Here now." in words
    assert "Done." in words


def test_counts_stand_on_their_steps() -> None:
    page = drawn(counts={"wait": 104_233, "hello": 0})
    assert page.count('class="count"') == 1
    assert "104,233" in step(page, "2 days")
    assert "104,233 people here." in page


def test_a_picture_on_a_page_that_follows_has_names_of_its_own() -> None:
    assert " id=" not in drawn()
    assert 'id="one-box"' in drawn(id="one")
    assert 'id="one-words"' in drawn(id="one")
