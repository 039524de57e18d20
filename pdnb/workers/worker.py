"""A worker: a plain process that goes on with queued runs.

``python -m pdnb.workers.worker --directory DIR --run RUN`` (a supervisor begins with :mod:`pdnb.workers.boot`)
serves the environment (interpreter, working directory,
``sys.path``) of that run: it claims a run, runs its steps to the next pause or end, and takes the next; then it waits
for a notification, warm, until there was nothing to do for ``--idle`` seconds or the server that started it
(``--server``) is gone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.coordination.scheduler import Scheduler
from pdnb.errors import PdnbError, Refused, StoreError, StoreUnavailable
from pdnb.executor.executors import Executors
from pdnb.executor.starting import Started
from pdnb.model import RunRecord
from pdnb.runtime.runner import Runner
from pdnb.workflow.version import Environment

_IDLE_S: Final = 300.0


class Worker:
    """One worker. ``stopping`` may be set by a signal handler: the wake-up at hand is finished first.

    *server* is the process id of its parent; without that parent it ends as soon as there is nothing to do.
    """

    def __init__(
        self,
        home: Home,
        environment: Environment,
        executors: Executors,
        *,
        idle_s: float = _IDLE_S,
        server: int | None = None,
    ) -> None:
        self._home = home
        self._environment = environment
        self._idle_s = idle_s
        self._server = server
        self._executors = executors
        self._runner = Runner(home, executors=self._executors)
        self._scheduler = Scheduler(home)
        self._last_workflow: str | None = None  # the one whose turn it was
        self._claim_failed = False  # perhaps only after it was stored
        self.stopping = False

    def serve(self) -> None:
        """Work until there was nothing to do for a while, or until stopped."""
        idle_since_s = time.monotonic()
        while not self.stopping:
            if self.work_once():
                idle_since_s = time.monotonic()
            elif self._server not in (None, os.getppid()) or time.monotonic() - idle_since_s > self._idle_s:
                return
            else:
                self._home.notifier.wait(self._rest_s())

    def close(self) -> None:
        """End its executors."""
        self._executors.close()

    def work_once(self) -> bool:
        """Claim one run and drive it to its next pause or end; whether there was one."""
        try:
            run = self._claim()
        except StoreUnavailable:
            self._claim_failed = True
            return False  # locked for a moment: it is tried again
        if run is None:
            return False
        self._last_workflow = run.workflow
        try:
            self._home.reload_settings()  # the server may have moved since, and links lead to where it is
            self._executors.isolation = self._home.settings.isolation
            self._runner.drive(run)
        except Refused:
            return True  # the claim was taken away: the result was refused and another process goes on
        except StoreError:
            self.stopping = True  # the result cannot be stored: the end of this process gives the run to another
        except BaseException:  # noqa: BLE001  # the step's own: the run has failed with it, and the worker goes on
            return True
        return True

    def _claim(self) -> RunRecord | None:
        """A run of this worker: one whose claim seemed to fail and was stored all the same, else the next one queued.

        A worker has one claim at a time, so whatever runs under its id is that run.
        """
        store, owner = self._home.store, self._home.owner
        if self._claim_failed:
            found = next((run for run in store.running() if run.owner == owner), None)
            self._claim_failed = False
            if found is not None:
                return found
        return store.claim(self._environment.key, owner, at_ms=self._home.clock(), after=self._last_workflow)

    def _rest_s(self) -> float:
        """How long there is nothing to do, in seconds; without a leader this process is the scheduler meanwhile."""
        if self._home.has_leader():
            return POLL_S
        try:
            rest_s = self._scheduler.step()
            return 0.0 if self._environment.key in self._home.store.queued_environments() else rest_s
        except StoreUnavailable:
            return POLL_S


def main(argv: list[str] | None = None, started: Started | None = None) -> None:
    """Serve, as the arguments say; *started* is the fork server, if there is one already."""
    parser = argparse.ArgumentParser(prog="pdnb worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--directory", type=Path, required=True, help="the store's directory")
    parser.add_argument("--run", required=True, help="a run whose environment to serve")
    parser.add_argument("--idle", type=float, default=_IDLE_S, help="seconds without work before it ends")
    parser.add_argument("--server", type=int, help="the process id of its parent, with which it ends")
    given = parser.parse_args(argv)
    try:
        _serve(given, started)
    except PdnbError as error:
        sys.exit(f"pdnb worker: {error}")


def _serve(given: argparse.Namespace, started: Started | None) -> None:
    with Home(given.directory, kind="worker") as home:
        environment = home.store.workflow_version(home.store.get(given.run).version_id).environment
        isolation, method = home.settings.isolation, home.settings.start_method
        executors = Executors(environment, home.lock, isolation=isolation, method=method, started=started)
        worker = Worker(home, environment, executors, idle_s=given.idle, server=given.server)

        def stop(_number: int, _frame: FrameType | None) -> None:
            worker.stopping = True

        signal.signal(signal.SIGTERM, stop)
        try:
            worker.serve()
        finally:
            worker.close()


if __name__ == "__main__":
    main()
