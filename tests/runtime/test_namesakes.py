"""Two notebooks never share a workflow's name unnoticed, and a renamed notebook is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pdnb.client import start
from pdnb.coordination.home import Home
from pdnb.runtime.namesakes import name_notices, notebook_of
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="shell") as home:
        yield home


def version(notebook: Path | None, name: str = "", *steps: str) -> WorkflowVersion:
    cells = tuple(Step(step, "1") for step in steps or ("draft", "publish"))
    name = name or (notebook.stem if notebook else "workflow")
    return WorkflowVersion(name, cells, (), Environment.here(), None if notebook is None else str(notebook))


def file(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path.resolve()


def test_a_run_knows_the_notebook_it_comes_from(home: Home, tmp_path: Path) -> None:
    path = file(tmp_path / "mail.ipynb")
    run = start(home, version(path))
    assert (run.notebook, run.document()["notebook"], notebook_of(home, run.record)) == (path, str(path), str(path))
    assert start(home, version(None)).notebook is None


def test_a_notebook_of_its_own_name_is_no_news(home: Home, tmp_path: Path) -> None:
    path = file(tmp_path / "mail.ipynb")
    assert list(name_notices(home, version(path))) == []
    start(home, version(path))
    start(home, version(None, "mail"))
    assert list(name_notices(home, version(path))) == []


def test_two_notebooks_of_one_name_in_two_folders_are_noticed(home: Home, tmp_path: Path) -> None:
    one, other = file(tmp_path / "a" / "mail.ipynb"), file(tmp_path / "b" / "mail.ipynb")
    start(home, version(one))
    start(home, version(other))
    for mine, theirs in ((one, other), (other, one)):
        [said] = name_notices(home, version(mine))
        assert said == (
            f"workflow 'mail' of {mine} has the name of another notebook's, {theirs}, with runs in this store: "
            "name one of them with -w NAME in its %%step cells and in %pdnb run"
        )
    assert list(name_notices(home, version(other, "post"))) == []


def test_a_name_that_two_notebooks_were_given_by_hand_is_noticed_too(home: Home, tmp_path: Path) -> None:
    start(home, version(file(tmp_path / "one.ipynb"), "mail"))
    assert len(list(name_notices(home, version(file(tmp_path / "two.ipynb"), "mail")))) == 1


def test_a_notebook_that_was_moved_goes_on_under_its_name(home: Home, tmp_path: Path) -> None:
    old = file(tmp_path / "a" / "mail.ipynb")
    start(home, version(old))
    new = tmp_path / "mail.ipynb"
    old.rename(new)
    assert list(name_notices(home, version(new))) == []


def test_one_notebook_by_two_ways_is_one(home: Home, tmp_path: Path) -> None:
    path = file(tmp_path / "a" / "mail.ipynb")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    start(home, version(tmp_path / "b" / "mail.ipynb"))
    assert list(name_notices(home, version(path))) == []


def test_a_notebook_that_was_renamed_is_recognised_and_says_how_to_keep_its_name(home: Home, tmp_path: Path) -> None:
    old = file(tmp_path / "mail.ipynb")
    start(home, version(old))
    new = tmp_path / "letter.ipynb"
    old.rename(new)
    [said] = name_notices(home, version(new))
    assert said.startswith("this notebook seems to have been called mail.ipynb: its earlier runs are those of workflow")
    assert "-w 'mail'" in said
    start(home, version(new))
    assert list(name_notices(home, version(new))) == []  # said once, before its first run


@pytest.mark.parametrize("other", ["another folder", "other steps", "the old one is there"])
def test_another_notebook_is_no_renamed_one(home: Home, tmp_path: Path, other: str) -> None:
    old = file(tmp_path / "mail.ipynb")
    start(home, version(old))
    new = file(tmp_path / ("sub" if other == "another folder" else ".") / "letter.ipynb")
    if other != "the old one is there":
        old.unlink()
    steps = ("load", "report") if other == "other steps" else ()
    assert list(name_notices(home, version(new, "", *steps))) == []


def test_a_host_that_names_no_notebook_is_told_how_to_name_the_workflow(home: Home) -> None:
    [said] = name_notices(home, version(None))
    assert said.startswith("this host does not say which notebook it runs, so the workflow is called 'workflow'")
    assert "-w NAME" in said
    assert "PDNB_NOTEBOOK" in said
    assert list(name_notices(home, version(None, "mail"))) == []
