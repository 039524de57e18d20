"""What every test file needs: a store's directory of its own, a server with pdnb, a browser, Hypothesis' profile.

An ``async def test_…`` runs on pytest-jupyter's event loop; no marker is needed.
"""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from playwright.async_api import async_playwright
from traitlets.config import Config

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_server.serverapp import ServerApp
    from playwright.async_api import Browser

pytest_plugins = [
    "pytest_jupyter.jupyter_server",
    "tests.support.recorder_hosts",
    "tests.support.scenarios",
    "tests.support.server",
]

# A shell's background job starts with Interrupt ignored, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: on a loaded machine an example's time says nothing. In CI the same examples every time.
settings.register_profile("pdnb", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("pdnb")


@pytest.fixture(autouse=True)
def pdnb_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store's directory of this test, not made yet; no test sees the person's own store or settings.

    Outside the server's root (``jp_root_dir``), as pdnb demands. In CI a test sees what it sees at home.
    """
    for name in [name for name in os.environ if name.startswith("PDNB_") or name == "CI"]:
        monkeypatch.delenv(name)
    directory = tmp_path / "pdnb"
    monkeypatch.setenv("PDNB_DIR", str(directory))
    return directory


@pytest.fixture(scope="session")
def new_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes an empty directory at every call: for Hypothesis, where one test needs many."""
    return lambda: tmp_path_factory.mktemp("dir")


@pytest.fixture
def jp_server_config(pdnb_dir: Path) -> Config:
    """pdnb is the only extension (terminals warn), and every handler wants a login unless it opts out."""
    extensions = {"pdnb": True, "jupyter_server_terminals": False}
    return Config(
        {
            "ServerApp": {"jpserver_extensions": extensions, "allow_unauthenticated_access": False},
            "PdnbApp": {"directory": str(pdnb_dir)},
        }
    )


@pytest.fixture
def pdnb_server(jp_serverapp: ServerApp, http_server: object, jp_asyncio_loop: asyncio.AbstractEventLoop) -> ServerApp:
    """A server that listens, its extensions started.

    ``jp_serverapp`` alone never calls their start hooks: supervisor and clock would not run.
    """
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    return jp_serverapp


@pytest.fixture
def browser(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Browser]:
    """The installed Chromium, on the same event loop as the test and its server.

    Playwright's other API, the one without ``await``, would hold that loop's thread as long as it is open.
    """
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need Chromium: make chromium"
    run = jp_asyncio_loop.run_until_complete
    playwright = run(async_playwright().start())
    browser = run(playwright.chromium.launch(executable_path=chromium))
    yield browser
    run(browser.close())
    run(playwright.stop())
