"""The scheduler: due pauses end, the claims of dead owners are lost, the living are left alone."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.coordination.scheduler import Scheduler, mark_lost
from pdnb.errors import Fenced, Over
from pdnb.machine.outcomes import MAX_LOSSES
from pdnb.model import Cancelled, Claimed, Returned, Slept, Status, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

T0 = 1_700_000_000_000
CODE = WorkflowVersion("launch", (Step("approve", "1"), Step("publish", "2")), (), Environment("python", "/"))

CLAIM = """
import sys
from pathlib import Path
from pdnb.coordination.home import Home
home = Home(Path(sys.argv[1]), kind="worker")
run = home.store.claim(sys.argv[2], home.owner, at_ms=1_700_000_000_005)
print(run.id, run.fence, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(kind="kernel") as found:
        yield found


def step_at(home: Home, at_ms: int) -> float:
    """What one step returns while the clock stands at *at_ms*."""
    home.clock = lambda: at_ms
    return Scheduler(home).step()


def test_due_pauses_end(home: Home) -> None:
    run = home.store.add(CODE, None, at_ms=T0, owner=home.owner)
    home.store.apply(run.id, Slept(T0 + 1, 1, kind="delay", due_ms=T0 + 10))
    step_at(home, T0 + 9)
    assert home.store.get(run.id).status is Status.SLEEPING
    step_at(home, T0 + 10)
    assert (home.store.get(run.id).status, home.store.get(run.id).step) == (Status.QUEUED, "publish")


def test_the_living_are_left_alone_however_long_their_step_takes(home: Home) -> None:
    """A long step or a sleeping laptop is not death."""
    run = home.store.add(CODE, None, at_ms=T0, owner=home.owner)
    with Home(home.directory, kind="server") as server:
        for days in (0, 1, 365):
            step_at(server, T0 + days * 86_400_000)
    assert home.store.get(run.id) == run


def test_the_run_of_a_killed_worker_is_queued_again_and_its_late_result_refused(home: Home) -> None:
    """SIGKILL: no run lost; a step that was interrupted runs again from its start."""
    run = home.store.add(CODE, None, at_ms=T0)
    command = [sys.executable, "-c", CLAIM, str(home.directory), CODE.environment.key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().split() == [run.id, "1"]
        step_at(home, T0 + 6)
        assert home.store.get(run.id).status is Status.RUNNING
        worker.kill()
        worker.wait()
        step_at(home, T0 + 7)
    lost = home.store.get(run.id)
    assert (lost.status, lost.runs, lost.losses, lost.owner) == (Status.QUEUED, 1, 1, None)
    with pytest.raises(Fenced):
        home.store.apply(run.id, Returned(T0 + 8, 1))
    assert [path.suffix for path in (home.directory / "owners").iterdir()].count(".json") == 1


def test_an_owner_that_leaves_loses_what_it_still_held(home: Home) -> None:
    with Home(home.directory, kind="worker") as worker:
        run = worker.store.add(CODE, None, at_ms=T0, owner=worker.owner)
    step_at(home, T0 + 1)
    assert home.store.get(run.id).status is Status.QUEUED


def test_a_step_that_kills_worker_after_worker_fails_in_the_end(home: Home) -> None:
    run = home.store.add(CODE, None, at_ms=T0)
    for i in range(MAX_LOSSES):
        assert home.store.claim(CODE.environment.key, f"worker-{i}", at_ms=T0 + i) is not None
        step_at(home, T0 + i)
    run = home.store.get(run.id)
    assert (run.status, run.error) == (Status.FAILED, "interrupted 3 times at this step: its process ended")
    assert [a.outcome for a in home.store.attempts(run.id)] == ["lost"]


def test_a_cancel_that_came_early_applies_when_the_worker_dies(home: Home) -> None:
    run = home.store.add(CODE, None, at_ms=T0, owner="worker-1")
    home.store.apply(run.id, Cancelled(T0 + 1, "approve", 1, "link"))
    step_at(home, T0 + 2)
    assert home.store.get(run.id).status is Status.CANCELLED
    (attempt,) = home.store.attempts(run.id)
    assert attempt.decision == home.store.get(run.id).decision
    late = home.store.would_refuse(run.id, "approve", 1)[1]
    assert isinstance(late, Over)
    assert (late.what, late.via) == ("cancelled", "link")


def test_a_cancel_between_two_workers_is_told_as_one(home: Home) -> None:
    run = home.store.add(CODE, None, at_ms=T0, owner="worker-1")
    step_at(home, T0 + 1)
    home.store.apply(run.id, Cancelled(T0 + 2, "approve", 1, "link"))
    late = home.store.would_refuse(run.id, "approve", 1)[1]
    assert isinstance(late, Over)
    assert (late.what, late.via) == ("cancelled", "link")


def test_a_run_that_cannot_be_used_keeps_no_other_from_being_kept(home: Home) -> None:
    """That run is marked corrupt; the others go on."""
    bad, waiting, lost = (home.store.add(CODE, None, at_ms=T0, owner="worker-1") for _ in range(3))
    home.store.apply(waiting.id, Suspended(T0 + 1, 1, due_ms=T0 + 10))
    with closing(sqlite3.connect(home.directory / "cache.db", isolation_level=None)) as con:
        con.execute("UPDATE Cache SET value = ? WHERE key = ?", (json.dumps([]), f"run/{bad.id}"))
    step_at(home, T0 + 10)
    assert home.store.get(waiting.id).status is Status.CANCELLED
    assert home.store.get(lost.id).status is Status.QUEUED


def test_a_step_with_nothing_to_do_changes_nothing(home: Home) -> None:
    run = home.store.add(CODE, None, at_ms=T0)
    home.store.apply(run.id, Claimed(T0 + 1, home.owner))
    before = (home.directory / "cache.db").read_bytes()
    step_at(home, T0 + 2)
    assert (home.directory / "cache.db").read_bytes() == before


ONCE = WorkflowVersion("launch", (Step("charge", "1", at_most_once=True), Step("publish", "2")), (), CODE.environment)


def test_a_step_that_must_run_at_most_once_fails_when_its_process_ends(home: Home) -> None:
    """``--at-most-once`` ends in ``failed`` with "interrupted, outcome unknown"."""
    run = home.store.add(ONCE, None, at_ms=T0, owner="worker-1")
    step_at(home, T0 + 1)
    run = home.store.get(run.id)
    assert (run.status, run.error) == (Status.FAILED, "interrupted, outcome unknown: its process ended")


def test_the_steps_beside_it_run_again(home: Home) -> None:
    run = home.store.add(ONCE, None, at_ms=T0, owner="worker-1")
    home.store.apply(run.id, Returned(T0 + 1, 1))
    step_at(home, T0 + 2)
    assert (home.store.get(run.id).status, home.store.get(run.id).step) == (Status.QUEUED, "publish")


def test_a_step_that_began_after_the_last_look_runs_at_most_once_too(home: Home) -> None:
    """The claim goes on from step to step: what counts is the step at which its owner died."""
    code = WorkflowVersion("launch", (Step("load", "1"), Step("charge", "2", at_most_once=True)), (), CODE.environment)
    seen = home.store.add(code, None, at_ms=T0, owner="worker-1")
    home.store.apply(seen.id, Returned(T0 + 1, 1))
    mark_lost(home, seen)
    run = home.store.get(seen.id)
    assert (run.status, run.step) == (Status.FAILED, "charge")
    assert run.error == "interrupted, outcome unknown: its process ended"


def test_what_is_said_of_a_step_does_not_fail_the_next_one(home: Home) -> None:
    seen = home.store.add(CODE, None, at_ms=T0, owner="worker-1")
    home.store.apply(seen.id, Returned(T0 + 1, 1))
    mark_lost(home, seen, "it took longer than its time limit", again=False)
    assert (home.store.get(seen.id).status, home.store.get(seen.id).step) == (Status.QUEUED, "publish")


def test_a_step_returns_how_long_there_is_nothing_to_do(home: Home) -> None:
    """Until the next due pause, at most the poll."""
    assert step_at(home, T0) == POLL_S
    run = home.store.add(CODE, None, at_ms=T0, owner=home.owner)
    home.store.apply(run.id, Slept(T0 + 1, 1, kind="delay", due_ms=T0 + 10_000))
    assert step_at(home, T0 + 1) == POLL_S
    assert step_at(home, T0 + 9_750) == 0.25
    assert step_at(home, T0 + 10_000) == POLL_S


def test_of_very_many_due_pauses_a_step_ends_one_batch_and_returns_0(home: Home) -> None:
    for _ in range(201):
        run = home.store.add(CODE, None, at_ms=T0, owner=home.owner)
        home.store.apply(run.id, Slept(T0 + 1, 1, kind="delay", due_ms=T0 + 10))
    assert (step_at(home, T0 + 10), home.store.counts()[Status.SLEEPING]) == (0, 1)
    assert (step_at(home, T0 + 10), home.store.counts()[Status.SLEEPING]) == (POLL_S, 0)
