"""Chromium, as the machine has it, and a window in it that keeps account of what goes wrong in its pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from tests.browser.site import Site

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "There is no Chromium on this machine, and these tests drive one. Install it (on Debian: apt-get install chromium "
    "fonts-dejavu-core); `make test` runs all other tests without it."
)

SWITCHES = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--hide-scrollbars",
    # Whatever a page might ask for elsewhere stays on this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

WIDE, NARROW = (1600, 1000), (360, 800)

_SHIFT = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""


class NoChromium(Exception):
    """There is none on this machine; `str()` says what to install."""


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    """A Chromium of one's own, without a window and with a profile that is thrown away. Raises NoChromium."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        raise NoChromium(MISSING)
    async with async_playwright() as playwright:
        # Where root runs it, it has no sandbox of its own.
        browser = await playwright.chromium.launch(
            executable_path=path, args=SWITCHES, chromium_sandbox=os.getuid() != 0
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Window:
    """A window in which somebody visits a site. `faults` is what went wrong in it: an error or a breach of the
    content security policy in a page, a request to anywhere else.
    """

    page: Page
    site: Site
    faults: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._asked)

    async def go(self, path: str = "/", status: int = 200) -> None:
        """To a page of the console, which answers with this status."""
        address = self.site.address(path)
        if status >= 400:
            self.expected.add(address)
        answer = await self.page.goto(address)
        assert answer is not None
        assert answer.status == status, (path, answer.status, await self.page.inner_text("body"))

    @property
    def path(self) -> str:
        """Where the window is, as in the console's routes."""
        return urlsplit(self.page.url).path.removeprefix("/console") or "/"

    async def text(self, selector: str = "main") -> str:
        return await self.page.inner_text(selector)

    def _said(self, message: ConsoleMessage) -> None:
        if message.text.startswith("Blocked script execution") and "/body'" in message.text:
            return  # what watches for shifts would run in frames too, and a letter runs nothing
        missing = message.text.startswith("Failed to load resource") and message.location["url"] in self.expected
        if message.type in ("error", "warning") and not missing:
            self.faults.append(f"{self.page.url}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site.at}/", "data:", "about:")):
            self.faults.append(f"{self.page.url} asked for {request.url}")


@asynccontextmanager
async def window(
    browser: Browser,
    site: Site,
    role: str | None = "admin",
    size: tuple[int, int] = WIDE,
    *,
    dark: bool = False,
    zone: str = "Europe/Paris",
    scripts: bool = True,
) -> AsyncIterator[Window]:
    """A window of its own in which somebody of a role is signed in; None: nobody is."""
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        timezone_id=zone,
        locale="en-GB",
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )
    try:
        context.set_default_timeout(15_000)
        if role is not None:
            cookie = await site.session(role)
            await context.add_cookies([{"name": "milepost_session", "value": cookie, "url": site.address("/")}])
        await context.add_init_script(_SHIFT)
        yield Window(await context.new_page(), site)
    finally:
        await context.close()
