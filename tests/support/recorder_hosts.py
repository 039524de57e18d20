"""What tests of the record share: links, values that are hard to show, and the hosts a step may execute in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from pdnb.links import Links, Target

if TYPE_CHECKING:
    from pdnb.outputs.recorder import Recorder

LINK = Links(b"secret").url("resume", Target("a" * 20, "approve", 1))
OTHER = Links(b"secret").url("cancel", Target("b" * 20, "pdnb1_step", 23))
TOKEN = LINK.rpartition("/")[2]
SIGNATURE = TOKEN.rpartition(".")[2]


def texts(recorder: Recorder, name: str = "stdout") -> str:
    return "".join(output["text"] for output in recorder.outputs if output.get("name") == name)


def size(recorder: Recorder) -> int:
    return len(json.dumps(recorder.outputs, ensure_ascii=False).encode())


def check_shapes(outputs: list[dict[str, Any]]) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])
    nbformat.validate(nbformat.from_dict(notebook))
    json.dumps(outputs, allow_nan=False, ensure_ascii=False).encode()


class Rich:
    """Has forms that need IPython."""

    def __init__(self, **forms: Any) -> None:
        self.forms = forms

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {mime.replace("_", "/"): value for mime, value in self.forms.items()}

    def __repr__(self) -> str:
        return "rich"


AROUND = """
import json, sys
from pathlib import Path
from pdnb.links import redact
from pdnb.outputs.recorder import Recorder
before = sys.stdout, sys.stderr, sys.meta_path[:]
recorder = Recorder(show={show}, redact=redact)
with recorder:
{step}
assert (sys.stdout, sys.stderr, sys.meta_path) == before
_ = Path({path!r}).write_text(json.dumps(recorder.outputs))
"""


class Host:
    """Runs a step's source under a recorder, for real."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.env = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)]),
            "IPYTHONDIR": str(directory / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        }

    def source(self, step: str, *, show: bool, name: str = "outputs") -> str:
        step = textwrap.indent(textwrap.dedent(step), "    ")
        return AROUND.format(show=show, step=step, path=str(self.directory / name))

    def outputs(self, name: str = "outputs") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.directory / name).read_text())
        check_shapes(found)
        return found

    def run(self, *before: str, step: str, show: bool = False) -> tuple[list[dict[str, Any]], str]:
        """The record, and what could be seen."""
        script = self.directory / "script.py"
        script.write_text(self.source(step, show=show))
        done = subprocess.run(
            [sys.executable, *before, str(script)], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return self.outputs(), done.stdout + done.stderr

    def plain(self, step: str, *, show: bool = False) -> tuple[list[dict[str, Any]], str]:
        return self.run(step=step, show=show)

    def terminal(self, step: str, *, show: bool = False) -> tuple[list[dict[str, Any]], str]:
        return self.run("-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor", step=step, show=show)

    def kernel(self, *cells: str) -> list[list[dict[str, Any]]]:
        """What each cell shows in a notebook."""
        from nbclient import NotebookClient

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(notebook, kernel_name="python3", timeout=60).execute(env=self.env)
        return [cell["outputs"] for cell in notebook["cells"]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Of this test."""
    return Host(tmp_path)
