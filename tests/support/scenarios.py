"""A notebook of real IPython cells, and short scenarios: frozen here, executed in a fresh interpreter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdnb.capture.snapshot import snapshot
from pdnb.errors import CaptureError, DefinitionError
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.version import Environment, WorkflowVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Environment(sys.executable, "/", ())


class Notebook:
    """A shell whose cells are executed as in a kernel."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        self.shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))

    def reset(self) -> None:
        """As ``shell.reset``, which also collects garbage: slow beside pandas."""
        names = self.shell.user_ns
        for name in names.keys() - {"__builtin__", "__builtins__", "__name__"}:
            del names[name]
        assert self.shell.history_manager
        self.shell.history_manager.reset()
        self.shell.execution_count = 1
        self.shell.compile.reset_compiler_flags()
        self.shell.init_user_ns()

    def run(self, *cells: str) -> Notebook:
        for cell in cells:
            self.shell.run_cell(cell, store_history=True).raise_error()
        return self

    def snapshot(self, *steps: str, setup: tuple[str, ...] = ()) -> WorkflowVersion:
        named = tuple(Step(f"s{i}", source) for i, source in enumerate(steps, 1))
        return snapshot(Workflow("w", named, setup), self.shell.user_ns, HERE)

    def refusal(self, *steps: str, setup: tuple[str, ...] = ()) -> str:
        with pytest.raises(CaptureError) as raised:
            self.snapshot(*steps, setup=setup)
        return str(raised.value)

    def check_refused(self, text: str) -> None:
        """Play a scenario whose outcome is a refusal's beginning."""
        case = Scenario.read(text)
        assert f"step 's1' uses {case.outcome}" in self.run(*case.cells).refusal(case.step)


@dataclass(frozen=True)
class Scenario:
    """A notebook's cells, the workflow's setup cells, one step, and what comes of it."""

    cells: tuple[str, ...]
    setup: tuple[str, ...]
    step: str
    outcome: str

    @classmethod
    def read(cls, text: str) -> Scenario:
        """``-- kind`` stands before each part; the first cell has none."""
        parts = re.split(r"^-- (cell|setup|step|gives|refused)[ \n]", f"-- cell{text}", flags=re.MULTILINE)[1:]
        found = [(kind, part.removesuffix("\n")) for kind, part in zip(parts[::2], parts[1::2], strict=True)]
        cells, setup = (tuple(part for kind, part in found if kind == wanted) for wanted in ("cell", "setup"))
        (_, step), (_, outcome) = found[-2:]
        return cls(cells, setup, step, outcome)


_RUN = """
import asyncio, inspect, json, sys
from pdnb.workflow.cell import parse
from pdnb.runtime.namespace import Namespace
from pdnb.workflow.version import WorkflowVersion
sys.path.insert(0, sys.argv[1])
for line in sys.stdin:
    version = WorkflowVersion.from_json(json.loads(line))
    try:
        cell = parse(version.steps[0].source, filename="<step>")
        namespace = Namespace(version)
        result = cell.call(namespace.fresh(cell), None)
        result = asyncio.run(result) if inspect.iscoroutine(result) else result
    except Exception as error:
        result = repr(error)
    print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def shell() -> Iterator[Notebook]:
    """One shell for all tests of a file; what it does to the process is undone."""
    from IPython.core.interactiveshell import InteractiveShell

    before = {name: sys.modules.get(name) for name in ("__main__", "__mp_main__")}
    hooks = sys.excepthook, sys.displayhook
    yield Notebook()
    sys.excepthook, sys.displayhook = hooks
    sys.modules.update({name: module for name, module in before.items() if module})
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(shell: Notebook) -> Notebook:
    """An empty notebook."""
    shell.reset()
    return shell


@pytest.fixture(scope="module")
def outcomes(
    shell: Notebook, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Mapping[str, str]:
    """What the step of every scenario in the file's ``WORKS`` gives in one fresh interpreter, or why it does not."""
    scenarios: Mapping[str, str] = request.module.WORKS
    library = tmp_path_factory.mktemp("library")
    (library / "pdnb_hidden").mkdir()
    (library / "pdnb_hidden/__init__.py").write_text("from pdnb_hidden import part as _\npart = 'something else'\n")
    (library / "pdnb_hidden/part.py").write_text("VALUE = 5\n")
    sys.path.insert(0, str(library))
    found: dict[str, str] = {}
    codes: dict[str, WorkflowVersion] = {}
    for law, text in scenarios.items():
        case = Scenario.read(text)
        shell.reset()
        try:
            codes[law] = shell.run(*case.cells).snapshot(case.step, setup=case.setup)
        except DefinitionError as error:
            found[law] = str(error)
    sys.path.remove(str(library))
    ran = subprocess.run(
        [sys.executable, "-c", _RUN, str(library)],
        input="\n".join(json.dumps(code.to_json()) for code in codes.values()),
        cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True,
    )  # fmt: skip
    return found | {law: repr(json.loads(line)) for law, line in zip(codes, ran.stdout.splitlines(), strict=True)}
