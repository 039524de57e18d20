"""Workers: plain processes, started when a run waits for one, kept warm, at most ``max_workers`` at a time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from logging import Logger
from typing import IO, Final

from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.home import Home
from pdnb.links import redact
from pdnb.model import Claimed, Raised, Status
from pdnb.workflow import Environment

_LAST_WORDS: Final = 2_000  # characters of a dead worker's stderr that are logged
_LONGEST_REST_S: Final = 60.0  # a worker that cannot start is not tried more often than this in the end
_GOODBYE_S: Final = 1.0  # how long the server waits for idle workers when it stops


@dataclass
class _Worker:
    environment: str
    process: subprocess.Popen[bytes]
    stderr: IO[bytes]
    ending: bool = False


@dataclass
class _Crashes:
    """How often the workers of an environment ended in an error, one after the other; no other until then."""

    count: int = 0
    until_s: float = 0.0


class Supervisor:
    """Starts, counts and ends the workers of one server. Lives in the store thread."""

    def __init__(self, home: Home, log: Logger, *, max_workers: int) -> None:
        self._home = home
        self._log = log
        self._max = max_workers
        self._workers: list[_Worker] = []
        self._failed: set[str] = set()
        self._said: set[str] = set()
        self._crashes: dict[str, _Crashes] = {}
        self._idle = 0

    def expects_idle(self) -> bool:
        """Whether some worker was idle at the last look and may take the next run by itself."""
        return self._idle > 0

    def look(self) -> None:
        """Bury who ended, then start a worker for every environment whose queue no idle worker serves."""
        self._bury()
        busy = {int(run.owner.split("-")[1]) for run in self._home.store.running() if run.owner}
        idle = Counter(w.environment for w in self._workers if w.process.pid not in busy and not w.ending)
        self._idle = idle.total()
        queued = self._home.store.queued_environments()
        for environment, run_id in queued.items():
            if idle[environment] or environment in self._failed or self._rests(environment):
                continue
            if sum(not w.ending for w in self._workers) >= self._max and not self._make_room(busy, {*queued}):
                return
            self._start(environment, run_id)

    def close(self) -> None:
        """Ask every worker to end after the stretch at hand; none is killed. The idle ones have ended then."""
        for worker in self._workers:
            worker.process.terminate()
            worker.stderr.close()
        self._home.ring()
        until_s = time.monotonic() + _GOODBYE_S
        for worker in self._workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, until_s - time.monotonic()))
        self._workers.clear()

    def _start(self, environment: str, run_id: str) -> None:
        try:
            run = self._home.store.get(run_id)
        except (StoreCorrupt, RunNotFound) as error:
            self._pass_by(environment, run_id, error)
            return
        try:
            place = self._home.store.frozen(run.hash).environment
        except StoreCorrupt as error:
            self._condemn(run_id, error)
            return
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        try:
            process = subprocess.Popen(  # the interpreter stands under the MAC of the run's code
                [
                    place.executable,
                    "-P",
                    "-m",
                    "pdnb.worker",
                    "--directory",
                    str(self._home.directory),
                    "--run",
                    run_id,
                    "--server",
                    str(os.getpid()),
                ],
                cwd=place.cwd,
                env=_environ(place),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,  # the terminal's Interrupt is for the server
            )
        except OSError as error:
            stderr.close()
            self._failed.add(environment)
            self._log.error(
                "pdnb: no worker for run %s: %s cannot be started in %s (%s): "
                "restore that interpreter or directory and restart the server",
                run_id, place.executable, place.cwd, error.strerror,
            )  # fmt: skip
            return
        self._workers.append(_Worker(environment, process, stderr))

    def _condemn(self, run_id: str, error: StoreCorrupt) -> None:
        """Fail a run whose code was tampered with; nothing of it is executed, and it stands before no other."""
        self._log.error("pdnb: run %s: %s", run_id, error)
        with contextlib.suppress(Refused):  # somebody has it
            run = self._home.store.apply(run_id, Claimed(self._home.clock(), self._home.owner))
            self._home.store.apply(run_id, Raised(self._home.clock(), run.fence, error=str(error)))

    def _pass_by(self, environment: str, run_id: str, error: Exception) -> None:
        """Start a worker for another run of *environment*; it clears the row that is damaged out of the queue."""
        if run_id not in self._said:
            self._said.add(run_id)
            self._log.error("pdnb: run %s: %s", run_id, error)
        queued = self._home.store.list(statuses=[Status.QUEUED], limit=1_000).runs
        other = next((run.id for run in queued if run.environment == environment), None)
        if other is not None:
            self._start(environment, other)

    def _make_room(self, busy: set[int], queued: set[str]) -> bool:
        """Let one worker end that is idle and for whose environment nothing waits; whether there was one."""
        for worker in self._workers:
            if worker.process.pid not in busy and worker.environment not in queued and not worker.ending:
                worker.process.terminate()
                worker.ending = True
                return True
        return False

    def _rests(self, environment: str) -> bool:
        """Whether workers there ended in errors, and the time to try again has not come."""
        crashes = self._crashes.get(environment)
        return crashes is not None and time.monotonic() < crashes.until_s

    def _bury(self) -> None:
        for worker in [w for w in self._workers if w.process.poll() is not None]:
            self._workers.remove(worker)
            if worker.process.returncode <= 0:
                self._crashes.pop(worker.environment, None)
            else:
                crashes = self._crashes.setdefault(worker.environment, _Crashes())
                crashes.count += 1
                crashes.until_s = time.monotonic() + min(_LONGEST_REST_S, 2.0 ** (crashes.count - 1))
                worker.stderr.seek(0)
                words = worker.stderr.read()[-_LAST_WORDS:].decode(errors="replace").strip()
                self._log.error("pdnb: a worker ended with code %s: %s", worker.process.returncode, redact(words))
            with contextlib.suppress(OSError):
                worker.stderr.close()


def _environ(place: Environment) -> dict[str, str]:
    """The server's environment, and the run's ``sys.path``: the worker finds pdnb and the run's modules alike."""
    return {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as in a kernel: figures are outputs, not windows
        **os.environ,
        "PYTHONPATH": os.pathsep.join(entry or place.cwd for entry in place.path),
    }
