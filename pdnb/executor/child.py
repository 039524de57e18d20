"""An executor as its worker holds it: the wire, and the two pipes of what it prints."""

from __future__ import annotations

import codecs
import os
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Protocol

from pdnb.executor.wire import Message, Wire
from pdnb.outputs.buffer import Record

_CHUNK: Final = 64 * 1024
_MOST_CHUNKS: Final = 16  # at one look: more than a pipe holds; a step that prints without end is not waited for
_START_S: Final = 30.0


class Maker(Protocol):
    """What has made an executor, and ends it."""

    def release(self, child: Child) -> None:
        """Its wake-up is over: it has the grace to end."""

    def kill(self, child: Child) -> int | None:
        """Kill it and all it has left; how it ended, as ``waitpid`` says it; ``None`` if nobody knows."""


class Child:
    """One executor. ``pid`` is known once it is ready, ``None`` before. ``server`` has made it."""

    def __init__(self, server: Maker, wire: socket.socket, stdout: int, stderr: int) -> None:
        self.server = server
        self._wire = Wire(wire)
        self._pipes = {stdout: "stdout", stderr: "stderr"}
        self._decoders: dict[int, Any] = {}
        self._poll = select.poll()
        for descriptor in (stdout, stderr):
            os.set_blocking(descriptor, False)
            self._decoders[descriptor] = codecs.getincrementaldecoder("utf-8")("replace")
            self._poll.register(descriptor, select.POLLIN)
        self._poll.register(wire, select.POLLIN)
        self.pid: int | None = None

    def wait_until_ready(self) -> bool:
        """Wait until it can be used; whether it can."""
        if self.pid is None:
            for message in self.messages(Record(1 << 16), _START_S, until="ready"):
                self.pid = message.get("ready", self.pid)
        return self.pid is not None

    def say(self, message: Message) -> bool:
        """Say *message* to it; whether it may have arrived."""
        with suppress(OSError):
            self._wire.send(message)
            return True
        return False

    @property
    def over(self) -> bool:
        """Whether it has closed the wire."""
        return self._wire.closed

    def messages(self, record: Record, timeout_s: float, until: str = "") -> Iterator[Message]:
        """The messages that come within *timeout_s*, up to one called *until*; all that was printed goes to *record*.

        What was printed before a message is recorded before it is given.
        """
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
            if not ready:
                return
            found = list(self._wire.received()) if self._wire.fileno() in ready else []
            self.read_pipes(record)  # after the wire: what was printed before a message is there when the message is
            yield from found
            if self.over or (until and any(until in message for message in found)):
                return
            if not until:
                return

    def read_pipes(self, record: Record) -> None:
        """Record what has been printed so far."""
        for descriptor, name in list(self._pipes.items()):
            with suppress(BlockingIOError):
                for _ in range(_MOST_CHUNKS):
                    chunk = os.read(descriptor, _CHUNK)
                    if text := self._decoders[descriptor].decode(chunk):
                        record.write(name, text)
                    if not chunk:
                        self._drop(descriptor)  # everybody who could write has gone
                        break

    def close(self) -> None:
        """Have no more to do with it."""
        self._wire.close()
        for descriptor in list(self._pipes):
            self._drop(descriptor)

    def _drop(self, descriptor: int) -> None:
        del self._pipes[descriptor]
        self._poll.unregister(descriptor)
        os.close(descriptor)
