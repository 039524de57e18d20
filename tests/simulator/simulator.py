"""A seeded simulator: many runs, several owners that work, die and freeze, one clock that jumps, and a plain model.

``python -m tests.simulator.simulator --seed N --steps M`` replays one history exactly; ``--seeds K`` runs K of them.

- Every owner (kernel, worker, server) is a thread with its own :class:`~pdnb.coordination.home.Home` on the one
  directory, and its file lock is real. Only one thread moves at a time, chosen by a seeded ``random.Random``: nothing
  depends on luck.
- An owner stops at its *points*: before a step's body, before and after each change of the store. Who is not let on is
  frozen; who dies there (or inside a transaction) executes nothing any more, and its lock is free.
- Every change passes :class:`Gate`, which asks the model (``simulated.py``) first: what the store answers must be what
  the model says. After every event every row of the store is compared with the model.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import deque
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from unittest import mock

from pdnb import client
from pdnb.coordination.home import Home
from pdnb.coordination.scheduler import Scheduler
from pdnb.errors import PdnbError, Refused, StoreUnavailable
from pdnb.model import Cancelled, Claimed, Ended, Event, Lost, Resumed, RunRecord
from pdnb.runtime import foreground, runner
from pdnb.runtime.execute import Execution
from pdnb.store.sqlite_backend import _lane
from pdnb.workers.worker import Worker
from pdnb.workflow import cell
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.simulator.simulated import Gone, Known
from tests.support.sqlite_store import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pdnb.runtime.step_object import Pd
    from pdnb.store.store import Store

T0 = 1_700_000_000_000
DAY = 86_400_000
FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
BODIES = ({"ok": True}, {"ok": False}, {"ok": "perhaps"}, "text", None)
SOURCE = "import simulated_world\ndef handler(pd):\n    return simulated_world.play(pd)"
WORLD = "simulated_world"  # the module that the steps import

#: Workflows, by name: their steps ("!" marks one that runs at most once), and what they may be upgraded to.
WORKFLOWS = {
    "launch": ("draft approve publish", "draft approve publish tell", "draft check publish"),
    "pay": ("ask pay!", "ask pay! thank", "ask! pay!"),
    "poll": ("poll", "poll report", "wait"),
}

_T = TypeVar("_T")


class Killed(BaseException):
    """The process is no more; nothing of it is executed."""


class Violated(AssertionError):
    """A law does not hold; the message says how to see it again."""


def workflow(name: str, version: int) -> WorkflowVersion:
    """One of the simulator's workflows; version 0 is what runs start with."""
    steps = tuple(
        Step(step.rstrip("!"), SOURCE, at_most_once=step.endswith("!")) for step in WORKFLOWS[name][version].split()
    )
    return WorkflowVersion(name, steps, (), Environment.here())


class Owner(threading.Thread):
    """A process that may hold claims. It moves only inside :meth:`go`."""

    def __init__(self, world: World, kind: str) -> None:
        super().__init__(name=f"{kind}-{next(world.numbers)}", daemon=True)
        self.world, self.kind = world, kind
        self.dead = self.leaving = False
        self.point: str | None = None  # where it stands; None: it has nothing to do
        self.fatal: int | None = None  # it dies at this row of its next transaction
        self.fault: str | None = None  # its next change fails, and its result, if it reports one, sticks all the same
        self._task: Callable[[], object] | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.start()
        self.do("opens", self._open)

    def do(self, what: str, task: Callable[[], object]) -> None:
        """Begin *task*, up to its first point."""
        self._task = task
        self.go(what)

    def go(self, what: str = "goes on") -> None:
        """Move to the next point, or to the end of the task."""
        self.world.log(f"{self.name} {what}{f' ({self.point})' if self.point else ''}")
        self._go.release()
        self._stopped.acquire()
        if self.world.violation is not None:
            raise self.world.violation

    def retry(self, run_id: str, *, take_over: bool = False) -> None:
        """What a person asks of it."""
        client.Run(self.home, self.home.store.get(run_id)).retry(take_over=take_over)

    def die(self) -> None:
        """What SIGKILL leaves: its files stay, its locks are free."""
        owner = self.home._owner
        assert owner is not None
        self.dead = True
        self.world.count("deaths")
        owner._lock.release()

    def at(self, point: str) -> None:
        """A point where it may stand for ever."""
        if self.dead:
            raise Killed
        if self.world.stops(point):
            self.point = point
            self._stopped.release()
            self._go.acquire()
            self.point = None
            if self.dead:
                raise Killed

    def run(self) -> None:
        while True:
            self._go.acquire()
            try:
                if self._task is not None and not self.dead:
                    self._task()
            except Killed:
                pass
            except (PdnbError, Play):  # what it would show to a person
                pass
            except BaseException as error:  # noqa: BLE001  # it is raised where the simulator waits
                self.world.violation = self.world.violation or error
            self._task = self.point = None
            if self.dead or self.leaving:
                break
            self._stopped.release()
        if not self.dead:
            self.home.close()
        self.home.notifier.close()
        self.home.store.close()
        self._stopped.release()

    def _open(self) -> None:
        self.home = Home(self.world.directory, kind=self.kind, clock=lambda: self.world.now)
        rows, put = table_of(self.home.store), table_of(self.home.store).set

        def mortal_put(key: str, text: str, tag: str | None = None) -> None:
            if self.fatal is not None:
                self.fatal -= 1
                if self.fatal < 0:
                    self.die()
                    raise Killed
            put(key, text, tag)

        rows.set = mortal_put  # type: ignore[method-assign]
        self.home.store = cast("Store", Gate(self, self.home.store))
        self.worker = Worker(self.home, Environment.here(), cast("Any", SimulatedExecutors()))


class SimulatedExecutor:
    """Executes steps in the owner's thread: no process, no streams, one point before every body."""

    def __init__(self, version: WorkflowVersion, *, show: bool = False) -> None:
        self._version = version
        del show

    def execute(self, name: str, pd: Pd, publish: object = None) -> Execution:
        cast("Owner", threading.current_thread()).at("before the body")
        del publish
        try:
            step = cell.parse(self._version.step(name).source, filename=f"<step {name}>")
            return Execution(pd.exports(step.call({}, pd)), (), None)
        except BaseException as error:  # noqa: BLE001  # as the real one: whatever a step raises ends its attempt
            return Execution(pd.exports(None), (), error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class SimulatedExecutors:
    """Those of a simulated worker."""

    isolation = "wake-up"

    def __call__(self, version: WorkflowVersion) -> SimulatedExecutor:
        return SimulatedExecutor(version)

    def close(self) -> None:
        pass


class Gate:
    """An owner's store: every change is held against the model."""

    def __init__(self, owner: Owner, store: Store) -> None:
        self._owner, self._store, self._world = owner, store, owner.world

    def __getattr__(self, name: str) -> Any:
        if self._owner.dead and name != "close":
            raise Killed
        return getattr(self._store, name)

    def apply(self, run_id: str, event: Event) -> RunRecord:
        known = copy.deepcopy(self._before(type(event).__name__.lower(), run_id))
        holder, place = known.owner, known.here
        expected = known.take(event)
        with self._world.law():
            if expected is None:
                self._check_holder(known, event, holder, place)
        fault, self._owner.fault = self._owner.fault, None
        if fault and not (fault == "after" and isinstance(event, Ended)):
            self._world.count("faults")
            raise StoreUnavailable("the simulated disk is full")
        run = self._held(run_id, known, expected, lambda: self._store.apply(run_id, event))
        if fault:
            self._world.count("stuck commits")
            raise StoreUnavailable("the simulated disk failed in a commit")
        return self._after(run)

    def _check_holder(self, known: Known, event: Event, holder: str | None, place: tuple[int, int]) -> None:
        """Only the owner of a claim ends it, and none is taken from a living owner but by hand."""
        if isinstance(event, Ended):
            assert holder == self._owner.home.owner, f"{self._owner.name} ends the claim of {holder}"
        elif isinstance(event, Lost) and event.reason.startswith("taken over"):
            known.taken_over.add(place)
        elif isinstance(event, Lost):
            living = [owner for owner in self._world.owners if owner.home.owner == holder and not owner.dead]
            assert not living, f"{holder} is not dead"

    def upgrade(self, run_id: str, version: WorkflowVersion, *, at_ms: int) -> RunRecord:
        known = copy.deepcopy(self._before("upgraded", run_id))
        expected = known.upgraded(version, at_ms)
        if expected is not None:
            known = self._world.known[run_id]  # all of it is refused
        return self._after(
            self._held(run_id, known, expected, lambda: self._store.upgrade(run_id, version, at_ms=at_ms))
        )

    def add(self, version: WorkflowVersion, event: Any, *, at_ms: int, **more: Any) -> RunRecord:
        owner = more.get("owner")
        self._owner.at("before add")
        run = self._store.add(version, event, at_ms=at_ms, **more)
        known = Known(run.id, version.name, version.names, version.id, event, at_ms)
        if owner is not None:
            known.take(Claimed(at_ms, owner))
        self._world.known[run.id] = known
        self._world.touched.add(run.id)
        return self._after(run)

    def claim(self, environment: str, owner: str, *, at_ms: int, after: str | None = None) -> RunRecord | None:
        self._owner.at("before claim")
        waiting = [known for known in self._world.known.values() if known.status == "queued"]
        run = self._store.claim(environment, owner, at_ms=at_ms, after=after)
        with self._world.law():
            assert (run is None) == (not waiting), f"claim gives {run} of {waiting}"
            if run is None:
                return None
            known = self._world.known[run.id]
            lane = [other for other in waiting if other.workflow == known.workflow]
            assert known.since_ms == min(other.since_ms for other in lane), "not the longest-queued run"
            assert known.take(Claimed(at_ms, owner)) is None
            self._world.count("claims")
        self._world.touched.add(run.id)
        return self._after(run)

    def elapse(self, at_ms: int, *, batches: int | None = None) -> int:
        self._owner.at("before elapse")
        due = [k for k in self._world.known.values() if k.due_ms is not None and k.due_ms <= at_ms]
        ended = self._store.elapse(at_ms, batches=batches)
        with self._world.law():
            assert ended == len(due), f"{ended} pauses ended, not {len(due)}"
            for known in due:
                known.settle(at_ms)
                self._world.touched.add(known.id)
        return self._after(ended)

    def _before(self, what: str, run_id: str) -> Known:
        self._owner.at(f"before {what}")
        return self._world.known[run_id]

    def _held(
        self, run_id: str, known: Known, expected: type[Refused] | None, call: Callable[[], RunRecord]
    ) -> RunRecord:
        """What *call* gives, if that is what the model expects; *known* is the run after it."""
        refused: Refused | None = None
        try:
            run = call()
        except Refused as error:
            refused = error
        with self._world.law():
            assert (refused is None) == (expected is None), f"{refused!r} instead of {expected}"
            assert expected is None or isinstance(refused, expected), f"{refused!r} instead of {expected}"
        self._world.known[run_id] = known
        self._world.touched.add(run_id)
        self._world.count("changes" if refused is None else f"{type(refused).__name__} refusals")
        if refused is not None:
            raise refused
        return run

    def _after(self, result: _T) -> _T:
        self._owner.at("after a change")
        return result


class Play(Exception):
    """What a step of the simulator raises."""


class World:
    """One history. ``now`` is everybody's clock."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.random = random.Random(seed)
        self.directory = directory
        self.now = T0
        self.numbers = count(1)
        self.known: dict[str, Known] = {}
        self.touched: set[str] = set()
        self.once: set[tuple[str, int, int]] = set()  # attempts that may be executed once, and were
        self.violation: BaseException | None = None
        self.calm = False  # nothing bad is to happen any more
        self.history: deque[str] = deque(maxlen=40)
        self.rows: dict[str, str] = {}
        self.left: dict[str, Any] = {}  # exports of the attempts that have ended
        self.counts: dict[str, int] = {}
        self.codes = {code.id: code for name in WORKFLOWS for code in (workflow(name, v) for v in range(3))}
        self.owners: list[Owner] = []
        for kind in ("server", "worker", "kernel", "worker"):
            self.owners.append(Owner(self, kind))
        self.eyes = sqlite3.connect(directory / "cache.db", isolation_level=None)

    def log(self, line: str) -> None:
        self.history.append(f"{self.now - T0:>12} ms  {line}")

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    @contextlib.contextmanager
    def law(self) -> Iterator[None]:
        """What fails here is a violation, also where pdnb would catch the error."""
        try:
            yield
        except BaseException as error:
            self.violation = self.violation or error
            raise

    def stops(self, point: str) -> bool:
        return not self.calm and self.random.random() < (0.8 if point == "before lost" else 0.35)

    # ---- what a step does ----

    def play(self, pd: Pd) -> object:
        """A step's body: what it does is chosen here, whether it may be executed at all is checked here."""
        run_id, step, runs = pd.context["run"]["key"].split("/")
        known, fence = self.known[run_id], int(pd.context["id"].rpartition(".")[2])
        self.log(f"{threading.current_thread().name} executes {step} of {run_id}, attempt {runs}, claim {fence}")
        if (known.status, known.fence) == ("running", fence):  # else it was overruled: its result will be refused
            with self.law():
                self._check_start(known, step, int(runs), pd)
        self.count("bodies")
        token, pick = f"{run_id}/{step}/{runs}#{next(self.numbers)}", self.random.random()
        if self.calm or pick < 0.35:
            return token
        ms = self.random.choice([1, 1_000, 60_000, DAY])
        if pick < 0.6:
            form = FORM if self.random.random() < 0.4 else None
            pd.flow.suspend(ms, on_timeout=self.random.choice(["cancel", "resume"]), form=form)
        elif pick < 0.75:
            pd.flow.rerun(self.random.choice([0, ms]), token, self.random.choice([0, 1, 3]))
        elif pick < 0.85:
            pd.flow.delay(ms)
        elif pick < 0.9:
            pd.flow.suspend(ms)
            pd.flow.exit("enough")
        else:
            pd.flow.suspend(ms)
            raise Play(token)
        return token

    def _check_start(self, known: Known, step: str, runs: int, pd: Pd) -> None:
        assert (known.step, known.runs) == (step, runs), f"{step} is executed, not {known.step}"
        assert known.attempts.get(known.here, Gone()).outcome is None, f"{known.here} is executed after its checkpoint"
        place = (known.id, *known.here)
        once = self.codes[known.version_id].step(step).at_most_once
        if once and known.here not in known.taken_over:
            assert place not in self.once, f"{place} is executed a second time"
            self.once.add(place)
        seen, left = ({n: x for n, x in some.items() if n != step} for some in (pd.steps, known.exports()))
        assert seen == left, f"{place} sees {seen}, not {left}"
        asked = known.rerun_input()
        inner = {"runs": runs, "key": pd.context["run"]["key"]}
        if asked is not None:
            inner["context"] = asked.context
            if asked.request is not None:
                inner["callback_request"] = asked.request
        assert pd.context["run"] == inner, f"{place} sees {pd.context['run']}, not {inner}"

    # ---- what may happen ----

    def event(self) -> None:
        """One event, chosen by the seed, and then every invariant."""
        idle = [owner for owner in self.owners if owner.point is None]
        standing = [owner for owner in self.owners if owner.point is not None]
        choices: list[tuple[int, Callable[[], None]]] = [(3, self._pass_time), (2, self._birth)]
        if standing:
            choices += [(20, lambda: self.random.choice(standing).go()), (2, lambda: self._kill(standing))]
        if idle:
            choices += [(1, lambda: self._kill(idle)), (4, lambda: self._add(idle)), (9, lambda: self._work(idle))]
            choices += [(3, lambda: self._tick(idle)), (1, lambda: self._mark(idle)), (1, lambda: self._leave(idle))]
        if idle and self.known:
            choices += [(11, lambda: self._request(idle)), (3, lambda: self._retry(idle))]
            choices += [(2, lambda: self._upgrade(idle))]
        weights, events = zip(*choices, strict=True)
        self.random.choices(events, weights)[0]()
        self.reap()
        self.check()

    def reap(self) -> None:
        """Let the threads of the dead end: they execute nothing that could be seen."""
        for owner in [owner for owner in self.owners if owner.dead]:
            self.owners.remove(owner)
            if owner.is_alive():
                owner._go.release()
            owner.join()

    def _pass_time(self) -> None:
        self.now = max(T0, self.now + self.random.choice([1, 500, 1_000, 59_000, 61_000, DAY, -1, -30_000, -DAY]))

    def _birth(self) -> None:
        if len(self.owners) < 6:
            self.owners.append(Owner(self, self.random.choice(["kernel", "worker", "server"])))

    def _kill(self, owners: list[Owner]) -> None:
        owner = self.random.choice(owners)
        self.log(f"{owner.name} is killed ({owner.point})")
        owner.die()

    def _mark(self, owners: list[Owner]) -> None:
        owner = self.random.choice(owners)
        if self.random.random() < 0.5:
            owner.fatal = self.random.randrange(4)
        else:
            owner.fault = self.random.choice(["before", "after"])
        self.log(f"{owner.name} is marked: fatal {owner.fatal}, fault {owner.fault}")

    def _leave(self, owners: list[Owner]) -> None:
        owner = self.random.choice(owners)
        if len(self.owners) > 3:
            owner.leaving = True
            owner.go("leaves")
            self.owners.remove(owner)
            owner.join()

    def _add(self, owners: list[Owner]) -> None:
        if sum(not known.over for known in self.known.values()) >= 8:
            return
        owner, version = self.random.choice(owners), workflow(self.random.choice(list(WORKFLOWS)), 0)
        headless, event = self.random.random() < 0.5, {"n": next(self.numbers)}
        what = f"starts {version.name}{' headless' if headless else ''}"
        owner.do(what, lambda: client.start(owner.home, version, event, headless=headless, show=False))

    def _work(self, owners: list[Owner]) -> None:
        owner = self.random.choice(owners)
        owner.do("works", owner.worker.work_once)

    def _tick(self, owners: list[Owner]) -> None:
        owner = self.random.choice(owners)
        owner.do("keeps the clock", lambda: Scheduler(owner.home).step())

    def _request(self, owners: list[Owner]) -> None:
        owner, known = self.random.choice(owners), self._any_run()
        step, runs = known.step, known.runs
        if self.random.random() < 0.3:
            step, runs = self.random.choice(known.steps), self.random.randrange(1, known.runs + 2)
        if self.random.random() < 0.75:
            body = self.random.choice(BODIES)
            event: Event = Resumed(self.now, step, runs, "link", None, {} if body is None else {"body": body})
        else:
            event = Cancelled(self.now, step, runs, "link")
        what = f"is asked: {type(event).__name__} {known.id} {step} {runs}"
        owner.do(what, lambda: owner.home.store.apply(known.id, event))

    def _retry(self, owners: list[Owner]) -> None:
        owner, known = self.random.choice(owners), self._any_run("failed", "running")
        take_over = self.random.random() < 0.5
        owner.do(
            f"retries {known.id}{' by taking it over' if take_over else ''}",
            lambda: owner.retry(known.id, take_over=take_over),
        )

    def _upgrade(self, owners: list[Owner]) -> None:
        owner, known = self.random.choice(owners), self._any_run("queued", "suspended", "sleeping", "failed")
        version = workflow(known.workflow, self.random.randrange(3))

        owner.do(
            f"upgrades {known.id} to {' '.join(version.names)}",
            lambda: client.Run(owner.home, owner.home.store.get(known.id)).upgrade(version),
        )

    def _any_run(self, *statuses: str) -> Known:
        runs = list(self.known.values())
        some = [known for known in runs if known.status in statuses or (not statuses and not known.over)]
        return self.random.choice(some if some and self.random.random() < 0.8 else runs)

    # ---- what must hold ----

    def check(self) -> None:
        """Every row of the store against the model."""
        self.count("events")
        found = dict(self.eyes.execute("SELECT key, value FROM Cache"))
        tags = dict(self.eyes.execute("SELECT key, tag FROM Cache WHERE tag IS NOT NULL"))
        runs = {key.removeprefix("run/"): text for key, text in found.items() if key.startswith("run/")}
        assert runs.keys() == self.known.keys(), "a run is lost, or one is there that was not added"
        index: set[str] = set()
        for run_id, text in runs.items():
            assert len(text) < 4096
            if run_id not in self.touched:
                assert text == self.rows[f"run/{run_id}"], f"{run_id} changed by itself"
            row, known = json.loads(text), self.known[run_id]
            self._check_run(row, known)
            assert tags[f"run/{run_id}"] == f"{known.status} {known.workflow}"
            if known.due_ms is not None:
                index.add(f"due/{known.due_ms:013d}/{run_id}")
            if known.status == "queued":
                lane = _lane(known.workflow)
                index.add(f"queue/{row['environment']}/{lane}/{known.since_ms:013d}/{run_id}")
        assert {key for key in found if key.startswith(("due/", "queue/"))} == index
        self._check_attempts({key: text for key, text in found.items() if key.startswith("attempt/")})
        assert not [key for key in self.rows.keys() - found.keys() if not key.startswith(("due/", "queue/"))]
        self.rows = found
        self.touched.clear()

    def _check_run(self, row: dict[str, Any], known: Known) -> None:
        pause = row["pause"] or {"kind": None, "due_ms": None, "form": False}
        seen = {
            **{
                name: row[name]
                for name in ("workflow", "version_id", "status", "position", "runs", "retries", "losses")
            },
            **{name: row[name] for name in ("fence", "owner", "since_ms")},
            **{name: pause[name] for name in ("kind", "due_ms", "form")},
            "steps": tuple(row["steps"]),
            "early": row["early"] and row["early"]["what"],
        }
        wrong = {name: (value, getattr(known, name)) for name, value in seen.items() if value != getattr(known, name)}
        assert not wrong, f"{known.id}: {wrong} (stored, expected)"

    def _check_attempts(self, rows: dict[str, str]) -> None:
        places = {
            f"attempt/{k.id}/{p:04d}/{r:09d}": gone for k in self.known.values() for (p, r), gone in k.attempts.items()
        }
        assert rows.keys() == places.keys(), "an attempt is lost, or one is there that never was"
        for key, text in rows.items():
            if self.rows.get(key) == text:
                continue
            assert key.split("/")[1] in self.touched, f"{key} changed by itself"
            row, gone = json.loads(text), places[key]
            outcome = None if row["outcome"] == "running" else row["outcome"]
            assert (outcome, row["decision"] and row["decision"]["what"]) == (gone.outcome, gone.decision), key
            assert (row["exports"], row["context"], row["request"]) == (gone.exports, gone.context, gone.request), key
            if outcome is not None:
                assert self.left.setdefault(key, row["exports"]) == row["exports"], f"{key}: what it left has changed"

    # ---- the end ----

    def finish(self) -> None:
        """Let everybody who stands go on, then drive every run to its end."""
        self.calm = True
        for owner in self.owners:
            owner.fatal = owner.fault = None
            while owner.point is not None and not owner.dead:
                owner.go()
                self.check()
        self.reap()
        for known in list(self.known.values()):
            assert known.status != "running" or known.owner not in {o.home.owner for o in self.owners}, (
                f"{known.id} is held by an owner who does nothing with it"
            )
        last = Owner(self, "server")
        self.owners.append(last)
        for _ in range(2_000):
            last.do("keeps the clock", lambda: Scheduler(last.home).step())
            last.do("works", last.worker.work_once)
            for known in [known for known in self.known.values() if known.status == "failed"]:
                last.do(f"retries {known.id}", partial(last.retry, known.id))
            self.check()
            if all(known.over for known in self.known.values()):
                break
            if all(known.over or known.due_ms is not None for known in self.known.values()):
                self.now = max(self.now, min(k.due_ms for k in self.known.values() if k.due_ms is not None))
        assert {known.status for known in self.known.values()} <= {"succeeded", "cancelled"}, "not every run has ended"
        for known in self.known.values():
            last.do("looks", partial(self._check_looks, last, known))

    def _check_looks(self, owner: Owner, known: Known) -> None:
        with self.law():
            assert owner.home.store.exports(known.id) == known.exports()
            outcomes = [attempt.outcome for attempt in owner.home.store.attempts(known.id)]
            assert outcomes == [known.attempts[place].outcome or "running" for place in sorted(known.attempts)]

    def close(self) -> None:
        """End every thread."""
        self.violation = None
        for owner in self.owners:
            if owner.is_alive() and not owner.dead:
                owner.die()
        self.reap()
        self.eyes.close()


@contextlib.contextmanager
def furnished(world: SimpleNamespace) -> Iterator[None]:
    """What has to be set up for one history: ids in order, no pauses, a point before every body."""
    ids = count(1)

    defaults = cast("dict[str, Any]", runner.Runner.__init__.__kwdefaults__)
    with (
        mock.patch.object(foreground, "new_id", side_effect=lambda at_ms: f"r{next(ids):019d}"),
        mock.patch.dict(defaults, {"pause": lambda seconds: None}),
        mock.patch.object(runner, "HereExecutor", SimulatedExecutor),
        mock.patch.dict(sys.modules, {WORLD: cast("Any", world)}),
    ):
        yield


def simulate(seed: int, steps: int) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """One history of *steps* events, then the end of every run. Raises :class:`Violated`.

    Returns how much happened, and which events were taken in which status (or refused with what).
    """
    memory = Path("/dev/shm")
    hands = SimpleNamespace()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name, furnished(hands):
        world = World(seed, Path(name))
        hands.play = world.play
        try:
            for _ in range(steps):
                world.event()
            world.finish()
            counts = world.counts | {"runs": len(world.known), "attempts": len(world.left)}
        except BaseException as error:
            said = "\n".join(world.history)
            again = f"python -m tests.simulator.simulator --seed {seed} --steps {steps}"
            raise Violated(f"{said}\n{type(error).__name__}: {error}\nto see it again: {again}") from error
        finally:
            world.close()
        ways = {way for known in world.known.values() for way in known.ways}
        return counts, ways


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator.simulator", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, help="the one history to run")
    parser.add_argument("--seeds", type=int, default=100, help="how many histories to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--steps", type=int, default=200, help="events in a history")
    given = parser.parse_args()
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    total: dict[str, int] = {}
    began = time.monotonic()
    for n, seed in enumerate(seeds, 1):
        try:
            counts, _ = simulate(seed, given.steps)
        except Violated as violated:
            sys.exit(str(violated))
        total = {name: total.get(name, 0) + counts.get(name, 0) for name in sorted(total | counts)}
        if n % 100 == 0 or n == len(seeds):
            print(f"{n} seeds in {time.monotonic() - began:.0f} s: {total}", flush=True)


if __name__ == "__main__":
    main()
