"""A real Jupyter Server with pdnb alone, on loopback, with a store of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server(place: Path, *options: str) -> Iterator[Path]:
    """Run it; gives the store's directory once the server listens."""
    process = begin(place, port := free_port(), *options)
    try:
        until_ready(place, port, process)
        yield place / "store"
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def begin(place: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    """The server's process, as soon as there is one; its store is ``place / "store"``."""
    store, root = place / "store", place / "root"
    root.mkdir(exist_ok=True)
    # fmt: off
    command = [
        sys.executable, "-m", "jupyter_server", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.open_browser=False", "--ServerApp.allow_root=True", f"--ServerApp.root_dir={root}",
        "--ServerApp.jpserver_extensions={'pdnb': True, 'jupyterlab': False}", "--Application.log_level=ERROR",
        *options,
    ]
    # fmt: on
    with (place / "server.log").open("ab") as log:  # Jupyter greets also at this level
        return subprocess.Popen(command, env={**os.environ, "PDNB_DIR": str(store)}, stderr=log)


def until_ready(place: Path, port: int, process: subprocess.Popen[bytes], *, since_ns: int = 0) -> None:
    """Wait until it answers and is the leader: until its settings are there, written after Unix time *since_ns*."""
    settings = place / "store" / "settings.json"
    until = time.monotonic() + 30
    while not settings.exists() or settings.stat().st_mtime_ns < since_ns or not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"the server did not start: {(place / 'server.log').read_text()}")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1):
            return True
    except OSError:
        return False
