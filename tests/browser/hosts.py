"""Hosts other than a JupyterLab with pdnb in its server, and how Notebook 7's page differs from JupyterLab's."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from tests.browser.lab import TOKEN, Lab
from tests.browser.page import Rig, Watch

_HIDDEN: Final = ("PDNB_", "JPY_SESSION_NAME")  # of the process that runs the tests; a host sets its kernels' own
_QUIET: Final = ("--no-browser", "--Application.log_level=ERROR")
_IDLE: Final = """() => {
    const kernel = jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""


class Host(Lab):
    """Another application in the places of a ``Lab``; *command* is what stands after ``python -m``."""

    def __init__(self, place: Path, *command: str) -> None:
        super().__init__(place)
        self._command = command

    def start(self) -> None:
        """Begin to start it; :meth:`ready` waits."""
        command = [sys.executable, "-m", *self._command, *_QUIET, f"--port={self.port}"]
        self._process = subprocess.Popen(command, env=self.environment(), cwd=self.root)

    def environment(self) -> dict[str, str]:
        """As a ``Lab``'s, without settings of the process that runs the tests."""
        inherited = {name for name in os.environ if name.startswith(_HIDDEN)} - {"PDNB_DIR"}
        return {name: value for name, value in super().environment().items() if name not in inherited}

    def end(self) -> None:
        """Begin to end it; :meth:`stop` waits."""
        if self._process is not None:
            self._process.terminate()

    def workers(self) -> list[int]:
        """The process ids of the store's workers that live; without a server nothing makes the store before its use."""
        return super().workers() if self.store.exists() else []

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}api", timeout=1).close()
        except urllib.error.HTTPError:
            return True  # Voilà, which has no such address
        except OSError:
            return False
        return True


def server(place: Path, module: str, *options: str) -> Host:
    """A host that is a Jupyter server."""
    root = f"--ServerApp.root_dir={place / 'notebooks'}"
    token = f"--IdentityProvider.token={TOKEN}"
    return Host(place, module, "--allow-root", "--ip=127.0.0.1", "--ServerApp.port_retries=0", root, token, *options)


def voila(place: Path, notebook: str) -> Host:
    """A Voilà by itself, for one notebook."""
    return Host(place, "voila", notebook, "--Voila.ip=127.0.0.1")


class NotebookRig(Rig):
    """A page of Notebook 7: one notebook a page, and no status bar."""

    async def open(self, notebook: str, *, reload: bool = False, kernel: bool = True) -> None:
        """Open *notebook* in this page; wait for its kernel to be idle."""
        await self.page.goto(f"{self.lab.url}notebooks/{notebook}?token={TOKEN}")
        await self.notebook.locator(".jp-Cell").first.wait_for()
        if kernel:
            await self.idle()

    async def idle(self) -> None:
        """Wait until the kernel is there and has nothing to do."""
        await self.page.wait_for_function(_IDLE)


class HostWatch(Watch):
    """Complaints from pdnb's files or about pdnb are ours; the rest is the host's."""

    def _file(self, message: str, source: str, page: Page | None) -> None:
        ours = "/pdnb/" in source or "blob:" in source or "pdnb" in message
        (self.ours if ours else self.theirs).append(message)
