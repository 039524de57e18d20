"""The fork server: a small process of one environment that makes executors, and ends what they leave.

``python -c BOOT PATH --control FD --parent PID`` (:mod:`pdnb.executor.starting`). Rules:

- It holds no store, no lock and no thread, and executes no code of a person: it imports what setup cells import first.
- It is told by one line what to do, with the descriptors that belong to it: ``fork`` (wire, stdout, stderr, lock),
  ``spawn`` (likewise, in a new interpreter), ``preload``, ``release`` (a wake-up is over: the grace begins),
  ``kill`` (now; says how it ended).
- It reaps no executor before it was told that nobody needs its process id any more.
- What an executor's processes leave behind is adopted here (Linux), and killed.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pdnb.executor import process
from pdnb.executor.preloading import may_have_threads
from pdnb.executor.starting import BOOT
from pdnb.runtime.process_state import GRACE_S, children, end_descendants

_PR_SET_CHILD_SUBREAPER: Final = 36
_DESCRIPTORS: Final = 4
_LATER_S: Final = 0.25  # behind the grace that an executor keeps by itself


class ForkServer:
    """Serves one worker over *control*."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._rest = b""
        self._descriptors: list[int] = []
        self._executors: dict[int, float | None] = {}  # by process id: when it is killed (monotonic)
        self._ended = socket.socketpair()  # the first can be read when a child has ended
        for end in self._ended:
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ended[1].fileno())

    def serve(self) -> None:
        """Do what is asked until the worker closes its end."""
        poll, ended = select.poll(), self._ended[0]
        poll.register(self._control, select.POLLIN)
        poll.register(ended, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._rest_ms())]
            if ended.fileno() in ready:
                ended.recv(1 << 12)
            if self._control.fileno() in ready and not self._receive():
                break
            self._end_due()
        for pid in list(self._executors):
            self._kill(pid)

    def _receive(self) -> bool:
        """Take what has come; whether there may be more."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 1 << 16, 64)
        self._descriptors += descriptors
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._do(json.loads(line))
        return bool(data)

    def _do(self, message: dict[str, Any]) -> None:
        if "fork" in message or "spawn" in message:
            self._make("spawn" in message)
        elif "preload" in message:
            self._say({"preloaded": self._preload(message["preload"])})
        elif "release" in message and message["release"] in self._executors:
            self._executors[message["release"]] = time.monotonic() + GRACE_S + _LATER_S
        elif "kill" in message:
            self._say({"status": self._kill(message["kill"])})

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(BrokenPipeError, ConnectionError):  # the worker is gone: this process ends presently
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def _make(self, spawned: bool) -> None:  # noqa: FBT001
        given, self._descriptors = self._descriptors[:_DESCRIPTORS], self._descriptors[_DESCRIPTORS:]
        here = os.getpid()
        pid = _fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for end in (self._control, *self._ended):
                end.close()
            for descriptor in self._descriptors:
                os.close(descriptor)
            try:
                if spawned:
                    _spawn(given)
                process.die_with(here)
                process.become(*given)
            except BaseException:  # noqa: BLE001  # its worker is told by the end of the wire
                traceback.print_exc()
            finally:
                os._exit(1)
        for descriptor in given:
            os.close(descriptor)
        self._executors[pid] = None

    def _preload(self, names: Iterable[str]) -> list[str]:
        """Import modules; the names of those that should not have been.

        After which this process had threads that no child may inherit; which fail, or say something: so they do then
        where a step imports them, and it is part of its record.
        """
        unfit = []
        for name in names:
            try:
                said = _said_by(lambda name=name: importlib.import_module(name))  # type: ignore[misc]
            except Exception:  # noqa: BLE001  # whatever it is, a step that needs it says so itself
                said = True
            if said or (not may_have_threads(name) and _threads() > 1):
                unfit.append(name)
        return unfit

    # ---- ending ----

    def _rest_ms(self) -> float | None:
        due = [at_s for at_s in self._executors.values() if at_s is not None]
        return max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None

    def _end_due(self) -> None:
        now_s = time.monotonic()
        for pid, at_s in list(self._executors.items()):
            if at_s is not None and (now_s >= at_s or _has_ended(pid)):
                self._kill(pid)

    def _kill(self, pid: int) -> int:
        """Kill the executor *pid* with its group, and reap it; how it ended, as ``waitpid`` says it."""
        if self._executors.pop(pid, self) is self:
            return 0
        if not _has_ended(pid):
            time.sleep(0.002)  # it may be about to: then the status is its own
        end_descendants(pid)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # before it has a group of its own
        status = os.waitpid(pid, 0)[1]
        self._kill_adopted()
        return status

    def _kill_adopted(self) -> None:
        """Kill what an executor has left that died at once; while it lives, its descendants are its own."""
        while found := children(os.getpid()) - self._executors.keys():
            for pid in found:
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


def _said_by(call: Callable[[], object]) -> bool:
    """Whether *call* writes anything to the descriptors 1 and 2."""
    with tempfile.TemporaryFile() as file:
        before = [os.dup(number) for number in (1, 2)]
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            call()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        finally:
            for number, old in zip((1, 2), before, strict=True):
                os.dup2(old, number)
                os.close(old)
        return os.fstat(file.fileno()).st_size > 0


def _fork() -> int:
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that were allowed
        return os.fork()


def _spawn(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    given = [*map(str, descriptors), "--parent", str(os.getppid())]
    os.execv(sys.executable, [  # noqa: S606  # no shell is wanted
        sys.executable, "-P", "-c", BOOT.format(module=__name__), json.dumps(sys.path), "--spawned", *given,
    ])  # fmt: skip


def _has_ended(pid: int) -> bool:
    """Whether the child has ended; it is not reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _threads() -> int:
    with suppress(OSError):
        return len(list(Path("/proc/self/task").iterdir()))
    return 1


def main() -> None:
    """The entry of the process, and of an executor that is spawned."""
    parser = argparse.ArgumentParser(prog="pdnb fork server")
    parser.add_argument("--control", type=int)
    parser.add_argument("--spawned", type=int, nargs=_DESCRIPTORS)
    parser.add_argument("--parent", type=int, required=True)
    given = parser.parse_args()
    process.die_with(given.parent)
    if given.spawned:
        process.become(*given.spawned)
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ForkServer(socket.socket(fileno=given.control)).serve()
