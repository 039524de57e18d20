"""One kernel's notebook: its name, the workflows its cells define, and what a run of them takes along."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdnb.errors import CaptureError, DefinitionError
from pdnb.kernel.session import Session
from pdnb.model import Status
from pdnb.workflow.definition import Step


@pytest.fixture(autouse=True)
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def notebook() -> Iterator[Session]:
    notebook = Session({"__name__": "__main__"})
    yield notebook
    notebook.close()


def define(notebook: Session, name: str | None = None, **steps: str) -> None:
    workflow = notebook.workflow(name)
    for step, source in steps.items():
        workflow = workflow.with_step(Step(step, source))
    notebook.define(workflow)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("01_approve.ipynb", "01_approve"),
        ("/home/al/work/01_approve.ipynb", "01_approve"),
        ("work/Über Ångström.ipynb", "Über Ångström"),
        ("a.b.ipynb", "a.b"),
        ("console-1-4f2a", "console-1-4f2a"),
        ("/tmp/x/3f1c0a5e-kernel", "3f1c0a5e-kernel"),
        ("", "workflow"),
        ("   .ipynb", "workflow"),
        ("日本" * 60 + ".ipynb", "日本" * 50),
        ("𝄞" * 90 + ".ipynb", "𝄞" * 75),
        ("a\u202eb\udcffc.ipynb", "abc"),
        (" spaced .ipynb", "spaced"),
        ("x" * 99 + " y.ipynb", "x" * 99),
        ("x" * 300 + ".ipynb", "x" * 100),
    ],
)
def test_a_workflow_is_called_as_its_notebook(
    notebook: Session, monkeypatch: pytest.MonkeyPatch, told: str, name: str
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", told)
    assert notebook.workflow().name == name


def test_without_a_name_from_the_host_it_is_called_workflow(notebook: Session) -> None:
    assert notebook.workflow().name == "workflow"


@pytest.mark.parametrize("path", ["/home/al/flows/mail.ipynb", r"C:\Users\al\mail.ipynb"])
def test_another_editor_tells_the_name_its_own_way(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "other.ipynb")
    assert Session({"__vsc_ipynb_file__": path}).workflow().name == "mail"


@pytest.mark.parametrize("name", ["", " x", "x ", "a\nb", "\x00", "x" * 101])
def test_a_name_that_cannot_name_a_workflow_is_refused(notebook: Session, name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot name a workflow: use 1 to 100 printable characters"):
        notebook.workflow(name)


def test_workflows_of_one_notebook_are_kept_apart(notebook: Session) -> None:
    define(notebook, one="1", two="2")
    define(notebook, "mail", one="3")
    assert (notebook.workflow().names, notebook.workflow("mail").names) == (("one", "two"), ("one",))
    assert notebook.workflow("other").names == ()


def test_a_workflow_without_steps_does_not_run_and_says_what_there_is(notebook: Session, pdnb_dir: Path) -> None:
    with pytest.raises(DefinitionError, match=r"^workflow 'workflow' has no steps yet: define one with %%step NAME$"):
        notebook.run(None, None)
    define(notebook, "mail", one="1")
    with pytest.raises(DefinitionError, match=r"has no steps yet \(this notebook has 'mail'\)"):
        notebook.run(None, None)


def test_a_run_carries_the_code_and_the_place_of_today(notebook: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/opt/lib"])
    define(notebook, one="1")
    version = notebook.workflow_version()
    here = version.environment
    assert (here.executable, here.cwd, here.path) == (sys.executable, os.getcwd(), (os.getcwd(), "/opt/lib"))  # noqa: PTH109
    define(notebook, one="2")
    assert (version.steps[0].source, notebook.workflow_version().steps[0].source) == ("1", "2")
    assert version.id != notebook.workflow_version().id


def test_a_name_that_lives_only_in_the_kernel_is_refused_before_anything_runs(notebook: Session) -> None:
    names: Any = notebook.names
    names["df"] = object()
    define(notebook, one="1 / 0", load="df")
    with pytest.raises(CaptureError, match="step 'load' uses 'df'"):
        notebook.run(None, None)
    assert notebook.home.store.list().runs == ()


def test_the_store_is_opened_when_it_is_first_needed(notebook: Session, pdnb_dir: Path) -> None:
    define(notebook, one="1")
    notebook.workflow_version()
    assert not pdnb_dir.exists()
    run = notebook.run(None, {"a": 1})
    assert (run.status, run.workflow, pdnb_dir.exists()) == (Status.SUCCEEDED, "workflow", True)
    notebook.close()
    notebook.close()
    assert notebook.home.store.get(run.id).status is Status.SUCCEEDED


def test_a_test_of_a_step_opens_no_store(notebook: Session, pdnb_dir: Path) -> None:
    define(notebook, one="1", two="step.steps['one']")
    assert notebook.test(None, "one").exports == {"$return_value": 1}
    assert notebook.test(None, "two").exports == {"$return_value": {"$return_value": 1}}
    assert not pdnb_dir.exists()


def test_a_test_of_an_unknown_step_says_which_there_are(notebook: Session) -> None:
    define(notebook, one="1")
    with pytest.raises(DefinitionError, match=r"has no step 'two' \(its steps: one\)"):
        notebook.test(None, "two")


def test_a_test_goes_on_with_the_event_that_was_run_last(notebook: Session) -> None:
    define(notebook, one="step.steps['trigger']['event']")
    notebook.run(None, {"to": "al"})
    assert notebook.test(None, "one").exports == {"$return_value": {"to": "al"}}


def test_a_setup_cell_run_again_takes_its_own_place_and_no_others(notebook: Session) -> None:
    for cell_id, source in (("a", "x = 1"), ("b", "y = 1"), ("a", "x = 2"), (None, "z = 1"), (None, "z = 2")):
        notebook.define_setup(notebook.workflow(), source, cell_id)
    assert notebook.workflow().setup == ("x = 2", "y = 1", "z = 1", "z = 2")
    notebook.define_setup(notebook.workflow(), "y = 1", "a")
    assert notebook.workflow().setup == ("y = 1", "z = 1", "z = 2")


# ---- names --------------------------------------------------------------------------------------------------------


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def speaking(said: list[str], pdnb_dir: Path) -> Iterator[Session]:
    notebook = Session({"__name__": "__main__"}, say=said.append)
    yield notebook
    notebook.close()


def test_a_host_that_names_no_notebook_can_be_helped_by_the_environment(
    speaking: Session, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nbconvert, papermill."""
    define(speaking, one="1")
    speaking.run(None, None)
    speaking.run(None, None)
    assert [line for line in said if "does not say which notebook" in line] == said[:1]  # once
    monkeypatch.setenv("PDNB_NOTEBOOK", str(tmp_path / "nightly.ipynb"))
    assert speaking.workflow().name == "nightly"
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mail.ipynb"))
    assert speaking.workflow().name == "mail"


def test_a_run_records_its_notebook(
    speaking: Session, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mail.ipynb"))
    define(speaking, one="1")
    assert speaking.run(None, None).notebook == tmp_path / "mail.ipynb"
    assert said == []


def test_a_console_names_a_workflow_and_no_notebook(speaking: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/al/console-1-4f2a")
    define(speaking, one="1")
    run = speaking.run(None, None)
    assert (run.workflow, run.notebook) == ("console-1-4f2a", None)


def test_an_editors_name_outlives_a_reset_of_the_names() -> None:
    """``%reset`` takes ``__vsc_ipynb_file__`` away: the workflow keeps its name."""
    names: dict[str, Any] = {"__vsc_ipynb_file__": "/home/al/mail.ipynb"}
    session = Session(names)
    assert session.workflow().name == "mail"
    names.clear()
    assert session.workflow().name == "mail"


def test_a_notebook_renamed_while_its_kernel_runs_keeps_its_name_there_and_that_is_said(
    speaking: Session, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mail.ipynb"
    path.write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    define(speaking, one="1")
    speaking.run(None, None)
    path.rename(tmp_path / "letter.ipynb")
    assert speaking.run(None, None).workflow == "mail"
    assert said == [f"{path} is no longer there (renamed or moved?): in this kernel the workflow goes on as 'mail'"]


def test_a_notebook_that_another_machine_keeps_is_not_missed(
    speaking: Session, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel behind a gateway never sees the file."""
    monkeypatch.setenv("JPY_SESSION_NAME", "/elsewhere/mail.ipynb")
    define(speaking, one="1")
    speaking.run(None, None)
    assert said == []
