"""docs/console.md shows every page of the console, and the pictures are there: `make screenshots` draws them."""

from __future__ import annotations

import re

from docs.screenshots import ROOT, SCREENS, SIZES, file_of
from tests.browser.pages import DARK, PAGES

PAGE = (ROOT / "docs" / "console.md").read_text("utf-8")


def drawn() -> set[str]:
    names = {file_of(name, width) for name in PAGES for width in SIZES}
    return names | {file_of(name, "wide", dark=True) for name in DARK}


def test_every_page_has_its_pictures_and_no_picture_is_left_over() -> None:
    assert {one.name for one in SCREENS.glob("*")} == drawn()


def test_the_documentation_leads_to_every_picture() -> None:
    assert set(re.findall(r"\(screens/([\w-]+\.webp)\)", PAGE)) == drawn()


def test_the_pictures_are_modest() -> None:
    assert sum(one.stat().st_size for one in SCREENS.glob("*")) < 4_000_000
