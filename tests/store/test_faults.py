"""When the n-th store operation fails, for every n: nothing is torn, no lock lingers, the same call succeeds later.

Faults come at SQLite's door: :class:`Faults` counts every statement of every connection (opening one counts too) and
lets the n-th fail, in one of four ways:

- ``before``: it is not executed, and says that it failed; all others are well;
- ``after``: it is executed, and says that it failed all the same;
- ``from``: it and all behind it are not executed, until the fault is gone: a full disk, a lock;
- ``dark``: it is executed, says that it failed, and all behind it fail until the fault is gone.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import pytest

from pdnb.coordination.home import Home
from pdnb.errors import StoreUnavailable
from pdnb.links import Links
from pdnb.model import (
    Cancelled,
    Claimed,
    Elapsed,
    Event,
    Exited,
    Lost,
    Prompt,
    Raised,
    Resumed,
    Retried,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
)
from pdnb.runtime.runner import Runner
from pdnb.store import sqlite_file
from pdnb.store import store as store_module
from pdnb.store.store import Store
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.support.server import Rig
from tests.support.sqlite_store import open_store, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_server.serverapp import ServerApp
    from traitlets.config import Config

Way: TypeAlias = Literal["before", "after", "from", "dark"]
Row: TypeAlias = tuple[Any, ...]

WAYS: tuple[Way, ...] = ("before", "after", "from", "dark")
SAYS = ("database or disk is full", "database is locked", "disk I/O error")
FULL, LOCKED, BROKEN = SAYS

T0 = 1_700_000_000_000
DAY = 86_400_000
LINKS = Links(b"0123456789abcdef0123456789abcdef", "https://example.org/")
HERE = Environment(sys.executable, "/")
FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}

_T = TypeVar("_T")
_connect = sqlite3.connect


class Faults:
    """The fault that is to come: at statement *n* from :meth:`arm` on. ``fired``: it has come."""

    def __init__(self) -> None:
        self.rest()

    def arm(self, n: int, way: Way, says: str) -> None:
        self.armed, self.fired, self.left, self.way, self.says = True, False, n, way, says

    def rest(self) -> None:
        """The fault is gone."""
        self.armed = self.fired = False

    def around(self, statement: Callable[[], _T]) -> _T:
        if not self.armed:
            return statement()
        self.left -= 1
        if self.left > 0 or (self.left < 0 and self.way in {"before", "after"}):
            return statement()
        self.fired = True
        if self.left == 0 and self.way in {"after", "dark"}:
            done = statement()
            if isinstance(done, sqlite3.Connection | sqlite3.Cursor):  # who is told of a failure has nothing to close
                done.close()
        raise sqlite3.OperationalError(self.says)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Every connection that is opened from now on can fail."""
    faults = Faults()

    class Connection(sqlite3.Connection):
        def execute(self, *statement: Any) -> sqlite3.Cursor:
            return faults.around(lambda: sqlite3.Connection.execute(self, *statement))

    monkeypatch.setattr(
        sqlite3, "connect", lambda *how, **more: faults.around(lambda: _connect(*how, factory=Connection, **more))
    )
    return faults


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: thousands of commits are made here, and none has to last."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@contextlib.contextmanager
def another(directory: Path, *, timeout: float = 0) -> Iterator[sqlite3.Connection]:
    """A connection as another process has it: it never fails, and never waits unless it is told to."""
    with contextlib.closing(_connect(directory / "cache.db", isolation_level=None, timeout=timeout)) as con:
        yield con


def dump(directory: Path) -> list[Row]:
    """Every row, as a fresh connection reads it, but the times at which it was stored."""
    with another(directory) as con:
        return con.execute("SELECT key, raw, tag, mode, value FROM Cache ORDER BY key").fetchall()


def assert_no_lock_lingers(directory: Path, *, timeout: float = 0) -> None:
    with another(directory, timeout=timeout) as con:
        con.execute("BEGIN EXCLUSIVE")
        con.execute("ROLLBACK")


def code(name: str = "launch", *steps: str) -> WorkflowVersion:
    return WorkflowVersion(name, tuple(Step(step, f"'{step}'") for step in steps or ("draft", "publish")), (), HERE)


def add(store: Store, *events: Event, name: str = "launch", claimed: bool = True) -> RunRecord:
    """A run after *events*."""
    run = store.add(code(name), {"to": "team"}, at_ms=T0, owner="kernel-1" if claimed else None)
    for event in events:
        run = store.apply(run.id, event)
    return run


def furnish(directory: Path) -> dict[str, RunRecord]:
    """A store with a run in every status that an operation begins with."""
    suspended = Suspended(T0 + 1, 1, {"$return_value": "a draft"}, due_ms=T0 + DAY)
    store = open_store(directory, LINKS)
    runs = {
        "queued": add(store, claimed=False),
        "running": add(store),
        "waiting": add(store, suspended),
        "asking": add(store, Suspended(T0 + 1, 1, due_ms=T0 + 3 * DAY, prompt=Prompt(form=FORM))),
        "sleeping": add(store, Slept(T0 + 1, 1, kind="rerun", due_ms=T0 + DAY, context={"n": 1})),
        "failed": add(store, Raised(T0 + 1, 1, error="x")),
    }
    store.close()
    return runs


def aim(run: RunRecord) -> tuple[int, str, int, Literal["link"]]:
    return T0 + 5, run.step, run.runs, "link"


#: Whatever is asked of a store, by name; "looks" change nothing.
CHANGES: dict[str, Callable[[Store, dict[str, RunRecord]], object]] = {
    "add": lambda store, runs: add(store, name="new", claimed=False),
    "add and claim": lambda store, runs: add(store, name="new"),
    "claim": lambda store, runs: store.claim(HERE.key, "worker-1", at_ms=T0 + 5),
    "claim one": lambda store, runs: store.apply(runs["queued"].id, Claimed(T0 + 5, "worker-1")),
    "return": lambda store, runs: store.apply(runs["running"].id, Returned(T0 + 5, 1, {"$return_value": 1})),
    "suspend": lambda store, runs: store.apply(runs["running"].id, Suspended(T0 + 5, 1, due_ms=T0 + DAY)),
    "rerun": lambda store, runs: store.apply(runs["running"].id, Slept(T0 + 5, 1, kind="rerun", due_ms=T0 + 9)),
    "delay": lambda store, runs: store.apply(runs["running"].id, Slept(T0 + 5, 1, kind="delay", due_ms=T0 + 9)),
    "exit": lambda store, runs: store.apply(runs["running"].id, Exited(T0 + 5, 1, reason="enough")),
    "raise": lambda store, runs: store.apply(runs["running"].id, Raised(T0 + 5, 1, error="x")),
    "lose": lambda store, runs: store.apply(runs["running"].id, Lost(T0 + 5, 1)),
    "early": lambda store, runs: store.apply(runs["running"].id, Resumed(*aim(runs["running"]), None, {"body": 1})),
    "early cancel": lambda store, runs: store.apply(runs["running"].id, Cancelled(*aim(runs["running"]))),
    "resume": lambda store, runs: store.apply(runs["waiting"].id, Resumed(*aim(runs["waiting"]), None, {"body": 1})),
    "answer": lambda store, runs: store.apply(
        runs["asking"].id, Resumed(*aim(runs["asking"]), None, {"body": {"ok": True}})
    ),
    "wake": lambda store, runs: store.apply(runs["sleeping"].id, Resumed(*aim(runs["sleeping"]), None, {"body": 1})),
    "cancel": lambda store, runs: store.apply(runs["waiting"].id, Cancelled(*aim(runs["waiting"]))),
    "elapse one": lambda store, runs: store.apply(runs["waiting"].id, Elapsed(T0 + 2 * DAY)),
    "elapse": lambda store, runs: store.elapse(T0 + 2 * DAY),
    "retry": lambda store, runs: store.apply(runs["failed"].id, Retried(*aim(runs["failed"]))),
    "upgrade": lambda store, runs: store.upgrade(
        runs["waiting"].id, code("launch", "draft", "publish", "tell"), at_ms=T0 + 5
    ),
}
LOOKS: dict[str, Callable[[Store, dict[str, RunRecord]], object]] = {
    "get": lambda store, runs: store.get(runs["waiting"].id),
    "list": lambda store, runs: store.list(),
    "counts": lambda store, runs: store.counts(),
    "would_refuse": lambda store, runs: store.would_refuse(runs["waiting"].id, "draft", 1)[0],
    "attempts": lambda store, runs: store.attempts(runs["waiting"].id),
    "exports": lambda store, runs: store.exports(runs["waiting"].id),
    "ask": lambda store, runs: store.prompt(runs["asking"].id, "draft", 1),
    "workflow_version": lambda store, runs: store.workflow_version(runs["waiting"].version_id),
    "running": lambda store, runs: store.running(),
    "next due": lambda store, runs: store.next_due_ms(),
    "environments": lambda store, runs: store.queued_environments(),
}


def tries(place: Path) -> Iterator[tuple[int, Path]]:
    """1, 2, 3 …, each with a fresh copy of the store in ``place/base``."""
    for n in itertools.count(1):
        yield n, shutil.copytree(place / "base", place / str(n))
        shutil.rmtree(place / str(n))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_whose_nth_statement_fails_has_happened_or_not_and_succeeds_afterwards(
    place: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch, name: str, way: Way
) -> None:
    """Nothing torn, and the same request succeeds once the fault is gone."""
    call = CHANGES[name]
    (place / "base").mkdir()
    runs = furnish(place / "base")
    monkeypatch.setattr(store_module, "new_id", lambda at_ms: "n" * 20)
    before = dump(place / "base")
    store = open_store(shutil.copytree(place / "base", place / "after"), LINKS)
    call(store, runs)
    store.close()
    after = dump(place / "after")
    assert after != before
    for n, directory in tries(place):
        store = open_store(directory, LINKS)
        faults.arm(n, way, SAYS[n % 3])
        line = None
        try:
            call(store, runs)
        except StoreUnavailable as error:
            line = str(error)
        fired = faults.fired
        faults.rest()
        assert_no_lock_lingers(directory)
        found = dump(directory)
        if line is None:
            assert found == after
        else:
            assert "\n" not in line
            assert str(directory) in line
            assert found in (before, after)
            if found == before:
                call(store, runs)
            else:  # nothing but the dark hides that a change was made, and a look for more may fail behind it
                assert way == "dark" or name == "elapse"
        assert dump(directory) == after
        store.close()
        if not fired:
            break
    assert n > 5


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LOOKS)
def test_a_look_whose_nth_statement_fails_changes_nothing_and_succeeds_afterwards(
    place: Path, faults: Faults, name: str, way: Way
) -> None:
    call = LOOKS[name]
    (place / "base").mkdir()
    runs = furnish(place / "base")
    before = dump(place / "base")
    store = open_store(place / "base", LINKS)
    seen = call(store, runs)
    for n in itertools.count(1):
        faults.arm(n, way, SAYS[n % 3])
        with contextlib.suppress(StoreUnavailable):
            assert call(store, runs) == seen
        fired = faults.fired
        faults.rest()
        assert_no_lock_lingers(place / "base")
        assert call(store, runs) == seen
        if not fired:
            break
    assert n > 1
    assert dump(place / "base") == before
    store.close()


# ---- opening ------------------------------------------------------------------------------------------------------


def opened(directory: Path) -> list[Row]:
    """What is in the file of a store that somebody opens now, its tables and indexes too."""
    open_store(directory, LINKS).close()
    with another(directory) as con:
        schema = con.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return [*schema, *con.execute("PRAGMA user_version"), *con.execute("SELECT * FROM Settings ORDER BY key")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("new", [True, False], ids=["new", "old"])
def test_a_store_whose_opening_fails_at_the_nth_statement_is_whole_and_opens_afterwards(
    place: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch, new: bool, way: Way
) -> None:
    says = [FULL, BROKEN] if way in {"from", "dark"} else SAYS  # diskcache waits a minute for a lock that stays
    (place / "base").mkdir()
    if not new:
        Home(place / "base", kind="kernel").close()
        furnish(place / "base")
    whole = opened(shutil.copytree(place / "base", place / "whole"))
    rows = dump(place / "whole")
    for n, directory in tries(place):
        faults.arm(n, way, says[n % len(says)])
        with contextlib.suppress(StoreUnavailable):
            Home(directory, kind="kernel").close()
        fired = faults.fired
        faults.rest()
        assert opened(directory) == whole
        assert dump(directory) == rows
        assert_no_lock_lingers(directory)
        with Home(directory, kind="kernel") as home:
            assert add(home.store).status is Status.RUNNING
        if not fired:
            break
    assert n > 10


# ---- a whole wake-up ----------------------------------------------------------------------------------------------

STEPS = {
    "draft": "import props\nprops.executed.append('draft')\nstep.export('to', 'team')\n'a draft'",
    "check": "import props\nprops.executed.append('check')\nstep.steps['draft']['to']",
    "approve": "import props\nprops.executed.append('approve')\nstep.flow.suspend()\nNone",
}
EXPORTS = {
    "trigger": {"event": None},
    "draft": {"to": "team", "$return_value": "a draft"},
    "check": {"$return_value": "team"},
    "approve": {},
}


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were executed."""
    props = SimpleNamespace(executed=[])
    monkeypatch.setitem(sys.modules, "props", props)
    found: list[str] = props.executed
    return found


def play() -> WorkflowVersion:
    return WorkflowVersion("play", tuple(Step(name, source) for name, source in STEPS.items()), (), HERE)


def assert_driven(home: Home, run: RunRecord) -> None:
    assert home.store.get(run.id) == run
    assert (run.status, run.step) == (Status.SUSPENDED, "approve")
    assert home.store.exports(run.id) == EXPORTS
    assert [attempt.outcome for attempt in home.store.attempts(run.id)] == ["returned", "returned", "suspended"]


@pytest.mark.parametrize("way", WAYS)
def test_a_stretch_whose_nth_statement_fails_executes_every_step_once_and_keeps_what_it_left(
    place: Path, faults: Faults, executed: list[str], way: Way
) -> None:
    """A step is not to fail because the disk was full, and its result is not to be taken for the next one's."""
    with Home(place / "store", kind="kernel") as home:
        for n in itertools.count(1):
            run = home.store.add(play(), None, at_ms=T0, owner=home.owner)
            pauses: list[float] = []

            def pause(seconds: float, pauses: list[float] = pauses) -> None:
                pauses.append(seconds)
                assert_no_lock_lingers(place / "store")
                if len(pauses) == 3:
                    faults.rest()

            faults.arm(n, way, SAYS[n % 3])
            run = Runner(home, show=False, pause=pause).drive(run)
            fired = faults.fired
            faults.rest()
            assert_driven(home, run)
            assert executed == list(STEPS)
            executed.clear()
            if not fired and not pauses:
                break
        assert n > 40


def test_a_stretch_waits_for_a_lock_that_another_process_holds(
    place: Path, executed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_TIMEOUT_S", 0.01)
    with Home(place, kind="kernel") as home, contextlib.ExitStack() as stack:
        run = home.store.add(play(), None, at_ms=T0, owner=home.owner)
        held = stack.enter_context(locked(place))
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                held.kill()
                held.wait()

        run = Runner(home, show=False, pause=pause).drive(run)
        assert len(pauses) == 3
        assert_driven(home, run)
    assert executed == list(STEPS)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the store's lock until it is killed."""
    hold = "import sqlite3, sys; con = sqlite3.connect(sys.argv[1], isolation_level=None)"
    hold += "; con.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(directory / "cache.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield process
        process.kill()


# ---- a disk that is really full -----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(path)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this process may not mount a small disk")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(directory: Path, free: int) -> Path:
    """A file that leaves *free* bytes of the disk, in whole pages."""
    path = directory / "filler"
    room = shutil.disk_usage(directory).free - free
    path.write_bytes(b"x" * max(0, room))
    return path


def test_on_a_full_disk_nothing_is_torn_and_everything_succeeds_once_there_is_room(small_disk: Path) -> None:
    store = open_store(small_disk, LINKS)
    run = add(store, Suspended(T0 + 1, 1, due_ms=T0 + DAY))
    failed = 0
    for free in range(0, 96, 4):
        run, before = add(store), dump(small_disk)
        event = Returned(T0 + 5, 1, {"$return_value": "x" * 30_000})
        filler, after = fill(small_disk, free * 1024), None
        try:
            after = store.apply(run.id, event)
        except StoreUnavailable:
            failed += 1
            assert_no_lock_lingers(small_disk)
            assert dump(small_disk) == before
        filler.unlink()
        after = after or store.apply(run.id, event)
        assert (store.get(run.id), after.step) == (after, "publish")
        assert len(store.exports(run.id)["draft"]["$return_value"]) == 30_000
        store.apply(run.id, Exited(T0 + 6, 1))
        with another(small_disk) as con:  # so that the next one needs new pages again
            con.execute("DELETE FROM Cache WHERE key LIKE 'attempt/%'")
            con.execute("VACUUM")
    assert 3 < failed < 24
    assert sum(store.counts().values()) == 25
    store.close()


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(True, id="new"),
        pytest.param(False, id="old"),
    ],
)
def test_a_home_that_finds_no_room_says_so_and_opens_once_there_is_some(small_disk: Path, new: bool) -> None:
    """A store that is full: a one-line error that says what to do, nothing half done."""
    failed = 0
    for free in range(0, 160, 4):
        directory = small_disk / str(free)
        if not new:
            Home(directory, kind="kernel").close()
        filler = fill(small_disk, free * 1024)
        try:
            Home(directory, kind="kernel").close()
        except StoreUnavailable:
            failed += 1
        filler.unlink()
        with Home(directory, kind="kernel") as home:
            assert add(home.store).status is Status.RUNNING
        left = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
        assert left == {"cache.db", "owners", "secret"}
        shutil.rmtree(directory)
    assert 0 < failed < 40


# ---- a link's request ---------------------------------------------------------------------------------------------


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """Nothing runs here: what is resumed stays in the queue."""
    jp_server_config.PdnbApp.max_workers = 0
    return jp_server_config


@pytest.fixture
def rig(faults: Faults, pdnb_server: ServerApp, pdnb_dir: Path) -> Iterator[Rig]:
    """A server whose store can fail. A fault counts only while a request is applied, not in the looks of the clock."""
    with Home(pdnb_dir, kind="kernel") as home:
        yield Rig(pdnb_server, home)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("purpose", ["resume", "cancel"])
async def test_a_post_whose_nth_statement_fails_is_answered_503_and_succeeds_when_it_is_sent_again(
    rig: Rig, faults: Faults, monkeypatch: pytest.MonkeyPatch, purpose: Literal["resume", "cancel"], way: Way
) -> None:
    """Store not available: 503 with `Retry-After`; state unchanged, link still good."""
    store, done = rig.service.home.store, {"resume": Status.QUEUED, "cancel": Status.CANCELLED}[purpose]
    apply, fired = store.apply, False

    def failing(n: int, run_id: str, event: Event) -> RunRecord:
        nonlocal fired
        faults.arm(n, way, SAYS[n % 3])
        try:
            return apply(run_id, event)
        finally:
            fired = faults.fired
            faults.rest()

    for n in itertools.count(1):
        run = rig.suspended()
        monkeypatch.setattr(store, "apply", functools.partial(failing, n))
        answer = await rig.request("POST", rig.path(purpose, run), body=b'{"ok": true}')
        monkeypatch.setattr(store, "apply", apply)
        assert_no_lock_lingers(rig.home.directory, timeout=2)  # the clock looks meanwhile
        if answer.status == 503:
            assert fired
            assert int(answer.header("retry-after")) > 0
            unchanged = rig.now(run) == run
            assert unchanged or (way == "dark" and rig.status(run) is done)
            answer = await rig.request("POST", rig.path(purpose, run), body=b'{"ok": true}')
            assert answer.status == (200 if unchanged else {"resume": 409, "cancel": 410}[purpose])
        else:
            assert answer.status == 200
        assert rig.status(run) is done
        assert (await rig.request("POST", rig.path(purpose, run))).status in {409, 410}
        if not fired:
            break
    assert n > 5


async def test_a_post_to_a_store_that_another_process_has_locked_is_answered_503_and_succeeds_afterwards(
    rig: Rig, pdnb_dir: Path
) -> None:
    run = rig.suspended()
    await rig.service.call(lambda: table_of(rig.service.home.store)._cache._sql("PRAGMA busy_timeout = 50"))
    with locked(pdnb_dir):
        answer = await rig.request("POST", rig.path("resume", run))
        assert (answer.status, answer.header("retry-after")) == (503, "5")
    assert rig.now(run) == run
    assert (await rig.request("POST", rig.path("resume", run))).status == 200
