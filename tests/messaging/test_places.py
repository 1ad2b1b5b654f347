"""Where values may stand: whatever a customer's value is, a message has the same tags and attributes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.facts import Facts
from lifecycle.language.faults import Faults
from messaging.render import Rendered, Renderer
from messaging.templates import load
from tests.messaging.conftest import EMAIL, Load, mjml
from tests.messaging.hostile import VALUES, seen, values

NOW = Instant.from_utc(2026, 1, 5, 9)
FRONT = (
    '---\nsubject: "Hello {{ customer.v }}"\npreheader: "For {{ customer.v }}"\npurpose: transactional\n'
    "intent: information\n---\n"
)
V = "{{ customer.v }}"
N = "{{ customer.v | length }}"
HTML = f"""<!DOCTYPE html>
<html lang="{V}"><head><title>{{{{ subject }}}}</title>
<style>p {{ margin: {N}px; }} @media (max-width: {N}px) {{ p {{ margin: 0; }} }}</style></head>
<body><!-- {V} --><!--[if mso]><v:rect alt="{V}" href="https://example.com/{V}"><![endif]-->
<p title="{V}" id='{V}' class="a {V}" data-x="{V}" aria-label='{V}' width={N} style="width: {N}px">{V}
{{{{ preheader }}}}</p>
<a href="https://example.com/?q={V}#{V}" name='{V}'>{V}</a><img src='https://example.com/{V}.png' alt="{V}">
<textarea placeholder="{V}">{V}</textarea><a href="mailto:a{V}@example.com">x</a><a href="tel:+33{V}">x</a>
<pre>{V}</pre><svg><title>{V}</title></svg><noscript>{V}</noscript><table><tr><td abbr="{V}">{V}</td></tr></table>
{{% macro link(name) %}}<a title="{{{{ name }}}}">{{{{ name | upper }}}}</a>{{% endmacro %}}{{{{ link(customer.v) }}}}
{{% for part in [customer.v, customer.v] %}}<b title="{{{{ part | title }}}}">{{{{ part | e | truncate(5) }}}}
</b>{{% endfor %}}
<i title="{{{{ [customer.v, '&'] | join('<') }}}}">{{{{ customer.v ~ '<' ~ customer.v | striptags }}}}</i>
<u title="{{{{ customer.v | urlencode }}}}">{{{{ '<b>' + customer.v }}}}</u></body></html>
"""
MJML = f"""<mjml lang="{V}"><mj-head><mj-title>{{{{ subject }}}}</mj-title><mj-preview>{{{{ preheader }}}}</mj-preview>
<mj-style>a {{ color: red; width: {N}px }}</mj-style><mj-style inline="inline">p {{ margin: {N}px }}</mj-style>
</mj-head>
<mj-body><mj-raw><p title="{V}">{V}</p></mj-raw><mj-section css-class="{V}"><mj-column width="{{{{ 50 }}}}%">
<mj-text css-class="x {V}">{V}<p title="{V}">{V}</p><a href="https://example.com/{V}" title='{V}'>{V}</a></mj-text>
<mj-button href="https://example.com/{V}" title="{V}" name="{V}" rel="{V}">{V}</mj-button>
<mj-image src="https://example.com/{V}" alt="{V}" href="https://example.com/?{V}" title="{V}" />
<mj-table><tr><td title="{V}">{V}</td></tr></mj-table>
<mj-social><mj-social-element name="{V}" href="https://example.com/{V}" src="https://example.com/i.png" alt="{V}">{V}
</mj-social-element></mj-social>
<mj-navbar><mj-navbar-link href="https://example.com/{V}" rel="{V}">{V}</mj-navbar-link></mj-navbar>
<mj-accordion><mj-accordion-element><mj-accordion-title>{V}</mj-accordion-title>
<mj-accordion-text>{V}</mj-accordion-text></mj-accordion-element></mj-accordion>
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    root: Path = tmp_path_factory.mktemp("project")
    (root / "templates").mkdir()
    (root / "templates" / "h.email.html").write_text(FRONT + HTML, "utf-8")
    (root / "templates" / "m.email.mjml").write_text(FRONT + MJML, "utf-8")
    faults = Faults()
    templates = load(root, faults)
    assert [str(fault) for fault in faults] == []
    return Renderer(templates)


def made(renderer: Renderer, name: str, value: str) -> Rendered:
    return renderer.render(name, "email", None, Facts(NOW, customer={"v": value}))


@pytest.mark.parametrize("name", ["h", "m"])
@given(value=st.one_of(st.sampled_from(VALUES), values()))
def test_no_value_adds_a_tag_or_an_attribute_to_a_message(renderer: Renderer, name: str, value: str) -> None:
    plain = made(renderer, name, "x" * len(value))
    assert seen(made(renderer, name, value).html) == seen(plain.html)


@pytest.mark.parametrize("name", ["h", "m"])
@given(value=st.one_of(st.sampled_from(VALUES), values()))
def test_no_value_adds_a_header(renderer: Renderer, name: str, value: str) -> None:
    message = made(renderer, name, value)
    for line in (message.subject, message.preheader):
        assert len(line.splitlines()) == 1
        assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line)


@pytest.mark.parametrize(
    ("body", "column", "where"),
    [
        ('<p style="color: {{ customer.v }}">', 18, "`style`"),
        ('<p style="background: url({{ customer.v }})">', 27, "`style`"),
        ("<p onclick=\"go('{{ customer.v }}')\">", 17, "`onclick`"),
        ('<p ONCLICK="{{ customer.v }}">', 13, "`onclick`"),
        ("<p title={{ customer.v }}>", 10, "a tag, outside quotes"),
        ("<p title=a{{ customer.v }}>", 11, "a tag, outside quotes"),
        ("<p {{ customer.v }}>", 4, "a tag, outside quotes"),
        ("<p {{ customer.v }}='x'>", 4, "a tag, outside quotes"),
        ('<p x{{ customer.v }}="{{ customer.v | int }}">', 5, "a tag, outside quotes"),
        ("<{{ customer.v }}>", 2, "a tag, outside quotes"),
        ("<h{{ customer.v }}>", 3, "a tag, outside quotes"),
        ("</{{ customer.v }}>", 3, "a tag, outside quotes"),
        ("<!DOCTYPE {{ customer.v }}>", 11, "a tag, outside quotes"),
        ("<p title='x' {{ customer.v }}", 14, "a tag, outside quotes"),
        ("<p title='{{ customer.v }}", 11, "a tag, outside quotes"),
        ("<style>p { color: {{ customer.v }} }</style>", 19, "the `<style>` element"),
        ("<style>p { color: {{ customer.v }} }", 19, "the `<style>` element"),
        ("<script>x = '{{ customer.v }}'</script>", 14, "the `<script>` element"),
        ("<!--[if mso]><p title={{ customer.v }}><![endif]-->", 23, "a tag, outside quotes"),
        ("<!--[if !mso]><!--><p onclick='{{ customer.v }}'><!--<![endif]-->", 32, "`onclick`"),
        ('<meta http-equiv="refresh" content="0;url={{ customer.v }}">', 43, "`content`"),
        ('<base href="{{ customer.v }}">', 13, "`href`"),
        ('<iframe srcdoc="{{ customer.v }}"></iframe>', 17, "`srcdoc`"),
        ('<div srcdoc="{{ customer.v }}"></div>', 14, "`srcdoc`"),
        ("<p style='width: {{ customer.v | int(customer.w) }}px'>", 18, "`style`"),
        ("<p style='width: {{ customer.v ~ 1 | int }}px'>", 18, "`style`"),
        ("<p style='width: {{ 1 if customer.v else customer.v }}px'>", 18, "`style`"),
        ("<p style='{% if customer.v %}width: {{ customer.v }}{% endif %}'>", 37, "`style`"),
    ],
)
def test_a_value_where_escaping_does_not_hold_is_found(project: Load, body: str, column: int, where: str) -> None:
    templates, faults = project({"w.email.html": EMAIL + body})
    assert len([fault for fault in faults if " unsafe-place " in fault]) == 1
    assert faults[0].startswith(f"templates/w.email.html:6:{column}: unsafe-place `{{{{ ")
    assert f"stands in {where}, where" in faults[0]
    assert dict(templates.infos) == {}


@pytest.mark.parametrize(
    "attribute", ["color", "background-url", "padding", "font-family", "width", "background-color"]
)
def test_an_attribute_of_mjml_that_becomes_a_style_takes_no_value(project: Load, attribute: str) -> None:
    body = mjml("x").replace("<mj-text>", f'<mj-text {attribute}="{{{{ customer.v }}}}">')
    _, faults = project({"w.email.mjml": EMAIL + body})
    assert [fault.split(" ")[1] for fault in faults] == ["unsafe-place"]


@pytest.mark.parametrize(
    "body",
    [
        '<p style="{% block s %}{% endblock %}">',
        "<p {% include 'layouts/part.html' %}>",
        "<style>{% block css %}{% endblock %}</style>",
        "<script>{% block js %}{% endblock %}</script>",
    ],
)
def test_nothing_of_other_files_stands_inside_a_tag_a_style_or_a_script(project: Load, body: str) -> None:
    _, faults = project({"w.email.html": EMAIL + body, "layouts/part.html": "x"})
    assert "cannot stand inside a tag, a style or a script" in faults[0]


@pytest.mark.parametrize(
    "body",
    [
        '<p style=\'width: {{ customer.v | int }}px; color: {{ "red" if customer.w is defined else "blue" }}\'>x',
        "<p style='width: {{ (customer.v | int) * 10 }}%'>x",
        "<p style='width: {{ customer.v | round(1) }}%'>x",
        "<p {% if customer.w is defined %}class='a'{% endif %}>x",
        "<p title='{% for x in [1, 2] %}{{ x }}{% endfor %}'>x",
        "<style>{% if customer.w is defined %}p { margin: {{ 3 }}px }{% endif %}</style>x",
        "<p title=\"{{ '}}' ~ customer.x | default('\\'>') }}\">x",
        "{% raw %}<p style='{{ x }}'>{% endraw %}x",
        "{# <p style='{{ customer.v }}'> #}x",
        "<!-- <p style='{{ customer.x | default(1) }}'> -->x",
        "1 < {{ customer.v }} > 0",
    ],
)
def test_numbers_and_texts_of_the_templates_own_may_stand_there(project: Load, body: str) -> None:
    _, faults = project({"w.email.html": EMAIL.replace("intent", "sample: {customer: {v: 3}}\nintent") + body})
    assert faults == []


def test_layouts_and_parts_are_held_to_the_same(project: Load) -> None:
    _, faults = project(
        {
            "w.email.html": EMAIL + "{% include 'layouts/part.html' %}",
            "layouts/part.html": "\n<p onclick='{{ customer.v }}'>x</p>",
        }
    )
    assert [fault.split(" ")[0] for fault in faults] == ["templates/layouts/part.html:2:13:"]
