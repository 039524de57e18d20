"""Ring and listen: "look now", sent to a UDP port on loopback. No data, nothing trusted.

A ring may get lost and a stranger may ring: a listener looks into the store, and looks by itself every
``POLL_S`` seconds anyway.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable
from typing import Final

#: How often a listener looks without having been rung.
POLL_S: Final = 1.0

_HOST: Final = "127.0.0.1"


class Notifier:
    """A listener's socket. ``port`` is what others notify; ``fileno()`` serves an event loop."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((_HOST, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def wait(self, timeout_s: float = POLL_S) -> bool:
        """Block until rung or *timeout_s* have passed; whether it was rung. A burst is one ring."""
        rung, _, _ = select.select([self._socket], [], [], max(0.0, timeout_s))
        if rung:
            self.quiet()
        return bool(rung)

    def quiet(self) -> None:
        """Take every ring that has come so far."""
        try:
            while True:
                self._socket.recv(16)
        except BlockingIOError:
            return

    def notify(self, ports: Iterable[int]) -> None:
        """Ring every port but the own one. Nobody at home is no error: the poll comes behind."""
        for port in ports:
            if port == self.port:
                continue
            try:
                self._socket.sendto(b"!", (_HOST, port))
            except (OSError, OverflowError):  # a full buffer, a port just closed or none at all: the bell is a hint
                continue

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
