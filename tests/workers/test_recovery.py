"""What people do for runs that went wrong or fell behind: retry, take over, upgrade, report."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.client import Run, start
from pdnb.coordination.home import Home, now_ms
from pdnb.errors import DefinitionError, Fenced, MovedOn, Over
from pdnb.model import Raised, Returned, Status
from pdnb.runtime.runner import Runner
from pdnb.testing import Sandbox
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.version import difference
from tests.support.server import code

if TYPE_CHECKING:
    from collections.abc import Iterator

GATE = Step("gate", "step.flow.suspend()")
OLD = Workflow("w", (Step("load", "'data'"), GATE, Step("publish", "'old'")))
NEW = OLD.with_step(Step("publish", "'new'")).with_step(Step("announce", "'told'"))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path) as found:
        yield found


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(kind="kernel") as found:
        yield found


def version(workflow: Workflow) -> Any:
    from pdnb.capture.snapshot import snapshot
    from pdnb.workflow.version import Environment

    return snapshot(workflow, {}, Environment.here())


# ---- retry --------------------------------------------------------------------------------------------------------


def test_a_failed_run_goes_on_from_its_failed_step_with_its_exports_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    flag = tmp_path / "mended"
    check = Step("check", f"import pathlib\nassert pathlib.Path({str(flag)!r}).exists()\nstep.steps['load']")
    with pytest.raises(AssertionError):
        sandbox.run(Workflow("w", (Step("load", "'data'"), check)))
    [row] = sandbox.home.store.list().runs
    run = Run(sandbox.home, row)
    flag.touch()
    run.retry()
    sandbox.work()
    assert run.status is Status.SUCCEEDED
    assert run.exports["check"]["$return_value"] == {"$return_value": "data"}
    assert [(a.step, a.runs, a.outcome) for a in run.attempts] == [
        ("load", 1, "returned"), ("check", 1, "raised"), ("check", 2, "returned"),
    ]  # fmt: skip
    decision = run.attempts[1].decision
    assert decision is not None
    assert decision.what == "retried"


def test_a_run_that_has_not_failed_is_not_retried(sandbox: Sandbox) -> None:
    waiting = sandbox.run(OLD)
    with pytest.raises(MovedOn, match="is suspended at step 'gate': only a failed run"):
        waiting.retry()
    waiting.cancel()
    with pytest.raises(Over, match="was cancelled"):
        waiting.retry()


def test_a_retry_that_means_an_older_failure_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ZeroDivisionError):
        sandbox.run(Workflow("w", (Step("bad", "1/0"),)))
    [row] = sandbox.home.store.list().runs
    first, second = Run(sandbox.home, row), Run(sandbox.home, row)
    first.retry()
    with pytest.raises(ZeroDivisionError):
        sandbox.work()
    with pytest.raises(MovedOn, match="moved on"):
        second.retry()


# ---- take over ----------------------------------------------------------------------------------------------------

FROZEN = """
import sys
from pathlib import Path
from pdnb.errors import Fenced
from pdnb.coordination.home import Home, now_ms
from pdnb.model import Returned
home = Home(Path(sys.argv[1]), kind="worker")
run = home.store.claim(sys.argv[2], home.owner, at_ms=now_ms())
print("claimed", flush=True)
sys.stdin.readline()
try:
    home.store.apply(run.id, Returned(now_ms(), run.fence, {"$return_value": "late"}))
    print("taken", flush=True)
except Fenced as error:
    print(f"refused: {error}", flush=True)
"""


def test_the_late_result_of_a_frozen_worker_is_refused_and_the_exports_stay(home: Home) -> None:
    """SIGSTOP a worker in a step, take over, let another finish the run, SIGCONT: the late result is refused."""
    given = code(one="'in time'")
    run = Run(home, home.store.add(given, None, at_ms=now_ms()))
    command = [sys.executable, "-c", FROZEN, str(home.directory), given.environment.key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "claimed\n"
        worker.send_signal(signal.SIGSTOP)
        with pytest.raises(MovedOn, match="take it over if that process is frozen"):
            run.retry()
        run.retry(take_over=True)
        assert run.wait(20_000).status is Status.SUCCEEDED
        before = run.exports, run.attempts
        worker.send_signal(signal.SIGCONT)
        worker.stdin.write("go\n")
        worker.stdin.flush()
        assert worker.stdout.readline().startswith("refused: ")
    assert (run.exports, run.attempts) == before
    assert run.exports["one"]["$return_value"] == "in time"


def test_a_run_that_has_come_further_since_it_was_looked_at_is_not_taken_over(home: Home) -> None:
    """Its process is not frozen, and the next step may be one that must not run twice."""
    run = Run(home, home.store.add(code(one="1", two="2"), None, at_ms=now_ms(), owner="worker-slow"))
    now = home.store.apply(run.id, Returned(now_ms(), 1))
    with pytest.raises(MovedOn, match="is not frozen: it has come from step 'one'"):
        run.retry(take_over=True)
    assert home.store.get(run.id) == now
    assert run.refresh().retry(take_over=True).status is Status.QUEUED


def test_taking_over_is_no_failure_of_the_step_however_often_it_was_interrupted(home: Home) -> None:
    run = Run(home, home.store.add(code(one="1"), None, at_ms=now_ms()))
    for _ in range(4):
        row = home.store.get(run.id)
        assert home.store.claim(row.environment, "worker-frozen", at_ms=now_ms()) is not None
        assert run.retry(take_over=True).status is Status.QUEUED


# ---- upgrade ------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_with_the_code_it_started_with_and_a_new_one_has_the_new(sandbox: Sandbox) -> None:
    """Step code changed while a run waits: the run finishes with the old code, a new run uses the new."""
    old, new = sandbox.run(OLD), sandbox.run(NEW)
    for run in (old, new):
        run.resume()
    sandbox.work()
    assert old.exports["publish"]["$return_value"] == "old"
    assert new.exports["publish"]["$return_value"] == "new"
    assert "announce" not in old.exports


def test_an_upgraded_run_goes_on_with_the_new_code_and_its_links_still_work(sandbox: Sandbox) -> None:
    run = sandbox.run(OLD)
    link = str(run.resume_url)
    diff = run.upgrade(version(NEW))
    assert "-'old'" in diff
    assert "+'new'" in diff
    assert "+++ step announce (now)" in diff
    assert str(run.resume_url) == link
    run.resume()
    sandbox.work()
    assert run.exports["publish"]["$return_value"] == "new"
    assert run.exports["announce"]["$return_value"] == "told"
    assert {a.step: a.version_id for a in run.attempts}["load"] != {a.step: a.version_id for a in run.attempts}[
        "publish"
    ]


def test_a_failed_run_is_mended_by_an_upgrade_and_a_retry(sandbox: Sandbox) -> None:
    bad = Workflow("w", (Step("load", "'data'"), Step("sum", "1/0")))
    with pytest.raises(ZeroDivisionError):
        sandbox.run(bad)
    [row] = sandbox.home.store.list().runs
    run = Run(sandbox.home, row)
    run.upgrade(version(bad.with_step(Step("sum", "1/1"))))
    run.retry()
    sandbox.work()
    assert (run.status, run.exports["sum"]["$return_value"]) == (Status.SUCCEEDED, 1.0)


def test_an_upgrade_to_the_same_code_changes_nothing(sandbox: Sandbox) -> None:
    run = sandbox.run(OLD)
    before = sandbox.home.store.get(run.id)
    assert run.upgrade(version(OLD)) == ""
    assert sandbox.home.store.get(run.id) == before


def test_an_upgrade_that_leaves_out_what_the_run_has_come_through_is_refused(sandbox: Sandbox) -> None:
    run = sandbox.run(OLD)
    before = sandbox.home.store.get(run.id)
    with pytest.raises(MovedOn, match="it has come to load → gate, and the new steps begin gate → publish"):
        run.upgrade(version(OLD.without("load")))
    assert sandbox.home.store.get(run.id) == before


def test_a_run_at_work_or_over_is_not_upgraded(home: Home) -> None:
    row = home.store.add(version(OLD), None, at_ms=now_ms(), owner=home.owner)
    with pytest.raises(MovedOn, match="only a run that waits or has failed"):
        Run(home, row).upgrade(version(NEW))
    for _ in OLD.steps:
        row = home.store.apply(row.id, Returned(now_ms(), 1))
    with pytest.raises(MovedOn, match="only a run that waits or has failed"):
        Run(home, row).upgrade(version(NEW))


def test_a_difference_names_setup_steps_options_and_environment() -> None:
    before = code(one="1")
    after = replace(
        before,
        setup=("import os",),
        steps=(replace(before.steps[0], at_most_once=True),),
        environment=replace(before.environment, cwd="/elsewhere"),
    )
    text = difference(before, after)
    assert "+++ setup 1 (now)" in text
    assert "+# at_most_once: True" in text
    assert "+/elsewhere" in text
    assert difference(before, before) == ""


# ---- report -------------------------------------------------------------------------------------------------------


def test_a_runs_report_is_a_notebook_that_its_workflow_can_be_read_from(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run(OLD)
    run.upgrade(version(NEW))
    run.resume()
    sandbox.work()
    path = run.report(tmp_path / "report.ipynb")
    assert [(s.name, s.source) for s in Workflow.from_notebook(path, "w").steps] == [
        (s.name, s.source + "\n")  # as IPython ends a cell
        for s in NEW.steps
    ]


def test_a_report_never_writes_over_another_notebook(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run(OLD)
    mine = tmp_path / "mine.ipynb"
    mine.write_text("{}")
    with pytest.raises(DefinitionError, match="another path"):
        run.report(mine)
    assert mine.read_text() == "{}"


def test_whoever_started_a_run_is_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdnb.client.current_user", lambda: "ann")
    run = start(home, code(one="1"), None)
    assert home.store.get(run.id).by == "ann"
    row = home.store.apply(
        home.store.add(code(one="1"), None, at_ms=now_ms(), owner=home.owner).id, Raised(now_ms(), 1, error="x")
    )
    assert Run(home, row).retry().attempts[0].decision.by == "ann"  # type: ignore[union-attr]


def test_whoever_was_overruled_before_it_began_begins_nothing(home: Home, tmp_path: Path) -> None:
    sources: dict[str, Any] = {"one": f"open({str(tmp_path / 'begun')!r}, 'w')"}
    run = home.store.add(code(**sources), None, at_ms=now_ms(), owner=home.owner)
    Run(home, run).retry(take_over=True)
    with pytest.raises(Fenced, match="was taken away before step 'one' began"):
        Runner(home, show=False).drive(run)
    assert not (tmp_path / "begun").exists()
