"""Every command that README.md, the tutorials and the page of commands show works in an empty clone, and says what they
show; and a picture that a page has drawn is the one that it shows.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Command, Reader, steps

# What the page of commands shows in `sh` stands for itself: it needs a journey of a moment before, or runs on.
SHOWN_ONLY = "docs/commands.md"


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/campaign.md", "docs/commands.md"])
def test_whoever_does_what_a_page_says_gets_what_it_shows(page: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        for step in steps(ROOT / page):
            if page == SHOWN_ONLY and isinstance(step, Command) and step.kind == "sh":
                continue
            wrong = reader.do(step)
            assert wrong is None, f"{page}:{step.line}: {wrong}\nwhat runs on said:\n{reader.said()}"
        for name in re.findall(r"^!\[[^\]]*\]\(([\w-]+\.svg)\)", (ROOT / page).read_text("utf-8"), re.MULTILINE):
            drawn, shown = (reader.clone / name).read_bytes(), (ROOT / "docs" / name).read_bytes()
            assert drawn == shown, f"docs/{name} is not what {page} draws; copy it from {reader.clone / name}"
    finally:
        reader.close()
