"""What one run changed of its process, no other run sees: of the same workflow or another, in a kernel or a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pdnb.coordination.home import Home
from pdnb.executor.executors import Executors
from pdnb.runtime.foreground import start
from pdnb.workers.worker import Worker
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.executor.kinds import KINDS, SETUP, step
from tests.support.kernels import Kernel, environment

PLACES = ("kernel", "worker, a process per wake-up", "worker, a process per workflow")


def version(kind: str, name: str) -> WorkflowVersion:
    return WorkflowVersion(name, (Step("one", step(kind)),), (SETUP,), Environment.here())


def seen(home: Home, kind: str, name: str, event: str, worker: Worker | None) -> Any:
    """What a run of workflow *name* sees; with *event* ``change`` it changes and sees nothing."""
    run = start(home, version(kind, name), event, headless=worker is not None, show=False)
    if worker is not None:
        assert worker.work_once()
    run = home.store.get(run.id)
    if run.status != "succeeded":
        return f"{run.status}: {run.error}"
    return home.store.exports(run.id)["one"].get("$return_value", "nothing")


def observed(directory: Path, place: str) -> dict[str, Any]:
    """For every kind: what was seen before a run changed it, and after it by the same workflow and by another."""
    with Home(directory, kind="kernel" if place == "kernel" else "worker") as home:
        if place.endswith("workflow"):
            os.environ["PDNB_ISOLATION"] = "workflow"
            home.reload_settings()
        worker = None
        if place != "kernel":
            here = Environment.here()
            worker = Worker(home, here, Executors(here, home.lock, isolation=home.settings.isolation))
        found = {}
        for kind in KINDS:
            before = [seen(home, kind, name, "look", worker) for name in ("same", "other")]
            changed = seen(home, kind, "same", "change", worker)
            found[kind] = before, changed, [seen(home, kind, name, "look", worker) for name in ("same", "other")]
        if worker is not None:
            worker.close()
    return found


@pytest.fixture(scope="module", params=PLACES)
def observations(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All of them in one process, as they follow one another in a kernel or a worker."""
    place, store = (tmp_path_factory.mktemp(name) for name in ("place", "store"))
    observe = f"print(json.dumps(observed(Path({str(store)!r}), {request.param!r})))"
    program = f"from tests.executor.test_isolation import *\n{observe}"
    if request.param == "kernel":
        with Kernel(environment(place, store)) as kernel:
            text = "".join(output.get("text", "") for output in kernel.run(program) if output.get("name") == "stdout")
    else:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        text = done.stdout
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_run_changes_no_other_sees(kind: str, observations: dict[str, Any]) -> None:
    before, changed, after = observations[kind]
    assert changed == "nothing"  # the change was made
    assert all(isinstance(look, dict) for look in before)
    assert after == before
