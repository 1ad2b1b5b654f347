"""Which addresses a message may lead to: absolute ones, of four kinds, and places in the message itself.

A message is read far from any page, so that `/sign-in` leads nowhere. What a template says itself is found by `check`;
what comes of a customer's values is looked at in each message, and one bad link refuses it. `javascript:` and its like
are not searched for: whatever is not allowed is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from messaging import markup
from messaging.markup import OUTPUT, STATEMENT

IN_HTML = "href src action formaction background poster data cite longdesc ping srcset".split()
"""Attributes of HTML, and of Outlook's markup, that hold addresses."""

_IN_MJML = "background-url thumbnails-src icon-wrapped-url icon-unwrapped-url left-icon right-icon".split()
_ALL = frozenset((*IN_HTML, *_IN_MJML, "xlink:href"))

_SAFE = re.compile(r"https?://[^\s/?#\\]|(?:mailto:|tel:|\#)\S", re.IGNORECASE)
_BEGINS_WELL = re.compile(rf"{_SAFE.pattern}|(?:https?:/?/?|mailto:|tel:|\#)$", re.IGNORECASE)
# Written for lower case, so that each begins with plain letters: regular expressions find those quickly.
_NOT_SURE = tuple(
    re.compile(rf"""{name}\s*+=\s*+["']?+\s*+(?!https?://[^\s/?#\\"'<>]|(?:mailto:|tel:|\#)[^\s"'<>])""")
    for name in IN_HTML
    if name != "srcset"
)

_STATEMENTS = re.compile(f"({STATEMENT}+)")
_ELSE, _END = re.compile(r"\{%[-+]?\s*(?:else|elif)\b"), re.compile(r"\{%[-+]?\s*end")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_WEB = re.compile(r"https?:/*(?=[^/])", re.IGNORECASE)
_HOST = re.compile(
    r"(?:[\w-]+\.)+(?!(?:html?|php|aspx?|pdf|png|jpe?g|gif|svg|webp|ics)\b)[a-z]{2,}(?=[:/?#]|$)", re.IGNORECASE
)
_MAIL = re.compile(r"[^\s@/]+@[^\s@/]+\.[^\s@/]+$")
_PHONE = re.compile(r"\+?[\d ()./-]{5,}$")


class Wrong(NamedTuple):
    """A link that leads nowhere: the offset of its attribute, the attribute as it is, and as it should be."""

    offset: int
    written: str
    right: str | None


def links(html: str) -> Iterator[str]:
    """Every address in a rendered message as a mail program reads it, those in Outlook's comments too."""
    for piece in markup.pieces(html):
        if piece.kind == "tag":
            for attribute in markup.attributes(html, piece):
                if attribute.name in _ALL:
                    yield from _addresses(attribute.name, markup.read(attribute.value or ""))


def unsafe_links(html: str) -> list[str]:
    """The addresses in a message that it may not have."""
    small = html.lower()
    if "srcset" not in small and not any(pattern.search(small) for pattern in _NOT_SURE):
        return []
    return [address for address in links(html) if not _SAFE.match(address)]


def wrong_links(source: str) -> Iterator[Wrong]:
    """The links of a template that are wrong whatever the values are: not absolute, or of a kind that may not be."""
    text = markup.masked(source)
    for piece in markup.pieces(text):
        # What the links of a navigation bar begin with may stand in the bar, so they are looked at in the message.
        if piece.kind != "tag" or piece.tag == "mj-navbar-link":
            continue
        for attribute in markup.attributes(text, piece):
            if attribute.name in _ALL and attribute.value is not None:
                yield from _wrong(attribute, source)


def _wrong(attribute: markup.Attribute, source: str) -> Iterator[Wrong]:
    value = attribute.value or ""
    for start, part in _beginnings(value, attribute.at, source):
        fixed, varies = markup.read(part.partition(OUTPUT)[0]), OUTPUT in part or part != value
        if varies and not fixed:
            continue
        good = _BEGINS_WELL.match if varies else _SAFE.match
        if not all(good(address) for address in _addresses(attribute.name, fixed)):
            written, right = (
                source[start : start + len(part)].strip(),
                _right(source[start : start + len(part)].strip()),
            )
            shown = f'{attribute.name}="{right}"' if right else None
            yield Wrong(attribute.offset, f'{attribute.name}="{written}"', shown)


def _beginnings(value: str, start: int, source: str) -> Iterator[tuple[int, str]]:
    """What a value may begin with, and its offset: one text, or that of each branch of an `{% if %}`."""
    begun = False
    for part in _STATEMENTS.split(value):
        said = source[start : start + len(part)]
        if part.startswith(STATEMENT):
            if begun and (_END.search(said) or not _ELSE.search(said)):
                return
        elif part.strip() or not value.strip():
            begun = True
            yield start, part
        start += len(part)


def _addresses(name: str, value: str) -> Iterator[str]:
    if name in ("srcset", "thumbnails-src"):
        yield from (part.split(" ", 1)[0] for part in re.split(r",\s+", value))
    else:
        yield value


def _right(wrong: str) -> str | None:
    """The address that was probably meant."""
    if _WEB.match(wrong):
        return _WEB.sub("https://", wrong)
    if wrong.startswith("//"):
        return f"https:{wrong}"
    if _MAIL.match(wrong):
        return f"mailto:{wrong}"
    if _PHONE.match(wrong):
        return "tel:" + re.sub(r"[^\d+]", "", wrong)
    if _HOST.match(wrong):
        return f"https://{wrong}"
    if not wrong or _SCHEME.match(wrong) or wrong.startswith("#"):
        return None
    return "https://www.example.com/" + wrong.lstrip("./")
