"""Style sheets are put on elements; what can stand only in a sheet stays there."""

from __future__ import annotations

import pytest
from whenever import Instant

from lifecycle.facts import Facts
from messaging.render import Renderer
from tests.messaging.conftest import EMAIL, Load

NOW = Instant.from_utc(2026, 1, 5, 9)


def html_of(project: Load, name: str, body: str, value: str = "Ada") -> str:
    templates, faults = project({name: EMAIL + body})
    assert [fault for fault in faults if ": sample " not in fault] == []
    return Renderer(templates).render("w", "email", None, Facts(NOW, customer={"v": value})).html


def test_the_rules_of_an_html_template_stand_on_its_elements(project: Load) -> None:
    html = html_of(
        project,
        "w.email.html",
        "<html><head><style>p { color: red; margin: 0 } p.big { font-size: 20px }</style></head>"
        '<body><p class="big" style="color: blue">x</p><p>y</p></body></html>',
    )
    assert '<p class="big" style="margin: 0;font-size: 20px;color: blue">x</p>' in html
    assert '<p style="color: red;margin: 0' in html


def test_media_queries_and_states_stay_in_the_sheet(project: Load) -> None:
    html = html_of(
        project,
        "w.email.html",
        "<html><head><style>p { margin: 0 } a:hover { color: red }\n"
        "@media (max-width: 400px) { p { margin: 9px !important } }</style></head><body><p>x</p></body></html>",
    )
    sheet = html[html.index("<style>") : html.index("</style>")]
    assert "@media (max-width: 400px)" in sheet
    assert "margin: 9px !important" in sheet
    assert "a:hover" in sheet
    assert '<p style="margin: 0' in html


@pytest.mark.parametrize("sheet", ["<mj-style>", '<mj-style inline="inline">', "<mj-style inline='inline' >"])
def test_the_rules_of_an_mjml_template_stand_on_its_elements_and_mrmls_do_not(project: Load, sheet: str) -> None:
    html = html_of(
        project,
        "w.email.mjml",
        f"<mjml><mj-head>{sheet}a {{ color: green; }}\n"
        "@media print { a { color: black !important } }</mj-style></mj-head>"
        '<mj-body><mj-section><mj-column><mj-text><a href="https://example.com">x</a></mj-text>'
        '<mj-button href="https://example.com/b">y</mj-button></mj-column></mj-section></mj-body></mjml>',
    )
    assert '<a href="https://example.com" style="color: green' in html
    assert "@media print" in html
    assert ".mj-column-per-100" in html
    assert "mso-table-lspace: 0pt; mso-table-rspace: 0pt" in html[: html.index("</head>")]
    assert "mso-table-lspace" not in html[html.index("</head>") :]
    assert "data-css-inline" not in html
    button = html[html.index('href="https://example.com/b"') :]
    assert "color: #ffffff" in button  # what MJML says of a button wins
    assert "green" not in button


def test_markup_for_outlook_stays_as_it_is(project: Load) -> None:
    markup = '<!--[if mso]><table width="600"><tr><td><![endif]-->'
    html = html_of(project, "w.email.html", f"<style>p {{ margin: 0 }}</style>{markup}<p>x</p>")
    assert markup in html


def test_what_a_value_says_is_still_text_afterwards(project: Load) -> None:
    html = html_of(
        project,
        "w.email.html",
        "<html><head><title>{{ customer.v }}</title><style>p { margin: 0 }</style></head>"
        "<body><p title='{{ customer.v }}'>{{ customer.v }}</p></body></html>",
        "</title><script>x</script> &amp; \"'",
    )
    assert "<script" not in html.replace('title="</title><script>', "")
    assert "&lt;/title&gt;&lt;script&gt;x&lt;/script&gt; &amp;amp; \"'" in html


def test_a_sheet_that_is_no_css_does_not_cost_the_message(project: Load) -> None:
    assert "x</p>" in html_of(project, "w.email.html", "<style>p { } } {{ '{' }} @media {</style><p>x</p>")


def test_no_sheet_is_fetched(project: Load) -> None:
    html = html_of(
        project,
        "w.email.html",
        '<html><head><link rel="stylesheet" href="https://127.0.0.1:1/x.css"><style>p { margin: 0 }</style></head>'
        "<body><p>x</p></body></html>",
    )
    assert "127.0.0.1" in html


def test_the_text_part_leaves_out_what_a_rule_hides(project: Load) -> None:
    templates, _ = project({"w.email.html": EMAIL + "<style>.no { display: none }</style><p class='no'>x</p><p>y</p>"})
    assert Renderer(templates).render("w", "email", None, Facts(NOW)).text == "y\n"
