"""A Jupyter server with this extension alone: what ``pdnb serve`` runs.

Rules:

- It obeys the configuration of the user's Jupyter (identity, certificates, ``PdnbApp``), except for which extensions
  are enabled there.
- It serves no files: its root is an empty directory inside the store's.
- Interrupt ends it like SIGTERM, in order and without a question.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from jupyter_server.serverapp import ServerApp

from pdnb.errors import StoreError
from pdnb.server.app import PdnbApp
from pdnb.server.service import StoreService

_MAX_POLL_S: Final = 30.0


class PdnbServer(ServerApp):
    """Jupyter's server with pdnb alone."""

    name = "jupyter_server"  # whose configuration it reads

    def init_server_extensions(self) -> None:
        """Enable pdnb and nothing else, whatever a configuration file says."""
        self.jpserver_extensions = {"pdnb": True}
        super().init_server_extensions()


def serve(
    directory: Path,
    *,
    port: int,
    ip: str = "127.0.0.1",
    browser: bool = False,
    quiet: bool = False,
    idle_s: float | None = None,
    options: Sequence[str] = (),
    ready: Callable[[str], object] = lambda _: None,
) -> None:
    """Serve until a signal, or *idle_s* seconds without unfinished runs; *ready* gets the address for a browser.

    *port* 0 is any free one; instead of one that is taken another is used. *options*: more of Jupyter's own. Raises
    ``StoreError``.
    """
    root = directory / "root"
    root.mkdir(mode=0o700, exist_ok=True)
    given = {
        "ServerApp.ip": ip,
        "ServerApp.port": port,
        "ServerApp.root_dir": root,
        "ServerApp.open_browser": browser,
        "ServerApp.default_url": "/pdnb/",
        "ServerApp.terminals_enabled": False,
        "ServerApp.allow_root": True,  # as root, steps run as root too
        "ServerApp.answer_yes": True,
        "ServerApp.allow_unauthenticated_access": False,
        "PdnbApp.directory": directory,
        "Application.log_level": "WARN" if quiet else "INFO",
    }
    app = PdnbServer.instance()
    app.initialize([*(f"--{name}={value}" for name, value in given.items()), *options], find_extensions=False)
    extension: Any = app.extension_manager.extension_points["pdnb"].app
    service: StoreService | None = extension.service if isinstance(extension, PdnbApp) else None
    if service is None:
        raise StoreError(f"the server could not open the store {directory}: its log above says why")
    app.identity_provider.token_generated = False  # keeps the address out of the log: `ready` shows it
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.stop(from_signal=True))
    app.io_loop.add_callback(ready, _address(app))
    if idle_s is not None:
        app.io_loop.add_callback(_end_when_idle, app, service, idle_s)
    app.start()


def _address(app: ServerApp) -> str:
    token = app.identity_provider.token
    return f"{app.connection_url.rstrip('/')}/pdnb/" + (f"?token={token}" if token else "")


async def _end_when_idle(app: ServerApp, service: StoreService, idle_s: float) -> None:
    """Stop the server once every run has been over for *idle_s* seconds."""
    idle_since_s = time.monotonic()
    while True:
        await asyncio.sleep(min(idle_s / 4, _MAX_POLL_S))
        try:
            counts = await service.call(service.home.store.counts)
            busy = any(count for status, count in counts.items() if not status.over)
        except StoreError:
            busy = True  # locked for a moment
        if busy:
            idle_since_s = time.monotonic()
        elif time.monotonic() - idle_since_s >= idle_s:
            app.log.warning("pdnb: %s s without unfinished runs: the server ends", f"{idle_s:g}")
            app.stop()
            return
