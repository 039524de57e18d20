"""The limits of time and memory that a step's options set, enforced while it executes.

Rules:

- Time: an alarm raises :class:`~pdnb.errors.TimeLimit` in the step, again and again until the step gives way, so a
  broad ``except`` does not outlive it. Code that never returns to Python is ended by the supervisor, with its process.
- Memory: the system refuses more, so Python raises ``MemoryError``. What counts is what the process takes beyond what
  it had when the step began.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from pdnb.errors import DefinitionError, TimeLimit
from pdnb.workflow.definition import Step

_AGAIN_S: Final = 5.0
_LONGEST_S: Final = 1e9  # no system's timer takes any number
_STATUS: Final = Path("/proc/self/status")


@contextmanager
def enforced(step: Step) -> Iterator[None]:
    """Execute the block under the limits of *step*. Raises ``DefinitionError`` where it cannot."""
    with memory(step), _time(step):  # the alarm goes first: it must not interrupt what gives the memory back
        yield


@contextmanager
def _time(step: Step) -> Iterator[None]:
    if step.time_limit is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        raise DefinitionError(
            f"step {step.name!r} has a time limit, which is enforced in a process's main thread only: start the run "
            "there, or leave it to a worker (headless)"
        )

    def ring(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise TimeLimit(f"step {step.name!r} took longer than its time limit of {step.time_limit:g} s")

    other_s, interval_s = signal.getitimer(signal.ITIMER_REAL)
    armed, before, began_s = True, signal.signal(signal.SIGALRM, ring), time.monotonic()
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, min(step.time_limit, _LONGEST_S), _AGAIN_S)
            yield
        finally:
            armed = False  # an alarm that falls between the two leaves the timer to the outer `finally`
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if other_s:  # an alarm that was set before, as a test runner does, goes on
            signal.setitimer(signal.ITIMER_REAL, max(0.001, other_s - time.monotonic() + began_s), interval_s)


@contextmanager
def memory(step: Step) -> Iterator[None]:
    """Execute the block under the limit of memory of *step*. Raises ``DefinitionError`` where it cannot."""
    if step.memory_limit is None:
        yield
        return
    if not _STATUS.exists():
        raise DefinitionError(
            f"step {step.name!r} has a memory limit, which only Linux enforces: remove --memory-limit"
        )
    import resource  # noqa: PLC0415  # not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    others = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    most = min(_data_bytes() + step.memory_limit, sys.maxsize, *others)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """What counts against ``RLIMIT_DATA`` in this process now."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024
