"""MJML to HTML by mrml, and where in a file MJML is wrong.

mrml says what is wrong rarely and where almost never, and lets through an element that it does not know. So a text that
it refuses is read again by the small scanner here, which finds tags that do not match, with their line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import mrml

from lifecycle.language.faults import did_you_mean
from messaging import markup

_OPTIONS = mrml.ParserOptions(include_loader=mrml.noop_loader())
_RENDER = mrml.RenderOptions()
# Characters that XML has no place for; one in a customer's name must not cost the message.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_TAG = re.compile(
    r"""<!--.*?-->|<(/?)([a-zA-Z][\w:-]*+)((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)(>?)|<(?![/!?a-zA-Z])""", re.DOTALL
)
_BARE = re.compile(r"""=\s*[^\s"'>=/]""")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_ELEMENTS = frozenset(
    "mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes mj-selector "
    "mj-html-attribute mj-preview mj-style mj-title mj-accordion mj-accordion-element mj-accordion-title "
    "mj-accordion-text mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image "
    "mj-navbar mj-navbar-link mj-raw mj-section mj-social mj-social-element mj-spacer mj-table mj-text "
    "mj-wrapper".split()
)


class MjmlError(ValueError):
    """A text that is not MJML. The message is mrml's, which names no value of the text."""


def to_html(text: str) -> str:
    """The HTML of an MJML document; raises MjmlError."""
    try:
        return mrml.to_html(without_control(text).strip(), _OPTIONS, _RENDER).content
    except OSError as error:
        raise MjmlError(str(error)) from None


def without_control(text: str) -> str:
    """`text` without the characters that no document may hold."""
    return _IMPOSSIBLE.sub("", text)


def unknown_elements(source: str) -> Iterator[tuple[int, str]]:
    """Offset and fault of each `mj-...` element that does not exist; mrml would leave them out of the message."""
    for tag in _TAG.finditer(_blank(source)):
        name = (tag[2] or "").lower()
        if not tag[1] and name.startswith("mj") and name not in _ELEMENTS:
            if name == "mj-include":
                yield tag.start(), '`<mj-include>` is not read; write `{% include "layouts/..." %}`'
            else:
                hint = did_you_mean(name, _ELEMENTS)
                yield tag.start(), f"MJML has no element `<{tag[2]}>`" + (f"; {hint}" if hint else "")


def mismatch(source: str) -> tuple[int, str] | None:
    """Offset and fault of the first tag of a template's source that cannot be right, None where all of them match."""
    text = _blank(source)
    open_: list[tuple[str, int]] = []
    for tag in _TAG.finditer(text):
        closing, name, attributes, end = tag[1], tag[2], tag[3], tag[4]
        if name is None:
            if tag[0] == "<":
                return tag.start(), "a `<` that begins no tag is written `&lt;`"
            continue
        if not end:
            return tag.start(), f"`<{closing}{name}` is not closed by `>`, or a quote is missing in it"
        if _BARE.search(_QUOTED.sub('""', attributes)):
            return tag.start(), f"the values of `<{name}>` must stand in quotes"
        if closing:
            if all(name != opened for opened, _ in open_):
                return tag.start(), f"`</{name}>` closes nothing"
            opened, offset = open_.pop()
            if opened != name:
                return offset, f"`<{opened}>` is never closed"
        elif not attributes.endswith("/") and name.lower() not in _VOID:
            open_.append((name, tag.start()))
    if open_:
        name, offset = open_[-1]
        return offset, f"`<{name}>` is never closed"
    return None


def _blank(source: str) -> str:
    """`source` with what Jinja2 reads replaced by spaces, every character at its place."""
    return markup.masked(source).replace(markup.OUTPUT, " ").replace(markup.STATEMENT, " ")
