"""What tests against a server in this process share: runs that wait at a step, and requests byte for byte.

- :class:`Rig` (fixture ``rig``) opens the server's store as a kernel does, makes runs that wait, and sends requests.
- :func:`send` writes bytes to the server's port and reads until it closes: no HTTP client rewrites them.
- :func:`eventually` polls until something is true; nothing here waits for a fixed time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.links import Purpose, Target
from pdnb.model import Claimed, RunRecord, Slept, Status, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyter_server.serverapp import ServerApp

    from pdnb.server.service import StoreService

DAY = 86_400_000

_T = TypeVar("_T")


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: header names in lower case, every value in a list."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The one value of *name*; a header that is missing or comes twice is an error."""
        (value,) = self.headers[name]
        return value


def parse(raw: bytes) -> Answer:
    """The first answer in *raw*, interim ones (1xx) skipped; chunked bodies are joined."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin1").split("\r\n")
    status = int(first.split(" ")[1])
    if status < 200:
        return parse(body)
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    return Answer(status, headers, body)


def written(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None, *, host: str = "x"
) -> bytes:
    """A request as bytes; the length is declared when there is a *body*, and the connection is closed after it."""
    lines = {"Host": host, "Connection": "close"}
    if body is not None:
        lines["Content-Length"] = str(len(body))
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin1") + (body or b"")


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks, whose length is not declared beforehand."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def send(port: int, *pieces: bytes) -> bytes:
    """All that the server sends after *pieces* until it closes the connection, even if it does not read them all."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        speaking = loop.create_task(_speak(sock, pieces))
        heard = b""
        with contextlib.suppress(ConnectionError):
            while piece := await loop.sock_recv(sock, 65_536):
                heard += piece
        speaking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await speaking
        return heard


async def _speak(sock: socket.socket, pieces: tuple[bytes, ...]) -> None:
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            await asyncio.get_running_loop().sock_sendall(sock, piece)


async def eventually(check: Callable[[], _T], *, within_s: float = 20) -> _T:
    """Poll *check* while the event loop goes on; its first true result."""
    until = time.monotonic() + within_s
    while not (found := check()):
        assert time.monotonic() < until, f"still {found!r} after {within_s} s"
        await asyncio.sleep(0.02)
    return found


def code(
    *steps: str, name: str = "launch", executable: str = sys.executable, cwd: Path | None = None, **sources: str
) -> WorkflowVersion:
    """A workflow of *steps* that do nothing, and of those in *sources* behind them, for this interpreter."""
    cells = [Step(step, "pass") for step in steps] + [Step(step, source) for step, source in sources.items()]
    place = Environment(executable, str(cwd or Path.cwd()), tuple(entry for entry in sys.path if entry))
    return WorkflowVersion(name, tuple(cells), (), place)


class Rig:
    """A kernel's side of the store that *app* serves. The runs it makes are claimed by it, not executed."""

    def __init__(self, app: ServerApp, home: Home) -> None:
        self.home = home
        self.port = app.port
        self.base = app.base_url
        self.service: StoreService = app.web_app.settings["pdnb_service"]

    def working(self, *steps: str, name: str = "launch") -> RunRecord:
        """A run whose first step is at work."""
        version = code(*(steps or ("approve", "publish")), name=name)
        return self.home.store.add(version, {"to": "team"}, at_ms=now_ms(), owner=self.home.owner)

    def suspended(
        self,
        run: RunRecord | None = None,
        *,
        timeout_ms: int = DAY,
        on_timeout: Literal["cancel", "resume"] = "cancel",
        confirm: bool = True,
        exports: dict[str, Any] | None = None,
    ) -> RunRecord:
        """*run* (or a new one) after its present step asked to be suspended."""
        run, now = run or self.working(), now_ms()
        event = Suspended(
            now, run.fence, exports or {}, due_ms=now + timeout_ms, on_timeout=on_timeout, confirm=confirm
        )
        return self.home.store.apply(run.id, event)

    def sleeping(self, kind: Literal["rerun", "delay"], *, wait_ms: int = DAY, confirm: bool = True) -> RunRecord:
        """A new run whose first step asked for a rerun or a delay."""
        run, now = self.working(), now_ms()
        return self.home.store.apply(run.id, Slept(now, run.fence, kind=kind, due_ms=now + wait_ms, confirm=confirm))

    def claimed(self, run: RunRecord) -> RunRecord:
        """*run*, taken from the queue by this side."""
        return self.home.store.apply(run.id, Claimed(now_ms(), self.home.owner))

    def token(self, purpose: Purpose, run: RunRecord) -> str:
        return self.home.links.token(purpose, Target(run.id, run.step, run.runs))

    def path(self, purpose: Purpose, run: RunRecord) -> str:
        """The path of the present attempt's link."""
        return f"{self.base}pdnb/{purpose}/{self.token(purpose, run)}"

    def now(self, run: RunRecord) -> RunRecord:
        """*run* as it is stored now."""
        return self.home.store.get(run.id)

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer to one request, sent as it is written here."""
        return parse(await send(self.port, written(method, path, headers, body, host=f"127.0.0.1:{self.port}")))

    def status(self, run: RunRecord) -> Status:
        return self.now(run).status


@pytest.fixture
def rig(pdnb_server: ServerApp, pdnb_dir: Path) -> Iterator[Rig]:
    """A running server, and its store opened as by a kernel."""
    with Home(pdnb_dir, kind="kernel") as home:
        yield Rig(pdnb_server, home)
