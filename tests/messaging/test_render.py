"""Rendering a message for one customer."""

from __future__ import annotations

import pytest
from whenever import Instant

from lifecycle.facts import Facts, Milestones
from lifecycle.reasons import REASONS
from messaging.render import _SAYS, Renderer, RenderError
from messaging.templates import Templates
from tests.messaging.conftest import EMAIL, SMS, Load, mjml

NOW = Instant.from_utc(2026, 1, 5, 9)
ADA = Facts(NOW, customer={"first_name": "Ada"})
BASE = (
    "<mjml><mj-head><mj-title>{{ subject }}</mj-title><mj-preview>{{ preheader }}</mj-preview></mj-head><mj-body>\n"
    "<mj-section><mj-column>{% block body %}{% endblock %}\n"
    '<mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ postal_address }}</mj-text>\n'
    "</mj-column></mj-section></mj-body></mjml>\n"
)
ALWAYS = {"unsubscribe_url": "https://example.com/u?c=1&t=2", "postal_address": "1 Main St"}
WELCOME = (
    "---\nsubject: Welcome, {{ customer.first_name }}\npreheader: Glad & good\ntopic: news\nintent: welcome\n---\n"
    '{% extends "layouts/base.mjml" %}\n{% block body %}<mj-text>Hello <b>{{ customer.first_name }}</b></mj-text>'
    '<mj-button href="https://example.com/?a=1&amp;n={{ customer.first_name|urlencode }}">Go</mj-button>'
    "{% endblock %}\n"
)


def renderer(project: Load, files: dict[str, str | bytes]) -> Renderer:
    templates, faults = project(files)
    assert [fault for fault in faults if ": sample " not in fault] == []
    return Renderer(templates)


def test_an_email_has_subject_preheader_html_and_a_readable_text(project: Load) -> None:
    made = renderer(project, {"w.email.mjml": WELCOME, "layouts/base.mjml": BASE}).render(
        "w", "email", None, ADA, ALWAYS
    )
    assert (made.subject, made.preheader, made.language) == ("Welcome, Ada", "Glad & good", "")
    assert made.html.lower().startswith("<!doctype html>")
    assert "Hello <b>Ada</b>" in made.html
    assert "Glad &amp; good" in made.html
    assert 'href="https://example.com/u?c=1&amp;t=2"' in made.html
    assert made.text == (
        "Hello Ada\n\nGo (https://example.com/?a=1&n=Ada)\n\nUnsubscribe (https://example.com/u?c=1&t=2) 1 Main St\n"
    )
    assert (made.segments, made.encoding) == (0, "")


def test_html_goes_through_as_it_is(project: Load) -> None:
    html = "<html><body><p>Hi {{ customer.first_name }}</p></body></html>"
    made = renderer(project, {"w.email.html": EMAIL + html}).render("w", "email", None, ADA)
    assert (made.html, made.text) == (html.replace("{{ customer.first_name }}", "Ada"), "Hi Ada\n")


def test_markup_in_a_value_is_escaped_in_html_and_itself_in_text_and_subject(project: Load) -> None:
    name = "<script>alert('x')</script> & \"Co\" </mj-text>"
    made = renderer(project, {"w.email.mjml": WELCOME, "layouts/base.mjml": BASE}).render(
        "w", "email", None, Facts(NOW, customer={"first_name": name}), ALWAYS
    )
    assert "<script" not in made.html
    assert "&lt;script&gt;" in made.html
    assert made.subject == f"Welcome, {name}"
    assert f"Hello {name}" in made.text


def test_an_sms_is_not_escaped_and_counts_its_segments(project: Load) -> None:
    sms = renderer(project, {"w.sms.txt": SMS + "\n  {{ customer.first_name }}  \r\n\n\n\nnext\n"})
    made = sms.render("w", "sms", None, Facts(NOW, customer={"first_name": "<Ada & Co>"}))
    assert (made.text, made.segments, made.encoding) == ("<Ada & Co>\n\nnext", 1, "GSM-7")
    made = sms.render("w", "sms", None, Facts(NOW, customer={"first_name": "Ада" * 40}))
    assert (made.segments, made.encoding) == (2, "UCS-2")


@pytest.mark.parametrize(
    "name", ["Ada\r\nBcc: x@example.com", "Ada\nBcc: x", "Ada\u2028Bcc", "Ada\x85Bcc", "Ada\x00\x0bBcc"]
)
def test_no_value_can_begin_another_header(project: Load, name: str) -> None:
    made = renderer(project, {"w.email.mjml": WELCOME, "layouts/base.mjml": BASE}).render(
        "w", "email", None, Facts(NOW, customer={"first_name": name}), ALWAYS
    )
    assert made.subject.isprintable()
    assert made.subject.startswith("Welcome, Ada Bcc")


@pytest.mark.parametrize(
    ("wanted", "used"),
    [
        ("pt-BR", "pt-br"), ("pt_BR", "pt-br"), ("pt-PT", "pt"), ("PT", "pt"), ("de-AT", "de"), ("fr", ""), (None, ""),
        ("", ""), ("../x", ""), ("pt-BR-x-a", "pt-br"), ("-", ""), ("pt-", "pt"),
    ],
)  # fmt: skip
def test_the_nearest_language_is_used(project: Load, wanted: str | None, used: str) -> None:
    texts = {"": "Hi", "pt": "Ola", "pt-br": "Oi", "de": "Hallo"}
    files: dict[str, str | bytes] = {"w.sms.txt": SMS + "Hi", "w.sms.pt-BR.txt": "---\n---\nOi"}
    files |= {f"w.sms.{language}.txt": f"---\n---\n{texts[language]}" for language in ("pt", "de")}
    made = renderer(project, files).render("w", "sms", wanted, ADA)
    assert (made.language, made.text) == (used, texts[used])


def test_a_default_stands_in_for_a_missing_value_also_in_a_translation(project: Load) -> None:
    defaults = (
        "defaults: {customer.first_name: there, customer.address.city: town, reached.amount: 3, stage: new}\nintent"
    )
    text = "{{ customer.first_name }} {{ customer.address.city }} {{ reached.amount }} {{ stage }}"
    made = renderer(project, {"w.sms.txt": SMS.replace("intent", defaults) + text, "w.sms.de.txt": "---\n---\n" + text})
    assert made.render("w", "sms", None, Facts(NOW)).text == "there town 3 new"
    assert made.render("w", "sms", "de", Facts(NOW, customer={"first_name": None})).text == "there town 3 new"
    known = Facts(NOW, customer={"first_name": "Ada", "address": {"city": "Lyon"}}, reached={"amount": 4}, stage="x")
    assert made.render("w", "sms", None, known).text == "Ada Lyon 4 x"


@pytest.mark.parametrize(
    ("front", "body", "missing"),
    [
        ("", "{{ customer.country }}", "customer.country"),
        ("", "{% if event.amount > 3 %}x{% endif %}", "event.amount"),
        ("needs: [event.quote_id]\n", "x", "event.quote_id"),
        ("needs: [milestones.purchase.last]\n", "x", "milestones.purchase.last"),
        ("needs: [health]\n", "x", "health"),
    ],
)
def test_a_missing_value_is_an_error_that_names_it(project: Load, front: str, body: str, missing: str) -> None:
    made = renderer(project, {"w.sms.txt": SMS.replace("intent", f"{front}intent") + body})
    with pytest.raises(RenderError, match=f"no value for `{missing}`") as raised:
        made.render("w", "sms", None, ADA)
    assert (raised.value.template, raised.value.code, raised.value.missing) == ("w", "missing-value", missing)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{{ customer.first_name|money }}", "bad-value"),
        ("{{ customer.first_name + 1 }}", "bad-value"),
        ("{{ 1 / (customer.first_name|length - 3) }}", "bad-value"),
        ("{% for i in range(900) %}{% for j in range(900) %}x{% endfor %}{% endfor %}", "too-much"),
        ("{% if customer.first_name != 'Ada' %}x{% endif %}", "empty"),
    ],
)
def test_no_error_quotes_a_value(project: Load, body: str, code: str) -> None:
    with pytest.raises(RenderError) as raised:
        renderer(project, {"w.sms.txt": SMS + body}).render("w", "sms", None, ADA)
    assert raised.value.code == code
    assert "Ada" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_unknown_template_is_an_error(project: Load) -> None:
    with pytest.raises(RenderError, match="no such template"):
        renderer(project, {"w.sms.txt": SMS + "x"}).render("w", "email", None, ADA)


def test_a_template_sees_milestones_and_messages(project: Load) -> None:
    body = "{{ milestones.purchase.count }} {{ milestones.purchase.days_since }} {{ messages.first.state }}"
    facts = Facts(NOW, milestones={"purchase": Milestones(2, NOW, NOW.add(hours=-50))}, messages={"first": "accepted"})
    assert renderer(project, {"w.sms.txt": SMS + body}).render("w", "sms", None, facts).text == "2 2 accepted"


def test_a_control_character_in_a_value_does_not_cost_the_message(project: Load) -> None:
    made = renderer(project, {"w.email.mjml": EMAIL + mjml("Hi {{ customer.first_name }}")})
    assert "Hi Ada" in made.render("w", "email", None, Facts(NOW, customer={"first_name": "\x00Ad\x0ba\ufffe"})).text


def test_a_message_says_who_sends_it_where_answers_go_and_whether_it_is_tracked(project: Load) -> None:
    front = "from: Larkspur <hi@example.com>\nreply_to: help@example.com\ntracking: false\nintent"
    made = renderer(
        project,
        {
            "w.email.html": EMAIL.replace("intent", front) + "x",
            "w.email.de.html": "---\nsubject: Hallo\nreply_to: hilfe@example.com\n---\nx",
            "plain.email.html": EMAIL + "x",
        },
    )
    one = made.render("w", "email", None, ADA)
    assert (one.from_, one.reply_to, one.tracking) == ("Larkspur <hi@example.com>", "help@example.com", False)
    other = made.render("w", "email", "de", ADA)
    assert (other.from_, other.reply_to, other.tracking) == (one.from_, "hilfe@example.com", False)
    plain = made.render("plain", "email", None, ADA)
    assert (plain.from_, plain.reply_to, plain.tracking) == (None, None, True)


def test_what_milepost_gives_is_empty_where_it_was_not_given(project: Load) -> None:
    made = renderer(project, {"w.sms.txt": SMS + "x{{ confirm_url }}{{ company }}{{ preferences_url }}"})
    assert made.render("w", "sms", None, ADA).text == "x"
    given = {"confirm_url": "https://example.com/confirm/t"}
    assert made.render("w", "sms", None, ADA, given).text == "xhttps://example.com/confirm/t"


def test_every_code_of_a_refusal_is_a_reason() -> None:
    assert set(_SAYS) <= set(REASONS)


def test_a_template_that_was_not_there_is_looked_for_again_now_and_then(
    project: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = project({"layouts/base.mjml": BASE})
    after, _ = project({"w.email.mjml": WELCOME, "layouts/base.mjml": BASE})
    looked = []

    def reread() -> Templates | None:
        looked.append(1)
        return after if len(looked) == 3 else None

    made = Renderer(before, reread=reread)
    assert made.info("w", "email") is None
    assert made.info("w", "email") is None
    assert len(looked) == 1  # not at each message
    monkeypatch.setattr("messaging.render.REREAD", 0.0)
    assert made.info("w", "email") is None
    found = made.info("w", "email")
    assert found is not None
    assert found.name == "w"
    assert made.render("w", "email", None, ADA, ALWAYS).subject == "Welcome, Ada"
