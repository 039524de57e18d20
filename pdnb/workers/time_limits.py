"""Steps that do not give way to their time limit: their workers are killed, and their runs fail.

A step's own alarm ends it first (:mod:`pdnb.runtime.limits`); this is for a step that ignores it. Like that alarm, it
counts no time that the machine slept, and does not mind a clock that is set.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from typing import Final

from pdnb.coordination.home import Home
from pdnb.coordination.scheduler import mark_lost
from pdnb.errors import StoreCorrupt
from pdnb.model import RunRecord
from pdnb.owner_id import OwnerId, this_host

_GRACE_S: Final = 15.0  # behind a step's time limit: until then it may give way by itself


class TimeLimits:
    """The time limits of the attempts that are at work at *home*, by whichever supervisor they were started."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._limits: dict[str, dict[str, float]] = {}  # of the versions at work, by their ids: step, seconds
        self._began_s: dict[tuple[str, int, int, int], float] = {}  # the attempts at work, and when first seen

    def enforce(self, running: Iterable[RunRecord]) -> None:
        """Kill the workers of those *running* runs that are past the limit of their step and its grace."""
        running = tuple(running)
        known, now_s = self._limits, time.monotonic()
        self._began_s = {_attempt(run): self._began_s.get(_attempt(run), now_s) for run in running}
        self._limits = {
            run.version_id: known[run.version_id] if run.version_id in known else self._limits_of(run)
            for run in running
        }
        for run in running:
            limit_s = self._limits[run.version_id].get(run.step)
            if limit_s is not None and now_s - self._began_s[_attempt(run)] > limit_s + _GRACE_S:
                self._kill(run, limit_s)

    def _kill(self, run: RunRecord, limit_s: float) -> None:
        """Kill the worker of *run*, if it is one of this machine; its process id is its own while it holds its lock."""
        owner, owners = OwnerId.parse(run.owner or ""), self._home.owners
        if owner is None or (owner.kind, owner.host) != ("worker", this_host()) or not owners.alive(str(owner)):
            return
        os.kill(owner.pid, signal.SIGKILL)
        while owners.alive(str(owner)):  # until the system has taken its lock away
            time.sleep(0.001)
        text = f"it took longer than its time limit of {limit_s:g} s and did not give way"
        mark_lost(self._home, run, text, again=False)

    def _limits_of(self, run: RunRecord) -> dict[str, float]:
        try:
            steps = self._home.store.workflow_version(run.version_id).steps
        except StoreCorrupt:
            return {}
        return {step.name: step.time_limit for step in steps if step.time_limit is not None}


def _attempt(run: RunRecord) -> tuple[str, int, int, int]:
    return run.id, run.fence, run.position, run.runs
