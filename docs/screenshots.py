"""Draws the pages of the console for docs/console.md: `make screenshots` writes docs/screens/*.webp.

The pages are those that the tests look at (tests/browser/pages.py), of the company that they look at: all people in it
are invented. The time is always the same, so a picture changes where a page does.
"""

# ruff: noqa: INP001 - a script beside the pages, no package

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, Page, expect  # noqa: E402

import project  # noqa: E402
from store import migrate  # noqa: E402
from store.database import Database  # noqa: E402
from tests.browser import chromium  # noqa: E402
from tests.browser.chromium import NARROW, WIDE  # noqa: E402
from tests.browser.pages import DARK, addresses  # noqa: E402
from tests.browser.site import Site, running  # noqa: E402
from tests.console import company  # noqa: E402

SCREENS = ROOT / "docs" / "screens"
SIZES = {"wide": WIDE, "narrow": NARROW}
TALLEST = {"wide": 1400, "narrow": 1400}
"""Pixels: longer pages are cut off."""

QUALITY = 40

COUNTED = 60_000
"""Milliseconds within which everything on a page was counted."""


async def main() -> None:
    """Draw everything anew."""
    SCREENS.mkdir(exist_ok=True)
    for old in SCREENS.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="milepost-screens-") as folder:
        url = f"sqlite:///{folder}/milepost.db"
        migrate.upgrade(url)
        sys.stderr.write("A company lives through a hundred days ...\n")
        await company.furnish(url)
        with contextlib.closing(Database(url)) as database:
            async with (
                running(project.load(company.ROOT), database, lambda: company.NOW) as site,
                chromium.started() as browser,
            ):
                await _draw_all(browser, site)
    drawn = list(SCREENS.glob("*.webp"))
    size = sum(one.stat().st_size for one in drawn) / 1e6
    sys.stderr.write(f"{len(drawn)} pictures, {size:.1f} MB, in {SCREENS}\n")


def file_of(name: str, width: str, *, dark: bool = False) -> str:
    """What the picture of a page is called."""
    return f"{name.replace(' ', '-')}-{width}{'-dark' if dark else ''}.webp"


async def _draw_all(browser: Browser, site: Site) -> None:
    pages = await addresses(site)
    for width, dark in (("wide", False), ("narrow", False), ("wide", True)):
        async with chromium.window(browser, site, "admin", SIZES[width], dark=dark) as window:
            for name, path in pages.items():
                if not dark or name in DARK:
                    await window.go(path)
                    # What is still being counted appears by itself, and is what the picture is about.
                    await expect(window.page.get_by_text("appears here by itself")).to_have_count(0, timeout=COUNTED)
                    picture = await captured(window.page, TALLEST[width])
                    (SCREENS / file_of(name, width, dark=dark)).write_bytes(picture)


async def captured(page: Page, tallest: int, format: str = "webp") -> bytes:
    """A picture of a page, from its top on, as high as it is, but no higher than `tallest` pixels."""
    width, height = await page.evaluate(
        "() => [document.documentElement.clientWidth, document.documentElement.scrollHeight]"
    )
    debugger = await page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, tallest), "scale": 1}
    given = {"format": format, "captureBeyondViewport": True, "clip": clip}
    answer = await debugger.send("Page.captureScreenshot", given | ({"quality": QUALITY} if format != "png" else {}))
    return base64.b64decode(answer["data"])


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except chromium.NoChromium as error:
        sys.exit(str(error))
