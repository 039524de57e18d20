"""A store and a runner in this process, with a clock that only the test moves.

What a kernel does is done by :func:`pdnb.client.start`, what a server's clock and workers do by :meth:`Stage.work`.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from pdnb import client
from pdnb.coordination.home import Home
from pdnb.coordination.scheduler import Scheduler
from pdnb.runtime.runner import Runner
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

if TYPE_CHECKING:
    from pdnb.model import JSON, RunRecord

NOW = 1_763_763_060_000  # 21 Nov 2025, 22:11 UTC
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000


@dataclass
class Clock:
    """Stands still until it is moved."""

    ms: int = NOW

    def __call__(self) -> int:
        return self.ms


class Stage:
    """*clock* is the one that *home* dates everything by."""

    def __init__(self, home: Home, clock: Clock | None = None) -> None:
        self.home = home
        self._clock = clock
        self._runner = Runner(home, show=False)

    def start(self, event: JSON = None, **steps: str) -> client.Run:
        """A new run of *steps*, after its first wake-up."""
        return client.start(self.home, version(**steps), event, show=False)

    def queue_for(self, ms: int) -> None:
        """Let *ms* pass without any worker."""
        assert self._clock is not None
        self._clock.ms += ms

    def later(self, ms: int) -> None:
        """Let *ms* pass in one go, then do what is to be done."""
        self.queue_for(ms)
        self.work()

    def work(self) -> None:
        """Let due pauses end, and go on with every queued run; a step that raises fails its run, as in a worker."""
        Scheduler(self.home).step()
        while environments := self.home.store.queued_environments():
            for key in environments:
                row = self.home.store.claim(key, self.home.owner, at_ms=self.home.clock())
                assert row is not None
                with contextlib.suppress(Exception):
                    self._runner.drive(row)

    def find(self, run_id: str) -> client.Run:
        """A run by its id, also one of another process."""
        return client.Run(self.home, self.home.store.get(run_id))

    def row(self, run: client.Run) -> RunRecord:
        """*run* as it is stored."""
        return self.home.store.get(run.id)


def version(**steps: str) -> WorkflowVersion:
    """A workflow of these cells, for this interpreter."""
    cells = tuple(Step(name, dedent(source).strip("\n")) for name, source in steps.items())
    return WorkflowVersion("launch", cells, (), Environment(sys.executable, str(Path.cwd())))


def value(run: client.Run, step: str) -> Any:
    """What *step* returned, as later steps see it: with working links; ``None``: nothing."""
    return run._home.store.exports(run.id).get(step, {}).get("$return_value")


def ran(run: client.Run) -> list[tuple[str, int]]:
    """Every attempt: step and ``runs``."""
    return [(attempt.step, attempt.runs) for attempt in run.attempts]


def seconds_of(run: client.Run, step: str) -> list[float]:
    """When each attempt of *step* began, in seconds after the first."""
    began = [attempt.started_ms for attempt in run.attempts if attempt.step == step]
    return [(ms - began[0]) / SECOND for ms in began]
