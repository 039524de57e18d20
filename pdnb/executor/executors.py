"""The executors of one worker: a process for every wake-up, and a spare one that is ready for the next.

Rules:

- ``isolation="wake-up"``: every wake-up has a process of its own. ``"workflow"``: the process goes on with wake-ups of
  the same workflow version, as long as it is found as clean as it was. Never two workflows in one process.
- A process that ends before its step does is an attempt that was lost, as if the worker had died; what it printed is
  kept. One that has not begun to execute is simply replaced.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final, Literal, Self

from pdnb.coordination.progress import EVERY_S, Publisher
from pdnb.errors import MailError, NotJSON, PdnbError
from pdnb.executor.child import Child
from pdnb.executor.fork_client import ForkClient, ForkServerGone
from pdnb.executor.preloading import leading_imports
from pdnb.executor.process import LIMIT_SIGNAL
from pdnb.executor.recording import said
from pdnb.executor.starting import Started
from pdnb.executor.wire import Message
from pdnb.outputs.buffer import Record
from pdnb.runtime.execute import Execution, Publish, Reported
from pdnb.runtime.step_object import Pd
from pdnb.workflow.version import Environment, WorkflowVersion

Isolation = Literal["wake-up", "workflow"]

_LIMIT: Final = 1024 * 1024  # bytes of outputs that an attempt keeps
_TRIES: Final = 3
_MOST_POOLS: Final = 4
_AGAIN_S: Final = 5.0  # between two signals that the time is over
_GRACE_S: Final = 15.0  # behind a time limit: until then the step may give way by itself
_REST_S: Final = 2.0


class _Pool:
    """A fork server that has imported *modules*, and its spare executor."""

    def __init__(self, server: ForkClient, modules: tuple[str, ...]) -> None:
        self.server = server
        self.modules = modules
        self.spare: Child | None = None
        if modules:
            server.preload(modules)

    def prepare(self) -> None:
        """Have a spare. Raises ``ForkServerGone``."""
        if self.spare is None:
            self.spare = self.server.make()

    def take(self) -> Child:
        """The spare, or one that is made now. Raises ``ForkServerGone``."""
        self.prepare()
        child, self.spare = self.spare, None
        assert child is not None  # noqa: S101  # it was prepared
        return child

    def close(self) -> None:
        """End it."""
        if self.spare is not None:
            self.spare.close()
        self.server.close()


class Executors:
    """Makes executors for *environment*. *lock*: the descriptor by which their worker is alive as an owner.

    For what a workflow's setup imports first there is a fork server that has imported just that: a process holds
    nothing of another workflow.
    """

    def __init__(
        self,
        environment: Environment,
        lock: int,
        *,
        isolation: Isolation = "wake-up",
        method: Literal["fork", "spawn"] = "fork",
        started: Started | None = None,
    ) -> None:
        self._environment = environment
        self._lock = lock
        self._method = method
        self.isolation = isolation
        self._unfit: set[str] = set()
        self._learned: dict[str, list[str]] = {}  # by version: what its local modules import
        self._pools: dict[tuple[str, ...], _Pool] = {}  # the one used last stands last; () is always there
        self._pools[()] = _Pool(ForkClient(environment, lock, method, started), ())
        self._kept: tuple[str, Child] | None = None
        self._texts: dict[str, str] = {}
        self._pools[()].prepare()

    def __call__(self, version: WorkflowVersion) -> ChildExecutor:
        """The executor of one wake-up with the code of *version*."""
        return ChildExecutor(self, version, self._text(version))

    def close(self) -> None:
        """End them all."""
        if self._kept is not None:
            self._kept[1].close()
        for pool in self._pools.values():
            pool.close()

    # ---- for the executors ----

    @property
    def server(self) -> ForkClient:
        """The fork server that has imported nothing for a workflow."""
        return self._pools[()].server

    def take(self, version: WorkflowVersion) -> Child | None:
        """A process that is ready for *version*; ``None`` if none could be made."""
        if self._kept is not None:
            (kept, child), self._kept = self._kept, None
            if kept == version.id and not child.over:
                return child
            child.server.release(child)
        self._renew()
        modules = self._modules(version)
        for _ in range(_TRIES):
            pool = self._pools.get(modules)
            if pool is None or (modules and pool.server.unfit() is None):  # it still imports
                pool = self._pools[()]
            try:
                child = pool.take()
                if child.wait_until_ready():
                    return child
                child.server.kill(child)
            except ForkServerGone:
                pass
            self._restart(pool)
        return None

    def prepare(self, version: WorkflowVersion) -> None:
        """Have a spare ready for the next wake-up of *version*."""
        modules = self._modules(version)
        try:
            if modules not in self._pools:
                self._pools[modules] = self._made(modules)
                if len(self._pools) > _MOST_POOLS:
                    oldest = next(key for key in self._pools if key not in ((), modules))
                    self._pools.pop(oldest).close()
            pool = self._pools[modules] = self._pools.pop(modules)
            pool.prepare()
            self._pools[()].prepare()
        except ForkServerGone:
            for pool in list(self._pools.values()):
                if pool.spare is None:
                    self._restart(pool)

    def keep(self, version: WorkflowVersion, child: Child) -> None:
        """*child* may be used for another wake-up of *version*."""
        self._kept = (version.id, child)

    def learns(self, version: WorkflowVersion) -> bool:
        """Whether it is not known yet what the local modules of *version* import."""
        return bool(version.modules) and version.id not in self._learned and self._method == "fork"

    def learn(self, version: WorkflowVersion, imported: list[str]) -> None:
        """The local modules of *version* import these."""
        self._learned[version.id] = imported
        if len(self._learned) > _MOST_POOLS:
            del self._learned[next(iter(self._learned))]

    def _modules(self, version: WorkflowVersion) -> tuple[str, ...]:
        if self._method == "spawn":
            return ()
        wanted = [*leading_imports(version.setup), *self._learned.get(version.id, ())]
        return tuple(name for name in dict.fromkeys(wanted) if name not in self._unfit)

    def _made(self, modules: tuple[str, ...]) -> _Pool:
        return _Pool(ForkClient(self._environment, self._lock, self._method), modules)

    def _renew(self) -> None:
        """Away with fork servers that imported what they should not, or what was installed anew since."""
        for modules, pool in list(self._pools.items()):
            unfit = pool.server.unfit()
            self._unfit |= set(unfit or ())
            if unfit:
                self._pools.pop(modules).close()
            elif pool.server.is_stale():
                self._restart(pool)

    def _restart(self, pool: _Pool) -> None:
        """Another fork server in the place of this one."""
        pool.close()
        if self._pools.get(pool.modules) is pool:
            self._pools[pool.modules] = self._made(pool.modules)

    def _text(self, version: WorkflowVersion) -> str:
        if version.id not in self._texts:
            self._texts = {version.id: version.to_json()}
        return self._texts[version.id]


class ChildExecutor:
    """Executes the steps of one wake-up in a process of their own."""

    def __init__(self, executors: Executors, version: WorkflowVersion, text: str) -> None:
        self._executors = executors
        self._version = version
        self._text = text
        self._child: Child | None = None
        self._began = False

    def execute(self, name: str, pd: Pd, publish: Publish | None = None) -> Execution:
        """As :meth:`pdnb.runtime.execute.Executor.execute`."""
        record = Record(_LIMIT)
        publisher = publish(record.recent) if publish else None
        go = {"step": name, "steps": pd.steps, "context": pd.context, **pd.flow.settings()}
        for _ in range(_TRIES):
            if self._child is None:
                self._child = self._executors.take(self._version)
                if self._child is None:
                    break
                keep = self._executors.isolation == "workflow"
                go |= {"version": self._text, "keep": keep, "learn": self._executors.learns(self._version)}
                self._began = False
            attempt = _Attempt(self._child, record, pd, self._version.step(name).time_limit)
            self._child.say({"go": go})
            self._executors.prepare(self._version)
            try:
                end = attempt.wait(publisher)
            finally:
                if publisher is not None:
                    publisher.end()
            if end is not None:
                return self._ended(end, pd, record)
            child, self._child = self._child, None
            status = child.server.kill(child)
            if attempt.began:
                lost, again = attempt.killed or _reason(status), attempt.killed is None
                return Execution({}, record.outputs(), None, lost=lost, again=again)
        return Execution({}, record.outputs(), None, lost="no process could be started to execute it")

    def _ended(self, end: Message, pd: Pd, record: Record) -> Execution:
        pd.flow.repeat(end["flow"])
        error = Reported(end["error"]) if "error" in end else None
        if end.get("imported"):
            self._executors.learn(self._version, end["imported"])
        return Execution(dict(end["exports"]), record.outputs(), error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if self._executors.isolation == "workflow" and self._is_clean(child):
            self._executors.keep(self._version, child)
        else:
            child.server.release(child)

    @staticmethod
    def _is_clean(child: Child) -> bool:
        child.say({"rest": True})
        record = Record(1 << 16)
        return any(m.get("changes") == [] for m in child.messages(record, _REST_S, until="changes"))


class _Attempt:
    """One step at work in *child*: what it says is recorded and answered, and its time is kept."""

    def __init__(self, child: Child, record: Record, pd: Pd, limit_s: float | None) -> None:
        self._child = child
        self._record = record
        self._pd = pd
        self._limit_s = limit_s
        self._began_s = time.monotonic()
        self._ring_s = self._began_s + limit_s if limit_s is not None else None
        self.began = False
        self.killed: str | None = None

    def wait(self, publisher: Publisher | None) -> Message | None:
        """Until the step ends: how; ``None`` if its process ended first, or had to be killed."""
        publish_s = time.monotonic() + EVERY_S
        while not self._child.over:
            now_s = time.monotonic()
            if publisher is not None and now_s >= publish_s:
                publisher.publish()
                publish_s = now_s + EVERY_S
            if self._ring_s is not None and now_s >= self._ring_s and not self._ring(now_s):
                return None
            rest_s = min(publish_s, self._ring_s or publish_s) - now_s
            for message in self._child.messages(self._record, max(0.0, rest_s)):
                if "end" in message:
                    end: Message = message["end"]
                    return end
                self._take(message)
        self._child.read_pipes(self._record)
        return None

    def _take(self, message: Message) -> None:
        if "output" in message or "clear" in message:
            said(self._record, message)
        elif "progress" in message:
            self._pd.progress(*message["progress"])
        elif "sync" in message:
            self._child.say({"reply": message["ask"]})
        elif "send" in message:
            self._child.say({"reply": message["ask"], **_sent(self._pd.send.email, message["send"])})
        elif "began" in message:
            self.began = True

    def _ring(self, now_s: float) -> bool:
        """The time is over: say so to the step. Whether it still has a chance to give way."""
        assert self._limit_s is not None  # noqa: S101  # only then it rings
        if now_s - self._began_s > self._limit_s + _GRACE_S:
            self.killed = f"it took longer than its time limit of {self._limit_s:g} s and did not give way"
            return False
        if self._child.pid is not None:
            os.kill(self._child.pid, LIMIT_SIGNAL)  # it is a child of the fork server, which reaps it when told
        self._ring_s = now_s + _AGAIN_S
        return True


def _sent(email: Callable[..., None], given: dict[str, Any]) -> Message:
    """The reply to a wish to send a mail."""
    try:
        email(**given)
    except (PdnbError, TypeError, ValueError) as error:
        kinds = (MailError, NotJSON, PdnbError, TypeError, ValueError)
        return {"error": str(error), "kind": next(kind.__name__ for kind in kinds if isinstance(error, kind))}
    return {}


def _reason(status: int | None) -> str:
    """Why an attempt was lost, from how its process ended."""
    if status is None:
        return "its process ended"
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name if os.WTERMSIG(status) in set(signal.Signals) else "a signal"
        more = " (out of memory?)" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{more}"
    return f"its process ended with code {os.waitstatus_to_exitcode(status)} before the step did"
