"""A project's templates, written by each test as it needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lifecycle.language.faults import Faults
from messaging.templates import Templates, load

Loaded = tuple[Templates, list[str]]
Load = Callable[[dict[str, str | bytes]], Loaded]

EMAIL = "---\nsubject: Hello\npurpose: transactional\nintent: information\n---\n"
MARKETING = EMAIL.replace("purpose: transactional", "topic: news")
FOOT = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ postal_address }}</p>'
SMS = "---\ntopic: news\nintent: reminder\n---\n"


def mjml(text: str) -> str:
    """The smallest MJML document with a text in it, the text on its line 2."""
    return (
        "<mjml><mj-body><mj-section><mj-column><mj-text>\n"
        f"{text}\n</mj-text></mj-column></mj-section></mj-body></mjml>\n"
    )


@pytest.fixture
def project(tmp_path: Path) -> Load:
    """Writes files below templates/ and loads them; gives the templates and the lines that `check` would print."""

    def written(files: dict[str, str | bytes]) -> Loaded:
        for name, content in files.items():
            path = tmp_path / "templates" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        faults = Faults()
        templates = load(tmp_path, faults)
        return templates, [str(fault) for fault in faults]

    return written
