"""The worker: a plain process that goes on with queued runs, where they were started, and ends when it should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.coordination.scheduler import Scheduler
from pdnb.coordination.settings import Settings, write_settings
from pdnb.errors import StoreUnavailable
from pdnb.executor.executors import Executors
from pdnb.model import RunRecord, Status
from pdnb.workers.worker import Worker
from pdnb.workflow.version import WorkflowVersion
from tests.support.owners import served_by
from tests.support.processes import alive, until
from tests.support.server import code
from tests.support.sqlite_store import table_of

PLACE = 'import os, sys\n{"pid": os.getpid(), "cwd": os.getcwd(), "executable": sys.executable, "path": sys.path}'
#: Says that it has begun, then waits for leave to end.
HOLD = """
import os, pathlib, time
from tests.support.sqlite_store import table_of
here = pathlib.Path(step.steps["trigger"]["event"]["at"])
with (here / "begun").open("a") as file:
    file.write(step.context["run"]["key"] + "\\n")
while not (here / "go").exists():
    time.sleep(0.01)
"held"
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


@pytest.fixture
def work(pdnb_dir: Path) -> Iterator[Start]:
    """Starts a worker for the environment of a run."""
    begun: list[subprocess.Popen[str]] = []

    def start(run: RunRecord, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pdnb.workers.worker", "--directory", str(pdnb_dir), "--run", run.id, *options]
        begun.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def queued(home: Home, version: WorkflowVersion, event: Any = None) -> RunRecord:
    return home.store.add(version, event, at_ms=now_ms())


def left(home: Home, run: RunRecord, step: str) -> Any:
    return home.store.exports(run.id)[step]["$return_value"]


def test_a_worker_works_where_the_run_was_started(home: Home, work: Start, tmp_path: Path) -> None:
    """Workers get the run's working directory and `sys.path`; the interpreter is that of the run."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "neighbour.py").write_text("WORD = 'hello'")
    version = code(place=PLACE, uses="import neighbour\nneighbour.WORD", cwd=tmp_path / "beside")
    version = WorkflowVersion("launch", version.steps, (), type(version.environment)(
        sys.executable, str(tmp_path / "beside"), ("", *version.environment.path)
    ))  # fmt: skip
    run = queued(home, version)
    process = work(run, "--idle", "0")
    assert process.wait(20) == 0
    place = left(home, run, "place")
    assert served_by(home, run) == {process.pid}
    assert (place["cwd"], place["executable"]) == (str(tmp_path / "beside"), sys.executable)
    assert place["path"] == list(version.environment.path)
    assert left(home, run, "uses") == "hello"
    assert home.store.get(run.id).status is Status.SUCCEEDED


def test_what_a_step_says_in_a_worker_is_recorded(home: Home, work: Start) -> None:
    """Steps' output (text, rich display, errors) is kept per attempt, from caller and worker alike."""
    says = "import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7"
    fails = "def handler(pd):\n    print('before')\n    raise ValueError('no such table')"
    run = queued(home, code(says=says, fails=fails))
    assert work(run, "--idle", "0").wait(20) == 0
    said, failed = home.store.attempts(run.id)
    assert [output.get("name") for output in said.outputs[:2]] == ["stdout", "stderr"]
    assert said.outputs[-1]["data"]["text/plain"] == "42"
    assert failed.outputs[-1]["ename"] == "ValueError"
    after = home.store.get(run.id)
    assert (after.status, after.error) == (Status.FAILED, "ValueError: no such table")


def test_a_worker_goes_on_with_the_next_run_and_every_wake_up_has_its_own_process(home: Home, work: Start) -> None:
    first, second = (queued(home, code(place=PLACE)) for _ in range(2))
    process = work(first)
    until(lambda: home.store.get(second.id).status is Status.SUCCEEDED)
    third = queued(home, code(other="1", place=PLACE))
    until(lambda: home.store.get(third.id).status is Status.SUCCEEDED)
    assert served_by(home, first, second, third) == {process.pid}
    assert len({left(home, run, "place")["pid"] for run in (first, second, third)}) == 3


def test_a_worker_that_is_rung_looks_at_once(home: Home, work: Start) -> None:
    first = queued(home, code(place="1"))
    work(first)
    until(lambda: home.store.get(first.id).status is Status.SUCCEEDED)
    took = []
    for _ in range(5):
        run = queued(home, code(place="1"))
        began = time.monotonic()
        until(lambda run=run: home.store.get(run.id).status is Status.SUCCEEDED)  # type: ignore[misc]
        took.append(time.monotonic() - began)
    assert min(took) < 0.5  # the slow poll comes once a second


def test_where_a_step_went_the_next_run_does_not_begin(home: Home, work: Start, tmp_path: Path) -> None:
    wanders = f"import os, sys\nos.chdir({str(tmp_path)!r})\nsys.path[-1:] = ['nowhere']"
    first, second = queued(home, code(wanders=wanders, cwd=Path("/"))), queued(home, code(place=PLACE, cwd=Path("/")))
    assert work(first, "--idle", "0").wait(20) == 0
    place = left(home, second, "place")
    assert place["cwd"] == "/"
    assert place["path"] == list(code(cwd=Path("/")).environment.path)


def test_a_step_that_exits_fails_its_run_and_not_the_worker(home: Home, work: Start) -> None:
    """Interrupt or `SystemExit` in a step: the run fails."""
    sources = ("exit(3)", "raise SystemExit", "raise KeyboardInterrupt", "def handler(pd):\n    handler(pd)")
    runs = [queued(home, code(step=source)) for source in sources]
    last = queued(home, code(fine="1"))
    assert work(last, "--idle", "0").wait(20) == 0
    assert {home.store.get(run.id).status for run in runs} == {Status.FAILED}
    assert home.store.get(last.id).status is Status.SUCCEEDED


def test_only_runs_of_its_own_environment_are_a_workers_business(home: Home, work: Start, tmp_path: Path) -> None:
    mine, other = queued(home, code(fine="1")), queued(home, code(fine="1", cwd=tmp_path))
    assert work(mine, "--idle", "0").wait(20) == 0
    assert home.store.get(mine.id).status is Status.SUCCEEDED
    assert home.store.get(other.id).status is Status.QUEUED


def test_a_worker_asked_to_end_finishes_the_stretch_at_hand(home: Home, work: Start, tmp_path: Path) -> None:
    run = queued(home, code(hold=HOLD, after="'after'"), {"at": str(tmp_path)})
    behind = queued(home, code(fine="1"))
    process = work(run)
    until((tmp_path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert process.wait(20) == 0
    assert (left(home, run, "hold"), left(home, run, "after")) == ("held", "after")
    assert home.store.get(run.id).status is Status.SUCCEEDED
    assert home.store.get(behind.id).status is Status.QUEUED


def test_an_idle_worker_ends_by_itself(home: Home, work: Start) -> None:
    run = queued(home, code(fine="1"))
    process = work(run, "--idle", "0.1")
    assert process.wait(20) == 0
    assert not list((home.directory / "owners").glob("worker-*.json"))


def test_a_worker_whose_server_is_gone_does_what_there_is_and_ends(home: Home, work: Start) -> None:
    runs = [queued(home, code(fine="1")) for _ in range(3)]
    stays = work(queued(home, code(fine="1", cwd=Path("/"))), "--server", str(os.getpid()))
    assert work(runs[0], "--server", "1").wait(20) == 0
    assert {home.store.get(run.id).status for run in runs} == {Status.SUCCEEDED}
    assert stays.poll() is None


def test_an_attempt_whose_worker_was_killed_runs_again_under_the_same_key(
    home: Home, work: Start, tmp_path: Path
) -> None:
    """Again only when a crash fell between the effect and its checkpoint; the key `run/step/runs` is the same then."""
    run = queued(home, code(before="1", hold=HOLD), {"at": str(tmp_path)})
    process = work(run)
    until((tmp_path / "begun").exists)
    process.kill()
    process.wait()
    until(lambda: (Scheduler(home).step(), home.store.get(run.id).status)[1] is Status.QUEUED)
    (tmp_path / "go").touch()
    assert work(run, "--idle", "0").wait(20) == 0
    assert (tmp_path / "begun").read_text().split() == [f"{run.id}/hold/1"] * 2
    assert [(a.step, a.runs) for a in home.store.attempts(run.id)] == [("before", 1), ("hold", 1)]
    assert home.store.get(run.id).status is Status.SUCCEEDED


def test_a_step_that_kills_its_process_three_times_fails_and_the_worker_goes_on(home: Home, work: Start) -> None:
    run = queued(home, code(kills="import os, signal\nprint('here')\nos.kill(os.getpid(), signal.SIGKILL)"))
    other = queued(home, code(fine="1"))
    assert work(run, "--idle", "0").wait(20) == 0
    after = home.store.get(run.id)
    assert (after.status, "3 times" in (after.error or "")) == (Status.FAILED, True)
    assert home.store.attempts(run.id)[0].outputs[0]["text"] == "here\n"
    assert home.store.get(other.id).status is Status.SUCCEEDED


def test_code_that_was_changed_from_outside_is_not_executed(home: Home, work: Start, tmp_path: Path) -> None:
    """The store alone makes no worker run anything: nothing is executed, that run is marked."""
    honest, run = queued(home, code(fine="1")), queued(home, code(evil="'meant well'"))
    rows, key = table_of(home.store), f"version/{run.version_id}"
    text = rows.get(key)
    assert text is not None
    with rows.transact():
        rows.set(key, text.replace("'meant well'", f"open({str(tmp_path / 'owned')!r}, 'w')"))
    work(honest).wait(20)  # ends with it: what it meets next could be as bad
    assert not (tmp_path / "owned").exists()
    after = home.store.get(run.id)
    assert (after.status, "outside" in (after.error or "")) == (Status.FAILED, True)


def test_a_run_that_is_not_there_ends_the_worker_with_one_line(home: Home, work: Start) -> None:
    run = queued(home, code(fine="1"))
    process = work(run.__class__(**{**vars(run), "id": "0" * 20}))
    _, said = process.communicate(timeout=20)
    assert process.returncode != 0
    assert said.count("\n") == 1, said
    assert "0" * 20 in said


def test_a_warm_worker_mints_links_of_the_server_that_is_there_now(home: Home, work: Start) -> None:
    asks = "str(step.flow.suspend()['resume_url'])"
    write_settings(home.directory, Settings(url="http://127.0.0.1:1/"))
    first = queued(home, code(asks=asks))
    work(first)
    until(lambda: home.store.get(first.id).status is Status.SUSPENDED)
    write_settings(home.directory, Settings(url="http://127.0.0.1:2/"))
    second = queued(home, code(asks=asks))
    until(lambda: home.store.get(second.id).status is Status.SUSPENDED)
    assert [left(home, run, "asks")[:19] for run in (first, second)] == ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]


def test_nothing_is_left_of_a_worker_that_has_ended(home: Home, work: Start) -> None:
    run = queued(home, code(place=PLACE))
    assert work(run, "--idle", "0").wait(20) == 0
    assert not alive(left(home, run, "place")["pid"])


def test_a_claim_that_was_stored_and_seemed_to_fail_is_found_again(
    pdnb_dir: Path, request: pytest.FixtureRequest
) -> None:
    with Home(pdnb_dir, kind="worker") as home:
        version = code(one="1")
        run = home.store.add(version, None, at_ms=now_ms())
        worker, real = Worker(home, version.environment, Executors(version.environment, home.lock)), home.store.claim
        request.addfinalizer(worker.close)

        def stuck(*args: Any, **options: Any) -> None:
            real(*args, **options)
            raise StoreUnavailable("the disk failed behind the commit")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.store, "claim", stuck)
            assert worker.work_once() is False
        assert home.store.get(run.id).status is Status.RUNNING
        assert worker.work_once() is True
        assert home.store.get(run.id).status is Status.SUCCEEDED
