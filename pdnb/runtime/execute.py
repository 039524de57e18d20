"""Executing a step's cell once: in a fresh namespace, with what it prints and displays recorded.

What the step raises, ``KeyboardInterrupt`` and ``SystemExit`` included, is part of the result; nothing is raised here.
It is the same code in a kernel, a shell and an executor; :class:`HereExecutor` is for the first two.
"""

from __future__ import annotations

import builtins
import getpass
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Protocol, Self, TypeAlias

from pdnb.coordination.progress import Publisher
from pdnb.links import redact
from pdnb.model import JSON
from pdnb.outputs.recorder import Recorder
from pdnb.outputs.streams import swapped
from pdnb.runtime import limits
from pdnb.runtime.coroutines import complete, no_running_loop
from pdnb.runtime.hints import add_hint
from pdnb.runtime.namespace import Namespace
from pdnb.runtime.process_kinds import Kind
from pdnb.runtime.process_state import Leftovers, ProcessState, apply
from pdnb.runtime.step_object import Pd
from pdnb.workflow import cell
from pdnb.workflow.definition import Step
from pdnb.workflow.version import WorkflowVersion, step_filename

_OURS: Final = (str(Path(__file__).parents[1]), str(Path(inspect.__file__).with_name("asyncio")))
_getpid: Final = os.getpid  # bound now: a step may patch it
_EXIT: Final = "it ends a process, not a run: pd.flow.exit() ends the run"

#: Gives the publisher of one attempt; it is told how to get the newest outputs within a number of bytes.
Publish: TypeAlias = Callable[[Callable[[int], tuple[dict[str, Any], ...]]], Publisher]

#: Executes its block under the limits of a step.
Limits: TypeAlias = Callable[[Step], AbstractContextManager[None]]


@dataclass(frozen=True)
class Execution:
    """What the step exported and put out, and what it raised.

    ``lost``: why its process ended before the step did; ``again``: it may run again.
    """

    exports: dict[str, JSON]
    outputs: tuple[dict[str, Any], ...]
    error: BaseException | None
    lost: str | None = None
    again: bool = True


class Reported(Exception):  # it stands for any exception of a step
    """What a step raised in an executor, as one line; its traceback is among the outputs."""


class Executor(Protocol):
    """Executes the steps of one wake-up; a context manager."""

    def execute(self, name: str, pd: Pd, publish: Publish | None = None) -> Execution:
        """Execute the step called *name* once, with the step object *pd*."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class HereExecutor:
    """Executes the steps of one wake-up with the code of *version* in this process, which is put back after each.

    *show*: forward what they print to this process's own output.
    """

    def __init__(self, version: WorkflowVersion, *, show: bool) -> None:
        self._namespace = Namespace(version)
        self._show = show
        self._undo = ExitStack()
        self._inside: dict[Kind, Any] = {}  # what the steps so far have changed of this process

    def execute(self, name: str, pd: Pd, publish: Publish | None = None) -> Execution:
        """As :meth:`Executor.execute`."""
        recorder = Recorder(show=self._show, redact=redact)
        outside = ProcessState()
        apply(self._inside)
        try:
            with publish(recorder.recent).in_thread() if publish else nullcontext():
                exports, error = execute(self._namespace, name, pd, recorder)
        finally:
            self._inside = outside.changes()
            outside.put_back(self._inside)
        return Execution(exports, recorder.outputs, error)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(Leftovers().end)
            stack.enter_context(self._namespace)
            self._undo = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()


def execute(
    namespace: Namespace, name: str, pd: Pd, recorder: Recorder, limited: Limits = limits.enforced
) -> tuple[dict[str, JSON], BaseException | None]:
    """Execute step *name* of the namespace's version with the step object *pd*: its exports, and what it raised."""
    version, process, threads = namespace.version, _getpid(), set(threading.enumerate())
    error: BaseException | None = None
    value: object = None
    with recorder, _without_keyboard(), no_running_loop(), namespace.modules.present():
        if notice := namespace.notice():
            print(notice, file=sys.stderr)  # noqa: T201  # part of the step's record
        try:
            definition = version.step(name)
            step = cell.parse(definition.source, filename=step_filename(name, version.name, version.id))
            with limited(definition):
                try:
                    value = step.call(namespace.fresh(step), pd)
                    if (step.awaits or step.binds_handler) and inspect.iscoroutine(value):  # or awaited already
                        value = complete(value)
                finally:
                    _end_a_forked_child(process)
            if step.spelling == "body":
                recorder.result(value)
            exports = pd.exports(value)
        except BaseException as raised:  # noqa: BLE001  # anything a step raises ends its attempt in the ordinary way
            error = raised.with_traceback(_own_frames(raised.__traceback__))
            add_hint(error, pd, version, name)
            if isinstance(error, SystemExit):
                error.add_note(f"(sys.exit: {_EXIT})")
            recorder.error(error)
            exports = pd.exports(None)
        left = [thread.name for thread in threading.enumerate() if thread not in threads and not thread.daemon]
        if left:
            print(  # noqa: T201  # part of the step's record
                f"step {name!r} left a thread running ({', '.join(left[:3])}): nothing waits for it and what it does "
                "is lost; join it before the step returns",
                file=sys.stderr,
            )
    return exports, error


def _end_a_forked_child(process: int) -> None:
    """End here if this is a process that the step forked: only the one that was claimed for reports a result."""
    if _getpid() != process:
        error = sys.exc_info()[1]
        os._exit(0 if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)) else 1)


@contextmanager
def _without_keyboard() -> Iterator[None]:
    """Within the block nobody can be asked by ``input()``: most steps execute where no person is."""
    with ExitStack() as undo, Path(os.devnull).open() as nothing:
        undo.enter_context(swapped(builtins, "input", _no_input))
        undo.enter_context(swapped(sys, "stdin", nothing))
        undo.enter_context(swapped(sys, "argv", [""]))  # pdnb's own says nothing to a step
        for name in ("exit", "quit"):  # a kernel has none of its own
            undo.enter_context(swapped(builtins, name, _exit))
        undo.enter_context(swapped(getpass, "getpass", _no_input))
        yield


def _exit(code: object = None) -> NoReturn:
    raise SystemExit(code)


def _no_input(*_: object, **__: object) -> NoReturn:
    raise EOFError("a step cannot ask at the keyboard, where most often nobody sits: use pd.flow.suspend(form=…)")


def one_line(error: BaseException) -> str:
    """``ValueError: no such table``, with its first note in brackets, whatever the exception's own ``__str__`` does."""
    if isinstance(error, Reported):
        return str(error)
    try:
        text = str(error).strip().split("\n", 1)[0]
    except BaseException:  # noqa: BLE001  # an exception that cannot say what it is still ends the attempt
        text = "(its message cannot be shown)"
    name = type(error).__name__
    notes = getattr(error, "__notes__", None)
    if isinstance(error, SystemExit):
        text += f" ({_EXIT})"
    elif isinstance(notes, list) and notes and isinstance(notes[0], str):
        text += f" ({notes[0].split(chr(10), 1)[0]})"
    return redact(f"{name}: {text}" if text else name)


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """*trace* from the step's first frame on, without pdnb's and the event loop's; all of it if the step has none."""
    own = trace
    while own is not None and own.tb_frame.f_code.co_filename.startswith(_OURS):
        own = own.tb_next
    return own or trace
