"""Renders a message for one customer: Jinja2, MJML, styles, the text part. Sends nothing and reads no file.

Two guards stand at the end, whatever template and values are: no link of a message leads anywhere but where links may,
and no marketing e-mail goes without a postal address and a way out.

Errors carry codes and names only: what a template or a customer said never stands in an exception, because exceptions
travel further than personal data may.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.exceptions import SecurityError

from lifecycle.facts import Facts
from lifecycle.language.template import Channel, TemplateInfo
from messaging import foot, hrefs, mjml, styles
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
    "unsafe-link": "with this customer's values a link is not absolute, or of a kind that a message may not have",
    "no-postal-address": "marketing e-mail must show a postal address, and this one does not",
    "no-unsubscribe-link": "marketing e-mail must show a link to unsubscribe, and this one does not",
    "mjml": "with this customer's values the template is not MJML",
    "empty": "the message comes to nothing for this customer",
}


class RenderError(Exception):
    """A message that cannot be made. `code` is a key of `_SAYS`, `missing` the dotted name of a value."""

    def __init__(self, template: str, code: str, missing: str | None = None) -> None:
        super().__init__(f"{template}: {_SAYS[code].format(missing=missing)}")
        self.template, self.code, self.missing = template, code, missing

    @property
    def reason(self) -> str:
        """The code, and the name of what is missing: how the ledger and timelines tell it."""
        return f"{self.code}: {self.missing}" if self.missing else self.code


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as it will go out.

    E-mail has a subject, HTML and text; `segments` is 0 and `encoding` empty. SMS has text, `segments` and `encoding`
    (GSM-7 or UCS-2). `language` is that of the file that was used, `""` where it has none. `from_` and `reply_to` are
    what the template asks for, an address or `Name <address>`; `tracking`: opens and clicks may be counted.
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
    from_: str | None = None
    reply_to: str | None = None
    tracking: bool = True


REREAD = 10.0
"""Seconds between two looks for a template that is not there."""


class Renderer:
    """Renders the messages of one project. Safe to use from several threads.

    `language` is that of files without one, for dates and amounts. `reread` reads the templates again, None where they
    have mistakes: a version that was applied meanwhile may send by one that was not there before.
    """

    def __init__(
        self, templates: Templates, language: str = "en", reread: Callable[[], Templates | None] | None = None
    ) -> None:
        self.templates, self.language, self.reread = templates, language, reread
        self._read = -REREAD

    def info(self, name: str, channel: Channel) -> TemplateInfo | None:
        """What a template says of itself; None where there is none."""
        found = self.templates.infos.get((name, channel))
        if found is None and self.reread is not None and time.monotonic() - self._read > REREAD:
            self._read = time.monotonic()
            self.templates = self.reread() or self.templates
            found = self.templates.infos.get((name, channel))
        return found

    def render(
        self, name: str, channel: Channel, language: str | None, facts: Facts, extra: Mapping[str, str] | None = None
    ) -> Rendered:
        """The message for these facts; raises RenderError.

        `extra` gives `company`, `postal_address`, `unsubscribe_url`, `preferences_url` and `confirm_url`; marketing
        e-mail must have an address and a link to unsubscribe. `language` is a tag such as `pt-BR`; its base and then
        the file without a language stand in.
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
        front = variant.front
        names = dict.fromkeys(GIVEN, "") | dict(extra) | names_of(facts, front.defaults)
        names["language"] = variant.language or self.language
        for need in front.needs or ():
            if value_at(names, need) is NOTHING:
                raise MissingValue(need)
        if variant.channel == "sms":
            text = tidy(self._text(variant.body, names))
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
        html, text = self._body(variant, names)
        lacks = foot.lacking(html, text, extra) if (front.purpose or "marketing") == "marketing" else []
        if lacks:
            raise RenderError(variant.name, lacks[0])
        return Rendered(
            variant.name, "email", variant.language, text, subject, preheader, html, from_=front.from_,
            reply_to=front.reply_to, tracking=front.tracking is not False,
        )  # fmt: skip

    def _body(self, variant: Variant, names: Mapping[str, Any]) -> tuple[str, str]:
        """HTML and text of an e-mail."""
        source, css = mjml.without_control(self._text(variant.body, names)), ""
        if variant.kind == "mjml":
            source, css = styles.sheets_of(source)
            source = mjml.to_html(source)
        # Before styles are put on elements: that writes quotes in texts anew, and a text that shows a link is none.
        if hrefs.unsafe_links(source):
            raise RenderError(variant.name, "unsafe-link")
        html = styles.in_mjml(source, css) if variant.kind == "mjml" else styles.in_html(source)
        return html.strip(), text_of(html)

    def _text(self, template: Template | None, names: Mapping[str, Any]) -> str:
        return "" if template is None else self.templates.sandbox.rendered(template, names)


def _one_line(text: str) -> str:
    """A text without line breaks or other control characters: nothing in it can begin another mail header."""
    return " ".join(_CONTROL.sub(" ", text).split())


def tidy(text: str) -> str:
    """A text as it is sent: no control characters, no spaces at the ends of lines, no two empty lines in a row."""
    lines = (line.strip() for line in mjml.without_control(text).splitlines())
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
