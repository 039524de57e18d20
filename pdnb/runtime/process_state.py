"""What of a process one wake-up could change for the next: comparing it, and putting it back.

Rules:

- A kernel is the person's own process: while anything but a step executes, it is as it was, also between two steps of
  one wake-up, when pdnb stores; what the first one changed the next one finds again. What the wake-up leaves running is
  ended with it, but for threads, which nobody can end: they are said.
- An executor is asked whether it is as clean as it was; only then may another wake-up of the same version use it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pdnb.runtime.process_kinds import KINDS, Kind

#: Seconds that what a step leaves running has to end by itself.
GRACE_S: Final = 1.0


class ProcessState:
    """How this process is at one moment."""

    def __init__(self) -> None:
        self._values = {kind: kind.read() for kind in KINDS}

    def changes(self) -> dict[Kind, Any]:
        """The kinds of state that are different now, each with its present value."""
        now = ((kind, kind.read()) for kind in KINDS)
        return {kind: value for kind, value in now if not kind.same(self._values[kind], value)}

    def put_back(self, kinds: Iterable[Kind]) -> None:
        """Undo the changes of these *kinds*."""
        apply({kind: self._values[kind] for kind in kinds})


def apply(values: dict[Kind, Any]) -> None:
    """Make this process so."""
    for kind, value in values.items():
        kind.write(value)


class Leftovers:
    """The threads and child processes that have come since it was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._children = children(os.getpid())

    def found(self) -> list[str]:
        """What there is, in words."""
        threads = set(threading.enumerate()) - self._threads
        return ["threads"] * bool(threads) + ["child processes"] * bool(children(os.getpid()) - self._children)

    def end(self) -> None:
        """End them: timers at once, child processes after the grace. Threads nobody can end."""
        for thread in set(threading.enumerate()) - self._threads:
            if isinstance(thread, threading.Timer):
                thread.cancel()
        _end(children(os.getpid()) - self._children - _helpers())


def children(pid: int) -> set[int]:
    """The process ids of the children of *pid*; where the system does not tell, none."""
    found: set[int] = set()
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread has just ended
            found.update(map(int, file.read_text().split()))
    return found


def end_descendants(pid: int) -> None:
    """Kill all that *pid* and its children have started; what loses its parent meanwhile comes to *pid* or to us."""
    for child in children(pid):
        end_descendants(child)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)


def _end(pids: set[int]) -> None:
    """End child processes: ask, and after the grace kill."""
    for pid in pids:
        for descendant in _descendants(pid):  # first: they may be in a session of their own
            with suppress(ProcessLookupError):
                os.kill(descendant, signal.SIGTERM)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until_s = time.monotonic() + GRACE_S
    while pids and time.monotonic() < until_s:
        pids = {pid for pid in pids if _runs(pid)}
        time.sleep(0.005 if pids else 0)
    for pid in pids:
        end_descendants(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    return [found for child in children(pid) for found in (*_descendants(child), child)]


def _runs(pid: int) -> bool:
    """Whether a child is at work; one that has ended waits for its parent, who is a library of the person's."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def _helpers() -> set[int]:
    """The processes that multiprocessing keeps for all that this process does."""
    tracker: Any = sys.modules.get("multiprocessing.resource_tracker")
    server: Any = sys.modules.get("multiprocessing.forkserver")
    found = {getattr(getattr(tracker, "_resource_tracker", None), "_pid", None)}
    found.add(getattr(getattr(server, "_forkserver", None), "_forkserver_pid", None))
    return {pid for pid in found if pid is not None}
