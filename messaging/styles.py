"""Puts the rules of a message's style sheets on its elements, for mail programs that drop the sheets.

What cannot stand on an element stays in the sheet: `@media`, `@font-face`, `:hover`. A rule within `@media` that is to
win over one that was put on an element needs `!important`, in any mail program.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from css_inline import CSSInliner, InlineError

_SHEET = re.compile(r"<mj-style\b(?P<attributes>[^>]*)>(?P<css>.*?)</mj-style\s*>", re.DOTALL | re.IGNORECASE)
_INLINE = re.compile(r"""\s+inline\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_HTML_SHEET = re.compile(r"<style\b", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AT_RULE = re.compile(r"@[^{};]*(?:;|\{(?:[^{}]|\{[^{}]*\})*\}|\Z)")
_LEFT_ALONE = ' data-css-inline="ignore"'

# Nothing is fetched: a style sheet that lies elsewhere stays a link.
_inliner = partial(
    CSSInliner, keep_style_tags=True, keep_at_rules=True, keep_link_tags=True, load_remote_stylesheets=False
)
_HTML = _inliner(remove_inlined_selectors=True)


def in_html(html: str) -> str:
    """An HTML message with its own style sheets on its elements; one without any goes through as it is."""
    return _inlined(_HTML, html) if _HTML_SHEET.search(html) else html


def sheets_of(mjml: str) -> tuple[str, str]:
    """An MJML document of which mrml puts no style on elements, and the rules of its author that belong there.

    mrml can do so itself, and takes longer; its own rules for mail programs that read style sheets stay in the sheet.
    """
    css: list[str] = []

    def read(sheet: re.Match[str]) -> str:
        css.append(sheet["css"])
        return sheet[0].replace(sheet["attributes"], _INLINE.sub("", sheet["attributes"]), 1)

    if "<mj-style" in mjml:
        mjml = _SHEET.sub(read, mjml)
    return mjml, _rules("\n".join(css))


def in_mjml(html: str, css: str) -> str:
    """The HTML of an MJML document with the rules `css` on its elements."""
    if not css:
        return html
    left = _HTML_SHEET.sub(lambda sheet: sheet[0] + _LEFT_ALONE, html)
    return _inlined(_with(css), left).replace(_LEFT_ALONE, "")


@lru_cache(maxsize=64)
def _rules(css: str) -> str:
    """The rules that can stand on elements."""
    return _AT_RULE.sub("", _COMMENT.sub("", css)).strip()


@lru_cache(maxsize=64)
def _with(css: str) -> CSSInliner:
    return _inliner(extra_css=css)


def _inlined(inliner: CSSInliner, html: str) -> str:
    try:
        return inliner.inline(html)
    except InlineError:
        # A sheet that is no CSS is dropped by every mail program too. The message is the same without it.
        return html
