"""A worker's side of its fork server: starting it, asking it for executors, having them ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from pdnb.executor.child import Child
from pdnb.executor.starting import Started, start
from pdnb.runtime.importable import remove_left
from pdnb.workflow.version import Environment

_PATIENCE_S: Final = 10.0


class ForkServerGone(Exception):  # it is no fault of the caller
    """The fork server has died; another one can be started."""


class ForkClient:
    """The fork server of *environment*. *lock* is the descriptor that an executor holds while it works.

    *started*: one that has been started already.
    """

    def __init__(
        self, environment: Environment, lock: int, method: Literal["fork", "spawn"], started: Started | None = None
    ) -> None:
        self._lock = lock
        self._method = method
        self._replies: dict[str, deque[Any]] = {}
        self._rest = b""
        self._process, self._control = started or start(environment.path, environment.cwd)
        self._control.settimeout(_PATIENCE_S)
        self._installed = _installed(environment)
        self._environment = environment

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_stale(self) -> bool:
        """Whether packages were installed or removed since it started: what it has imported may be gone."""
        return _installed(self._environment) != self._installed

    def make(self) -> Child:
        """Ask for an executor; it says itself when it is ready. Raises ``ForkServerGone``."""
        ours, theirs = socket.socketpair()
        outs, errs = os.pipe(), os.pipe()
        try:
            with theirs:
                self._send({self._method: 1}, [theirs.fileno(), outs[1], errs[1], self._lock])
        except BaseException:
            ours.close()
            os.close(outs[0])
            os.close(errs[0])
            raise
        finally:
            os.close(outs[1])
            os.close(errs[1])
        return Child(self, ours, outs[0], errs[0])

    def preload(self, names: Iterable[str]) -> None:
        """Have the next executors know these modules. Raises ``ForkServerGone``."""
        self._send({"preload": list(names)})

    def unfit(self) -> list[str] | None:
        """The modules that should not have been preloaded; ``None`` as long as it has not said so."""
        with suppress(ForkServerGone, BlockingIOError):
            self._control.setblocking(False)
            while True:
                self._fill()
        self._control.settimeout(_PATIENCE_S)
        found: list[list[str]] | None = self._replies.get("preloaded")  # type: ignore[assignment]
        return None if found is None else [name for names in found for name in names]

    def release(self, child: Child) -> None:
        """A wake-up is over: *child* has the grace to end."""
        child.close()
        with suppress(ForkServerGone):
            self._send({"release": child.pid})

    def kill(self, child: Child) -> int | None:
        """Kill *child* and all it has left; how it ended, as ``waitpid`` says it; ``None`` if nobody knows."""
        child.close()
        if child.pid is None:
            return None
        try:
            self._send({"kill": child.pid})
            while "status" not in self._replies:
                self._fill()
            status: int = self._replies.pop("status")[0]
        except (ForkServerGone, TimeoutError):
            return None
        finally:
            remove_left(child.pid)
        return status

    def close(self) -> None:
        """End it, and with it the executors that it still has."""
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
            return
        self._process.kill()
        self._process.wait()

    def _send(self, message: dict[str, Any], descriptors: Iterable[int] = ()) -> None:
        line = json.dumps(message).encode() + b"\n"
        try:
            if descriptors:
                sent = socket.send_fds(self._control, [line], list(descriptors))
                line = line[sent:]
            self._control.sendall(line)
        except OSError as error:
            raise ForkServerGone from error

    def _fill(self) -> None:
        try:
            data = self._control.recv(1 << 16)
        except ConnectionError as error:
            raise ForkServerGone from error
        if not data:
            raise ForkServerGone
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            for name, value in json.loads(line).items():
                self._replies.setdefault(name, deque()).append(value)


def _installed(environment: Environment) -> tuple[int, ...]:
    """When a package was last installed or removed: the times of the directories where they lie."""
    times = []
    for entry in environment.path:
        if entry.endswith(("site-packages", "dist-packages")):
            with suppress(OSError):
                times.append(Path(entry).stat().st_mtime_ns)
    return tuple(times)
