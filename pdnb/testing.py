"""For tests of workflows: a store of its own, a clock that you move, and no server.

::

    from pdnb.testing import Sandbox

    def test_nobody_answers(tmp_path):
        with Sandbox(tmp_path) as sandbox:
            run = sandbox.run(Workflow.from_notebook("publish.ipynb"), {"to": "me"})
            assert run.status == "suspended"
            sandbox.advance(timedelta(hours=24))
            assert run.status == "cancelled"
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from pdnb.capture.snapshot import snapshot
from pdnb.client import Run, start
from pdnb.coordination.home import Home
from pdnb.coordination.scheduler import Scheduler
from pdnb.model import JSON
from pdnb.runtime.runner import Runner
from pdnb.workflow.definition import Workflow
from pdnb.workflow.version import Environment

#: 2026-01-01 00:00 UTC, where a sandbox's clock begins.
EPOCH_MS: Final = 1_767_225_600_000


class Sandbox:
    """Runs workflows in a test. ``now_ms`` is its clock; it moves only by :meth:`advance`."""

    def __init__(self, directory: Path, *, now_ms: int = EPOCH_MS) -> None:
        self.now_ms = now_ms
        self.home = Home(directory / "pdnb", kind="shell", clock=lambda: self.now_ms)
        self._runner = Runner(self.home, show=False)

    def run(self, workflow: Workflow, event: JSON = None) -> Run:
        """Start a run and drive it to its first pause or end. Raises what a step raises."""
        return start(self.home, snapshot(workflow, {}, Environment.here()), event, show=False)

    def work(self) -> int:
        """Do what workers would do now: drive every queued run to its next pause or end; how many wake-ups."""
        done = 0
        while queued := self.home.store.queued_environments():
            for environment in queued:
                while run := self.home.store.claim(environment, self.home.owner, at_ms=self.now_ms):
                    self._runner.drive(run)
                    done += 1
        return done

    def advance(self, by: int | timedelta) -> None:
        """Let *by* (milliseconds, or a ``timedelta``) pass: every pause due on the way ends at its time, in order."""
        until = self.now_ms + (by if isinstance(by, int) else by // timedelta(milliseconds=1))
        while (due_ms := self.home.store.next_due_ms()) is not None and due_ms <= until:
            self.now_ms = max(self.now_ms, due_ms)
            Scheduler(self.home).step()
            self.work()
        self.now_ms = until

    def close(self) -> None:
        """Leave the store."""
        self.home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
