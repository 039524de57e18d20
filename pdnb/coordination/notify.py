"""Notifications between the processes of a store: "something has changed", sent to UDP ports on loopback.

They carry no data and are not trusted: one may get lost, and a stranger may send one. A process that gets one reads the
store, and it reads it every ``POLL_S`` seconds anyway.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable
from typing import Final

#: How often a process reads the store without having been notified, in seconds.
POLL_S: Final = 1.0

_HOST: Final = "127.0.0.1"


class Notifier:
    """This process's socket: receives notifications on ``port`` and sends them to others."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((_HOST, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def wait(self, timeout_s: float = POLL_S) -> bool:
        """Block until a notification comes or *timeout_s* have passed; whether one came. A burst counts as one."""
        notified, _, _ = select.select([self._socket], [], [], max(0.0, timeout_s))
        if notified:
            self.drain()
        return bool(notified)

    def drain(self) -> None:
        """Take every notification that has come so far."""
        try:
            while True:
                self._socket.recv(16)
        except BlockingIOError:
            return

    def notify(self, ports: Iterable[int]) -> None:
        """Notify every port but this process's own. A port where no process listens is no error."""
        for port in ports:
            if port == self.port:
                continue
            try:
                self._socket.sendto(b"!", (_HOST, port))
            except (OSError, OverflowError):  # a full buffer, a port just closed or no port at all: it is a hint
                continue

    def fileno(self) -> int:
        """The descriptor that an event loop waits on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
