"""The plain text part of an e-mail, derived from its HTML for people (and machines) that read no HTML.

Links keep their address, lists their marks, tables of data their cells. What is hidden in the HTML, and images other
than the face of a link, are left out. Only the standard library: the reader below is the small part of a browser that
mail needs, and takes the tables that MJML lays out with for what they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SILENT = frozenset("head style script title template object svg noscript select textarea".split())
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 ul ol table blockquote pre section article header footer hr".split())
_LINES = frozenset("div tr li dt dd address caption center".split())

# Comments (Outlook's conditional ones too), declarations, tags, texts; a `<` that begins none of these is text.
_TOKEN = re.compile(
    r"""<!--.*?(?:-->|\Z)|<[!?][^>]*+>|<(/?)([a-zA-Z][\w:-]*+)((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>|([^<]++|<)""",
    re.DOTALL,
)
_ATTRIBUTE = {
    name: re.compile(rf"""\b{name}\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
    for name in ("href", "alt", "style")
}
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all")
_HIDDEN_FLAG = re.compile(r"(?:^|\s)hidden(?:\s|=|/|$)")
_SPACE = re.compile(r"[\s\u00a0]+")
# Marks without a width, with which preheaders are padded.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u2060\u2007\ufeff"))


def text_of(html: str) -> str:
    """The readable text of an HTML message: paragraphs apart by one empty line, `link text (https://...)`."""
    reader = _Reader()
    for token in _TOKEN.finditer(html):
        closing, tag, attributes, text = token.groups()
        if text:
            if not reader.hidden and (reader.line or not text.isspace()):
                reader.line.append(unescape(text))
        elif tag:
            if closing:
                reader.end(tag.lower())
            else:
                reader.start(tag.lower(), attributes)
    return reader.text()


def _attribute(name: str, attributes: str) -> str:
    found = _ATTRIBUTE[name].search(attributes)
    return unescape(found[1].strip("\"'")).strip() if found else ""


def _is_hidden(attributes: str) -> bool:
    written = attributes.lower()
    if ("none" in written or "hid" in written) and _HIDDEN.search(written):
        return bool(_HIDDEN.search(_attribute("style", written)))
    return "hidden" in written and bool(_HIDDEN_FLAG.search(_QUOTED.sub("", written)))


@dataclass(slots=True)
class _Open:
    """An element that is still open. `pieces` is what stood on the line ahead of a link."""

    tag: str
    hidden: bool = False
    href: str = ""
    layout: bool = False
    number: int = 0
    pieces: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self) -> None:
        self.open: list[_Open] = []
        self.hidden = 0
        self.lines: list[str] = []
        self.line: list[str] = []
        self.gap = False

    def start(self, tag: str, attributes: str) -> None:
        if tag in _VOID:
            if not self.hidden:
                self._void(tag, attributes)
            return
        element = _Open(tag, tag in _SILENT or _is_hidden(attributes))
        self.open.append(element)
        self.hidden += element.hidden
        if self.hidden:
            return
        if tag == "table":
            element.layout = 'role="presentation"' in attributes or 'role="none"' in attributes
        elif tag == "a":
            element.href = _attribute("href", attributes)
            element.pieces, self.line = self.line, []
        elif tag in ("td", "th") and self._in_data_table() and "".join(self.line).strip():
            self.line.append(" | ")
        self._break(tag)
        if tag == "li":
            self.line.append(self._mark())

    def end(self, tag: str) -> None:
        if (not self.open or self.open[-1].tag != tag) and not any(element.tag == tag for element in self.open):
            return
        while self.open:
            element = self.open.pop()
            if not self.hidden:
                if element.tag == "a":
                    self._link(element)
                self._break(element.tag)
            self.hidden -= element.hidden
            if element.tag == tag:
                return

    def _void(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self._end_line()
        elif tag == "img" and any(element.tag == "a" for element in self.open):
            self.line.append(f" {_attribute('alt', attributes)} ")
        elif tag == "hr":
            self._break(tag)

    def _link(self, element: _Open) -> None:
        text = _SPACE.sub(" ", "".join(self.line)).strip()
        spaced = bool(self.line) and self.line[0][:1].isspace()
        self.line = element.pieces
        address = element.href.removeprefix("mailto:").removeprefix("tel:")
        if not text or element.href.startswith("#") or not address or address.rstrip("/") in (text, f"https://{text}"):
            shown = text
        else:
            shown = f"{text} ({address})"
        self.line.append(f" {shown}" if spaced else shown)

    def _in_data_table(self) -> bool:
        table = next((element for element in reversed(self.open) if element.tag == "table"), None)
        return table is not None and not table.layout

    def _mark(self) -> str:
        parent = next((element for element in reversed(self.open) if element.tag in ("ul", "ol")), None)
        if parent is None or parent.tag == "ul":
            return "- "
        parent.number += 1
        return f"{parent.number}. "

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            # A list inside a list is no paragraph of its own.
            self._end_line()
            self.gap = self.gap or not (tag in ("ul", "ol") and any(e.tag == "li" for e in self.open))
        elif tag in _LINES:
            self._end_line()
            if tag == "tr" and not self._in_data_table():
                self.gap = True

    def _end_line(self) -> None:
        if not self.line:
            return
        text = _SPACE.sub(" ", "".join(self.line).translate(_UNSEEN)).strip()
        if any(element.tag == "a" for element in self.open):
            self.line = [text, " "] if text else []
            return
        self.line = []
        if not text:
            return
        if self.gap and self.lines:
            self.lines.append("")
        self.gap = False
        self.lines.append(text)

    def text(self) -> str:
        self.open.clear()
        self._end_line()
        return "\n".join(self.lines) + "\n" if self.lines else ""
