"""The sandbox holds when a template gets past the checks: each attack is compiled and rendered here directly."""

from __future__ import annotations

import time

import pytest
from jinja2 import TemplateError
from whenever import Date, Instant

from lifecycle.facts import Facts
from messaging.names import names_of
from messaging.sandbox import MissingValue, Sandbox, TooMuch

FACTS = Facts(
    Instant.from_utc(2026, 1, 5, 23, 30),
    customer={"first_name": "Ada", "time_zone": "Europe/Paris", "tags": ["a", "b"], "address": {"city": "Lyon"}},
    event={"amount": 1234.5, "at": Instant.from_utc(2026, 1, 5, 23, 30), "day": Date(2026, 3, 1)},
)


def rendered(source: str, name: str = "x.txt", layouts: dict[str, str] | None = None, language: str = "en") -> str:
    sandbox = Sandbox(layouts)
    return sandbox.rendered(sandbox.compiled(source, name), names_of(FACTS) | {"language": language})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ customer.__class__ }}",
        "{{ customer.tags.__class__.__mro__ }}",
        "{{ customer['__init__'] }}",
        "{{ customer.data }}",
        "{{ range.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{{ customer.tags.append('c') }}",
        "{{ ''.join(customer.tags) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ 'x'.upper() }}",
        "{{ event.at.now() }}",
        "{{ customer.items.__func__ }}",
        "{{ lipsum() }}",
        "{{ cycler('a') }}",
        "{{ namespace(a=1) }}",
        "{{ dict(a=1) }}",
        "{% include 'layouts/../../secret.txt' %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_nothing_but_plain_data_can_be_reached(source: str) -> None:
    with pytest.raises(TemplateError):
        rendered(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{{ 10**9 * 'a' }}",
        "{{ 10**10**10 }}",
        "{{ 2**200 * 2**200 }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(999) %}{% for j in range(999) %}{% for k in range(9) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set a = 'x' * 1 %}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
        "{% set a %}xxxxxxxxxx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for i in range(900) %}{% for j in range(20) %}{{ 'y' ~ 'xxxxxxxxxx' * 1 }}{% endfor %}{% endfor %}",
        "{{ '%1000000000d' % 1 }}",
        "{{ range(1000)|join('x' ~ '" + "y" * 1000 + "') }}",
        "{{ 1.5|round(1000000000) }}",
        "{{ event.at|date('%1000000000d') }}",
        "{% include 'layouts/self.txt' %}",
    ],
)
def test_work_memory_and_numbers_are_bounded(source: str) -> None:
    layouts = {"layouts/self.txt": "{% include 'layouts/self.txt' %}{% include 'layouts/self.txt' %}"}
    begin = time.process_time()
    with pytest.raises((TooMuch, TypeError, ValueError)):
        rendered(source, layouts=layouts)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("name", ["center", "replace", "format", "safe", "tojson", "xmlattr", "map", "attr", "pprint"])
def test_filters_that_can_grow_or_reach_are_not_there(name: str) -> None:
    with pytest.raises(TemplateError, match="No filter"):
        rendered("{{ 'a'|" + name + " }}")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ customer.country }}", "customer.country"),
        ("{{ customer.address.street.number }}", "customer.address.street.number"),
        ("{% if customer.country == 'FR' %}{% endif %}", "customer.country"),
        ("{% for tag in customer.labels %}{% endfor %}", "customer.labels"),
        ("{{ customer.country ~ '' }}", "customer.country"),
        ("{{ milestones.purchase.last|date }}", "milestones.purchase.last"),
        ("{{ messages.nudge.state }}", "messages.nudge.state"),
        ("{{ reached.amount }}", "reached.amount"),
        ("{{ health }}", "health"),
    ],
)
def test_a_missing_value_is_an_error_that_names_it(source: str, name: str) -> None:
    with pytest.raises((MissingValue, TypeError, ValueError)) as raised:
        rendered(source)
    assert isinstance(raised.value, MissingValue)
    assert raised.value.name == name


@pytest.mark.parametrize(
    ("source", "language", "text"),
    [
        ("{{ event.at|date }}", "en", "6 January 2026"),
        ("{{ event.at|date('%d.%m.%Y %H:%M') }}", "de", "06.01.2026 00:30"),
        ("{{ event.day|date('%-d.%-m.') }}", "de", "1.3."),
        ("{{ event.day|date }}", "de", "2026-03-01"),
        ("{{ '2026-03-01'|date }}", "en", "1 March 2026"),
        ("{{ event.amount|money('EUR') }}", "en", "€1,234.50"),
        ("{{ event.amount|money('EUR') }}", "de-AT", "1.234,50 €"),
        ("{{ event.amount|money('CHF') }}", "en", "CHF 1,234.50"),
        ("{{ '-3'|money }}", "fr", "-3,00"),
        ("{{ event.amount|round }}", "en", "1234"),
        ("{{ customer.tags|join(', ') }}", "en", "a, b"),
        ("{% for key, value in customer.address.items() %}{{ key }}={{ value }}{% endfor %}", "en", "city=Lyon"),
        ("{% for tag in customer.tags %}{{ loop.index }}{{ tag }}{% endfor %}", "en", "1a2b"),
        ("{% macro hi(name) %}Hi {{ name }}{% endmacro %}{{ hi(customer.first_name) }}", "en", "Hi Ada"),
    ],
)
def test_what_marketing_needs_is_there(source: str, language: str, text: str) -> None:
    assert rendered(source, language=language) == text


@pytest.mark.parametrize("source", ["{{ 'soon'|date }}", "{{ 'much'|money }}", "{{ customer.tags|money }}"])
def test_a_value_of_the_wrong_kind_is_an_error_without_the_value(source: str) -> None:
    with pytest.raises((ValueError, TypeError)) as raised:
        rendered(source)
    assert "soon" not in str(raised.value)


def test_a_whole_group_is_never_printed() -> None:
    with pytest.raises(TypeError, match="not one value"):
        rendered("{{ customer }}")


def test_values_are_escaped_in_markup_and_only_there() -> None:
    for name, text in (("x.mjml", "&lt;b&gt;"), ("x.html", "&lt;b&gt;"), ("x.txt", "<b>")):
        assert rendered("{{ '<b>' }}|{{ '<b>' ~ '' }}", name) == f"{text}|{text}"
    assert rendered("{{ ['<b>']|join('<br>') }}", "x.html") == "&lt;b&gt;"
    assert rendered("{{ ['<b>', '<i>']|join('&') }}", "x.html") == "&lt;b&gt;&amp;&lt;i&gt;"
