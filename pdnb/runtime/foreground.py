"""Runs driven in the caller's own process: started here, or waited for where no server works on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.coordination.scheduler import Scheduler
from pdnb.errors import Refused, RunNotFound, StoreUnavailable
from pdnb.model import JSON, Claimed, RunRecord, Status
from pdnb.runtime.runner import Runner
from pdnb.store.store import new_id
from pdnb.workflow.version import WorkflowVersion


def start(
    home: Home,
    version: WorkflowVersion,
    event: JSON = None,
    *,
    by: str | None = None,
    headless: bool = False,
    show: bool = True,
    on_start: Callable[[RunRecord], object] = lambda _: None,
) -> RunRecord:
    """A new run that *by* starts, driven here to its first pause or end; *headless*: left in the queue for a worker.

    *on_start* gets the run as soon as it is durable. Raises what a step raised, after the run has failed with it.
    """
    __tracebackhide__ = True  # a caller sees the step's own frames
    home.reload_settings()
    if headless:
        run = _add(home, version, event, by, None)
        on_start(run)
        return run
    runner = Runner(home, show=show)
    run = _add(home, version, event, by, runner)
    return runner.drive(run, first=lambda: on_start(run))


def wait(home: Home, run_id: str, *, timeout_ms: int | None = None) -> RunRecord:
    """Block until the run is over, or raise ``TimeoutError``; without a leader, schedule and run its steps here.

    Raises what a step raised here, after the run has failed with it.
    """
    __tracebackhide__ = True
    scheduler, runner = Scheduler(home), Runner(home, show=True)
    until_ms = None if timeout_ms is None else home.clock() + timeout_ms
    while not (run := home.store.get(run_id)).status.over:
        rest_s = POLL_S
        if not home.has_leader():
            rest_s = scheduler.step()
            run = _claim(home, run_id, runner)
            if run.owner == home.owner and run.status is Status.RUNNING:
                runner.drive(run)
                continue
            if run.status.over:  # by the scheduler, just now
                continue
        if until_ms is not None:
            left_s = (until_ms - home.clock()) / 1000
            if left_s <= 0:
                raise TimeoutError(f"run {run_id} is still {run.status} at step {run.step!r} after {timeout_ms} ms")
            rest_s = min(rest_s, left_s)
        home.notifier.wait(rest_s)
    return run


def _add(home: Home, version: WorkflowVersion, event: JSON, by: str | None, runner: Runner | None) -> RunRecord:
    """A new run in the store, claimed for *runner* if there is one.

    Its id is known before the commit: where that is interrupted, or fails although it was stored, the run is found.
    """
    at_ms, owner = home.clock(), home.owner if runner else None
    run_id = new_id(at_ms)
    try:
        return home.store.add(version, event, at_ms=at_ms, owner=owner, by=by, run_id=run_id)
    except StoreUnavailable:
        with suppress(StoreUnavailable, RunNotFound):
            return home.store.get(run_id)
        raise
    except KeyboardInterrupt as error:  # it was held back until the commit was through
        if runner is not None:
            with suppress(RunNotFound):
                runner.abandon(home.store.get(run_id), error)
        raise


def _claim(home: Home, run_id: str, runner: Runner) -> RunRecord:
    """The run as it is now, claimed for this process if it was queued."""
    run = home.store.get(run_id)
    if run.status is not Status.QUEUED:
        return run
    try:
        return home.store.apply(run_id, Claimed(home.clock(), home.owner))
    except Refused:  # another process was quicker
        return home.store.get(run_id)
    except KeyboardInterrupt as error:  # it was held back until the commit was through
        runner.abandon(home.store.get(run_id), error)
        raise
