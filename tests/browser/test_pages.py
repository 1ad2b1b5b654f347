"""What holds for every page of the console: nobody is shut out, nothing moves or sticks out, everything can be reached.

A page that is added to the console is added to `PAGES`; a test here says so where that was forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from console.app import PUBLIC, routes
from tests.browser import chromium, looking
from tests.browser.chromium import NARROW, WIDE, Window
from tests.browser.conftest import Open
from tests.browser.pages import PAGES, addresses
from tests.browser.site import Site

NO_PAGES = frozenset({"/static/{name}", "/messages/{id}/body"})
"""What a GET also answers, and is no page of ours: the latter is a message as it was sent, within a page."""


async def test_every_page_that_there_is_is_looked_at(site: Site) -> None:
    found = [path.partition("?")[0] for path in (await addresses(site)).values()]
    shown = [route for route in routes() if "GET" in (route.methods or ()) and route.path not in PUBLIC | NO_PAGES]
    assert [one.path for one in shown if not any(map(one.path_regex.fullmatch, found))] == []


class Kept(NamedTuple):
    """Windows in which one page after the other is looked at: to open one takes longer than to look at a page."""

    wide: Window
    narrow: Window
    plain: Window


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept(browser: Browser, site: Site) -> AsyncIterator[Kept]:
    async with AsyncExitStack() as stack:
        yield Kept(
            await stack.enter_async_context(chromium.window(browser, site, "admin", WIDE)),
            await stack.enter_async_context(chromium.window(browser, site, "admin", NARROW)),
            await stack.enter_async_context(chromium.window(browser, site, "admin", NARROW, scripts=False)),
        )


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_shuts_nobody_out(name: str, site: Site, kept: Kept) -> None:
    path = (await addresses(site))[name]
    for how, window in (("wide", kept.wide), ("narrow", kept.narrow)):
        window.faults.clear()
        await window.go(path)
        await _fits(window, how)
    assert await looking.unreached(kept.wide.page) == []
    await kept.plain.go(path)
    assert await kept.plain.page.locator("h1").count() == 1, "without a script"


async def _fits(window: Window, how: str) -> None:
    assert await window.page.locator("h1").count() == 1, how
    assert await looking.wider(window.page) == [], how
    assert await looking.shifted(window.page) < looking.SHIFT, how
    found = await looking.grave(window.page)
    assert not found, "\n".join([f"{how}, light", *found])
    # In the dark all is the same but the colours.
    await window.page.emulate_media(color_scheme="dark")
    found = await looking.grave(window.page, only="color-contrast")
    assert not found, "\n".join([f"{how}, dark", *found])
    await window.page.emulate_media(color_scheme="light")
    assert window.faults == [], how


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(site: Site, open_window: Open) -> None:
    for size in (NARROW, WIDE):
        window = await open_window(site, None, size)
        await window.go("/account")
        assert window.path == "/sign-in"
        await _fits(window, f"{size[0]} px")
    assert await looking.unreached(window.page) == []
    await window.page.get_by_label("Name").fill("support")
    await window.page.get_by_label("Password").fill("correct horse battery")
    await window.page.get_by_role("button", name="Sign in").click()
    await window.page.wait_for_url("**/account")


async def test_an_address_that_leads_nowhere_is_a_page(site: Site, open_window: Open) -> None:
    window = await open_window(site)
    await window.go("/nowhere", 404)
    assert not await looking.grave(window.page)


# --- the instruments themselves --------------------------------------------------------------------------------------

BAD = """<!doctype html><html><head><title>x</title></head><body><main>
<p style="color:#ccc;background:#fff">Faint</p><img src="data:,"><input>
<div style="width:2000px;height:10px">wide</div><button style="outline:none">quiet</button></main></body></html>"""


async def test_the_instruments_find_what_is_bad(browser: Browser, site: Site) -> None:
    async with chromium.window(browser, site) as window:
        await window.page.set_content(BAD)
        found = {fault.id for fault in await looking.faults(window.page) if fault.impact in looking.GRAVE}
        assert {"color-contrast", "image-alt", "label", "html-has-lang"} <= found
        assert await looking.wider(window.page)
        assert any("no visible focus: <button" in one for one in await looking.unreached(window.page))
        await window.page.evaluate("""() => new Promise((done) => setTimeout(() => {
            const one = document.createElement("div"); one.style.height = "400px";
            document.body.prepend(one); setTimeout(done, 100); }, 600))""")
        assert await looking.shifted(window.page) > looking.SHIFT


async def test_a_window_keeps_account_of_what_goes_wrong(browser: Browser, site: Site) -> None:
    async with chromium.window(browser, site) as window:
        await window.go("/")
        assert window.faults == []
        await window.page.evaluate("""() => {
            const one = document.createElement("script"); one.textContent = "1"; document.body.append(one);
            const two = document.createElement("img"); two.src = "https://elsewhere.example.com/x.png";
            document.body.append(two);
            setTimeout(() => { throw new Error("of a script"); }, 0); }""")
        await window.page.wait_for_timeout(300)
        said = "\n".join(window.faults)
        assert "Content Security Policy" in said
        assert "elsewhere.example.com" in said
        assert "of a script" in said
