"""What the server's tests share: runs that wait at a step, and requests exactly as they are written.

- :class:`Desk` holds a store's directory as a kernel does, next to the server, and makes runs that wait.
- :func:`send` writes bytes to the server's port and reads until it closes: no client tidies anything up.
- :func:`eventually` looks until something is true; nothing here waits for a fixed time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pdnb.home import Home, now_ms
from pdnb.links import Purpose, Target
from pdnb.model import Claimed, Run, Slept, Status, Suspended
from pdnb.workflow import Environment, Frozen, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from jupyter_server.serverapp import ServerApp

    from pdnb.server.office import Office

DAY = 86_400_000


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


async def send(port: int, *pieces: bytes) -> bytes:
    """Everything the server says to *pieces*, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):  # closed before it had read everything
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def eventually[T](look: Callable[[], T], *, within_s: float = 20) -> T:
    """The first true result of *look*."""
    until = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < until, f"still {found!r} after {within_s} s"
        await asyncio.sleep(0.02)
    return found
