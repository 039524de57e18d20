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
    store, root = place / "store", place / "root"
    root.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # fmt: off
    command = [
        sys.executable, "-m", "jupyter_server", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.open_browser=False", "--ServerApp.allow_root=True", f"--ServerApp.root_dir={root}",
        "--ServerApp.jpserver_extensions={'pdnb': True, 'jupyterlab': False}", "--Application.log_level=ERROR",
        *options,
    ]
    # fmt: on
    process = subprocess.Popen(command, env={**os.environ, "PDNB_DIR": str(store)})
    try:
        until = time.monotonic() + 30
        while not (store / "settings.json").exists() or not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the server did not start")
            time.sleep(0.05)
        yield store
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1):
            return True
    except OSError:
        return False
