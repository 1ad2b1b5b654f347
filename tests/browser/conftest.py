"""One Chromium and one console for the tests of this folder, over the company of tests/console/company.py."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

import project
from store import migrate
from store.database import Database
from tests.browser import chromium
from tests.browser.chromium import Window
from tests.browser.site import Site, running
from tests.console import company

Open = Callable[..., Awaitable[Window]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    try:
        async with chromium.started() as found:
            yield found
    except chromium.NoChromium as error:
        pytest.fail(str(error), pytrace=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The company's console, at `company.NOW`. Tests read it, and change nothing."""
    url = f"sqlite:///{tmp_path_factory.mktemp('company') / 'milepost.db'}"
    migrate.upgrade(url)
    await company.furnish(url)
    with contextlib.closing(Database(url)) as database:
        async with running(project.load(company.ROOT), database, lambda: company.NOW) as found:
            yield found


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(browser: Browser) -> AsyncIterator[Open]:
    """Opens windows on a site. The test fails where anything goes wrong in one of them."""
    async with contextlib.AsyncExitStack() as stack:
        opened: list[Window] = []

        async def opens(site: Site, *given: Any, **more: Any) -> Window:
            one = await stack.enter_async_context(chromium.window(browser, site, *given, **more))
            opened.append(one)
            return one

        yield opens
    assert not [fault for one in opened for fault in one.faults]
