"""Claim, run, report: the one piece of code that executes steps, in the caller and in the worker.

Per attempt: a fresh namespace from the workflow's setup, the step's cell, what it printed and displayed, and one
event at the end. A step's own exception goes into that event and is raised again for a caller; Interrupt and
``SystemExit`` are exceptions like any other here: the run fails and nothing hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from typing import Final, TypeVar

from pdnb.coordination import progress
from pdnb.coordination.home import Home
from pdnb.errors import Fenced, Refused, StoreUnavailable
from pdnb.links import Target
from pdnb.model import JSON, End, Raised, RunRecord, Status
from pdnb.outputs.recorder import Recorder
from pdnb.runtime.execute import execute, one_line
from pdnb.runtime.flow import Flow, Pd, URLs, make_context
from pdnb.runtime.send import MailSettings, Send
from pdnb.workflow.version import WorkflowVersion

#: Seconds between tries with a store that is full or locked.
_PATIENCE_S: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)

#: Bytes of a working step's newest outputs that people see.
_RECENT: Final = 32 * 1024

_T = TypeVar("_T")


class Runner:
    """Runs the steps of claimed runs in this process. ``show``: forward what they print, as a caller wants."""

    def __init__(
        self,
        home: Home,
        *,
        show: bool,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._home = home
        self._show = show
        self._pause = pause
        self._code: dict[str, WorkflowVersion] = {}

    def drive(self, run: RunRecord, *, first: Callable[[], object] = lambda: None) -> RunRecord:
        """Run step after step of *run*, claimed by this process, until it pauses or ends; *first* comes before.

        Raises what the step raised, after the run has failed with it.
        """
        __tracebackhide__ = True  # a caller sees the step's own frames
        try:
            first()
            while run.status is Status.RUNNING and run.owner == self._home.owner:
                run, error = self._attempt(run)
                if error is not None:
                    raise error
        except BaseException as error:
            self.abandon(run, error)
            raise
        return run

    def _attempt(self, run: RunRecord) -> tuple[RunRecord, BaseException | None]:
        """One go at the present step: the run after it, and what the step raised."""
        version, pd = self._patiently(lambda: self._prepared(run))
        left = execute(
            version, run.step, pd, show=self._show, publish=lambda recorder: self._telling(run, pd, recorder)
        )
        now, error = self._home.clock(), left.error
        event: End = pd.flow.event(now, run.fence, left.exports, left.outputs, pd.send.end())
        if error is not None:
            event = Raised(now, run.fence, event.exports, event.outputs, event.mails, error=one_line(error))
        tries = count()
        return self._patiently(lambda: self._reported(run, event, again=next(tries) > 0)), error

    def _reported(self, run: RunRecord, event: End, *, again: bool) -> RunRecord:
        """The run after *event*. *again*: a try before failed, but perhaps only to say that it was stored.

        Stored twice under one claim, the result would be taken for the next step's.
        """
        store = self._home.store
        if again:
            now, here = store.get(run.id), (run.position, run.runs)
            mine = next((a for a in store.attempts(run.id) if (a.position, a.runs) == here), None)
            if mine is not None and (mine.owner, mine.ended_ms) == (run.owner, event.at_ms) and mine.outcome != "lost":
                return now
        return store.apply(run.id, event)

    def _telling(self, run: RunRecord, pd: Pd, recorder: Recorder) -> AbstractContextManager[None]:
        """Let people see what the step has said so far."""

        def said() -> dict[str, JSON]:
            how_far = pd.told._asdict() if pd.told else None
            return {"outputs": list(recorder.recent(_RECENT)), "progress": how_far}

        return progress.telling(self._home.directory, run, said, self._home.notify)

    def _patiently(self, call: Callable[[], _T]) -> _T:
        """The result of *call*; a store that is full or locked gets two minutes, for a step is not to fail by that."""
        for pause in _PATIENCE_S:
            try:
                return call()
            except StoreUnavailable:
                self._pause(pause)
        return call()

    def abandon(self, run: RunRecord, error: BaseException) -> None:
        """Leave no claim behind when something other than the step ended the drive (an Interrupt between steps)."""
        try:
            now = self._home.store.get(run.id)
            if now.status is Status.RUNNING and (now.owner, now.fence) == (self._home.owner, run.fence):
                self._home.store.apply(run.id, Raised(self._home.clock(), now.fence, error=one_line(error)))
        except (Refused, StoreUnavailable):
            return  # overruled, or nothing can be written: the claim ends with this process

    def _version(self, version_id: str) -> WorkflowVersion:
        if version_id not in self._code:
            self._code[version_id] = self._home.store.workflow_version(version_id)
        return self._code[version_id]

    def _prepared(self, run: RunRecord) -> tuple[WorkflowVersion, Pd]:
        """The code and the step object of one attempt; raises ``Fenced`` if the claim has been taken away meanwhile."""
        home, settings, version = self._home, self._home.settings, self._version(run.version_id)
        now = home.store.get(run.id)
        if (now.status, now.fence) != (Status.RUNNING, run.fence):  # frozen before it began, and overruled: do no more
            raise Fenced(f"claim {run.fence} of run {run.id} was taken away before step {run.step!r} began")
        target = Target(run.id, run.step, run.runs)
        urls = URLs(resume_url=home.links.url("resume", target), cancel_url=home.links.url("cancel", target))
        flow = Flow(urls, on_timeout=settings.on_timeout, confirm=settings.confirm_links)
        send = Send(MailSettings(settings.smtp_url, settings.mail_from, settings.mail_to))
        return version, Pd(run.step, flow, send, home.store.exports(run.id), self._context(run, version))

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
