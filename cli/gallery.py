"""The page that `milepost preview --all` writes: every message side by side, as wide as a screen and as a phone.

It runs no script and fetches nothing: its policy says so to the browser, and the messages inside inherit it. That is
why a message's images are not seen here; its own file shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from messaging.render import Rendered

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 24px; font: 16px/1.5 system-ui, sans-serif; background: #f4f4f2; color: #1d2421; }
h1 { font-size: 24px; margin: 0 0 8px; } h2 { font-size: 20px; margin: 48px 0 8px; }
h3 { font-size: 16px; margin: 24px 0 4px; }
a { color: #1f5f4a; } dl { margin: 0 0 12px; display: grid; grid-template-columns: max-content 1fr; gap: 0 12px; }
dt { color: #55605b; } dd { margin: 0; } nav ul { columns: 18em; padding-left: 20px; }
.sizes { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; } figure { margin: 0; }
figcaption { color: #55605b; }
iframe { border: 1px solid #8a948f; border-radius: 8px; background: #fff; height: 720px; max-width: 94vw; }
.screen { width: 700px; } .phone { width: 375px; }
.sms { max-width: 340px; padding: 12px 16px; border-radius: 16px; white-space: pre-wrap; }
.sms { background: #dcebe4; color: #1d2421; }
.fault { padding: 8px 12px; border-left: 4px solid #b3261e; }
@media (prefers-color-scheme: dark) {
  body { background: #161b19; color: #e8ede9; } a { color: #8fd0b5; } dt, figcaption { color: #b4bfb9; }
}
"""


def page(folder: Path, shown: Sequence[tuple[Rendered, Sequence[Path]]], failed: Iterable[str]) -> str:
    """The page for messages whose files lie below `folder`, and for what could not be made."""
    messages: dict[str, list[tuple[Rendered, Sequence[Path]]]] = {}
    for rendered, files in shown:
        messages.setdefault(rendered.template, []).append((rendered, files))
    links = "".join(f'<li><a href="#{escape(name)}">{escape(name)}</a></li>' for name in messages)
    faults = "".join(f'<p class="fault">{escape(fault)}</p>\n' for fault in failed)
    sections = "".join(_section(folder, name, variants) for name, variants in messages.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Messages</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Messages</h1>
<p>{len(shown)} messages with their sample values. Images are not loaded here; the files show them.</p>
{faults}<nav aria-label="Messages"><ul>{links}</ul></nav>
{sections}</body>
</html>
"""


def _section(folder: Path, name: str, variants: Iterable[tuple[Rendered, Sequence[Path]]]) -> str:
    parts = [f'<section id="{escape(name)}">\n<h2>{escape(name)}</h2>\n']
    for rendered, files in variants:
        channel = "E-mail" if rendered.channel == "email" else "SMS"
        parts += [
            f"<h3>{channel}, {escape(rendered.language or 'main language')}</h3>\n",
            _about(rendered, folder, files),
        ]
        parts.append(
            _sizes(rendered) if rendered.channel == "email" else f'<p class="sms">{escape(rendered.text)}</p>\n'
        )
    return "".join([*parts, "</section>\n"])


def _about(rendered: Rendered, folder: Path, files: Sequence[Path]) -> str:
    told: Mapping[str, str] = {"Segments": f"{rendered.segments}, {rendered.encoding}"}
    if rendered.channel == "email":
        told = {"Subject": rendered.subject, "Preheader": rendered.preheader}
        told |= {name: value for name, value in (("From", rendered.from_), ("Answers to", rendered.reply_to)) if value}
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in told.items())
    names = [path.relative_to(folder).as_posix() for path in files]
    links = ", ".join(f'<a href="{escape(quote(name))}">{escape(Path(name).name)}</a>' for name in names)
    return f"<dl>{rows}<dt>Files</dt><dd>{links}</dd></dl>\n"


def _sizes(rendered: Rendered) -> str:
    frames = "".join(
        f"<figure><figcaption>{caption}</figcaption>"
        f'<iframe class="{size}" sandbox="" loading="lazy" title="{escape(rendered.subject)}, {caption.lower()}" '
        f'srcdoc="{escape(rendered.html)}"></iframe></figure>'
        for size, caption in (("screen", "Screen, 700 wide"), ("phone", "Phone, 375 wide"))
    )
    return f'<div class="sizes">{frames}</div>\n'
