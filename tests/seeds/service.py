"""An external service: a real HTTP server on loopback that keeps what it received and answers as the test says."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Received:
    """One request; ``body`` is its JSON decoded, ``None`` without one."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Service:
    """``answer`` turns the number of a request (from 1) into a status and a JSON document."""

    def __init__(self, answer: Callable[[int], tuple[int, Any]] = lambda _: (200, {})) -> None:
        self.answer = answer
        self.received: list[Received] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.loads(raw) if raw else None
                service.received.append(Received(self.command, self.path, dict(self.headers), body))
                status, document = service.answer(len(service.received))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            do_POST = do_GET  # noqa: N815  # http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def job(done_at: int) -> Callable[[int], tuple[int, Any]]:
    """A job that is done when it is asked for the *done_at*-th time."""
    return lambda number: (200, {"status": "DONE" if number >= done_at else "RUNNING", "looks": number})
