"""What pictures are drawn with, those of commands and of the documentation: colours, texts, arrows, the page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

INK, GREY, FAINT, PAPER = "#22302b", "#66736c", "#d9ded9", "#ffffff"
GREEN, BLUE, PURPLE, AMBER, RED = "#1f5f4a", "#2f6fb0", "#7d3fa3", "#b86e0c", "#b3362b"
HALO = f' stroke="{PAPER}" stroke-width="6" paint-order="stroke"'
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
WIDTH = 1160

_MARKER = 'id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"'
HEAD = f'<defs><marker {_MARKER}><path d="M0,0 L8,4 L0,8 z" fill="{GREY}"/></marker></defs>'
"""The head of an arrow; a page that has arrows begins with it."""


def page(height: float, title: str, parts: Iterable[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height:g}" role="img" font-family="{FONT}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height:g}" rx="10" fill="{PAPER}"/>',
            *parts,
            "</svg>\n",
        )
    )


def label(
    x: float, y: float, text: str, size: float = 13, color: str = INK, anchor: str = "start", more: str = ""
) -> str:
    place = f'x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{color}" text-anchor="{anchor}"{more}'
    return f"<text {place}>{escape(text)}</text>"


def wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def arrow(x: float, y: float, to_x: float, to_y: float, *, both: bool = False) -> str:
    start = ' marker-start="url(#head)"' if both else ""
    return f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}" stroke="{GREY}"{start} marker-end="url(#head)"/>'
