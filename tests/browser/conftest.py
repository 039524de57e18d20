"""One JupyterLab and one Chromium for all browser tests; every test gets a window of its own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

import pytest
from jupyter_core import utils as jupyter_utils
from playwright.async_api import Browser, BrowserContext, async_playwright

from pdnb.home import Home
from tests.browser.desk import Desk, Watch, patient
from tests.browser.lab import Lab

_ARGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="package", autouse=True)
def jp_asyncio_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop for the package: Playwright's browser belongs to the loop it was started on."""
    before = jupyter_utils._loop.get()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    jupyter_utils._loop.set(loop)
    yield loop
    loop.close()
    jupyter_utils._loop.set(before)


@pytest.fixture(scope="package")
def browser(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Browser]:
    """The installed Chromium, once."""
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need Chromium: make chromium"
    run = jp_asyncio_loop.run_until_complete
    playwright = run(async_playwright().start())
    browser = run(playwright.chromium.launch(executable_path=chromium, args=[*_ARGS.split(), "--no-first-run"]))
    yield browser
    run(browser.close())
    run(playwright.stop())


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The JupyterLab of all tests that leave it alive."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
def home(lab: Lab) -> Iterator[Home]:
    """The store of that JupyterLab, as another process sees it."""
    with Home(lab.store, kind="shell") as home:
        yield home


@pytest.fixture
def watch() -> Watch:
    """What the browser complains about during the test."""
    return Watch()


class OpenWindow(Protocol):
    """Opens a browser window; options are Playwright's for a context."""

    def __call__(self, **options: Any) -> Awaitable[BrowserContext]: ...


@pytest.fixture
def window(browser: Browser, watch: Watch, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[OpenWindow]:
    """Opens windows that share nothing; afterwards nothing of ours may have complained in any."""
    opened: list[BrowserContext] = []

    async def open_window(**options: Any) -> BrowserContext:
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 1100}, **options})
        opened.append(context)
        watch.attach(context)
        return patient(context)

    yield open_window
    for context in opened:
        jp_asyncio_loop.run_until_complete(context.close())
    assert watch.dialogs == []
    assert watch.ours == []


@pytest.fixture
def desk(lab: Lab, window: OpenWindow, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Desk]:
    """A window with a page for JupyterLab; its kernels end with the test."""

    async def open_desk() -> Desk:
        return Desk(lab, await (await window()).new_page())

    yield jp_asyncio_loop.run_until_complete(open_desk())
    lab.shut_down_kernels()
