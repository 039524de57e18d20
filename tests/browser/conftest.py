"""One JupyterLab and one Chromium for all browser tests."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_core import utils as jupyter_utils
from playwright.async_api import Browser, BrowserContext, async_playwright

from pdnb.coordination.home import Home
from tests.browser.lab import Lab
from tests.browser.page import OpenWindow, Rig, Watch, new_window

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
def watch() -> Iterator[Watch]:
    """What the browser complains about during the test; at its end nothing of ours may be left."""
    watch = Watch()
    yield watch
    watch.check()


@pytest.fixture
def window(browser: Browser, watch: Watch, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[OpenWindow]:
    """Opens windows that share nothing."""
    opened: list[BrowserContext] = []

    async def open_window(**options: Any) -> BrowserContext:
        context = await new_window(browser, **options)
        opened.append(context)
        watch.attach(context)
        return context

    yield open_window
    for context in opened:
        jp_asyncio_loop.run_until_complete(context.close())


@pytest.fixture(scope="package")
def lab_window(browser: Browser, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[BrowserContext]:
    """The window in which JupyterLab stays open: to load it takes longer than most tests."""
    context = jp_asyncio_loop.run_until_complete(new_window(browser))
    jp_asyncio_loop.run_until_complete(context.new_page())
    yield context
    jp_asyncio_loop.run_until_complete(context.close())


@pytest.fixture
def rig(lab: Lab, lab_window: BrowserContext, watch: Watch) -> Iterator[Rig]:
    """JupyterLab in its window; its kernels end with the test, the notebooks stay open."""
    stop = watch.attach(lab_window)
    yield Rig(lab, lab_window.pages[0])
    lab.shut_down_kernels()
    stop()
