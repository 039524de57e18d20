"""The order of what an executor puts out: two pipes and the wire are read by a worker that sees no order between them.

Rules:

- Whatever changes from one of the three to another first waits until the worker has read all before (0.1 ms).
- A program that the step starts writes to the pipes as well: so it is when one may be about to write, and after that.
- A process that the step forks is not asked to wait: the wire is its parent's.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from pdnb.outputs.nbformat import storable

Channel: TypeAlias = Literal["stdout", "stderr", "wire"]

#: Audit events of a process that begins, and may write to the step's descriptors.
_BEGINS: Final = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec"})


_getpid: Final = os.getpid  # bound now: a step may patch it


class Order:
    """Who wrote last. *sync* returns when the worker has read everything that was written before."""

    def __init__(self, sync: Callable[[], object]) -> None:
        self._sync = sync
        self._pid = _getpid()
        self._last: Channel | None = None
        self._others = False

    def turn(self, channel: Channel) -> None:
        """*channel* is about to be written to."""
        if channel == self._last and not self._others and not _has_children():
            return
        if (self._last is not None or self._others) and _getpid() == self._pid:
            self._sync()
        self._last, self._others = channel, False

    def others(self) -> None:
        """Another process is about to begin."""
        if self._last is not None and _getpid() == self._pid:
            self._sync()
        self._last, self._others = None, True


def _has_children() -> bool:
    """Whether multiprocessing has started a process; one that it spawns begins without an audit event."""
    processes = sys.modules.get("multiprocessing.process")
    return bool(getattr(processes, "_children", None))


#: The order of the step at work; the audit hook cannot be taken away, so it asks here.
_present: list[Order] = []


def install() -> None:
    """Have the present order told of processes that begin; once in the life of a process."""
    sys.addaudithook(_hook)


def set_present(order: Order | None) -> None:
    """From now on *order* is told."""
    _present[:] = [] if order is None else [order]


def _hook(event: str, _args: object) -> None:
    if event in _BEGINS and _present:
        _present[0].others()


class OrderedStream(io.TextIOWrapper):
    """``sys.stdout`` or ``sys.stderr`` of an executor: every write is in the pipe when it returns."""

    def __init__(self, descriptor: int, channel: Channel, order: Order) -> None:
        buffer = _OrderedBuffer(io.FileIO(descriptor, "wb", closefd=False), channel, order)
        super().__init__(buffer, encoding="utf-8", errors="replace", newline="\n", write_through=True)
        self._channel: Channel = channel
        self._order = order

    @property
    def name(self) -> str:
        """As in a plain process."""
        return f"<{self._channel}>"

    def write(self, text: str, /) -> int:
        """Write *text*; lone surrogates are replaced, as everywhere in a record."""
        return super().write(storable(text))

    def flush(self) -> None:
        """Nothing is held back; but who is about to write to the descriptor itself flushes, and gets its turn so."""
        self._order.turn(self._channel)

    def close(self) -> None:
        """Stay open: other code of this process writes here too."""


class _OrderedBuffer(io.BufferedWriter):
    def __init__(self, raw: io.FileIO, channel: Channel, order: Order) -> None:
        super().__init__(raw)
        self._channel: Channel = channel
        self._order = order

    def write(self, data: object, /) -> int:
        self._order.turn(self._channel)
        written = super().write(data)  # type: ignore[arg-type]  # what is no bytes raises
        self.flush()
        return written

    def close(self) -> None:
        """Stay open, as the stream does."""
