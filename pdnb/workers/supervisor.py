"""Workers: plain processes, started when a run waits for one, kept warm, at most ``max_workers`` at a time.

Environments take turns: where all workers are busy in others, one of them ends after its wake-up.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Container
from logging import Logger
from typing import Final

from pdnb.coordination.home import Home
from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.model import Claimed, Raised, RunRecord, Status, Unserved
from pdnb.owner_id import OwnerId, this_host
from pdnb.workers.launch import WorkerProcess, launch
from pdnb.workers.restarts import Restarts

_CLOSE_S: Final = 1.0  # how long a server that stops waits for idle workers
_TURN_S: Final = 1.0  # an environment waits this long for a worker before another has to give one up


class Supervisor:
    """Starts, counts and ends the workers of one leader. All calls come from one thread."""

    def __init__(self, home: Home, log: Logger, *, max_workers: int) -> None:
        self._home = home
        self._log = log
        self._max = max_workers
        self._restarts = Restarts()
        self._workers: list[WorkerProcess] = []
        self._last = ""  # the environment that got a worker last
        self._waiting: dict[str, float] = {}  # environments that wait for a turn, and since when (monotonic)
        self._logged: set[str] = set()  # the environments and runs whose trouble was logged once
        self._idle = 0

    def expects_idle(self) -> bool:
        """Whether a worker was idle at the last step, which may take the next run by itself."""
        return self._idle > 0

    def step(self) -> None:
        """Remove the workers that have ended, then start one for every environment whose queue no idle worker serves.

        Raises ``StoreUnavailable``.
        """
        self._remove_ended()
        running = self._home.store.running()
        busy = _workers_at_work(running)
        idle = Counter(w.environment for w in self._workers if w.pid not in busy and not w.ending)
        self._idle = idle.total()
        queued = self._home.store.queued_environments()
        self._waiting = {environment: since for environment, since in self._waiting.items() if environment in queued}
        for environment in sorted(queued, key=lambda e: (e <= self._last, e)):  # those after the last one first
            if idle[environment] or self._restarts.waiting(environment):
                continue
            present = sum(not w.ending or w.pid in busy for w in self._workers)  # one that ends may yet be at work
            if present < self._max or self._end_idle_worker(busy, queued):
                self._waiting.pop(environment, None)
                self._start_worker(environment, queued[environment])
                self._last = environment
            else:
                self._demand_turn(environment)

    def close(self) -> None:
        """Ask every worker to end after the wake-up at hand; none is killed. The idle ones have ended on return."""
        for worker in self._workers:
            worker.end()
            worker.close()
        self._home.notify()
        until_s = time.monotonic() + _CLOSE_S
        for worker in self._workers:
            worker.wait(until_s - time.monotonic())
        self._workers.clear()

    def _remove_ended(self) -> None:
        for worker in [w for w in self._workers if w.exit_code is not None]:
            self._workers.remove(worker)
            if worker.exit_code is not None and worker.exit_code > 0:
                self._restarts.failed(worker.environment)
                words = worker.last_words()
                self._log.error("pdnb: a worker ended with code %s: %s", worker.exit_code, words)
                why = f"workers end with code {worker.exit_code} ({words.splitlines()[-1] if words else 'silently'})"
                self._say_unserved(worker.environment, f"{why}: {_remedy(words)}")
            else:
                self._restarts.succeeded(worker.environment)
            worker.close()

    def _start_worker(self, environment: str, run_id: str) -> None:
        """Start a worker for *environment*, in which *run_id* is queued; what is wrong with that run is dealt with."""
        store = self._home.store
        try:
            run = store.get(run_id)
        except (StoreCorrupt, RunNotFound) as error:
            self._skip_damaged(environment, run_id, error)
            return
        try:
            place = store.workflow_version(run.version_id).environment
        except StoreCorrupt as error:
            self._fail_tampered(run_id, error)
            return
        try:
            self._workers.append(launch(self._home.directory, run_id, environment, place))
        except OSError as error:
            self._restarts.failed(environment)
            why = f"{place.executable} cannot be started in {place.cwd} ({error.strerror})"
            text = f"{why}: restore that interpreter or directory; it is tried again from time to time"
            self._say_unserved(environment, text)
            if environment not in self._logged:
                self._logged.add(environment)
                self._log.error("pdnb: no worker for run %s: %s", run_id, text)

    def _say_unserved(self, environment: str, text: str) -> None:
        """Let the runs that wait for a worker of *environment* say why none comes."""
        reason = f"no worker can go on with this run: {text}"
        for run in self._home.store.list(statuses=[Status.QUEUED], limit=1_000).runs:
            if run.environment == environment and run.error != reason:
                with contextlib.suppress(Refused):  # another process has claimed it
                    self._home.store.apply(run.id, Unserved(self._home.clock(), reason))

    def _fail_tampered(self, run_id: str, error: StoreCorrupt) -> None:
        """Fail a run whose code was tampered with: nothing of it is executed, and it blocks no other run."""
        self._log.error("pdnb: run %s: %s", run_id, error)
        with contextlib.suppress(Refused):  # another process has claimed it
            run = self._home.store.apply(run_id, Claimed(self._home.clock(), self._home.owner))
            self._home.store.apply(run_id, Raised(self._home.clock(), run.fence, error=str(error)))

    def _skip_damaged(self, environment: str, run_id: str, error: Exception) -> None:
        """Start a worker for another run of *environment*; it takes the damaged one out of the queue."""
        if run_id not in self._logged:
            self._logged.add(run_id)
            self._log.error("pdnb: run %s: %s", run_id, error)
        queued = self._home.store.list(statuses=[Status.QUEUED], limit=1_000).runs
        other = next((run.id for run in queued if run.environment == environment), None)
        if other is not None:
            self._start_worker(environment, other)

    def _end_idle_worker(self, busy: Container[int], queued: Container[str]) -> bool:
        """End one worker that is idle and for whose environment no run waits; whether there was one."""
        for worker in self._workers:
            if worker.pid not in busy and worker.environment not in queued and not worker.ending:
                worker.end()
                return True
        return False

    def _demand_turn(self, environment: str) -> None:
        """Let a worker of another environment end after its wake-up, if *environment* has had none for a while."""
        if any(worker.environment == environment or worker.ending for worker in self._workers):
            return
        if time.monotonic() - self._waiting.setdefault(environment, time.monotonic()) < _TURN_S:
            return
        if self._workers:
            shares = Counter(worker.environment for worker in self._workers)
            max(self._workers, key=lambda worker: shares[worker.environment]).end()


def _remedy(words: str) -> str:
    """What to do about a worker that ends with these *words*."""
    if re.search("No module named '?pdnb", words):
        return "install pdnb in that environment (pip install pdnb)"
    return "put that environment in order, or upgrade the run to another one; it is tried again from time to time"


def _workers_at_work(running: tuple[RunRecord, ...]) -> set[int]:
    """The process ids of this machine's workers that have claimed one of *running*."""
    owners = [OwnerId.parse(run.owner or "") for run in running]
    host = this_host()
    return {owner.pid for owner in owners if owner is not None and owner.host == host}
