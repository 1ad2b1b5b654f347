"""Links in messages: absolute ones of four kinds, whatever a template or a customer's values say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from whenever import Instant

from lifecycle.facts import Facts
from messaging import hrefs
from messaging.render import Renderer, RenderError
from tests.messaging.conftest import EMAIL, Load, mjml

NOW = Instant.from_utc(2026, 1, 5, 9)
LINK = '<a href="{{ customer.website }}">Yours</a>'

GOOD = [
    "https://example.com", "http://example.com/a b?c=d&e=f#g", "HTTPS://EXAMPLE.COM", "  https://example.com/  ",
    "mailto:ada@example.com?subject=Hi", "tel:+33123456789", "#top", "https://ada:x@example.com:8080/ü",
]  # fmt: skip
BAD = [
    "", "#", "/sign-in", "sign-in", "www.example.com", "//example.com/x", "./x", "../x", "?x=1", "ada@example.com",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
    "java\tscript:alert(1)", "\x01javascript:alert(1)", "\x00javascript:alert(1)", "\u2028javascript:alert(1)",
    "\ufeffjavascript:alert(1)", "javascript&colon;alert(1)", "&#106;avascript:alert(1)", "&#x6A;avascript:alert(1)",
    "javascript%3Aalert(1)", "javascript\u200b:alert(1)", "data:text/html,<script>alert(1)</script>",
    "DATA:text/html;base64,PHNjcmlwdD4=", "vbscript:msgbox(1)", "livescript:x", "file:///etc/passwd",
    "blob:https://example.com/x", "view-source:https://example.com", "ftp://example.com", "https:example.com",
    "https:/example.com", "https://", "https:///example.com", "https:\\\\example.com", "http:", "mailto:", "tel:",
    "https//example.com", "about:blank", "intent://x", "sms:+33123456789", "cid:logo", "{{ 1 }}",
    "%68ttps://example.com", "ｈttps://example.com",
]  # fmt: skip


def rendered(project: Load, body: str, website: object, kind: str = "html") -> str:
    templates, faults = project({f"w.email.{kind}": EMAIL + body})
    assert [fault for fault in faults if ": sample " not in fault] == []
    return Renderer(templates).render("w", "email", None, Facts(NOW, customer={"website": website})).html


@pytest.mark.parametrize("kind", ["html", "mjml"])
@pytest.mark.parametrize("address", GOOD)
def test_a_customers_value_may_be_an_absolute_link(project: Load, address: str, kind: str) -> None:
    assert "Yours" in rendered(project, mjml(LINK) if kind == "mjml" else LINK, address, kind)


@pytest.mark.parametrize("kind", ["html", "mjml"])
@pytest.mark.parametrize("address", BAD)
def test_any_other_value_in_a_link_refuses_the_message_and_is_not_quoted(
    project: Load, address: str, kind: str
) -> None:
    with pytest.raises(RenderError) as raised:
        rendered(project, mjml(LINK) if kind == "mjml" else LINK, address, kind)
    assert raised.value.code == "unsafe-link"
    assert not address.strip() or address not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        "<img src='{{ customer.website }}' alt=''>",
        "<IMG SRC = '{{ customer.website }}' alt=''>",
        "<form action='{{ customer.website }}'></form>",
        "<button formaction='{{ customer.website }}'>x</button>",
        "<td background='{{ customer.website }}'>x</td>",
        "<video poster='{{ customer.website }}'></video>",
        "<img srcset='https://example.com/a.png 1x, {{ customer.website }} 2x' alt=''>",
        "<svg><a xlink:href='{{ customer.website }}'>x</a></svg>",
        "<!--[if mso]><v:rect href='{{ customer.website }}'></v:rect><![endif]-->",
        "<!--[if !mso]><!--><a href='{{ customer.website }}'>x</a><!--<![endif]-->",
        "<a title='1 > 0' href='{{ customer.website }}'>x</a>",
        "<a class=x href='{{ customer.website }}'>x</a>",
        "write href=\" <a href='{{ customer.website }}'>x</a>",
    ],
)
def test_every_attribute_that_leads_somewhere_is_looked_at(project: Load, body: str) -> None:
    assert rendered(project, body, "https://example.com/x")
    with pytest.raises(RenderError, match="a link is not absolute"):
        rendered(project, body, "javascript:alert(1)")


@pytest.mark.parametrize(
    "body",
    [
        "<mj-button href='{{ customer.website }}'>x</mj-button>",
        "<mj-image src='{{ customer.website }}' alt='x' />",
        "<mj-social><mj-social-element href='{{ customer.website }}'>x</mj-social-element></mj-social>",
        "<mj-navbar><mj-navbar-link href='{{ customer.website }}'>x</mj-navbar-link></mj-navbar>",
    ],
)
def test_links_of_mjml_elements_are_looked_at_in_what_they_become(project: Load, body: str) -> None:
    document = f"<mjml><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>"
    assert rendered(project, document, "https://example.com/x", "mjml")
    with pytest.raises(RenderError, match="a link is not absolute"):
        rendered(project, document, "javascript:alert(1)", "mjml")


@pytest.mark.parametrize("text", ["<a href='/x'>", '<a href="javascript:x">', "href = /x", "src=''"])
@pytest.mark.parametrize("style", ["", "<style>p { margin: 0 }</style>"])
def test_a_text_that_only_shows_a_link_is_no_link(project: Load, text: str, style: str) -> None:
    assert rendered(
        project, f"{style}<p>Learn: {{{{ customer.website }}}}</p><p title='{{{{ customer.website }}}}'>", text
    )


@pytest.mark.parametrize(
    ("link", "right"),
    [
        ('href="/sign-in"', 'href="https://www.example.com/sign-in"'),
        ('href="help/call.html"', 'href="https://www.example.com/help/call.html"'),
        ('href="www.larkspur.example.com/x"', 'href="https://www.larkspur.example.com/x"'),
        ('href="//cdn.example.com/x"', 'href="https://cdn.example.com/x"'),
        ('href="example.com"', 'href="https://example.com"'),
        ('href="https:/example.com"', 'href="https://example.com"'),
        ('href="help@example.com"', 'href="mailto:help@example.com"'),
        ('href="+33 1 23 45 67 89"', 'href="tel:+33123456789"'),
        ('src="logo.png"', 'src="https://www.example.com/logo.png"'),
        ('href="/x?name={{ customer.name }}"', 'href="https://www.example.com/x?name={{ customer.name }}"'),
        ('href=""', None),
        ('href="#"', None),
        ('href="javascript:void(0)"', None),
        ('src="data:image/png;base64,xx"', None),
        ('href="sms:+33123456789"', None),
    ],
)
def test_a_link_of_the_template_that_leads_nowhere_is_found_with_the_right_one(
    project: Load, link: str, right: str | None
) -> None:
    tag = "img alt=''" if link.startswith("src") else "a"
    wanted = f"write {right}" if right else "a link begins with https:, http:, mailto: or tel:"
    _, faults = project({"w.email.html": EMAIL + f"<p>x</p>\n  <{tag} {link}>"})
    assert faults == [f"templates/w.email.html:7:{5 + len(tag)}: link `{link}` leads nowhere from a message; {wanted}"]


@pytest.mark.parametrize(
    "body",
    [
        '<a href="{{ customer.website }}">x</a>',
        '<a href="https://{{ customer.website }}/x">x</a>',
        '<a href="{% if customer.a is defined %}https://example.com/a{% else %}https://example.com/b{% endif %}">x</a>',
        '<a href="{% if customer.a is defined %}http:{% else %}https:{% endif %}//example.com">x</a>',
        '<a href="#{{ customer.website }}">x</a>',
        '<a href="mailto:{{ customer.website }}">x</a>',
        '<a href="&#104;ttps://example.com">x</a>',
        "<!-- <a href='/x'> -->x",
        "{# <a href='/x'> #}x",
        "{% raw %}<p>{{ x }}</p>{% endraw %}",
        "<p>href='/x'</p>",
        "<div data-href='/x'>x</div>",
    ],
)
def test_what_is_absolute_or_not_known_yet_is_no_fault(project: Load, body: str) -> None:
    _, faults = project({"w.email.html": EMAIL + body})
    assert [fault for fault in faults if " link " in fault] == []


def test_each_branch_of_a_link_is_looked_at(project: Load) -> None:
    link = (
        "{% if customer.a is defined %}https://example.com/a{% elif customer.b is defined %}/b{% else %}/c{% endif %}"
    )
    _, faults = project({"w.email.html": EMAIL + f'<a href="{link}">x</a>'})
    assert [fault.partition(": ")[2][:26] for fault in faults] == [
        'link `href="/b"` leads now',
        'link `href="/c"` leads now',
    ]


def test_links_of_layouts_and_parts_are_looked_at_where_they_stand(project: Load) -> None:
    _, faults = project(
        {
            "w.email.html": EMAIL + "{% extends 'layouts/base.html' %}{% block body %}x{% endblock %}",
            "layouts/base.html": "{% include 'layouts/head.html' %}{% block body %}{% endblock %}",
            "layouts/head.html": "<p>\n<a href='/home'>Home</a></p>",
        }
    )
    assert [fault.split(" ")[0] for fault in faults] == ["templates/layouts/head.html:2:4:"]


def test_a_link_that_this_kind_of_message_never_has_is_found_by_its_sample(project: Load) -> None:
    body = "<a href='{{ unsubscribe_url }}'>Unsubscribe</a>"
    _, faults = project({"w.email.html": EMAIL + body})
    assert [fault.partition(";")[0] for fault in faults] == [
        "templates/w.email.html:6:1: link a link in this e-mail comes to nothing with its sample values"
    ]
    assert project({"w.email.html": EMAIL + f"{{% if unsubscribe_url %}}{body}{{% endif %}}x"})[1] == []


@given(
    st.lists(
        st.sampled_from(
            ["<a ", "<img ", "href=", "src =", "'", '"', ">", "https://e.com", "javascript:x", "/x", "<!--", "-->", " ",
             "<!--[if mso]>", "<![endif]-->", "srcset=", "title='", "x", "\n", "HREF='"]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_the_quick_look_misses_no_link_that_the_exact_one_finds(parts: list[str]) -> None:
    html = "".join(parts)
    unsafe = [address for address in hrefs.links(html) if not hrefs._SAFE.match(address)]
    assert hrefs.unsafe_links(html) == unsafe


@given(st.text())
def test_no_value_that_a_program_could_run_passes(value: str) -> None:
    html = f'<a href="{escape(value)}">'
    begins = "".join(value.split()).lower().lstrip("".join(map(chr, range(33))))
    if begins.startswith(("javascript", "data:", "vbscript")):
        assert hrefs.unsafe_links(html)
