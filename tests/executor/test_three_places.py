"""Kernel, worker and shell agree: the same step leaves the same exports, outputs and error in each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from pdnb.cli.parameters import environment_of
from pdnb.coordination.home import Home, now_ms
from pdnb.workflow.definition import Step
from pdnb.workflow.version import WorkflowVersion
from tests.executor.steps import STEPS, Fails
from tests.support.kernels import Kernel, environment
from tests.support.processes import until

PLACES = ("kernel", "worker", "shell")

#: What no two processes have alike: ids of versions, numbers of processes, addresses, places of temporary files.
VARIES = re.compile(r"(?<=of w\d{3} )[0-9a-f]+|0x[0-9a-f]+|pdnb_workflow_\w+|pdnb-\d+-\w+|Thread-\d+|repeated \d+")

_SHELL = """
import json, sys
from pdnb.cli.commands import main
for path in json.loads(sys.argv[1]):
    try:
        main(["run", path, '{"n": 3}', "--json"], standalone_mode=False)
    except BaseException as error:
        print(error, file=sys.stderr)
"""


def cells(law: str) -> tuple[str, ...]:
    source = STEPS[law][0]
    setup, step = source if isinstance(source, tuple) else ("", source)
    return (*([f"%%setup\n{setup}"] if setup else []), f"%%step one\n{step}")


def left(home: Home, run_id: str) -> dict[str, Any]:
    """What a run left, without what differs between any two processes."""
    run, (attempt,) = home.store.get(run_id), home.store.attempts(run_id)
    found = {"status": str(run.status), "error": run.error, "exports": attempt.exports, "outputs": attempt.outputs}
    found["mails"] = attempt.mails
    text = VARIES.sub("…", json.dumps(found, sort_keys=True, ensure_ascii=False))
    stable: dict[str, Any] = json.loads(text)
    for output in stable["outputs"]:
        if "image/png" in output.get("data", {}):
            output["data"]["image/png"] = "a picture"
    return stable


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    """By place and law."""
    base = tmp_path_factory.mktemp("three")
    place, store = base / "place", base / "store"
    place.mkdir()
    (place / "beside.txt").write_text("beside")
    (place / "neighbour.py").write_text("WORD = 'hello'\n")
    environ = environment(base, store) | {"PDNB_TRY": "given", "LC_ALL": "C.UTF-8", "CI": "1"}
    numbered = {f"w{i:03d}": law for i, law in enumerate(STEPS)}
    for name, law in numbered.items():
        sources = [nbformat.v4.new_code_cell(source) for source in cells(law)]
        nbformat.write(nbformat.v4.new_notebook(cells=sources), place / f"{name}.ipynb")
    _in_kernel(environ, place, numbered)
    by_name = {name: _newest(store, name) for name in numbered}
    found = {"kernel": _left(store, by_name)}
    paths = json.dumps([str(place / f"{name}.ipynb") for name in numbered])
    subprocess.run(
        [sys.executable, "-c", _SHELL, paths], env=environ, cwd=place, capture_output=True, timeout=300, check=True
    )
    found["shell"] = _left(store, {name: _newest(store, name) for name in numbered})
    found["worker"] = _left(store, _in_worker(environ, store, place, numbered))
    return {where: {numbered[name]: what for name, what in whats.items()} for where, whats in found.items()}


def _left(store: Path, runs: dict[str, str]) -> dict[str, Any]:
    with Home(store, kind="shell") as home:
        return {name: left(home, run) for name, run in runs.items()}


def _newest(store: Path, workflow: str) -> str:
    with Home(store, kind="shell") as home:
        return home.store.list(workflow=workflow, limit=1).runs[0].id


def _in_kernel(environ: dict[str, str], place: Path, numbered: dict[str, str]) -> None:
    given = [(f"-w {name}", cells(law)) for name, law in numbered.items()]
    with Kernel(environ, cells=(f"%cd -q {place}\n%load_ext pdnb",)) as kernel:
        for option, sources in given:
            for source in sources:
                head, _, body = source.partition("\n")
                kernel.run(f"{head} {option}\n{body}")
            start = f"get_ipython().run_line_magic('pdnb', 'run {option} {{\"n\": 3}}')"
            kernel.run(f"try:\n    {start}\nexcept BaseException: pass")


def _in_worker(environ: dict[str, str], store: Path, place: Path, numbered: dict[str, str]) -> dict[str, str]:
    with Home(store, kind="shell") as home:
        runs = {}
        for name, law in numbered.items():
            *setup, step = [source.partition("\n")[2] for source in cells(law)]
            version = WorkflowVersion(name, (Step("one", step),), tuple(setup), environment_of(place / f"{name}.ipynb"))
            runs[name] = home.store.add(version, {"n": 3}, at_ms=now_ms()).id
        command = [
            sys.executable,
            "-m",
            "pdnb.workers.worker",
            f"--directory={store}",
            "--run",
            *list(runs.values())[:1],
        ]
        worker = subprocess.Popen([*command, "--idle=1"], env=environ, cwd=place)
        until(lambda: all(home.store.get(run).status.over for run in runs.values()), within_s=120)
        assert worker.wait(30) == 0
    return runs


@pytest.mark.parametrize("law", STEPS)
def test_a_step_does_the_same_in_kernel_worker_and_shell(law: str, outcomes: dict[str, dict[str, Any]]) -> None:
    expected, worker = STEPS[law][1], outcomes["worker"][law]
    if isinstance(expected, Fails):
        assert worker["status"] == "failed"
        assert expected.text in worker["error"]
    else:
        assert (worker["status"], worker["error"]) == ("succeeded", None)
        if expected is not None:
            assert json.dumps(worker["exports"]["$return_value"]) == VARIES.sub("…", json.dumps(expected))
    assert outcomes["kernel"][law] == worker
    assert outcomes["shell"][law] == worker


def test_there_are_sixty_of_them() -> None:
    assert len(STEPS) >= 60
    assert os.environ.get("PDNB_TRY") is None
