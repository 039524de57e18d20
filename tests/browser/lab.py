"""A real JupyterLab with pdnb, in a process of its own, with directories of its own.

Every process that it started is ended with it, also those that a killed server left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

import pytest

from pdnb.client import Run, list_runs, start
from pdnb.coordination.home import Home, now_ms
from pdnb.coordination.liveness import Owners
from pdnb.model import Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.support.owners import owners_in
from tests.support.processes import free_port
from tests.support.sqlite_store import table_of

NOTEBOOKS: Final = Path(__file__).parent.parent.parent / "notebooks"
TOKEN: Final = "t0ken"
_PATIENCE_S: Final = 90.0

_SETTINGS: Final = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},  # a test saves when it means to
}


class Lab:
    """One JupyterLab on loopback: ``root`` holds its notebooks, ``store`` its runs."""

    def __init__(self, place: Path) -> None:
        self.root, self.store = place / "notebooks", place / "store"
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self.root.mkdir()
        for notebook in NOTEBOOKS.glob("*.ipynb"):
            shutil.copy(notebook, self.root)
        for name, values in _SETTINGS.items():
            file = place / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it and wait until it answers."""
        # fmt: off
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            f"--port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--Application.log_level=ERROR",
        ]
        # fmt: on
        self._process = subprocess.Popen(command, env=self.environment())
        self.ready()

    def ready(self) -> None:
        """Wait until it answers; one that does not is killed."""
        assert self._process is not None
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, "it ended; its output stands above"
            if time.monotonic() > until:
                self.kill()
                pytest.fail(f"it does not answer after {_PATIENCE_S:.0f} s")
            time.sleep(0.05)

    def environment(self) -> dict[str, str]:
        """The process's environment: this one, but every directory of pdnb's, Jupyter's and IPython's its own."""
        places = {
            "PDNB_DIR": self.store,
            "JUPYTER_CONFIG_DIR": self._place / "config",
            "JUPYTER_DATA_DIR": self._place / "data",
            "JUPYTER_RUNTIME_DIR": self._place / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": self._place / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self._place / "workspaces",
            "IPYTHONDIR": self._place / "ipython",
        }
        return {**os.environ, **{name: str(place) for name, place in places.items()}}

    def kill(self) -> None:
        """End it by SIGKILL, without a clean shutdown."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End the server and whatever still works on its store."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def workers(self) -> list[int]:
        """The process ids of the store's workers that live."""
        owners = Owners(self.store)
        return [owner.pid for owner in owners_in(self.store, "worker") if owners.alive(str(owner))]

    def api(self, path: str, method: str = "GET") -> Any:
        """What Jupyter's own API answers."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            return json.loads(answer.read() or b"null")

    def shut_down_kernels(self) -> None:
        """End every kernel; afterwards there is none."""
        for kernel in self.api("api/kernels"):
            self.api(f"api/kernels/{kernel['id']}", "DELETE")
        assert self.api("api/kernels") == []

    def write(self, name: str, *sources: str, **more: Any) -> None:
        """A notebook of code cells; *more* goes into its last cell."""
        cells: list[dict[str, Any]] = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
            for i, s in enumerate(sources)
        ]
        cells[-1] |= more
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
        notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(notebook))

    def _answers(self) -> bool:
        """Whether it listens, and pdnb is the leader at this address."""
        try:
            with urllib.request.urlopen(self.url + "api", timeout=1):
                return self.url in (self.store / "settings.json").read_text()
        except OSError:
            return False


def ask(home: Home, workflow: str, event: Any = None, steps: dict[str, str] | None = None) -> Run:
    """A run that waits for a person, started from this process; *steps* are sources by name."""
    return start(home, version(home, workflow, steps or _STEPS), event, show=False)


def ask_many(home: Home, workflow: str, count: int) -> list[Run]:
    """*count* runs that wait for a person, put into the store as if their first step had just ended."""
    code, at_ms = version(home, workflow, _STEPS), now_ms()
    with table_of(home.store).transact():  # one commit
        rows = [home.store.add(code, None, at_ms=at_ms, owner=home.owner) for _ in range(count)]
        for i, row in enumerate(rows):
            exports = {"$summary": f"Publish note {i}?"}
            due_ms = at_ms + 86_400_000 + i
            rows[i] = home.store.apply(row.id, Suspended(at_ms, row.fence, exports, due_ms=due_ms))
    return [Run(home, row) for row in rows]


def version(home: Home, workflow: str, steps: dict[str, str]) -> WorkflowVersion:
    """The code of a workflow; *steps* are sources by name."""
    where = Environment(sys.executable, str(home.directory), tuple(filter(None, sys.path)))
    return WorkflowVersion(workflow, tuple(Step(name, source) for name, source in steps.items()), (), where)


_STEPS: Final = {"ask": "links = step.flow.suspend()", "after": "'went on'"}


def newest(home: Home, workflow: str | None = None) -> Run:
    """The run that was started last."""
    return list_runs(home, workflow=workflow, limit=1)[0]
