"""Executing a step's cell once: in a fresh namespace, with what it prints and displays recorded.

What the step raises, ``KeyboardInterrupt`` and ``SystemExit`` included, is part of the result; nothing is raised here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeAlias

from pdnb.links import redact
from pdnb.model import JSON
from pdnb.outputs.recorder import Recorder
from pdnb.runtime import limits, namespace
from pdnb.runtime.step_object import Pd
from pdnb.workflow import cell
from pdnb.workflow.version import WorkflowVersion, step_filename

_OURS: Final = (str(Path(__file__).parents[1]), str(Path(inspect.__file__).with_name("asyncio")))


#: Publishes what a recorder has recorded so far, as long as its block lasts.
Publish: TypeAlias = Callable[[Recorder], AbstractContextManager[None]]


def _unpublished(_recorder: Recorder) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Execution:
    """What the step exported and put out, and what it raised."""

    exports: dict[str, JSON]
    outputs: tuple[dict[str, Any], ...]
    error: BaseException | None


def execute(version: WorkflowVersion, name: str, pd: Pd, *, show: bool, publish: Publish = _unpublished) -> Execution:
    """Execute step *name* of *version* with the step object *pd*.

    *show*: forward what it prints to this process's own output. *publish* gets the recorder while the step executes.
    """
    recorder = Recorder(show=show, redact=redact)
    error: BaseException | None = None
    value: object = None
    with recorder, publish(recorder):
        try:
            names = namespace.step_namespace(namespace.load(version))
            definition = version.step(name)
            step = cell.parse(definition.source, filename=step_filename(name, version.name, version.id))
            with limits.enforced(definition):
                value = step.call(names, pd)
                if step.awaits and inspect.iscoroutine(value):  # a decorator may have awaited it
                    from pdnb.runtime.coroutines import complete  # noqa: PLC0415  # asyncio is a third of a worker's start

                    value = complete(value)
            if step.spelling == "body":
                recorder.result(value)
            exports = pd.exports(value)
        except BaseException as raised:  # noqa: BLE001  # anything a step raises ends its attempt in the ordinary way
            error = raised.with_traceback(_own_frames(raised.__traceback__))
            recorder.error(error)
            exports = pd.exports(None)
    return Execution(exports, recorder.outputs, error)


def one_line(error: BaseException) -> str:
    """``ValueError: no such table``, whatever the exception's own ``__str__`` does."""
    try:
        text = str(error).strip().split("\n", 1)[0]
    except BaseException:  # noqa: BLE001  # an exception that cannot say what it is still ends the attempt
        text = "(its message cannot be shown)"
    name = type(error).__name__
    return redact(f"{name}: {text}" if text else name)


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """*trace* from the step's first frame on, without pdnb's and the event loop's; all of it if the step has none."""
    own = trace
    while own is not None and own.tb_frame.f_code.co_filename.startswith(_OURS):
        own = own.tb_next
    return own or trace
