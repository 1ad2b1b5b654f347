"""Renders a message for one customer: Jinja2, then MJML, then the text part. Sends nothing and reads no file.

Errors carry codes and names only: what a template or a customer said never stands in an exception, because exceptions
travel further than personal data may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.exceptions import SecurityError

from lifecycle.facts import Facts
from lifecycle.language.template import Channel
from messaging import mjml
from messaging.checking import GIVEN
from messaging.names import NOTHING, names_of, value_at
from messaging.sandbox import MissingValue, TooMuch
from messaging.sms import size_of
from messaging.templates import Templates, Variant
from messaging.text import text_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_SAYS = {
    "unknown-template": "there is no such template",
    "missing-value": "there is no value for `{missing}`; send that value or give it a default in the template",
    "bad-value": "a value cannot be shown the way the template wants it",
    "too-much": "the template asks for more work or a longer text than a message may have",
    "unsafe": "the template does what the sandbox forbids",
    "mjml": "with this customer's values the template is not MJML",
    "empty": "the message comes to nothing for this customer",
}


class RenderError(Exception):
    """A message that cannot be made. `code` is a key of `_SAYS`, `missing` the dotted name of a value."""

    def __init__(self, template: str, code: str, missing: str | None = None) -> None:
        super().__init__(f"{template}: {_SAYS[code].format(missing=missing)}")
        self.template, self.code, self.missing = template, code, missing


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as it will go out.

    E-mail has a subject, HTML and text; `segments` is 0 and `encoding` empty. SMS has text, `segments` and `encoding`
    (GSM-7 or UCS-2). `language` is that of the file that was used, `""` where it has none.
    """

    template: str
    channel: Channel
    language: str
    text: str
    subject: str = ""
    preheader: str = ""
    html: str = ""
    segments: int = 0
    encoding: str = ""


class Renderer:
    """Renders the messages of one project. Safe to use from several threads.

    `language` is that of files without one, for dates and amounts.
    """

    def __init__(self, templates: Templates, language: str = "en") -> None:
        self.templates, self.language = templates, language

    def render(
        self, name: str, channel: Channel, language: str | None, facts: Facts, extra: Mapping[str, str] | None = None
    ) -> Rendered:
        """The message for these facts. `extra` gives `unsubscribe_url`, `preferences_url`, `postal_address`, `company`.

        `language` is a tag such as `pt-BR`; its base and then the file without a language stand in. Raises RenderError.
        """
        variant = self.templates.variant(name, channel, language)
        if variant is None:
            raise RenderError(name, "unknown-template")
        try:
            return self._render(variant, facts, extra or {})
        except MissingValue as error:
            code, missing = "missing-value", error.name
        except TooMuch:
            code, missing = "too-much", None
        except SecurityError:
            code, missing = "unsafe", None
        except mjml.MjmlError:
            code, missing = "mjml", None
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            code, missing = "bad-value", None
        # Raised out here so that the first exception, which may quote a value, does not hang on to this one.
        raise RenderError(name, code, missing)

    def _render(self, variant: Variant, facts: Facts, extra: Mapping[str, str]) -> Rendered:
        names = dict.fromkeys(GIVEN, "") | dict(extra) | names_of(facts, variant.front.defaults)
        names["language"] = variant.language or self.language
        for need in variant.front.needs or ():
            if value_at(names, need) is NOTHING:
                raise MissingValue(need)
        if variant.channel == "sms":
            text = _tidy(self._text(variant.body, names))
            if not text:
                raise RenderError(variant.name, "empty")
            size = size_of(text)
            return Rendered(
                variant.name, "sms", variant.language, text, segments=size.segments, encoding=size.encoding
            )  # fmt: skip
        subject = names["subject"] = _one_line(self._text(variant.subject, names))
        preheader = names["preheader"] = _one_line(self._text(variant.preheader, names))
        if not subject:
            raise RenderError(variant.name, "empty")
        html = self._text(variant.body, names)
        if variant.kind == "mjml":
            html = mjml.to_html(html)
        return Rendered(variant.name, "email", variant.language, text_of(html), subject, preheader, html.strip())

    def _text(self, template: Template | None, names: Mapping[str, Any]) -> str:
        return "" if template is None else self.templates.sandbox.rendered(template, names)


def _one_line(text: str) -> str:
    """A text without line breaks or other control characters: nothing in it can begin another mail header."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _tidy(text: str) -> str:
    lines = (line.strip() for line in mjml.without_control(text).splitlines())
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
