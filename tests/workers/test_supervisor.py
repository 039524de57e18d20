"""The supervisor: a real server that starts workers, keeps them warm and few, and outlives whatever they do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.errors import StoreUnavailable
from pdnb.model import RunRecord, Status
from tests.support.owners import owners_in, served_by
from tests.support.processes import Server, alive, post, until
from tests.support.server import Rig, code, eventually
from tests.support.sqlite_store import table_of
from tests.workers.test_worker import HOLD, PLACE

if TYPE_CHECKING:
    from traitlets.config import Config

    from pdnb.workflow.version import WorkflowVersion

ASK = "step.flow.suspend()\n'asked'"


@pytest.fixture
def jp_server_config(jp_server_config: Config, request: pytest.FixtureRequest) -> Config:
    """As many workers as the test wants (default: 2, pdnb's own)."""
    jp_server_config.PdnbApp.max_workers = getattr(request, "param", 2)
    return jp_server_config


def queued(rig: Rig, version: WorkflowVersion, event: Any = None) -> RunRecord:
    return rig.home.store.add(version, event, at_ms=now_ms())


def left(rig: Rig, run: RunRecord, step: str) -> Any:
    return rig.home.store.exports(run.id)[step]["$return_value"]


def workers(rig: Rig) -> set[int]:
    """The process ids of the workers that live."""
    owners = owners_in(rig.home.directory, "worker")
    return {owner.pid for owner in owners if rig.home.owners.alive(str(owner))}


async def ended(rig: Rig, *runs: RunRecord, status: Status = Status.SUCCEEDED) -> None:
    await eventually(lambda: all(rig.now(run).status.over for run in runs), within_s=40)
    assert [rig.status(run) for run in runs] == [status] * len(runs)


async def test_a_resumed_run_goes_on_in_a_worker_where_it_was_started(rig: Rig, tmp_path: Path) -> None:
    """After a pause a run continues in a worker; user code never runs in the server's process."""
    run = queued(rig, code(ask=ASK, place=PLACE, cwd=tmp_path))
    await eventually(lambda: rig.status(run) is Status.SUSPENDED)
    assert (await rig.request("POST", rig.path("resume", rig.now(run)))).status == 200
    await ended(rig, run)
    place = left(rig, run, "place")
    assert place["pid"] != os.getpid()
    assert (place["cwd"], place["executable"]) == (str(tmp_path), sys.executable)


async def test_the_same_worker_is_warm_for_the_second_run(rig: Rig) -> None:
    first = queued(rig, code(place=PLACE))
    await ended(rig, first)
    second, third = queued(rig, code(place=PLACE)), queued(rig, code(other="1", place=PLACE))
    await ended(rig, second, third)
    assert len(served_by(rig.service.home, rig.now(first), rig.now(second))) == 1
    assert len(workers(rig)) <= 2


async def test_no_more_workers_than_allowed_work_at_once(rig: Rig, tmp_path: Path) -> None:
    """The server's supervisor keeps at most `max_workers`."""
    runs = [queued(rig, code(hold=HOLD), {"at": str(tmp_path)}) for _ in range(5)]
    await eventually(lambda: [rig.status(run) for run in runs].count(Status.RUNNING) == 2)
    for _ in range(3):
        await rig.service.step()
    assert len(workers(rig)) == 2
    assert [rig.status(run) for run in runs].count(Status.QUEUED) == 3
    (tmp_path / "go").touch()
    await ended(rig, *runs)


@pytest.mark.parametrize("jp_server_config", [1], indirect=True)
async def test_one_worker_makes_room_for_another_environment(rig: Rig, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("a", "b", "c")]
    for place in places:
        place.mkdir()
    runs = [queued(rig, code(place=PLACE, cwd=place)) for place in places * 2]
    await ended(rig, *runs)
    assert [left(rig, run, "place")["cwd"] for run in runs] == [str(place) for place in places * 2]
    await eventually(lambda: len(workers(rig)) <= 1)


@pytest.mark.parametrize("jp_server_config", [0], indirect=True)
async def test_with_no_workers_allowed_a_run_waits(rig: Rig) -> None:
    run = queued(rig, code(fine="1"))
    for _ in range(3):
        await rig.service.step()
    assert (rig.status(run), workers(rig)) == (Status.QUEUED, set())


async def test_a_step_whose_worker_was_killed_runs_again_in_another(rig: Rig, tmp_path: Path) -> None:
    """Crash: a step that was interrupted runs again from its start, with the same idempotency key."""
    run = queued(rig, code(hold=HOLD), {"at": str(tmp_path)})
    await eventually((tmp_path / "begun").exists)
    (pid,) = workers(rig)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: len((tmp_path / "begun").read_text().split()) == 2)
    (tmp_path / "go").touch()
    await ended(rig, run)
    assert (tmp_path / "begun").read_text().split() == [f"{run.id}/hold/1"] * 2
    assert workers(rig).isdisjoint({pid})


async def test_a_step_that_kills_three_workers_fails_and_the_others_go_on(rig: Rig) -> None:
    kills = queued(rig, code(kills="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"))
    fine = queued(rig, code(fine="1"))
    await ended(rig, kills, status=Status.FAILED)
    await ended(rig, fine)
    assert "3 times" in (rig.now(kills).error or "")


@pytest.mark.parametrize("missing", ["interpreter", "directory"])
async def test_a_place_that_is_gone_is_said_in_one_line_and_stops_nobody_else(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    gone = tmp_path / "gone"
    lost = queued(rig, code(x="1", cwd=gone) if missing == "directory" else code(x="1", executable=str(gone)))
    fine = queued(rig, code(fine="1"))
    await ended(rig, fine)
    for _ in range(3):
        await rig.service.step()
    said = [record.getMessage() for record in caplog.records if "no worker for run" in record.getMessage()]
    assert len(said) == 1  # once, not at every look
    assert str(gone) in said[0]
    assert "restore" in said[0]
    assert "\n" not in said[0]
    assert rig.status(lost) is Status.QUEUED
    error = rig.now(lost).error or ""
    assert error.startswith("no worker can go on with this run")
    assert str(gone) in error
    assert "restore" in error
    if missing == "directory":
        gone.mkdir()
        await ended(rig, lost)
        assert rig.now(lost).error is None


async def test_an_interpreter_that_cannot_work_is_said_and_not_tried_in_a_circle(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "python"
    broken.write_text(f"#!/bin/sh\necho >> {tmp_path / 'starts'}\necho 'No module named pdnb' >&2\nexit 1\n")
    broken.chmod(0o755)
    lost, fine = queued(rig, code(x="1", executable=str(broken))), queued(rig, code(fine="1"))
    await ended(rig, fine)

    def said() -> list[str]:
        return [r.getMessage() for r in caplog.records if "No module named pdnb" in r.getMessage()]

    await eventually(said)
    assert "pip install pdnb" in (rig.now(lost).error or "")
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        await rig.service.step()
        await asyncio.sleep(0.01)
    assert len((tmp_path / "starts").read_text()) <= 3
    assert rig.status(lost) is Status.QUEUED


async def test_code_that_was_tampered_with_fails_its_run_alone(rig: Rig, tmp_path: Path) -> None:
    """Workflow code and interpreter path carry a MAC; that run is marked corrupt, nothing is executed."""
    rows, owned = table_of(rig.home.store), tmp_path / "owned"
    evil = code(evil="'meant well'")
    with rows.transact():  # nobody can claim it before it is spoilt
        run = rig.home.store.add(evil, None, at_ms=now_ms())
        text = rows.get(f"version/{run.version_id}")
        assert text is not None
        rows.set(f"version/{run.version_id}", text.replace("'meant well'", f"open({str(owned)!r}, 'w')"))
    fine = queued(rig, code(fine="1"))
    await ended(rig, run, status=Status.FAILED)
    await ended(rig, fine)
    assert "changed from outside" in (rig.now(run).error or "")
    assert not owned.exists()


async def test_a_damaged_row_does_not_stand_before_the_others(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rows = table_of(rig.home.store)
    with rows.transact():
        bad = rig.home.store.add(code(x="1"), None, at_ms=now_ms())
        rows.set(f"run/{bad.id}", "{", tag=f"queued {bad.workflow}")
    for _ in range(3):
        await rig.service.step()
    assert sum(bad.id in record.getMessage() for record in caplog.records) == 1  # said once, not at every look
    fine = queued(rig, code(fine="1"))
    await ended(rig, fine)


async def test_a_store_that_is_locked_for_a_moment_costs_no_run(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_: str) -> None:
        raise StoreUnavailable("locked")

    with monkeypatch.context() as patch:
        patch.setattr(rig.service.home.store, "workflow_version", locked)
        run = queued(rig, code(x="1"))
        with pytest.raises(StoreUnavailable):
            await rig.service.step()
    await ended(rig, run)


async def test_a_worker_gets_no_token_of_the_server(rig: Rig, jp_auth_header: dict[str, str]) -> None:
    run = queued(rig, code(environ="import os\ndict(os.environ)"))
    await ended(rig, run)
    assert jp_auth_header["Authorization"].split()[1] not in str(left(rig, run, "environ"))


def test_a_server_that_stops_leaves_no_idle_worker(tmp_path: Path, pdnb_dir: Path) -> None:
    with Server(tmp_path / "server", pdnb_dir) as server, Home(pdnb_dir, kind="kernel") as home:
        run = home.store.add(code(ask=ASK, place=PLACE), None, at_ms=now_ms())
        until(lambda: home.store.get(run.id).status is Status.SUSPENDED)
        home.reload_settings()
        assert post(str(home.link("resume", home.store.get(run.id)))) == 200
        until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)
        (pid,) = served_by(home, home.store.get(run.id)) - {os.getpid()}
        assert alive(pid)
        assert server.stop() == 0
        until(lambda: not alive(pid), within_s=10)
        home.owners.reap()
        assert {owner.kind for owner in owners_in(pdnb_dir)} == {"kernel"}


def test_a_server_that_is_killed_leaves_no_worker_for_long(tmp_path: Path, pdnb_dir: Path) -> None:
    with Server(tmp_path / "server", pdnb_dir) as server, Home(pdnb_dir, kind="kernel") as home:
        run = home.store.add(code(place=PLACE), None, at_ms=now_ms())
        until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)
        (pid,) = served_by(home, home.store.get(run.id))
        server.kill()
        until(lambda: not alive(pid), within_s=10)


def test_a_worker_at_work_outlives_its_server_and_what_it_did_counts(tmp_path: Path, pdnb_dir: Path) -> None:
    with Server(tmp_path / "server", pdnb_dir) as server, Home(pdnb_dir, kind="kernel") as home:
        run = home.store.add(code(hold=HOLD, after="'after'"), {"at": str(tmp_path)}, at_ms=now_ms())
        until((tmp_path / "begun").exists)
        assert server.stop() == 0
        (tmp_path / "go").touch()
        until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)
        assert (tmp_path / "begun").read_text().split() == [f"{run.id}/hold/1"]
        until(lambda: not list((pdnb_dir / "owners").glob("worker-*.json")), within_s=10)


@pytest.mark.parametrize("jp_server_config", [1], indirect=True)
async def test_a_constant_backlog_in_one_environment_does_not_starve_another(rig: Rig, tmp_path: Path) -> None:
    """Several runs at once, fair between workflows."""
    busy, other = tmp_path / "busy", tmp_path / "other"
    busy.mkdir()
    other.mkdir()
    step = "import time\ntime.sleep(0.05)"
    backlog = [queued(rig, code(work=step, cwd=busy)) for _ in range(100)]
    await eventually(lambda: any(rig.status(run) is not Status.QUEUED for run in backlog))
    waiting = queued(rig, code(place=PLACE, cwd=other))
    await ended(rig, waiting)
    assert any(rig.status(run) is Status.QUEUED for run in backlog)  # it did not wait for all of them


async def test_a_step_that_does_not_give_way_to_its_time_limit_is_killed_and_fails(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = "import time\nfrom pdnb.executor.process import LIMIT_SIGNAL\nimport signal\n"
    deaf += "signal.signal(LIMIT_SIGNAL, signal.SIG_IGN)\ntime.sleep(60)"
    plain = code(deaf=deaf)
    version = replace(plain, steps=(replace(plain.steps[0], time_limit=0.5),))
    run = queued(rig, version)
    await ended(rig, run, status=Status.FAILED)
    said = "interrupted, outcome unknown: it took longer than its time limit of 0.5 s and did not give way"
    assert rig.now(run).error == said


async def test_a_machine_that_slept_or_a_clock_that_was_set_ends_no_step(rig: Rig, tmp_path: Path) -> None:
    """A long step or a sleeping laptop is not death: a time limit counts what its own alarm counts."""
    plain = code(hold=HOLD)
    run = queued(rig, replace(plain, steps=(replace(plain.steps[0], time_limit=60),)), {"at": str(tmp_path)})
    await eventually((tmp_path / "begun").exists)
    rig.service.home.clock = lambda: now_ms() + 86_400_000
    for _ in range(3):
        await rig.service.step()
    assert rig.status(run) is Status.RUNNING
    (tmp_path / "go").touch()
    await ended(rig, run)


@pytest.mark.parametrize("jp_server_config", [1], indirect=True)
async def test_who_has_to_end_but_is_at_work_still_counts(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most `max_workers`, also where environments take turns."""
    monkeypatch.setattr("pdnb.workers.supervisor._TURN_S", 0)
    other = tmp_path / "other"
    other.mkdir()
    held = queued(rig, code(hold=HOLD), {"at": str(tmp_path)})
    await eventually((tmp_path / "begun").exists)
    waiting = queued(rig, code(place=PLACE, cwd=other))
    for _ in range(5):
        await rig.service.step()
    assert len(rig.service._supervisor._workers) == 1
    assert rig.status(waiting) is Status.QUEUED
    (tmp_path / "go").touch()
    await ended(rig, held, waiting)


async def test_a_place_that_comes_back_is_served(rig: Rig, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    run = queued(rig, code(x="1", cwd=gone))
    for _ in range(3):
        await rig.service.step()
    gone.mkdir()
    await ended(rig, run)
