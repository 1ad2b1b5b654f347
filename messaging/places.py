"""Where in markup a value may stand: in text, and in an attribute's quotes. There escaping keeps it from being markup.

In a style, a script, a handler such as `onclick`, outside quotes or as the name of something it does not. Only what
cannot be anything else stands there: numbers, and texts that the template itself holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, nodes

from messaging import markup
from messaging.markup import OUTPUT, STATEMENT
from messaging.sandbox import Sandbox

_NUMBERS = ("int", "round", "length", "count")
_TEXTS = frozenset("href src srcset alt title name rel target lang css-class mj-class class id".split())
"""Attributes of MJML elements that become attributes of HTML; all others become part of a style."""

_TEXT_PREFIXES = ("aria-", "data-")
_KEEPS_PLACE = re.compile(r"\{%[-+]?\s*(?:if|elif|else|endif|for|endfor|set)\b")
_HINT = (
    "write a number as `{{ ... | int }}`, or choose between texts of the template's own: "
    "`{{ 'green' if customer.paid else 'red' }}`"
)


class Misplaced(NamedTuple):
    """Something of Jinja2's that stands where it may not: its offset, what it is, and what to do."""

    offset: int
    message: str
    hint: str | None


def misplaced(source: str, sandbox: Sandbox) -> Iterator[Misplaced]:
    """Everything in a template of HTML or MJML that stands where escaping does not hold."""
    text = markup.masked(source)
    for piece in markup.pieces(text):
        if piece.kind == "tag":
            yield from _in_tag(piece, text, source, sandbox)
        else:
            where = f"the `<{piece.tag}>` element" if piece.kind == "raw" else "a tag, outside quotes"
            yield from _values(piece.start, piece.end, where, text, source, sandbox)
        if piece.kind != "close":
            yield from _statements(piece, text, source)


def _in_tag(piece: markup.Piece, text: str, source: str, sandbox: Sandbox) -> Iterator[Misplaced]:
    position = piece.start
    for attribute in markup.attributes(text, piece):
        value = attribute.value or ""
        if not attribute.quoted or not value:
            continue
        yield from _values(position, attribute.at, "a tag, outside quotes", text, source, sandbox)
        position = attribute.at + len(value)
        if not _holds(attribute):
            yield from _values(attribute.at, position, f"`{attribute.name}`", text, source, sandbox)
    # A tag that is not closed here, or a quote, goes on in whatever stands next.
    end = piece.end if text[piece.end - 1] == ">" else len(text)
    yield from _values(position, end, "a tag, outside quotes", text, source, sandbox)


def _holds(attribute: markup.Attribute) -> bool:
    """Whether escaping keeps a value in its place in this attribute."""
    if attribute.tag.startswith("mj-"):
        return attribute.name in _TEXTS or attribute.name.startswith(_TEXT_PREFIXES)
    if attribute.tag in ("meta", "base", "object", "embed", "iframe"):
        return False
    return attribute.name not in ("style", "srcdoc") and not attribute.name.startswith("on")


def _values(start: int, end: int, where: str, text: str, source: str, sandbox: Sandbox) -> Iterator[Misplaced]:
    if OUTPUT not in text[start:end]:
        return
    for found in markup.JINJA.finditer(source, start, end):
        if found["output"] and not _is_fixed(found["output"], sandbox):
            shown = " ".join(found["output"].split())
            message = f"`{shown}` stands in {where}, where a value could change more than itself"
            yield Misplaced(found.start(), message, _HINT)


def _statements(piece: markup.Piece, text: str, source: str) -> Iterator[Misplaced]:
    if STATEMENT not in text[piece.start : piece.end]:
        return
    for found in markup.JINJA.finditer(source, piece.start, piece.end):
        if found["statement"] and not _KEEPS_PLACE.match(found["statement"]):
            shown = " ".join(found["statement"].split())
            yield Misplaced(found.start(), f"`{shown}` cannot stand inside a tag, a style or a script", None)


def _is_fixed(output: str, sandbox: Sandbox) -> bool:
    """Whether `{{ ... }}` can come to nothing but a number or a text that stands in it."""
    try:
        (shown,) = sandbox.parse(output).body
    except (TemplateSyntaxError, ValueError, RecursionError):
        return True  # what is no Jinja2 is reported as that
    return isinstance(shown, nodes.Output) and all(_fixed(part) for part in shown.nodes)


def _fixed(node: nodes.Node | None) -> bool:
    if isinstance(node, nodes.CondExpr):
        return _fixed(node.expr1) and _fixed(node.expr2)
    if isinstance(node, nodes.BinExpr):
        return _fixed(node.left) and _fixed(node.right)
    if isinstance(node, nodes.Filter):
        return node.name in _NUMBERS and all(isinstance(argument, nodes.Const) for argument in node.args)
    return isinstance(node, nodes.Const | nodes.TemplateData)
