"""One reader of a notebook's cells: what a kernel takes for a step, and nothing that looks like one left out."""

from __future__ import annotations

import atexit
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, magics_class, no_var_expand
from traitlets.config import Config

from pdnb.errors import DefinitionError
from pdnb.workflow.definition import Workflow
from pdnb.workflow.notebook_cells import MagicCell, read_cell

STEPS = {
    "plain": "%%step gate\nx = 1",
    "options": "%%step gate -w 'a b' --at-most-once\nx = 1",
    "empty lines above": "\n   \n%%step gate\nx = 1",
    "indented": "  %%step gate\n  def handler(pd):\n      pass",
    "a tab before": "\t%%step gate\n\tx = 1",
    "form feed": "\x0c%%step gate\nx = 1",
    "a prompt": ">>> %%step gate\n... x = 1",
    "IPython's prompt": "In [1]: %%step gate\n   ...: x = 1",
    "empty lines below": "%%step gate\n\n\nx = 1\n\n",
    "a comment below": "%%step gate\n# ask\nx = 1",
    "spaces behind the name": "%%step gate   \nx = 1",
    "Windows' lines": "%%step gate\r\nx = 1\r\n",
    "a string that shows one": "%%step gate\nx = '''\n%%step other\n'''",
    "nothing below": "%%step gate",
    "no name": "%%step\nx = 1",
    "under %%capture": "%%capture\n%%step gate\nx = 1",
    "under %%capture with a name": "%%capture out\n\n%%step gate\nx = 1",
    "under %%time": "%%time\n%%step gate\nx = 1",
    "under two": "%%capture\n%%time\n%%step gate\nx = 1",
    "setup": "%%setup\nimport os",
    "setup under %%capture": "%%capture\n%%setup\nimport os",
}

ORDINARY = {
    "Python": "x = 1",
    "nothing": "",
    "a comment": "# %%step gate",
    "a cell that is commented out": "# %%step gate\n# x = 1",
    "a title": "# %% step 1: load\nx = 1",
    "a text": "text = '''\n%%step gate\nx\n'''",
    "a source in a list": "cells = ['%%step gate\\n1']",
    "modulo": "step = 3\n7 %step",
    "pdnb's line magic": "run = %pdnb run",
    "the setting up": "%load_ext autoreload\n%pdnb steps",
    "another magic": "%%bash\necho step",
    "a file": "%%writefile x.ipynb\n%%step gate\n1",
    "help": "%%step?",
    "a cell that is not finished": "def f(",
    "another language": "for (i in 1:3) { print(i %% 2) }",
    "a variable": "step\nsetup",
}

DOUBTFUL = {
    "a comment above": ("# ask\n%%step gate\nx = 1", "%%step is not the cell's first line: write %%step NAME"),
    "code above": ("import os\n%%step gate\nx = 1", "%%step is not the cell's first line"),
    "under if": ("if True:\n    %%step gate\n    x = 1", "%%step is not the cell's first line"),
    "only the line is commented out": ("# %%step gate\ndef handler(pd):\n    1", None),
    "the same without a space": ("#%%step gate\nx = 1", "its magic is a comment, so it is no step"),
    "wrong case": ("%%Step gate\nx = 1", "'%%Step' is no magic of pdnb"),
    "capitals": ("%%SETUP\nx = 1", "'%%SETUP' is no magic of pdnb"),
    "plural": ("%%steps gate\nx = 1", "'%%steps' is no magic of pdnb"),
    "misspelt": ("%%stpe gate\nx = 1", "'%%stpe' is no magic of pdnb"),
    "a tab behind": ("%%step\tgate\nx = 1", "a tab stands behind %%step: write a space"),
    "a colon": ("%%step: gate\nx = 1", "'%%step:' is no magic of pdnb"),
    "a space within": ("%% step gate\nx = 1", "'%% step gate' is no magic of pdnb"),
    "a space between": ("% %step gate\nx = 1", "'% %step gate' is no magic of pdnb"),
    "one percent": ("%step gate\nx = 1", "%step is no magic of a line"),
    "three": ("%%%step gate\nx = 1", "'%%%step' is no magic of pdnb"),
    "no percent": ("step gate\ndef handler(pd):\n    1", "'step gate' is no magic for IPython"),
    "wide percents": ("\uff05\uff05step gate\nx = 1", "is no magic for IPython"),
    "assigned": ("x = %step gate", "%step is no magic of a line"),
    "a hard space": ("\xa0%%step gate\nx = 1", "is no magic for IPython"),
    "a byte order mark": ("\ufeff%%step gate\nx = 1", "is no magic for IPython"),
    "to the system": ("!%%step gate\nx = 1", "is no magic of pdnb"),
    "under %%bash": ("%%bash\n%%step gate\nx = 1", "%%step below %%bash is read in no other place: only %%capture"),
    "switched off": ("%%script false --no-raise-error\n%%step gate\n1", "%%step below %%script"),
    "wrong case under %%capture": ("%%capture\n%%Step gate\nx = 1", "'%%Step' is no magic of pdnb"),
    "by code": ("for n in 'ab':\n    get_ipython().run_cell_magic('step', n, '1')", "is called by code here"),
}


@magics_class
class Heard(Magics):
    """What a real shell hands to ``%%step`` and ``%%setup``."""

    heard: list[tuple[str, str, str]]

    @no_var_expand
    @cell_magic
    def step(self, line: str, cell: str) -> None:
        self.heard.append(("step", line, cell))

    @no_var_expand
    @cell_magic
    def setup(self, line: str, cell: str) -> None:
        self.heard.append(("setup", line, cell))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    magics = Heard(shell)
    magics.heard = []
    shell.register_magics(magics)
    yield magics
    InteractiveShell.clear_instance()
    atexit.unregister(shell.atexit_operations)


def cell_as_run(heard: Heard, source: str) -> list[tuple[str, str, str]]:
    heard.heard.clear()
    heard.shell.run_cell(source)  # type: ignore[union-attr]
    return list(heard.heard)


def test_what_a_kernel_takes_for_a_step_is_read_so_with_the_same_body(heard: Heard) -> None:
    for case, source in STEPS.items():
        found = read_cell(source)
        assert found is not None, case
        if found.body:  # without one, IPython refuses the cell before the magic sees it
            assert cell_as_run(heard, source) == [(found.magic, found.line, found.body)], case


def test_a_cell_that_is_read_under_timeit_runs_under_timeit(heard: Heard) -> None:
    source = "%%timeit -n1 -r1\n%%step gate\nx = 1"
    assert read_cell(source) == MagicCell("step", "gate", "x = 1\n", ("timeit",))
    assert set(cell_as_run(heard, source)) == {("step", "gate", "x = 1\n")}


@pytest.mark.parametrize("case", ORDINARY)
def test_an_ordinary_cell_is_left_alone(heard: Heard, case: str) -> None:
    assert read_cell(ORDINARY[case]) is None
    assert case == "another language" or cell_as_run(heard, ORDINARY[case]) == []


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_looks_like_a_step_and_is_none_is_an_error_that_names_the_cell(heard: Heard, case: str) -> None:
    source, said = DOUBTFUL[case]
    with pytest.raises(DefinitionError) as error:
        read_cell(source, "code cell 7")
    text = str(error.value)
    assert text.startswith("code cell 7 (")
    assert said is None or said in text
    assert "\n" not in text
    assert case in ("by code", "to the system") or cell_as_run(heard, source) == []  # a kernel takes none of them


def test_the_first_line_of_the_cell_is_told(heard: Heard) -> None:
    with pytest.raises(DefinitionError, match=r"^code cell 2 \('# ask the team'\): "):
        read_cell("\n\n# ask the team\n%%step gate\nx", "code cell 2")


# ---- the file -----------------------------------------------------------------------------------------------------

PUBLISH = "%%step publish\ndef handler(pd):\n    return 'PUBLISHED'"


def notebook(path: Path, *sources: str) -> Path:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source, "id": f"c{i}"}
        for i, source in enumerate(sources)
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_no_doubtful_cell_is_left_out_of_a_notebook(tmp_path: Path) -> None:
    for source, _ in DOUBTFUL.values():
        path = notebook(tmp_path / "flow.ipynb", "x = 1", source, PUBLISH)
        with pytest.raises(DefinitionError, match=r"flow\.ipynb, code cell 2 \("):
            Workflow.from_notebook(path)


def test_every_way_to_write_a_step_is_one_in_a_notebook(tmp_path: Path) -> None:
    for case, source in STEPS.items():
        if not case.startswith(("setup", "options", "no name")):
            path = notebook(tmp_path / "flow.ipynb", source, PUBLISH)
            assert Workflow.from_notebook(path).names == ("gate", "publish"), case


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%%step", "%%step wants a name"),
        ("%%step a b", "%%step wants a name: %%step NAME, not 'a b'"),
        ("%%step a --tes", "%%step has no option --tes"),
        ("%%step a --event 1", "add --test"),
        ("%%setup x", "%%setup takes no name ('x')"),
    ],
)
def test_a_line_that_a_kernel_refuses_is_refused_in_a_notebook(tmp_path: Path, line: str, said: str) -> None:
    path = notebook(tmp_path / "flow.ipynb", PUBLISH, f"{line}\nx = 1")
    with pytest.raises(DefinitionError) as error:
        Workflow.from_notebook(path)
    assert f"{path}, code cell 2: " in str(error.value)
    assert said in str(error.value)


def test_two_different_cells_of_one_step_are_refused_and_both_named(tmp_path: Path) -> None:
    path = notebook(tmp_path / "flow.ipynb", PUBLISH, "x = 1", "%%step publish\n2")
    with pytest.raises(DefinitionError, match="code cell 1 and code cell 3 both define step 'publish' and differ"):
        Workflow.from_notebook(path)
    assert Workflow.from_notebook(notebook(path, PUBLISH, PUBLISH)).names == ("publish",)  # as in a run's report


def test_a_notebooks_workflow_is_called_as_a_kernel_calls_it(tmp_path: Path) -> None:
    path = notebook(tmp_path / f"{'x' * 120}.ipynb", PUBLISH)
    workflow = Workflow.from_notebook(path)
    assert (workflow.name, workflow.notebook) == ("x" * 100, str(path.resolve()))


def test_a_step_that_only_defines_a_function_is_warned_of(tmp_path: Path) -> None:
    path = notebook(tmp_path / "flow.ipynb", "%%step gate\ndef handle(pd):\n    pd.flow.suspend()")
    with pytest.warns(UserWarning, match=r"step 'gate' defines 'handle' and never calls it"):
        assert Workflow.from_notebook(path).names == ("gate",)
