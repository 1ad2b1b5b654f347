"""Reading templates/: what a template says of itself, and every mistake at its place."""

from __future__ import annotations

import pytest

from lifecycle.language.faults import Place
from lifecycle.language.template import TemplateInfo
from tests.messaging.conftest import EMAIL, FOOT, MARKETING, SMS, Load, mjml

SHOWN = "templates/"


def test_a_message_and_its_translations_come_to_one_info(project: Load) -> None:
    templates, faults = project(
        {
            "adopter/thank-you.email.mjml": (
                "---\nsubject: Thank you, {{ customer.first_name }}\npreheader: For {{ event.product }}\n"
                "topic: news\npurpose: marketing\nintent: thanks\nexpires: 3 days\nneeds: [event.id]\n"
                "defaults: {customer.first_name: there}\n---\n" + mjml("{{ account.name }}" + FOOT)
            ),
            "adopter/thank-you.email.de.mjml": "---\nsubject: Danke\n---\n" + mjml("{{ customer.company }}" + FOOT),
            "adopter/thank-you.sms.txt": SMS + "Thank you",
        }
    )
    assert faults == []
    assert templates.infos["adopter/thank-you", "email"] == TemplateInfo(
        name="adopter/thank-you",
        channel="email",
        languages=("de",),
        topic="news",
        purpose="marketing",
        intent="thanks",
        expires="3 days",
        variables=("event.product", "account.name", "event.id", "customer.company"),
        place=Place("templates/adopter/thank-you.email.mjml"),
        names=("customer.first_name", "event.product", "account.name", "customer.company"),
    )
    assert templates.infos["adopter/thank-you", "sms"].intent == "reminder"


@pytest.mark.parametrize(
    ("body", "variables"),
    [
        ("{{ customer.a|default('x') }}", ()),
        ("{{ customer.a|default(customer.b) }}", ("customer.b",)),
        ("{% if customer.a is defined %}{{ customer.a }}{% endif %}", ()),
        ("{% if customer.a is defined and customer.a > 3 %}{{ customer.a }}{% else %}x{% endif %}", ()),
        ("{% if customer.a is not defined %}x{% else %}{{ customer.a }}{% endif %}", ()),
        ("{% if customer.a is defined %}x{% endif %}{{ customer.a }}", ("customer.a",)),
        ("{% if customer.a %}{{ customer.b }}{% endif %}", ("customer.a", "customer.b")),
        ("{{ customer.a if customer.a is defined else customer.b }}", ("customer.b",)),
        ("{% for line in event.lines %}{{ line.sku }}{% endfor %}", ("event.lines",)),
        ("{{ milestones.purchase.count }} {{ milestones.purchase.last|date }}", ("milestones.purchase.last",)),
        ("{{ customer['a'] }}", ("customer.a",)),
        ("{{ unsubscribe_url }}{{ postal_address }}{{ company }}", ()),
        ("{% include 'layouts/foot.txt' %}", ("customer.city",)),
        ("{% from 'layouts/macros.txt' import bye %}{{ bye(customer.a) }}", ("customer.a",)),
    ],
)
def test_the_variables_are_those_without_which_it_cannot_be_sent(
    project: Load, body: str, variables: tuple[str, ...]
) -> None:
    templates, faults = project(
        {
            "x.sms.txt": SMS.replace("intent", "sample: {event: {lines: []}, milestones: {purchase: 1}}\nintent")
            + body,
            "layouts/foot.txt": "{{ customer.city }}",
            "layouts/macros.txt": "{% macro bye(name) %}Bye {{ name }}{% endmacro %}",
        }
    )
    assert [fault for fault in faults if "sample" not in fault] == []
    assert templates.infos["x", "sms"].variables == variables


def test_all_mistakes_are_reported_at_once_each_at_its_place(project: Load) -> None:
    templates, faults = project(
        {
            "a.email.mjml": (
                "---\nsubjct: Hi\ntopic: news\nintent: upsel\npreheader: '{{ customer.name'\nexpires: soon\n---\n"
                "<mjml><mj-body>\n  {{ ''.__class__ }} {{ surname }}\n  {{ customer.a|moeny }}\n</mj-body></mjml>\n"
            )
        }
    )
    assert templates.infos == {}
    intents = (
        "write `welcome`, `thanks`, `information`, `education`, `reminder`, `celebration`, `survey`, `referral`, "
        "`offer`, `upsell`, `cross-sell`, `renewal`, `win-back`, `receipt` or `alert`"
    )
    assert [fault.removeprefix("templates/a.email.mjml:") for fault in faults] == [
        "2:1: missing-key `subject` is missing here",
        "2:1: unknown-key `subjct` is not known here; did you mean `subject`?",
        f"4:9: wrong-value `upsel` does not fit here: {intents}",
        "5:12: template-syntax this is not Jinja2: unexpected end of template, expected 'end of print statement'",
        "6:10: not-a-time `soon` is not a length of time; write for example `3 days`, `72 hours` or `1 working day`",
        "9:9: unsafe `__class__` cannot be reached: no name begins with an underscore",
        "9:25: unknown-name `surname` is not known here; an attribute of the customer is written `customer.surname`",
        "10:17: unknown-filter there is no filter `moeny`; did you mean `money`?",
    ]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("x\n{% if a %}\n", "6:1: template-syntax"),
        ("x\n{% endif %}", "6:1: template-syntax"),
        ("{{ customer.__dict__ }}", "5:13: unsafe"),
        ("{{ customer['__dict__'] }}", "5:14: unsafe"),
        ("{{ _x }}", "5:4: unsafe"),
        ("{% set customer = 1 %}", "5:8: unsafe"),
        ("{{ customer.tags.append(1) }}", "5:18: unsafe"),
        ("{{ 'x'.upper() }}", "5:8: unsafe"),
        ("{{ 'x'.upper()() }}", "5:1: unsafe"),
        ("{{ lipsum() }}", "5:4: unknown-name"),
        ("{{ customer }}", "5:4: unknown-name"),
        ("{{ milestones.purchase }}", "5:4: unknown-name"),
        ("{{ messages.reminder }}", "5:4: unknown-name"),
        ("{{ stage.name }}", "5:4: unknown-name"),
        ("{{ custmer.a }}", "5:4: unknown-name"),
        ("{{ 1 is prime }}", "5:9: unknown-test"),
        ("{{ customer.a|safe }}", "5:15: unknown-filter"),
        ("{% set x %}y{% endset %}", "5:1: not-allowed"),
        ("{% autoescape false %}{% endautoescape %}", "5:1: not-allowed"),
        ("{% filter upper %}x{% endfilter %}", "5:1: not-allowed"),
        ("{% for x in [1] recursive %}{% endfor %}", "5:1: not-allowed"),
        ("{% include 'layouts/none.txt' %}", "5:13: unknown-layout"),
        ("{% include '../../secret.txt' %}", "5:13: unknown-layout"),
        ("{% include customer.a %}", "5:1: unknown-layout"),
        ("{% include 'layouts/base.mjml' %}", "5:13: unknown-layout"),
        ("", "5:1: empty"),
        ("{{ " + "(" * 3000, "5:1: template-syntax"),
        ("{{ " + "9" * 5000 + " }}", "5:1: template-syntax"),
    ],
)
def test_what_a_body_may_not_do_is_found_without_rendering_it(project: Load, body: str, fault: str) -> None:
    templates, faults = project({"a.sms.txt": SMS + body, "layouts/base.mjml": "<mjml/>"})
    assert any(line.startswith(f"templates/a.sms.txt:{fault}") for line in faults), faults
    assert ("a", "sms") not in templates.infos


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"a.email.mjml": b"---\nsubject: \xff\n---\n"}, "a.email.mjml:2:10: not-utf8"),
        ({"a.email.mjml": b"x" * 10_000_000}, "a.email.mjml:1:1: too-large"),
        ({"a.email.mjml": mjml("no front matter")}, "a.email.mjml:1:1: front-matter"),
        ({"a.email.mjml": "---\nsubject: x\n"}, "a.email.mjml:1:1: front-matter"),
        ({"a.email.mjml": "---\nsubject: {{ customer.a }}\n---\nx"}, "a.email.mjml:2:11: yaml-braces"),
        ({"a.email.mjml": "---\n- 1\n---\nx"}, "a.email.mjml:2:1: not-a-mapping"),
        ({"a.email.mjml": "---\n---\n" + mjml("x")}, "a.email.mjml:1:1: missing-key `subject`"),
        ({"a.email.mjml": MARKETING.replace("topic: news\n", "") + mjml("x")}, "a.email.mjml:2:1: missing-key `topic`"),
        ({"a.email.mjml": EMAIL.replace("intent: information\n", "") + mjml("x")}, "a.email.mjml:2:1: missing-key"),
        ({"a.sms.txt": EMAIL + "x"}, "a.sms.txt:2:1: no-subject"),
        ({"a.html": EMAIL + "x"}, "a.html:1:1: template-name"),
        ({"a.sms.html": SMS + "x"}, "a.sms.html:1:1: template-name"),
        ({"a.email.txt": EMAIL + "x"}, "a.email.txt:1:1: template-name"),
        ({"a.email.de.html": EMAIL + "x"}, "a.email.de.html:1:1: no-default"),
        ({"a.email.html": EMAIL + "x", "a.email.mjml": EMAIL + mjml("x")}, "a.email.mjml:1:1: twice"),
        (
            {"a.sms.txt": SMS + "x", "a.sms.de.txt": "---\ntopic: other\n---\nx"},
            "a.sms.de.txt:2:8: disagrees `topic` is another one in templates/a.sms.txt",
        ),
        ({"a.sms.txt": SMS.replace("intent", "needs: plan\nintent") + "x"}, "a.sms.txt:3:8: unknown-name"),
        ({"a.sms.txt": SMS.replace("intent", "defaults: {plan: x}\nintent") + "x"}, "a.sms.txt:3:11: unknown-name"),
        ({"a.sms.txt": SMS.replace("intent", "from: nobody\nintent") + "x"}, "a.sms.txt:3:7: not-an-address"),
        (
            {"a.sms.txt": SMS.replace("intent", "if_unknown: resend\nintent") + "x"},
            "a.sms.txt:3:1: not-for-marketing a marketing message that may have gone out is never sent again; leave",
        ),
        (
            {"a.email.html": EMAIL.replace("intent", "if_unknown: wait\nintent") + "x"},
            "a.email.html:4:13: wrong-value `wait` does not fit here: write `resend`",
        ),
        (
            {"a.email.html": EMAIL + "x", "a.email.de.html": "---\nsubject: x\nif_unknown: resend\n---\nx"},
            "a.email.de.html:3:13: disagrees `if_unknown` is another one in templates/a.email.html",
        ),
        ({"a.sms.txt": SMS + "x", "layouts/b.txt": "x\n{{ y|nope }}"}, "layouts/b.txt:2:6: unknown-filter"),
        (
            {"a.sms.txt": SMS + "{% include 'layouts/b.txt' %}", "layouts/b.txt": "{{ nmae }}"},
            "layouts/b.txt:1:4: unknown",
        ),
        ({"a.sms.txt": SMS + "{{ customer.total|money }}"}, "a.sms.txt:5:1: sample"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(project: Load, files: dict[str, str | bytes], fault: str) -> None:
    _, faults = project(files)
    assert any(line.startswith(SHOWN + fault) for line in faults), faults


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (mjml("<b>never closed"), "7:1: mjml `<b>` is never closed"),
        (mjml("<img alt=foo>"), "7:1: mjml the values of `<img>` must stand in quotes"),
        (mjml("1 < 2"), "7:3: mjml a `<` that begins no tag"),
        (mjml("<a href='x>y</a>"), "7:1: mjml `<a` is not closed"),
        (mjml("{% if 1 %}</mj-text>{% endif %}"), "8:1: mjml `</mj-text>` closes nothing"),
        ("<mjml>\n<mj-body>\n<mj-secton/>\n</mj-body></mjml>", "8:1: mjml MJML has no element `<mj-secton>`; did you"),
        ("<mjml><mj-body>\n<mj-include path='/etc/passwd'/></mj-body></mjml>", "7:1: mjml `<mj-include>` is not read"),
        ("<p>Hello</p>", "6:1: mjml this is not MJML"),
    ],
)
def test_broken_mjml_is_found_with_its_line(project: Load, body: str, fault: str) -> None:
    _, faults = project({"a.email.mjml": EMAIL + body})
    assert len(faults) == 1
    assert faults[0].startswith(f"templates/a.email.mjml:{fault}")


def test_broken_mjml_in_a_layout_is_placed_in_the_layout(project: Load) -> None:
    _, faults = project(
        {
            "a.email.mjml": EMAIL + "{% extends 'layouts/base.mjml' %}{% block body %}x{% endblock %}",
            "layouts/base.mjml": "<mjml>\n<mj-body>\n<mj-section>\n{% block body %}{% endblock %}</mj-body></mjml>",
        }
    )
    assert faults == ["templates/layouts/base.mjml:3:1: mjml `<mj-section>` is never closed"]


def test_other_files_are_left_alone(project: Load) -> None:
    templates, faults = project(
        {"README.md": "x", "logo.png": b"\x89PNG", ".DS_Store": b"\x00", "layouts/notes.md": "x"}
    )
    assert (dict(templates.infos), faults) == ({}, [])


def test_a_project_without_templates_has_none(project: Load) -> None:
    templates, faults = project({})
    assert (dict(templates.infos), faults) == ({}, [])


def test_a_part_that_several_messages_use_is_held_to_the_same(project: Load) -> None:
    templates, faults = project(
        {
            "a.email.html": EMAIL + "{% include 'layouts/parts/foot.html' %}",
            "b.email.mjml": EMAIL + mjml("{% include 'layouts/parts/foot.html' %}"),
            "layouts/parts/foot.html": "<p>{{ customer.first_name }} {{ nmae }} {{ x|uper }}</p>",
        }
    )
    assert [fault.split(": ")[1].split(" ")[0] for fault in faults] == [
        "unknown-name",
        "unknown-name",
        "unknown-filter",
    ]
    assert all(fault.startswith("templates/layouts/parts/foot.html:1:") for fault in faults)
    assert dict(templates.infos) == {}
