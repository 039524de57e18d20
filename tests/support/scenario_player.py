"""Scenarios executed as people do: cells in an IPython shell, the run in the kernel, the same code in a worker."""

from __future__ import annotations

import atexit
import gc
import io
import json
import linecache
import os
import sys
import warnings
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import run_worker
from tests.support.scenarios import Notebook, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from pdnb.client import Run

#: What lies beside the notebook.
FILES = {
    "data.csv": "a,b\n1,2\n",
    "helper_mod.py": "RATE = 3\nclass Helper:\n    @staticmethod\n    def rate(x): return x * RATE\n",
    "plot.py": "n = 6\ndef twice(): return 2 * n\n",
    "deeper/data.csv": "a,b\n3,4\n",
    "lib/library_mod.py": "def word(): return 'library'\n",
}


@dataclass(frozen=True)
class Played:
    """What came of a notebook: the text of its refusal, or what the step gave, as ``repr`` or as ``raised …``.

    ``cell``: run as an ordinary cell, before there was a workflow (``None`` if it needs the step object).
    """

    refused: str | None = None
    cell: str | None = None
    kernel: str | None = None
    worker: str | None = None

    @property
    def outcome(self) -> str:
        """A line for the table."""
        return f"refused   {self.refused}" if self.refused is not None else f"captured  {self.kernel}"


def play(scenarios: Mapping[str, str], place: Path, *, alone: bool = False) -> dict[str, Played]:
    """Play each scenario as a notebook in one directory below *place*, whose store is there too.

    Its ``-- setup`` cells are ``%%setup`` cells behind the others. The kernel freezes the code twice, for itself and
    for a worker; what the step left must be the last value of both. *alone*: a worker process for each.
    """
    found: dict[str, Played] = {}
    runs: dict[str, Run] = {}
    with _notebook(place) as shell:
        environment = dict(os.environ)  # what a server gives its workers: nothing that a cell set
        for number, (law, text) in enumerate(scenarios.items(), 1):
            os.environ["JPY_SESSION_NAME"] = f"{number:02}.ipynb"
            with chdir(place / "notebooks"), _restored(sys.path), _quiet():
                sys.path.insert(0, "")  # as in every kernel
                found[law], queued = _in_kernel(shell, Scenario.read(text))
            if queued is not None:
                runs[law] = queued
                if alone:
                    run_worker(place / "store", queued.id, env=environment)
        while waiting := [run for run in runs.values() if run.refresh().status == "queued"]:
            run_worker(place / "store", waiting[0].id, env=environment)
            assert waiting[0].refresh().status != "queued", "the worker did not take it"
        for law, run in runs.items():
            done = found[law]
            found[law] = Played(cell=done.cell, kernel=done.kernel, worker=_left(run))
    return found


class _Kernel(Notebook):
    """The notebook of a shell that is there already."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell


def _in_kernel(notebook: Notebook, case: Scenario) -> tuple[Played, Run | None]:
    """What came of it in the kernel, and the run that is queued for a worker."""
    notebook.reset()
    shell = notebook.shell
    notebook.run(*case.cells, *(f"%%setup\n{source}" for source in case.setup))
    notebook.run(f"%%step it\n{case.step}")
    queued = shell.run_cell("run = %pdnb run --headless").error_in_exec
    driven = shell.run_cell("driven = %pdnb run").error_in_exec
    if queued is not None:
        assert str(queued) == str(driven)
        return Played(refused=str(queued)), None
    run: Run = shell.user_ns["run"]
    kernel = f"raised {driven!r}" if driven is not None else _left(shell.user_ns["driven"])
    cell = None
    if "step." not in case.step and "def handler" not in case.step:
        result = shell.run_cell(case.step)
        cell = f"raised {result.error_in_exec!r}" if result.error_in_exec else _json(result.result)
    return Played(cell=cell, kernel=kernel), run


def _left(run: Run) -> str:
    """What step ``it`` of a run left, or why there is nothing."""
    if run.status == "succeeded":
        return _json(run.exports["it"].get("$return_value"))
    return f"raised {run.document()['error']}"


def _json(value: Any) -> str:
    return repr(json.loads(json.dumps(value)))


@contextmanager
def _notebook(place: Path) -> Iterator[Notebook]:
    """A shell with pdnb in it, in a process that is put back as it was."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    for name, text in FILES.items():
        file = place / "notebooks" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith("PDNB_") or name == "CI"]:
            patch.delenv(name)
        patch.setenv("PDNB_DIR", str(place / "store"))
        patch.setenv("JPY_SESSION_NAME", "")
        for name in ("__main__", "__mp_main__"):
            if name in sys.modules:
                patch.setitem(sys.modules, name, sys.modules[name])
        for module in ("helper_mod", "library_mod", "written_mod"):
            stack.callback(sys.modules.pop, module, None)
        patch.setattr(linecache, "cache", {})  # the cells of other tests' shells are none of this one
        hooks = sys.excepthook, sys.displayhook
        InteractiveShell.clear_instance()
        patch.setattr(InteractiveShell, "enable_gui", lambda *_: None)  # as a kernel without windows, for %matplotlib
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        stack.callback(atexit.unregister, shell.atexit_operations)
        stack.callback(InteractiveShell.clear_instance)
        shell.run_line_magic("load_ext", "pdnb")
        stack.callback(shell.run_line_magic, "unload_ext", "pdnb")
        notebook = _Kernel(shell)
        yield notebook
        with _quiet():
            notebook.reset()
            gc.collect()  # what cells left open
        sys.excepthook, sys.displayhook = hooks


@contextmanager
def _restored(entries: list[str]) -> Iterator[None]:
    before = list(entries)
    yield
    entries[:] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what cells print, and what Python says of files that people leave open."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings(action="ignore"):
        yield
