"""Workers: plain processes, started when a run waits for one, kept warm, at most ``max_workers`` at a time.

Environments take turns: where all workers are busy elsewhere, one of them ends after the stretch at hand. A worker
whose step does not give way to its time limit is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from logging import Logger
from typing import IO, Final

from pdnb.coordination import scheduler
from pdnb.coordination.home import Home
from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.links import redact
from pdnb.model import Claimed, Raised, RunRecord, Status
from pdnb.workflow.version import Environment

_LAST_WORDS: Final = 2_000  # characters of a dead worker's stderr that are logged
_LONGEST_REST_S: Final = 60.0  # a worker that cannot start is not tried more often than this in the end
_GOODBYE_S: Final = 1.0  # how long the server waits for idle workers when it stops
_TURN_S: Final = 1.0  # an environment waits this long for a worker before another has to give one up
_GRACE_S: Final = 15.0  # behind a step's time limit: until then it may give way by itself


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
        self._last = ""  # the environment that got a worker last
        self._waiting: dict[str, float] = {}  # environments that wait for a turn, and since when
        self._limits: dict[str, dict[str, float]] = {}  # of the code that is at work, by its hash: step, seconds
        self._began: dict[tuple[str, int, int, int], float] = {}  # the attempts at work, and since when (monotonic)
        self._said: set[str] = set()
        self._crashes: dict[str, _Crashes] = {}
        self._idle = 0

    def expects_idle(self) -> bool:
        """Whether some worker was idle at the last look and may take the next run by itself."""
        return self._idle > 0

    def look(self) -> None:
        """Bury who ended, then start a worker for every environment whose queue no idle worker serves."""
        self._reap()
        busy = {int(run.owner.split("-")[1]): run for run in self._home.store.running() if run.owner}
        self._end_overdue(busy)
        idle = Counter(w.environment for w in self._workers if w.process.pid not in busy and not w.ending)
        self._idle = idle.total()
        queued = self._home.store.queued_environments()
        self._waiting = {environment: since for environment, since in self._waiting.items() if environment in queued}
        for environment in sorted(queued, key=lambda e: (e <= self._last, e)):  # the others first
            if idle[environment] or self._rests(environment):
                continue
            present = sum(not w.ending or w.process.pid in busy for w in self._workers)  # who ends may yet be at work
            if present < self._max or self._make_room(busy, {*queued}):
                self._waiting.pop(environment, None)
                self._start(environment, queued[environment])
                self._last = environment
            else:
                self._take_turns(environment)

    def close(self) -> None:
        """Ask every worker to end after the stretch at hand; none is killed. The idle ones have ended then."""
        for worker in self._workers:
            worker.process.terminate()
            worker.stderr.close()
        self._home.notify()
        until_s = time.monotonic() + _GOODBYE_S
        for worker in self._workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, until_s - time.monotonic()))
        self._workers.clear()

    def _start(self, environment: str, run_id: str) -> None:
        try:
            run = self._home.store.get(run_id)
        except (StoreCorrupt, RunNotFound) as error:
            self._skip_damaged(environment, run_id, error)
            return
        try:
            place = self._home.store.workflow_version(run.version_id).environment
        except StoreCorrupt as error:
            self._fail_tampered(run_id, error)
            return
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        try:
            process = subprocess.Popen(  # the interpreter stands under the MAC of the run's code
                [
                    place.executable,
                    "-P",
                    "-m",
                    "pdnb.workers.worker",
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
            self._let_rest(environment)
            if environment not in self._said:
                self._said.add(environment)
                self._log.error(
                    "pdnb: no worker for run %s: %s cannot be started in %s (%s): "
                    "restore that interpreter or directory; it is tried again from time to time",
                    run_id, place.executable, place.cwd, error.strerror,
                )  # fmt: skip
            return
        self._workers.append(_Worker(environment, process, stderr))

    def _fail_tampered(self, run_id: str, error: StoreCorrupt) -> None:
        """Fail a run whose code was tampered with; nothing of it is executed, and it stands before no other."""
        self._log.error("pdnb: run %s: %s", run_id, error)
        with contextlib.suppress(Refused):  # somebody has it
            run = self._home.store.apply(run_id, Claimed(self._home.clock(), self._home.owner))
            self._home.store.apply(run_id, Raised(self._home.clock(), run.fence, error=str(error)))

    def _skip_damaged(self, environment: str, run_id: str, error: Exception) -> None:
        """Start a worker for another run of *environment*; it clears the row that is damaged out of the queue."""
        if run_id not in self._said:
            self._said.add(run_id)
            self._log.error("pdnb: run %s: %s", run_id, error)
        queued = self._home.store.list(statuses=[Status.QUEUED], limit=1_000).runs
        other = next((run.id for run in queued if run.environment == environment), None)
        if other is not None:
            self._start(environment, other)

    def _take_turns(self, environment: str) -> None:
        """Let a worker of another environment end after its stretch, if this one has had none for a while."""
        if any(worker.environment == environment or worker.ending for worker in self._workers):
            return
        if time.monotonic() - self._waiting.setdefault(environment, time.monotonic()) < _TURN_S:
            return
        shares = Counter(worker.environment for worker in self._workers)
        if self._workers:
            worker = max(self._workers, key=lambda w: shares[w.environment])
            worker.process.terminate()
            worker.ending = True

    def _end_overdue(self, busy: dict[int, RunRecord]) -> None:
        """Kill the workers whose step has not given way to its time limit.

        As its own alarm, this counts no time that the machine slept, and no clock that was set.
        """
        known, now_s = self._limits, time.monotonic()
        attempts = [(run.id, run.fence, run.position, run.runs) for run in busy.values()]
        self._began = {attempt: self._began.get(attempt, now_s) for attempt in attempts}
        self._limits = {
            run.version_id: known[run.version_id] if run.version_id in known else self._limits_of(run)
            for run in busy.values()
        }
        for pid, run in busy.items():  # also the workers of a server before this one
            limit = self._limits[run.version_id].get(run.step)
            if limit is None or run.owner is None or not run.owner.startswith("worker-"):
                continue
            late = now_s - self._began[run.id, run.fence, run.position, run.runs] > limit + _GRACE_S
            if late and self._home.owners.alive(run.owner):  # it holds its lock, so the number is still its own
                os.kill(pid, signal.SIGKILL)
                while self._home.owners.alive(run.owner):  # until the system has taken its lock away
                    time.sleep(0.001)
                text = f"it took longer than its time limit of {limit:g} s and did not give way"
                scheduler.lose(self._home, run, text, again=False)

    def _limits_of(self, run: RunRecord) -> dict[str, float]:
        try:
            steps = self._home.store.workflow_version(run.version_id).steps
        except StoreCorrupt:
            return {}
        return {step.name: step.time_limit for step in steps if step.time_limit is not None}

    def _make_room(self, busy: Container[int], queued: set[str]) -> bool:
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

    def _let_rest(self, environment: str) -> None:
        """Start no worker there for a while, longer each time."""
        crashes = self._crashes.setdefault(environment, _Crashes())
        crashes.count += 1
        crashes.until_s = time.monotonic() + min(_LONGEST_REST_S, 2.0 ** (crashes.count - 1))

    def _reap(self) -> None:
        for worker in [w for w in self._workers if w.process.poll() is not None]:
            self._workers.remove(worker)
            if worker.process.returncode <= 0:
                self._crashes.pop(worker.environment, None)
            else:
                self._let_rest(worker.environment)
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
