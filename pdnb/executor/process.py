"""The executor: a process that executes the steps of one wake-up, and says over the wire what they ask for and leave.

Rules:

- It opens no store, mints no link, knows no secret and no mail server: it is handed the links of the attempt, and mail
  is sent by the worker.
- It ends when the wire closes, when its parent dies, or when the worker ends it. What a step leaves running gets a
  grace (:data:`pdnb.runtime.process_state.GRACE_S`), then the whole process group is killed.
- A limit of time is the worker's: it sends a signal, which raises in the step, again and again until it gives way.
- A process that the step forks has no wire.
"""

from __future__ import annotations

import atexit
import ctypes
import decimal  # noqa: F401  # what is compared between two wake-ups has to be there before the first
import gc
import json
import logging  # noqa: F401  # likewise
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from pdnb.codec import checked
from pdnb.errors import MailError, NotJSON, PdnbError, TimeLimit
from pdnb.executor import output_order
from pdnb.executor.output_order import Order
from pdnb.executor.preloading import is_installed
from pdnb.executor.recording import SayingRecorder
from pdnb.executor.wire import Message, Wire
from pdnb.runtime import limits
from pdnb.runtime.execute import execute, one_line
from pdnb.runtime.flow import Flow
from pdnb.runtime.namespace import Namespace
from pdnb.runtime.process_state import GRACE_S, Leftovers, ProcessState, end_descendants
from pdnb.runtime.send import MailSettings, Send
from pdnb.runtime.step_object import Pd
from pdnb.workflow.definition import Step
from pdnb.workflow.version import WorkflowVersion

#: The signal by which a worker says that the time limit is over. A step keeps SIGALRM for itself.
LIMIT_SIGNAL: Final = signal.SIGRTMIN + 7 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2

#: Where an executor finds its wire; 1 and 2 are the pipes.
WIRE: Final = 3

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_MOST_LEARNED: Final = 500
_getpid: Final = os.getpid  # bound now: a step may patch it


class ExecutorProcess:
    """This process as an executor. *wire* is its end; *lock*: the descriptor of its worker's lock, held while it works.

    *keep*: another wake-up of the same version may use it, if it is found clean.
    """

    def __init__(self, wire: Wire, lock: int | None = None) -> None:
        self._wire = wire
        self._lock = lock
        self._pid = _getpid()
        self._asking = threading.RLock()
        self._order = Order(lambda: self._ask({"sync": True}))
        self._namespace: Namespace | None = None
        self._asked = 0
        self._state: ProcessState | None = None
        self._keep = False

    def serve(self) -> None:
        """Execute steps until the worker has no more."""
        self._say({"ready": os.getpid()})
        while (message := self._wire.receive()) is not None:
            if "go" in message:
                self._say({"began": True})
                self._step(message["go"])
            elif "rest" in message:
                self._rest()

    def rehearse(self) -> None:
        """Execute an empty step for nobody, so that what only a first one costs is paid before a run waits for it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            other = ExecutorProcess(Wire(ours))
            other._step({**_REHEARSAL, "version": _EMPTY})
            if other._namespace is not None:
                other._namespace.__exit__(None, None, None)
        if numpy := sys.modules.get("numpy.random"):
            numpy.seed()  # every child has the same state otherwise

    # ---- steps ----

    def _step(self, go: Message) -> None:
        """Execute one step, and say how it ended."""
        if "version" in go:
            self._begin(go)
        assert self._namespace is not None  # noqa: S101  # the first step brings the version
        flow = Flow(go["urls"], on_timeout=go["on_timeout"], confirm=go["confirm"])
        pd = _Pd(go["step"], flow, _Send(self._ask), go["steps"], go["context"], self._say)
        recorder = SayingRecorder(self._say, self._order)
        exports, error = execute(self._namespace, go["step"], pd, recorder, self._limited)
        end: Message = {"exports": exports, "flow": flow.calls()}
        if go.get("learn"):
            end["imported"] = self._imported()
        flow.close()
        pd.send.end()
        if error is not None:
            end["error"] = one_line(error)
        self._say({"end": end})

    def _begin(self, go: Message) -> None:
        """A wake-up begins: its code comes with its first step."""
        self._keep = go["keep"]
        self._namespace = Namespace(WorkflowVersion.from_json(go["version"]))
        self._namespace.__enter__()
        if self._state is None:
            if self._keep:
                self._state, self._leftovers, self._descriptors = ProcessState(), Leftovers(), _descriptors()
            self._modules, self._environ = set(sys.modules), dict(os.environ)

    def _imported(self) -> list[str]:
        """The installed modules that the wake-up has imported so far, in order.

        None where it has changed the environment: what it imported then may be another thing than it is without.
        """
        if dict(os.environ) != self._environ:
            return []
        new = [name for name in sys.modules if name not in self._modules]
        return [name for name in new if is_installed(name.partition(".")[0])][:_MOST_LEARNED]

    def _rest(self) -> None:
        """The wake-up is over, and another may come: say what is not as it was; the worker decides."""
        assert self._state is not None  # noqa: S101  # only an executor that is kept is asked
        if self._namespace is not None:
            self._namespace.__exit__(None, None, None)
        self._namespace = None
        gc.collect()
        changes = [kind.name for kind in self._state.changes()] + self._leftovers.found()
        if imported := sys.modules.keys() - self._modules:  # nobody knows how they were
            changes.append(f"modules: {', '.join(sorted(imported)[:3])}")
        if _descriptors() != self._descriptors:
            changes.append("descriptors")
        self._say({"changes": changes})

    @contextmanager
    def _limited(self, step: Step) -> Iterator[None]:
        """The block under the step's limits; the time is kept by the worker."""
        armed = True

        def ring(_number: int, _frame: object) -> None:
            if armed:
                raise TimeLimit(f"step {step.name!r} took longer than its time limit of {step.time_limit:g} s")

        with limits.memory(step):
            if step.time_limit is None:
                yield
                return
            before = signal.signal(LIMIT_SIGNAL, ring)
            try:
                yield
            finally:
                armed = False
                signal.signal(LIMIT_SIGNAL, before)

    # ---- the wire ----

    def _say(self, message: Message) -> None:
        with self._asking:
            if _getpid() == self._pid:
                self._wire.send(message)

    def _ask(self, message: Message) -> Message:
        """Say *message*, and wait for the worker's reply."""
        with self._asking:
            if _getpid() != self._pid:
                raise OSError("a process that a step has forked cannot ask its worker for anything")
            self._asked += 1
            number = self._asked
            self._wire.send({**message, "ask": number})
            while (reply := self._wire.receive()) is not None:
                if reply.get("reply") == number:  # not to a question whose asker was interrupted
                    return reply
        os._exit(1)  # nobody is there any more for whom it could go on

    def forget_wire(self) -> None:
        """In a process that a step has forked: the wire and the lock are its parent's."""
        self._wire.close()
        if self._lock is not None:
            with suppress(OSError):
                os.close(self._lock)

    # ---- the end ----

    def end(self) -> None:
        """End this process: what the steps left may finish within the grace; then an alarm ends it."""
        self.forget_wire()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        if self._namespace is not None:
            self._namespace.__exit__(None, None, None)
            self._namespace = None
        with suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  # waits, and ends idle pools
        with suppress(BaseException):
            atexit._run_exitfuncs()  # noqa: SLF001  # os._exit skips them
        ctypes.CDLL(None).fflush(None)
        end_descendants(_getpid())
        os._exit(0)


class _Pd(Pd):
    """Says progress at once."""

    def __init__(self, *given: Any) -> None:
        *others, self._say = given
        super().__init__(*others)

    def progress(self, done: float, total: float | None = None, text: str | None = None) -> None:
        super().progress(done, total, text)
        self._say({"progress": self.latest_progress})


class _Send(Send):
    """Asks the worker to send."""

    def __init__(self, ask: Callable[[Message], Message]) -> None:
        super().__init__(MailSettings())
        self._ask = ask

    def email(self, subject: str, text: str | None = None, html: str | None = None, to: Any = None) -> None:
        self.check_open()
        given = {"subject": subject, "text": text, "html": html, "to": to}
        checked(given, "mail")
        reply = self._ask({"send": given})
        if "error" in reply:
            raise _ERRORS.get(reply["kind"], MailError)(reply["error"])


#: What sending may raise, as the worker says it.
_ERRORS: Final = {error.__name__: error for error in (MailError, PdnbError, NotJSON, TypeError, ValueError)}

_Pd.progress.__doc__ = Pd.progress.__doc__
_Send.email.__doc__ = Send.email.__doc__


def _descriptors() -> list[tuple[int, int, int]]:
    """What every open descriptor leads to."""
    found = []
    for number in range(64):
        with suppress(OSError):
            status = os.fstat(number)
            found.append((number, status.st_dev, status.st_ino))
    return found


# ---- becoming one -------------------------------------------------------------------------------------------------


def die_with(parent: int) -> None:
    """Be killed when the process *parent* dies; at once if it has."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _adopt() -> None:
    """Be the parent of what loses its own among this process's descendants, so that they can be found (Linux)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def become(wire: int, stdout: int, stderr: int, lock: int) -> None:
    """Make this process, just forked or spawned, an executor with these descriptors; it never returns."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in (stdout, stderr):
        os.close(descriptor)
    for descriptor in (wire, lock):  # what came by a message, or over exec, would go to every program of the step
        os.set_inheritable(descriptor, False)
    _adopt()
    sys.modules["__main__"] = types.ModuleType("__main__")
    executor = ExecutorProcess(Wire(socket.socket(fileno=wire)), lock)
    os.register_at_fork(after_in_child=executor.forget_wire)
    output_order.install()
    with suppress(BrokenPipeError, ConnectionError):
        executor.rehearse()
        gc.freeze()  # what is here stays: it is neither looked at again nor copied for it
        executor.serve()
    executor.end()


_EMPTY: Final = json.dumps(
    {
        "name": "rehearsal",
        "cells": [{"kind": "step", "name": "one", "source": "def handler(pd):\n    return 1\n"}],
        "environment": {"executable": "", "cwd": "", "path": []},
    }
)
_REHEARSAL: Final[Message] = {
    "step": "one",
    "steps": {},
    "context": {},
    "urls": {"resume_url": "", "cancel_url": ""},
    "on_timeout": "cancel",
    "confirm": True,
    "keep": False,
}
