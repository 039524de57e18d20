"""The demo's own JupyterLab: started on loopback behind a token, spoken to as a browser would, ended afterwards."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

#: How long each part of the demo may take, in seconds.
PATIENCE_S: Final = 60.0


class DemoError(Exception):
    """The demo cannot go on; the text says what was missing."""


class DemoServer:
    """A JupyterLab that serves one directory as long as the ``with`` block lasts.

    *root*: the directory with the notebooks. *log*: where the server's own output goes; ``None``: to the terminal.
    Entering waits until the server answers, and raises :class:`DemoError` if it does not.
    """

    def __init__(self, root: Path, log: IO[str] | None = None) -> None:
        self.token, self.port = secrets.token_hex(16), _free_port()
        self._command = _command(root, self.token, self.port)
        self._log = log

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, start_new_session=True, stdout=self._log, stderr=self._log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def url(self) -> str:
        """Where it listens, without the token."""
        return f"http://127.0.0.1:{self.port}/"

    def wait(self) -> None:
        """Wait until the server ends by itself."""
        self._process.wait()

    def execute_notebook(self, name: str) -> int:
        """Execute the code cells of the notebook *name* in a kernel of this server; returns how many there were."""
        from tornado.ioloop import IOLoop

        wanted = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        _, session = request(f"{self.url}api/sessions", wanted, self.token)
        _, notebook = request(f"{self.url}api/contents/{name}", None, self.token, method="GET")
        sources = [cell["source"] for cell in notebook["content"]["cells"] if cell["cell_type"] == "code"]
        IOLoop.current().run_sync(lambda: self._execute(session["kernel"]["id"], sources), timeout=PATIENCE_S)
        return len(sources)

    async def _execute(self, kernel_id: str, sources: list[str]) -> None:
        """One cell after the other, over the kernel's channels; raises :class:`DemoError` at the first that fails."""
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        url = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel_id}/channels"
        channel = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {self.token}"}))
        for number, source in enumerate(sources, 1):
            await channel.write_message(json.dumps(_execute_request(number, source)))
            while (text := await channel.read_message()) is not None:
                answer = json.loads(text)
                if answer["parent_header"].get("msg_id") != f"cell-{number}":
                    continue
                if answer["msg_type"] == "execute_reply":  # the only message that reports a usage error
                    if answer["content"]["status"] != "ok":
                        raise DemoError(f"cell {number} failed: {answer['content'].get('evalue')}")
                    break
            else:
                raise DemoError(f"the kernel went away in cell {number}")
        channel.close()

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None:
                raise DemoError(f"the server ended with code {self._process.returncode}; its own words stand above")
            if time.monotonic() > end:
                raise DemoError(f"waited {PATIENCE_S:.0f} s for the server to listen")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}api", timeout=1):  # noqa: S310  # our own server
                return True
        except OSError:
            return False

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def request(url: str, body: Any, token: str | None = None, method: str = "POST") -> tuple[int, Any]:
    """Send *body* as JSON (``None``: no body) and return the answer's HTTP status and JSON, whatever the status."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"token {token}"
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # our own server
    try:
        with urllib.request.urlopen(sent, timeout=PATIENCE_S) as answer:  # noqa: S310  # likewise
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _command(root: Path, token: str, port: int) -> list[str]:
    # fmt: off
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--log-level=WARN",
    ]
    # fmt: on
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _execute_request(number: int, source: str) -> dict[str, Any]:
    """Jupyter's message for "execute this cell"."""
    header = {"msg_id": f"cell-{number}", "msg_type": "execute_request", "session": "demo", "version": "5.3"}
    content = {"code": source, "silent": False, "stop_on_error": True, "allow_stdin": False}
    empty: dict[str, Any] = {"parent_header": {}, "metadata": {}}
    return {"header": {**header, "username": "", "date": ""}, "content": content, "channel": "shell", **empty}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
