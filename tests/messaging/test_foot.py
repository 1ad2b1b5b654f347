"""Marketing e-mail without a postal address or a way out cannot be made: `check` says so, and rendering refuses it."""

from __future__ import annotations

import pytest
from whenever import Instant

from lifecycle.facts import Facts
from messaging.render import Renderer, RenderError
from tests.messaging.conftest import EMAIL, FOOT, MARKETING, Load, mjml

FACTS = Facts(Instant.from_utc(2026, 1, 5, 9), customer={"country": "FR"})
URL = "https://example.com/u/token"
GIVEN = {"postal_address": "Larkspur,  12 Example Street,\n75011 Paris & more", "unsubscribe_url": URL}
ADDRESS, LINK = "<p>{{ postal_address }}</p>", "<a href='{{ unsubscribe_url }}'>Out</a>"

FEET = {
    FOOT: [],
    ADDRESS + LINK: [],
    "<b>{{ postal_address | upper }}</b>" + LINK: [],
    ADDRESS + "<a href='{{ unsubscribe_url }}'><img src='https://example.com/x.png' alt=''></a>": [],
    ADDRESS + "Out: {{ unsubscribe_url }}": [],
    "{% include 'layouts/foot.html' %}": [],
    LINK: ["no-postal-address"],
    ADDRESS: ["no-unsubscribe-link"],
    "x": ["no-postal-address", "no-unsubscribe-link"],
    "<!-- " + ADDRESS + LINK + " -->x": ["no-postal-address", "no-unsubscribe-link"],
    "<div style='display: none'>" + ADDRESS + "</div>" + LINK: ["no-postal-address"],
    "<style>.no { display: none }</style><div class='no'>" + ADDRESS + "</div>" + LINK: ["no-postal-address"],
    "{% if false %}" + ADDRESS + LINK + "{% endif %}x": ["no-postal-address", "no-unsubscribe-link"],
    "{% set shown = postal_address ~ unsubscribe_url %}x": ["no-postal-address", "no-unsubscribe-link"],
}


def codes(faults: list[str]) -> list[str]:
    return [fault.split(" ")[1] for fault in faults]


@pytest.mark.parametrize("kind", ["html", "mjml"])
@pytest.mark.parametrize("body", FEET)
def test_check_finds_marketing_that_does_not_show_both(project: Load, body: str, kind: str) -> None:
    shown = mjml(body) if kind == "mjml" else body
    _, faults = project({f"w.email.{kind}": MARKETING + shown, "layouts/foot.html": ADDRESS + LINK})
    assert codes(faults) == FEET[body]


def test_check_finds_it_in_each_translation(project: Load) -> None:
    _, faults = project({"w.email.html": MARKETING + FOOT, "w.email.de.html": "---\nsubject: Hallo\n---\n<p>x</p>"})
    assert [fault.partition(" this")[0] for fault in faults] == [
        "templates/w.email.de.html:4:1: no-postal-address",
        "templates/w.email.de.html:4:1: no-unsubscribe-link",
    ]


def test_check_finds_it_where_the_sample_cannot_be_shown(project: Load) -> None:
    _, faults = project({"w.email.html": MARKETING + ADDRESS + "{{ customer.total | money }}"})
    assert codes(faults) == ["no-unsubscribe-link", "sample"]


@pytest.mark.parametrize("given", [GIVEN, {**GIVEN, "company": "x"}])
def test_a_marketing_email_shows_who_sends_it_and_the_way_out(project: Load, given: dict[str, str]) -> None:
    templates, faults = project({"w.email.html": MARKETING + FOOT})
    assert faults == []
    made = Renderer(templates).render("w", "email", None, FACTS, given)
    assert made.text == f"Unsubscribe ({URL}) Larkspur, 12 Example Street, 75011 Paris & more\n"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "no-postal-address"),
        ({"unsubscribe_url": URL}, "no-postal-address"),
        ({"unsubscribe_url": URL, "postal_address": "  "}, "no-postal-address"),
        ({"postal_address": "x"}, "no-unsubscribe-link"),
    ],
)
def test_without_an_address_or_a_link_nothing_is_made(project: Load, given: dict[str, str], code: str) -> None:
    templates, _ = project({"w.email.html": MARKETING + "{{ postal_address }} {{ unsubscribe_url }} x"})
    with pytest.raises(RenderError) as raised:
        Renderer(templates).render("w", "email", None, FACTS, given)
    assert raised.value.code == code


@pytest.mark.parametrize("hidden", [ADDRESS, LINK])
def test_what_one_customers_values_hide_refuses_that_customers_message(project: Load, hidden: str) -> None:
    shown = ADDRESS + LINK
    body = shown.replace(hidden, f"{{% if customer.country != 'FR' %}}{hidden}{{% endif %}}") + "x"
    sample = MARKETING.replace("intent", "sample: {customer: {country: DE}}\nintent")
    templates, faults = project({"w.email.html": sample + body})
    assert faults == []
    with pytest.raises(RenderError) as raised:
        Renderer(templates).render("w", "email", None, FACTS, GIVEN)
    assert raised.value.code == ("no-postal-address" if hidden == ADDRESS else "no-unsubscribe-link")


def test_transactional_mail_and_sms_need_neither(project: Load) -> None:
    templates, faults = project({"w.email.html": EMAIL + "x", "w.sms.txt": "---\ntopic: n\nintent: offer\n---\nx"})
    assert faults == []
    assert Renderer(templates).render("w", "email", None, FACTS).text == "x\n"
    assert Renderer(templates).render("w", "sms", None, FACTS).text == "x"
