"""The headless runner: a plain process that goes on with runs after their pauses.

``python -m pdnb.workers.worker --directory DIR --run RUN`` serves the environment (interpreter, working directory,
``sys.path``) of that run: claim, run, report, then wait at the doorbell, warm, until ``--idle`` seconds were quiet or
the server that started it (``--server``) is gone.
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

from pdnb.coordination import scheduler
from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.errors import PdnbError, Refused, StoreError, StoreUnavailable
from pdnb.model import RunRecord
from pdnb.runtime.runner import Runner
from pdnb.workflow.version import Environment

_IDLE_S: Final = 300.0


class Worker:
    """One worker. ``stopping`` may be set from a signal: the stretch at hand is finished first.

    ``server``: the process id of its parent; without that parent it ends as soon as there is nothing to do.
    """

    def __init__(
        self, home: Home, environment: Environment, *, idle_s: float = _IDLE_S, server: int | None = None
    ) -> None:
        self._home = home
        self._environment = environment
        self._idle_s = idle_s
        self._server = server
        self._runner = Runner(home, show=False)
        self._has_leader: str | None = None  # the workflow whose turn it was last
        self._unsure = False  # whether a claim failed that may have been stored all the same
        self.stopping = False

    def serve(self) -> None:
        """Work until nothing was to do for a while, or until stopped."""
        quiet_since = time.monotonic()
        while not self.stopping:
            if self.work_once():
                quiet_since = time.monotonic()
            elif self._server not in (None, os.getppid()) or time.monotonic() - quiet_since > self._idle_s:
                return
            else:
                self._home.notifier.wait(self._rest_s())

    def _rest_s(self) -> float:
        """How long there is nothing to do, in seconds; without a server this process keeps the clock meanwhile."""
        home = self._home
        if home.has_leader():
            return POLL_S
        try:
            scheduler.tick(home)
            if self._environment.key in home.store.queued_environments():
                return 0.0
            due_ms = home.store.next_due_ms()
        except StoreUnavailable:
            return POLL_S
        return POLL_S if due_ms is None else min(POLL_S, max(0.0, (due_ms - home.clock()) / 1000))

    def _claimed(self) -> RunRecord | None:
        """A run for this worker: one that a claim has got which seemed to fail, else the next in the queue."""
        store, mine = self._home.store, self._home.owner
        if self._unsure:
            found = next((run for run in store.running() if run.owner == mine), None)
            self._unsure = False
            if found is not None:
                return found
        return store.claim(self._environment.key, mine, at_ms=self._home.clock(), after=self._has_leader)

    def work_once(self) -> bool:
        """Claim one run and drive it to its next pause or end; whether there was one."""
        enter(self._environment)  # again for every run: the step before may have gone elsewhere
        try:
            run = self._claimed()
        except StoreUnavailable:
            self._unsure = True
            return False  # locked for a moment: the next look comes
        if run is None:
            return False
        self._has_leader = run.workflow
        try:
            self._home.reload_settings()  # the server may have moved since, and links lead to where it is
            self._runner.drive(run)
        except Refused:
            return True  # overruled meanwhile: the result was refused and somebody else goes on
        except StoreError:
            self.stopping = True  # what it did cannot be stored: its end gives the run to another
        except BaseException:  # noqa: BLE001  # the step's own: it stands in the run, and the worker lives on
            return True
        return True


def enter(environment: Environment) -> None:
    """Make this process look like the place the run was started in."""
    os.chdir(environment.cwd)
    sys.path[:] = environment.path


def main(argv: list[str] | None = None) -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(prog="pdnb worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--directory", type=Path, required=True, help="the store's directory")
    parser.add_argument("--run", required=True, help="a run whose environment to serve")
    parser.add_argument("--idle", type=float, default=_IDLE_S, help="seconds without work before it ends")
    parser.add_argument("--server", type=int, help="the process whose end is this one's end too, once it is idle")
    given = parser.parse_args(argv)
    try:
        _serve(given)
    except PdnbError as error:
        sys.exit(f"pdnb worker: {error}")


def _serve(given: argparse.Namespace) -> None:
    with Home(given.directory, kind="worker") as home:
        environment = home.store.workflow_version(home.store.get(given.run).version_id).environment
        worker = Worker(home, environment, idle_s=given.idle, server=given.server)

        def stop(_number: int, _frame: FrameType | None) -> None:
            worker.stopping = True

        signal.signal(signal.SIGTERM, stop)
        worker.serve()


if __name__ == "__main__":
    main()
