"""A server in the background: only before a person, one per store, and the run that it is for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell

from pdnb.coordination.home import Home
from pdnb.coordination.leader import ProcessLock
from pdnb.workers import background
from tests.support.owners import owners_in
from tests.support.processes import Server, alive, until

SESSION = """\
%load_ext pdnb
get_ipython().run_cell_magic("step", "ask", "step.flow.suspend()")
run = %pdnb run
print("served:", run._home.has_leader(), run.status)
exit
"""


def shell(kind: Any) -> Any:
    """A shell of that kind, before anything ran in it."""
    made = kind.__new__(kind)
    made.user_ns = {}
    return made


def test_it_is_wanted_in_a_terminal_and_in_vs_code_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, kernel = shell(TerminalInteractiveShell), shell(InteractiveShell)
    code = SimpleNamespace(user_ns={"__vsc_ipynb_file__": "/x/a.ipynb"})
    assert [background.wanted(each) for each in (terminal, kernel, code)] == [True, False, True]
    monkeypatch.setenv("PDNB_BASE_URL", "/")
    assert not any(background.wanted(each) for each in (terminal, kernel, code))
    monkeypatch.delenv("PDNB_BASE_URL")
    monkeypatch.setenv("CI", "true")
    assert not any(background.wanted(each) for each in (terminal, kernel, code))


def ipython(tmp_path: Path, **env: str) -> str:
    """What a plain IPython says to a session in which a run is started."""
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", "--quick"]
    environ = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython"), **env}
    done = subprocess.run(
        command, input=SESSION, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=90, check=True
    )
    return done.stdout + done.stderr


def test_a_plain_ipython_starts_one_and_says_so(tmp_path: Path, pdnb_dir: Path) -> None:
    said = ipython(tmp_path)
    pids = [owner.pid for owner in owners_in(pdnb_dir, "server")]
    try:
        log = pdnb_dir / "background.log"
        ends = "it ends after an hour without unfinished runs"
        assert f"started a pdnb server in the background for {pdnb_dir}: {ends}; log: {log}\n" in said
        assert "served: True suspended" in said
        assert len([pid for pid in pids if alive(pid)]) == 1, "it outlives who started it"
    finally:
        for pid in pids:
            os.kill(pid, 15)
    until(lambda: not any(map(alive, pids)))


def test_in_ci_none_is_started(tmp_path: Path, pdnb_dir: Path) -> None:
    said = ipython(tmp_path, CI="1")
    assert "served: False suspended" in said
    assert "background" not in said


def test_none_is_started_where_a_server_keeps_the_store(tmp_path: Path, pdnb_dir: Path) -> None:
    with Server(tmp_path / "server", pdnb_dir), Home(pdnb_dir, kind="shell") as home:
        until(home.has_leader)
        assert background.ensure(home) is None
    assert not (pdnb_dir / "background.log").exists()


def test_one_that_cannot_start_is_told_and_nothing_else_happens(pdnb_dir: Path) -> None:
    with Home(pdnb_dir, kind="shell") as home:
        lock = ProcessLock(pdnb_dir, background.LOCK)
        assert lock.acquire()  # as another that starts, and gets no further
        line = background.ensure(home)
        lock.release()
        assert line is not None
        assert line.startswith("no pdnb server could be started in the background (see ")
        assert not home.has_leader()
    assert [started.wait() for started in background._started] == [0]
    background._started.clear()
