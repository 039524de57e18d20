"""The wire between a worker and an executor: JSON messages, one a line, over a socket.

A message has one key that names it, and its content. From the worker: ``go`` (execute a step), ``reply`` (to what was
asked). From the executor: ``ready``, ``began``, ``output``, ``clear``, ``progress``, ``sync`` and ``send`` (asked: the
executor waits for a reply), ``end``. Whoever closes its end has no more to say.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

#: A message, by its name.
Message: TypeAlias = dict[str, Any]

_CHUNK: Final = 256 * 1024
_encoded: Final = json.JSONEncoder(separators=(",", ":")).encode  # bound now: a step may patch json
_sendall: Final = socket.socket.sendall  # likewise
_recv: Final = socket.socket.recv
_decoded: Final = json.JSONDecoder().decode


class Wire:
    """One end. Not thread-safe: the executor's side has a lock around it."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = bytearray()
        self.closed = False

    def fileno(self) -> int:
        """The socket's descriptor; -1 once it is closed."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send *message*. Raises ``OSError`` when the other end is gone."""
        _sendall(self._socket, _encoded(message).encode() + b"\n")

    def receive(self) -> Message | None:
        """The next message; ``None`` when the other end has closed. Blocks."""
        while (end := self._rest.find(b"\n")) < 0:
            if not self._fill():
                return None
        return self._take(end)

    def received(self) -> Iterator[Message]:
        """The messages that have come, after one read; ``closed`` tells when there will be no more."""
        if not self._fill():
            self.closed = True
        while (end := self._rest.find(b"\n")) >= 0:
            yield self._take(end)

    def _fill(self) -> bool:
        try:
            chunk = _recv(self._socket, _CHUNK)
        except ConnectionError:  # the other end was killed
            return False
        self._rest += chunk
        return bool(chunk)

    def _take(self, end: int) -> Message:
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        message: Message = _decoded(line.decode())
        return message

    def close(self) -> None:
        """Have no more to say."""
        with contextlib.suppress(OSError):
            self._socket.close()
