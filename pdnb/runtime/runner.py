"""The one piece of code that drives claimed runs from step to step, in a caller's process and in a worker alike.

Per attempt: a fresh namespace from the workflow's setup, the step's cell, its recorded outputs, and one event at the
end. An exception of the step goes into that event and is raised again; Interrupt and ``SystemExit`` are exceptions like
any other here: the run fails and nothing hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar

from pdnb.coordination.home import Home
from pdnb.coordination.progress import Publisher
from pdnb.coordination.scheduler import mark_lost
from pdnb.errors import Fenced, Refused, StoreUnavailable
from pdnb.links import Target
from pdnb.model import JSON, End, Raised, RunRecord, Status
from pdnb.runtime.execute import Executor, HereExecutor, one_line
from pdnb.runtime.flow import Flow, URLs
from pdnb.runtime.send import MailSettings, Send
from pdnb.runtime.step_object import Pd, make_context
from pdnb.workflow.version import WorkflowVersion

#: Seconds before each new try with a store that is full or locked.
_RETRIES_S: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)

#: How many bytes of a step's newest outputs are published while it works.
_MAX_PUBLISHED: Final = 32 * 1024

_T = TypeVar("_T")


class Runner:
    """Runs the steps of runs that this process has claimed.

    *executors* gives what executes the steps of one wake-up; by default they execute in this process, and *show*
    forwards what they print to its own streams. *pause* sleeps for a number of seconds.
    """

    def __init__(
        self,
        home: Home,
        *,
        show: bool = False,
        executors: Callable[[WorkflowVersion], Executor] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._home = home
        self._executors = executors or partial(HereExecutor, show=show)
        self._pause = pause
        self._versions: dict[str, WorkflowVersion] = {}

    def drive(self, run: RunRecord, *, first: Callable[[], object] = lambda: None) -> RunRecord:
        """Run step after step of *run*, claimed by this process, until it pauses or ends; the run then.

        *first* is called before. Raises what a step raised, after the run has failed with it; ``Refused`` when the
        claim was taken away meanwhile; ``StoreUnavailable`` when a result could not be stored for two minutes.
        """
        __tracebackhide__ = True  # a caller sees the step's own frames
        try:
            first()
            version = self._retrying(lambda: self._version(run.version_id))
            with self._executors(version) as executor:
                while run.status is Status.RUNNING and run.owner == self._home.owner:
                    run, error = self._attempt(run, version, executor)
                    if error is not None:
                        raise error
        except BaseException as error:
            self.abandon(run, error)
            raise
        return run

    def _attempt(
        self, run: RunRecord, version: WorkflowVersion, executor: Executor
    ) -> tuple[RunRecord, BaseException | None]:
        """One attempt at the present step: the run after it, and what the step raised."""
        pd = self._retrying(lambda: self._prepare(run, version))
        left = executor.execute(run.step, pd, lambda recent: self._publisher(run, pd, recent))
        now, error = self._home.clock(), left.error
        if left.lost is not None:
            mark_lost(self._home, run, left.lost, again=left.again, outputs=left.outputs)
            return self._home.store.get(run.id), None
        event: End = pd.flow.event(now, run.fence, left.exports, left.outputs, pd.send.end())
        if error is not None:
            event = Raised(now, run.fence, event.exports, event.outputs, event.mails, error=one_line(error))
        tries = count()
        return self._retrying(lambda: self._report(run, event, again=next(tries) > 0)), error

    def _report(self, run: RunRecord, event: End, *, again: bool) -> RunRecord:
        """Store the result *event*; the run after it. *again*: a try before this one failed, perhaps after its commit.

        It must not be stored twice: under the same claim it would be taken for the result of the next step.
        """
        if again and self._is_stored(run, event):
            return self._home.store.get(run.id)
        return self._home.store.apply(run.id, event)

    def _is_stored(self, run: RunRecord, event: End) -> bool:
        """Whether the attempt at which *run* is has *event* as its result already."""
        attempts = self._home.store.attempts(run.id)
        return any(
            (attempt.position, attempt.runs, attempt.owner) == (run.position, run.runs, run.owner)
            and attempt.ended_ms == event.at_ms
            and attempt.outcome != "lost"
            for attempt in attempts
        )

    def _publisher(self, run: RunRecord, pd: Pd, recent: Callable[[int], tuple[dict[str, Any], ...]]) -> Publisher:
        """Lets others see the newest outputs and the progress of the step at work."""

        def snapshot() -> dict[str, JSON]:
            how_far = pd.latest_progress._asdict() if pd.latest_progress else None
            return {"outputs": list(recent(_MAX_PUBLISHED)), "progress": how_far}

        return Publisher(self._home.directory, run, snapshot, self._home.notify)

    def _retrying(self, call: Callable[[], _T]) -> _T:
        """The result of *call*. A full or locked store is tried again for two minutes, so that no step fails by it."""
        for pause in _RETRIES_S:
            try:
                return call()
            except StoreUnavailable:
                self._pause(pause)
        return call()

    def abandon(self, run: RunRecord, error: BaseException) -> None:
        """Fail *run* with *error* if this process still holds its claim, as after an Interrupt between two steps."""
        try:
            now = self._home.store.get(run.id)
            if now.status is Status.RUNNING and (now.owner, now.fence) == (self._home.owner, run.fence):
                self._home.store.apply(run.id, Raised(self._home.clock(), now.fence, error=one_line(error)))
        except (Refused, StoreUnavailable):
            return  # the claim was taken away, or nothing can be written: the claim ends with this process

    def _version(self, version_id: str) -> WorkflowVersion:
        if version_id not in self._versions:
            self._versions[version_id] = self._home.store.workflow_version(version_id)
        return self._versions[version_id]

    def _prepare(self, run: RunRecord, version: WorkflowVersion) -> Pd:
        """The step object of one attempt; raises ``Fenced`` if the claim was taken away meanwhile."""
        home, settings = self._home, self._home.settings
        now = home.store.get(run.id)
        if (now.status, now.fence) != (Status.RUNNING, run.fence):  # this process was frozen for a while
            raise Fenced(f"claim {run.fence} of run {run.id} was taken away before step {run.step!r} began")
        target = Target(run.id, run.step, run.runs)
        urls = URLs(resume_url=home.links.url("resume", target), cancel_url=home.links.url("cancel", target))
        flow = Flow(urls, on_timeout=settings.on_timeout, confirm=settings.confirm_links, clock=home.clock)
        send = Send(MailSettings(settings.smtp_url, settings.mail_from, settings.mail_to))
        return Pd(run.step, flow, send, home.store.exports(run.id), self._context(run, version))

    def _context(self, run: RunRecord, version: WorkflowVersion) -> dict[str, JSON]:
        inner: dict[str, JSON] = {"runs": run.runs, "key": f"{run.id}/{run.step}/{run.runs}"}
        before = self._home.store.rerun_input(run)
        if before is not None:
            inner["context"] = before.context
            if before.request is not None:
                inner["callback_request"] = before.request
        return make_context(
            version.name,
            version.id,
            wake_up=f"{run.id}.{run.fence}",
            trace_id=run.id,
            at_ms=self._home.clock(),
            test=False,
            resume=run.fence > 1,
            run=inner,
        )
