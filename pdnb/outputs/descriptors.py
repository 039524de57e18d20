"""What is written to the descriptors 1 and 2 of this process while a step executes in it.

Programs that the step starts write there, and extension modules. Rules:

- A pipe stands in each one's place for the length of the step; a thread reads it, so that no writer waits.
- Whoever is about to record something else drains the pipes first: that keeps the order.
- Text goes through the process's own streams, which record and show it; one that wrote to these descriptors gets the
  place that they had before.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TextIO

_CHUNK: Final = 64 * 1024
_MOST_CHUNKS: Final = 16  # at one look: more than a pipe holds; a program that prints without end is not waited for


class Descriptors:
    """Reads the two descriptors from :meth:`start` to :meth:`stop`. *received* gets a stream's name and new text."""

    def __init__(self, received: Callable[[str, str], object]) -> None:
        self._received = received
        self._lock = threading.RLock()
        self._pipes: dict[int, tuple[int, int, codecs.IncrementalDecoder]] = {}  # by number: place before, our end
        self._before: list[int] = []
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Put the pipes into place. Where a descriptor is closed, it stays so."""
        for number in (1, 2):
            try:
                before = os.dup(number)
            except OSError:  # closed, as in a service without a terminal
                continue
            ours, theirs = os.pipe()
            os.set_blocking(ours, False)
            os.dup2(theirs, number)
            os.close(theirs)
            self._pipes[number] = before, ours, codecs.getincrementaldecoder("utf-8")("replace")
        if self._pipes:
            self._wake = os.pipe()
            self._thread = threading.Thread(target=self._pump, name="pdnb-descriptors", daemon=True)
            self._thread.start()

    def place_before(self, stream: TextIO | None) -> TextIO | None:
        """*stream*, or one that writes to where its descriptor led before."""
        try:
            number = stream.fileno() if stream is not None else -1
        except (OSError, ValueError, AttributeError):
            return stream
        if stream is None or number not in self._pipes:
            return stream
        raw: Any = io.FileIO(self._pipes[number][0], "wb", closefd=False)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        errors = getattr(stream, "errors", None) or "strict"
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=True)

    def drain(self) -> None:
        """Hand over what has come so far."""
        with self._lock:
            for number, (_, ours, decoder) in self._pipes.items():
                chunks = []
                with suppress(BlockingIOError):
                    for _ in range(_MOST_CHUNKS):
                        chunks.append(os.read(ours, _CHUNK))  # noqa: PERF401  # until there is no more
                if chunks:
                    self._received("stdout" if number == 1 else "stderr", decoder.decode(b"".join(chunks)))

    def stop(self) -> None:
        """Hand over the last, and put the descriptors back."""
        if not self._pipes:
            return
        _flush_c()
        assert self._wake is not None  # noqa: S101  # made with the pipes
        assert self._thread is not None  # noqa: S101
        os.write(self._wake[1], b"x")  # closing would not do: a process that was forked meanwhile has it too
        self._thread.join()
        for end in self._wake:
            os.close(end)
        self.drain()
        for number, (before, ours, _) in self._pipes.items():
            os.dup2(before, number)
            os.close(ours)
            self._before.append(before)
        self._pipes.clear()

    def close(self) -> None:
        """Give back what :meth:`place_before` wrote to; after :meth:`stop`."""
        while self._before:
            os.close(self._before.pop())

    def _pump(self) -> None:
        assert self._wake is not None  # noqa: S101
        poll = select.poll()
        for _, ours, _ in self._pipes.values():
            poll.register(ours, select.POLLIN)
        poll.register(self._wake[0], select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._wake[0] in ready:
                return
            self.drain()


def _flush_c() -> None:
    """Flush what extension modules have printed by way of C; only where ctypes is loaded anyway."""
    ctypes: Any = sys.modules.get("ctypes")
    with suppress(AttributeError, OSError, TypeError):
        if ctypes is not None:
            ctypes.CDLL(None).fflush(None)
