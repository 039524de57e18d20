"""``python -m pdnb.cli.demo`` where nobody looks: the whole story on a real server, or a clear failure."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pdnb.cli.demo import _copy
from pdnb.cli.demo_server import DemoError

ROOT = Path(__file__).parents[2]


def demo(root: Path) -> subprocess.CompletedProcess[str]:
    """The demo of the clone at *root*, as a machine without a terminal runs it."""
    command = [sys.executable, "-m", "pdnb.cli.demo"]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "env": os.environ | {"CI": "1"}}
    return subprocess.run(command, cwd=root, **quiet, capture_output=True, text=True, timeout=100, check=False)


def test_the_demo_tells_the_whole_story_and_ends_well(pdnb_dir: Path) -> None:
    told = demo(ROOT)
    assert told.returncode == 0, told.stdout + told.stderr
    story = (
        r"Jupyter Server listens on http://127\.0\.0\.1:(\d+)/",
        r"01_approve\.ipynb executed: \d+ cells",
        r'draft +→ \{"subject": "Launch", "to": "team@example\.com"\}',
        r"approve +→ suspended, until \d{4}-\d\d-\d\d \d\d:\d\d UTC",
        r"resume_url = http://127\.0\.0\.1:\1/pdnb/resume/pdnb1r\.\S+",
        r"cancel_url = http://127\.0\.0\.1:\1/pdnb/cancel/pdnb1c\.\S+",
        r"POST to the resume link → 200 resumed",
        r"publish +→ published, said \{'comment': 'looks good'\}",
        r"draft +returned +in a kernel +drafting a note to team@example\.com",
        r"approve +suspended +in a kernel",
        r"publish +returned +in a worker +publishing",
        r"a second click → 409 already resumed",
        r"run [0-9a-z]{20}: succeeded",
    )
    assert re.search(r"[\s\S]*?".join(story), told.stdout), told.stdout
    assert "Traceback" not in told.stdout + told.stderr
    assert "pdnb1" not in told.stderr
    assert not pdnb_dir.exists(), "the demo has a store of its own"


@pytest.mark.parametrize("there", [False, True])
def test_the_demo_fails_and_says_so_when_its_notebook_is_missing(tmp_path: Path, there: bool) -> None:
    shutil.copytree(ROOT / "pdnb", tmp_path / "pdnb", ignore=shutil.ignore_patterns("__pycache__"))
    if there:
        (tmp_path / "notebooks").mkdir()
    told = demo(tmp_path)
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr == "demo: this pdnb lacks 01_approve.ipynb: install it again, or run make demo in a clone\n"


def test_the_demo_says_what_to_install_where_jupyterlab_is_missing() -> None:
    hidden = "import sys; sys.modules['jupyterlab'] = None; from pdnb.cli.demo import main; main()"
    told = subprocess.run([sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr == "demo: JupyterLab is not installed here: pip install 'pdnb[demo]'\n"


def test_a_person_with_an_installed_pdnb_gets_a_copy_of_the_notebook_which_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy = _copy(ROOT / "notebooks")
    assert copy == tmp_path / "pdnb-demo"
    assert (copy / "01_approve.ipynb").read_text() == (ROOT / "notebooks" / "01_approve.ipynb").read_text()
    (copy / "01_approve.ipynb").write_text("changed")
    assert _copy(ROOT / "notebooks") == copy
    assert (copy / "01_approve.ipynb").read_text() == "changed"


def test_a_place_where_the_notebook_cannot_be_copied_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pdnb-demo").write_text("a file")
    with pytest.raises(DemoError, match=f"cannot be copied to {tmp_path}/pdnb-demo .*start the demo elsewhere"):
        _copy(ROOT / "notebooks")


def test_the_demo_fails_when_a_cell_of_its_notebook_fails(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pdnb", tmp_path / "pdnb", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    notebook = tmp_path / "notebooks" / "01_approve.ipynb"
    text = notebook.read_text()
    assert "%%step draft" in text
    notebook.write_text(text.replace("%%step draft", "%%step 1draft"))
    told = demo(tmp_path)
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].startswith("demo: cell 2 failed: '1draft' cannot name a step")
