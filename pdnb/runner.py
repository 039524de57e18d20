"""Claim, run, report: the one piece of code that executes steps, in the caller and in the worker.

Per attempt: a fresh namespace from the workflow's setup, the step's cell, what it printed and displayed, and one
event at the end. A step's own exception goes into that event and is raised again for a caller; Interrupt and
``SystemExit`` are exceptions like any other here: the run fails and nothing hangs.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

from pdnb import cell, namespace
from pdnb.errors import Refused, StoreUnavailable
from pdnb.flow import Flow, Pd, URLs
from pdnb.home import Home, now_ms
from pdnb.links import Target, redact
from pdnb.model import JSON, Event, Raised, Run, Status
from pdnb.outputs import Recorder
from pdnb.workflow import Frozen, step_filename

#: Seconds between tries with a store that is full or locked.
_PATIENCE_S: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)

_T = TypeVar("_T")

_PACKAGE: Final = str(Path(__file__).parent)


class Runner:
    """Runs the steps of claimed runs in this process. ``show``: forward what they print, as a caller wants."""

    def __init__(
        self,
        home: Home,
        *,
        show: bool,
        clock: Callable[[], int] = now_ms,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._home = home
        self._show = show
        self._clock = clock
        self._pause = pause
        self._code: dict[str, Frozen] = {}

    def drive(self, run: Run) -> Run:
        """Run step after step of *run*, claimed by this process, until it pauses or ends.

        Raises what the step raised, after the run has failed with it.
        """
        __tracebackhide__ = True  # a caller sees the step's own frames
        try:
            while run.status is Status.RUNNING and run.owner == self._home.owner:
                run, error = self._attempt(run)
                if error is not None:
                    raise error
        except BaseException as error:
            self._abandon(run, error)
            raise
        return run

    def _attempt(self, run: Run) -> tuple[Run, BaseException | None]:
        """One go at the present step: the run after it, and what the step raised."""
        frozen, pd = self._patiently(lambda: self._prepared(run))
        recorder = Recorder(show=self._show, redact=redact)
        error: BaseException | None = None
        exports: dict[str, JSON] = {}
        with recorder:
            try:
                names = namespace.step_namespace(namespace.load(frozen))
                step = cell.parse(frozen.step(run.step).source, filename=step_filename(run.step, run.workflow, run.hash))
                value = step.call(names, pd)
                if inspect.iscoroutine(value):
                    from pdnb.coroutines import complete  # noqa: PLC0415  # asyncio is a third of a worker's start

                    value = complete(value)
                if step.spelling == "body":
                    recorder.result(value)
                exports = pd.exports(value)
            except BaseException as raised:  # noqa: BLE001  # whatever a step raises ends the run, in order
                error = raised.with_traceback(_own_frames(raised.__traceback__))
                recorder.error(error)
        now, outputs = self._clock(), recorder.outputs
        event: Event = pd.flow.event(now, run.fence, exports, outputs)
        if error is not None:
            event = Raised(now, run.fence, pd.exports(None), outputs, error=one_line(error))
        return self._patiently(lambda: self._home.store.apply(run.id, event)), error

    def _patiently(self, call: Callable[[], _T]) -> _T:
        """The result of *call*; a store that is full or locked gets two minutes, for a step is not to fail by that."""
        for pause in _PATIENCE_S:
            try:
                return call()
            except StoreUnavailable:
                self._pause(pause)
        return call()

    def _abandon(self, run: Run, error: BaseException) -> None:
        """Leave no claim behind when something other than the step ended the drive (an Interrupt between steps)."""
        try:
            now = self._home.store.get(run.id)
            if now.status is Status.RUNNING and now.owner == self._home.owner:
                self._home.store.apply(run.id, Raised(self._clock(), now.fence, error=one_line(error)))
        except (Refused, StoreUnavailable):
            return  # overruled, or nothing can be written: the claim ends with this process

    def _frozen(self, code_hash: str) -> Frozen:
        if code_hash not in self._code:
            self._code[code_hash] = self._home.store.frozen(code_hash)
        return self._code[code_hash]

    def _prepared(self, run: Run) -> tuple[Frozen, Pd]:
        """The code and the step object of one attempt."""
        home, settings, frozen = self._home, self._home.settings, self._frozen(run.hash)
        target = Target(run.id, run.step, run.runs)
        urls = URLs(resume_url=home.links.url("resume", target), cancel_url=home.links.url("cancel", target))
        flow = Flow(urls, on_timeout=settings.on_timeout, confirm=settings.confirm_links)
        return frozen, Pd(run.step, flow, home.store.exports(run.id), self._context(run, frozen))

    def _context(self, run: Run, frozen: Frozen) -> dict[str, JSON]:
        inner: dict[str, JSON] = {"runs": run.runs, "key": f"{run.id}/{run.step}/{run.runs}"}
        before = self._home.store.rerun_input(run)
        if before is not None:
            inner["context"] = before.context
            if before.request is not None:
                inner["callback_request"] = before.request
        return {
            "id": f"{run.id}.{run.fence}",
            "trace_id": run.id,
            "ts": datetime.fromtimestamp(self._clock() / 1000, UTC).isoformat(timespec="milliseconds"),
            "workflow_id": frozen.name,
            "workflow_name": frozen.name,
            "deployment_id": frozen.hash,
            "deadline": None,
            "test": False,
            "JIT": False,
            "replay": False,
            "resume": run.fence > 1,
            "run": inner,
        }


def one_line(error: BaseException | None) -> str:
    """``ValueError: no such table``, whatever the exception's own ``__str__`` does."""
    try:
        text = str(error).strip().split("\n", 1)[0]
    except Exception:  # noqa: BLE001  # an exception that cannot say what it is still ends the run
        text = "(its message cannot be shown)"
    name = type(error).__name__
    return redact(f"{name}: {text}" if text else name)


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """*trace* from the first frame that is not pdnb's; all of it when every frame is."""
    own = trace
    while own is not None and own.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        own = own.tb_next
    return own or trace
