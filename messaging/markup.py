"""Reads the markup of a message, HTML or MJML, as text: its tags, their attributes, and what Jinja2 does between.

Nothing here parses a whole document; a template is not one before it is rendered. Offsets are those of the source, so
that a mistake can be shown at its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

OUTPUT, STATEMENT = "\ue000", "\ue001"
"""What stands in a masked text for each character of `{{ ... }}` and of `{% ... %}`."""

_INSIDE = r"""(?:"[^"]*"|'[^']*'|[^"'}%]|%(?!\})|\}(?!\}))*+"""
JINJA = re.compile(
    r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{\#.*?\#\}"
    rf"|(?P<output>\{{\{{{_INSIDE}\}}\}})|(?P<statement>\{{%{_INSIDE}%\}})",
    re.DOTALL,
)
_NAME = rf"""[^\s"'<>/={STATEMENT}]"""
_TOKEN = re.compile(
    # Outlook reads what stands in its comments, and all others what stands in `<!--[if !mso]><!-->`: no comments
    r"<!--\[if[^\]]*\]>(?:<!--+>)?|<!--\s*+<!\[endif\]-->|<!\[endif\]-->"
    r"|(?P<comment><!--.*?(?:-->|\Z))|(?P<declaration><[!?][^>]*+>?)"
    rf"""|<(?P<close>/?)(?P<tag>[a-zA-Z{OUTPUT}][^\s/<>{STATEMENT}]*+)"""
    r"""(?P<attributes>(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)(?P<end>>?)""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rf"""(?P<name>{_NAME}++)(?:[\s{STATEMENT}]*+=[\s{STATEMENT}]*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'"""
    rf"""|(?P<bare>[^\s"'<>{STATEMENT}]++)))?""",
    re.DOTALL,
)
RAW = frozenset(("style", "script", "mj-style"))
"""Elements whose text is read as it is: nothing in it is unescaped, so that escaping protects nothing."""


class Attribute(NamedTuple):
    """An attribute of a tag, its value as it is written. `offset` is that of its name, `at` that of its value."""

    tag: str
    name: str
    value: str | None
    offset: int
    at: int
    quoted: bool


class Piece(NamedTuple):
    """A tag, or what is no text but no tag either: `kind` is tag, close, declaration or raw (the text of a style)."""

    kind: str
    tag: str
    start: int
    end: int
    attributes: tuple[int, int] = (0, 0)


def masked(source: str) -> str:
    """A template's source with every character of what Jinja2 reads replaced, each line and offset as it was."""
    return JINJA.sub(_mask, source)


def _mask(found: re.Match[str]) -> str:
    mark = OUTPUT if found["output"] else STATEMENT if found["statement"] else " "
    return re.sub(r"[^\n]", mark, found[0])


def pieces(text: str) -> Iterator[Piece]:
    """The markup of a text, rendered or masked, in its order. Comments are left out, Outlook's excepted."""
    position = 0
    while found := _TOKEN.search(text, position):
        position = found.end()
        tag = (found["tag"] or "").lower()
        if found["declaration"]:
            yield Piece("declaration", "", found.start(), position)
        elif tag:
            kind = "close" if found["close"] else "tag"
            yield Piece(kind, tag, found.start(), position, found.span("attributes"))
            if kind == "tag" and tag in RAW and not found["attributes"].endswith("/"):
                end = _end_of(tag, text, position)
                yield Piece("raw", tag, position, end)
                position = end


def _end_of(tag: str, text: str, start: int) -> int:
    found = re.compile(rf"</{tag}\b", re.IGNORECASE).search(text, start)
    return found.start() if found else len(text)


def attributes(text: str, piece: Piece) -> Iterator[Attribute]:
    """The attributes of a tag."""
    start, end = piece.attributes
    for found in _ATTRIBUTE.finditer(text, start, end):
        value, at, quoted = None, found.start(), True
        for group in ("double", "single", "bare"):
            if found[group] is not None:
                value, at, quoted = found[group], found.start(group), group != "bare"
        yield Attribute(piece.tag, found["name"].lower(), value, found.start(), at, quoted)


def read(value: str) -> str:
    """What a program reads in the value of an attribute: entities read, space around it gone."""
    return unescape(value).strip(" \t\n\r\f")
