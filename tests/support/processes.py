"""Processes beside the test's own: a real Jupyter server with pdnb on loopback, a worker; ports and process ids."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self, TypeVar

TOKEN: Final = "t0ken"
_PATIENCE_S: Final = 30.0
_T = TypeVar("_T")


class Server:
    """A Jupyter server with pdnb in a process of its own, which logs at debug level.

    ``store`` is the store's directory, *place* holds the server's own; *options* are command-line options.
    """

    def __init__(self, place: Path, store: Path, *options: str, port: int | None = None, retries: int = 0) -> None:
        self.store = store
        self._retries = retries
        self.port = port or free_port()
        self._place = place
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        place.mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        """All it has logged so far."""
        return (self._place / "log.txt").read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it and wait until it answers."""
        root = self._place / "root"
        root.mkdir(exist_ok=True)
        # fmt: off
        command = [
            sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            f"--port={self.port}", f"--ServerApp.port_retries={self._retries}", f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={TOKEN}", "--ServerApp.jpserver_extensions={'pdnb': True}",
            "--ServerApp.allow_unauthenticated_access=False", "--debug", *self._options,
        ]
        # fmt: on
        places = {
            "PDNB_DIR": self.store,
            "JUPYTER_NO_CONFIG": "1",
            "JUPYTER_CONFIG_DIR": self._place / "config",
            "JUPYTER_DATA_DIR": self._place / "data",
            "JUPYTER_RUNTIME_DIR": self._place / "runtime",
        }
        with (self._place / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **{k: str(v) for k, v in places.items()}}, stdout=log, stderr=log
            )
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.02)
        return self

    def stop(self) -> int:
        """End it by SIGTERM; its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(_PATIENCE_S)
        self._process = None
        return code

    def kill(self) -> None:
        """End it by SIGKILL, without a clean shutdown."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "api", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


def run_worker(store: Path, run_id: str, *, idle_s: float = 0, env: Mapping[str, str] | None = None) -> None:
    """A worker for what waits in the run's environment, until it has been idle for *idle_s*; an error is raised."""
    # fmt: off
    command = [
        sys.executable, "-m", "pdnb.workers.worker",
        "--directory", str(store), "--run", run_id, "--idle", str(idle_s),
    ]
    # fmt: on
    subprocess.run(command, env=env, check=True, timeout=60)


def free_port() -> int:
    """A port of loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def post(url: str, body: bytes = b"") -> int:
    """The status that a POST gets."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=30) as answer:
            status: int = answer.status
    except urllib.error.HTTPError as error:
        with error:
            status = error.code
    return status


def until(check: Callable[[], _T], *, within_s: float = 20) -> _T:
    """Poll *check*; its first true result."""
    end = time.monotonic() + within_s
    while not (found := check()):
        assert time.monotonic() < end, f"still {found!r} after {within_s} s"
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but was not waited for (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
