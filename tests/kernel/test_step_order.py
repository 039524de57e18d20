"""The notebook's order is the workflow's order: insert, delete, move, rename, duplicate, in a real shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdnb.errors import DefinitionError
from tests.support.edited_notebook import EditedNotebook
from tests.support.notebook import Notebook

STEPS = {"c1": "%%step draft\n1", "c2": "%%step gate\n2", "c3": "%%step publish\n3"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "flow.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    return path


@pytest.fixture
def book(nb: Notebook, path: Path) -> EditedNotebook:
    """JupyterLab: the file is known and cells have ids; three steps, saved and run."""
    book = EditedNotebook(nb, path, cells=dict(STEPS))
    book.save()
    book.run_all()
    return book


@pytest.fixture
def nameless(nb: Notebook) -> EditedNotebook:
    """A host that tells nothing: no ids, no file."""
    book = EditedNotebook(nb, ids=False, cells=dict(STEPS))
    book.run_all()
    return book


def notices(out: str) -> list[str]:
    """What ``%pdnb run`` said of the order and of the notebook's cells."""
    return [
        line for line in out.splitlines() if line.startswith(("step", "the steps'", "code cell", "in the notebook"))
    ]


# ---- where the saved notebook tells -------------------------------------------------------------------------------


def test_an_inserted_step_stands_where_its_cell_stands(book: EditedNotebook) -> None:
    book.put("new", "%%step check\n0", above="c3")
    book.save()
    book.run_all()
    steps, out = book.start()
    assert (steps, notices(out)) == (("draft", "gate", "check", "publish"), [])


def test_an_inserted_step_is_placed_also_when_its_cell_alone_is_run_before_the_notebook_is_saved(
    book: EditedNotebook,
) -> None:
    book.put("new", "%%step check\n0", above="c2")
    book.run("new")
    book.save()
    assert book.start()[0] == ("draft", "check", "gate", "publish")


def test_a_deleted_cell_takes_its_step_along_and_that_is_said(book: EditedNotebook) -> None:
    book.delete("c2")
    book.save()
    said = book.nb.try_("%pdnb steps").out
    assert "step 'gate' was taken out: its cell is no longer in flow.ipynb" in said
    steps, _ = book.start()
    assert steps == ("draft", "publish")


def test_a_cell_that_is_put_back_and_run_is_a_step_in_its_place_again(book: EditedNotebook) -> None:
    book.delete("c2")
    book.save()
    assert book.start()[0] == ("draft", "publish")
    book.put("c2", STEPS["c2"], above="c3")
    book.save()
    book.run("c2")
    assert book.start()[0] == ("draft", "gate", "publish")


def test_a_moved_cell_moves_its_step_without_being_run(book: EditedNotebook) -> None:
    book.move("c3", above="c2")
    book.save()
    assert book.start()[0] == ("draft", "publish", "gate")


def test_a_step_renamed_in_its_cell_leaves_no_ghost(book: EditedNotebook) -> None:
    book.put("c2", "%%step ask\n2")
    assert "step 'gate' is called 'ask' now: the same cell defined it" in book.run("c2").out
    assert book.order() == ("draft", "ask", "publish")
    book.save()
    assert book.start()[0] == ("draft", "ask", "publish")


def test_a_step_that_goes_to_another_workflow_leaves_the_first(book: EditedNotebook) -> None:
    book.put("c2", "%%step gate -w mail\n2")
    said = book.run("c2").out
    assert "step 'gate' of workflow 'flow' was taken out: its cell defines 'gate' now" in said
    assert (book.order(), book.nb.names("mail")) == (("draft", "publish"), ("gate",))


def test_two_cells_of_one_name_are_both_named(book: EditedNotebook) -> None:
    book.put("twin", "%%step gate\n'twin'")
    said = book.run("twin").out
    assert "step 'gate' is defined by two cells, cell [2] and cell [4]" in said
    book.save()
    out = book.start()[1]
    assert "code cell 2 and code cell 4 of the notebook both define step 'gate'" in out


def test_a_cell_that_was_cut_and_pasted_is_no_second_one(book: EditedNotebook) -> None:
    book.delete("c2")
    book.put("pasted", STEPS["c2"])
    book.save()
    assert "two cells" not in book.run("pasted").out
    assert book.start()[0] == ("draft", "publish", "gate")


def test_a_step_of_the_notebook_that_was_not_run_here_is_named(book: EditedNotebook) -> None:
    book.put("new", "%%step check\n0", above="c3")
    book.save()
    steps, out = book.start()
    assert steps == ("draft", "gate", "publish")
    assert "code cell 3 of the notebook defines step 'check', which was not run here: run the cell" in out


def test_a_cell_of_the_notebook_that_is_no_step_though_it_looks_like_one_is_named(book: EditedNotebook) -> None:
    book.put("c2", "%%Step gate\n2")
    book.save()
    out = book.start()[1]
    assert "in the notebook, code cell 2 ('%%Step gate'): '%%Step' is no magic of pdnb" in out


@pytest.mark.parametrize("source", ["2", "# %%step gate\n# 1"])
def test_a_step_whose_cell_is_none_any_more_is_taken_out_and_that_is_said(book: EditedNotebook, source: str) -> None:
    book.put("c2", source)
    book.save()
    steps, out = book.start()
    assert steps == ("draft", "publish")
    assert "step 'gate' was taken out: code cell 2 of flow.ipynb is no step now" in out


def test_a_deleted_cell_of_a_notebook_that_was_not_saved_is_named_when_the_others_ran_again(
    book: EditedNotebook,
) -> None:
    book.delete("c2")
    book.run_all()
    steps, out = book.start()
    assert steps == ("draft", "gate", "publish")
    assert "step 'gate' was not run again with the others" in out


def test_a_cell_that_was_cut_and_pasted_and_not_saved_is_named(book: EditedNotebook) -> None:
    book.delete("c1")
    book.put("c9", STEPS["c1"])
    book.run("c9")
    assert "step 'draft' stands first, but its cell is not in the notebook as saved last" in book.start()[1]


def test_a_cell_that_was_changed_and_not_run_is_named(book: EditedNotebook) -> None:
    book.put("c2", "%%step gate\n'other'")
    book.save()
    assert "code cell 2 of the notebook, step 'gate', has changed since it was run here" in book.start()[1]
    book.put("c2", "%%step ask\n'other'")
    book.save()
    assert "code cell 2 of the notebook defines step 'ask' now, and was run as 'gate'" in book.start()[1]


def test_nothing_is_said_of_a_notebook_that_is_as_it_was_run(book: EditedNotebook) -> None:
    assert notices(book.start()[1]) == []
    book.run("c1")
    assert notices(book.start()[1]) == []
    book.run_all()
    book.save()
    assert notices(book.start()[1]) == []


def test_an_unsaved_insertion_goes_where_run_all_shows_it_and_asks_to_be_saved(book: EditedNotebook) -> None:
    """JupyterLab saves every two minutes: Run All comes before that."""
    book.put("new", "%%step check\n0", above="c3")
    book.run_all()
    steps, out = book.start()
    assert steps == ("draft", "gate", "check", "publish")
    assert "step 'check' stands behind 'gate', but its cell is not in the notebook as saved last: save the" in out
    book.save()
    assert notices(book.start()[1]) == []


def test_an_unsaved_move_is_said_after_run_all(book: EditedNotebook) -> None:
    book.move("c3", above="c2")
    book.run_all()
    out = book.start()[1]
    assert (
        "were run last in the order draft → publish → gate, and the workflow's order is draft → gate → publish" in out
    )
    assert "%pdnb steps draft publish gate" in out


def test_setup_cells_follow_the_notebook_too(book: EditedNotebook) -> None:
    book.put("s1", "%%setup\nA = 1", above="c1")
    book.put("s2", "%%setup\nB = A + 1", above="c1")
    book.run("s1")
    book.run("s2")
    book.save()
    setup = book.nb.magics.session.arrange().workflow.setup
    assert setup == ("A = 1\n", "B = A + 1\n")
    book.move("s2", above="s1")
    book.save()
    assert book.nb.magics.session.arrange().workflow.setup == setup[::-1]
    book.delete("s2")
    book.save()
    assert book.nb.magics.session.arrange().workflow.setup == setup[:1]


def test_a_host_that_tells_the_file_but_no_ids_is_followed_by_the_steps_names(nb: Notebook, path: Path) -> None:
    book = EditedNotebook(nb, path, ids=False, cells=dict(STEPS))
    book.save()
    book.run_all()
    book.put("new", "%%step check\n0", above="c2")
    book.delete("c3")
    book.save()
    book.run_all()
    steps, out = book.start()
    assert steps == ("draft", "check", "gate")
    assert notices(out) == []


def test_a_step_defined_by_code_is_kept(book: EditedNotebook) -> None:
    """Several steps of one cell are no renaming."""
    book.put("loop", "for n in 'ab':\n    get_ipython().run_cell_magic('step', n, '1')")
    assert book.run("loop").error is None
    book.save()
    steps, out = book.start()
    assert steps == ("draft", "gate", "publish", "a", "b")
    assert "code cell 4 (\"for n in 'ab':\"): %%step is called by code here, which only a kernel can follow" in out


def test_the_file_of_another_notebook_takes_no_step_away(book: EditedNotebook, path: Path) -> None:
    """The notebook was renamed while its kernel ran, and another one has its old name now."""
    other = EditedNotebook(book.nb, path, cells={"o1": "%%step load\n1"})
    other.save()
    steps, out = book.start()
    assert steps == ("draft", "gate", "publish")
    assert "none of these steps has its cell in flow.ipynb: is it this notebook's file?" in out


def test_ids_that_are_not_the_files_are_no_reason_to_take_a_step_away(nb: Notebook, path: Path) -> None:
    """VS Code tells the addresses of its documents."""
    book = EditedNotebook(nb, path, cells=dict(STEPS))
    book.put("loop", "for n in 'ab':\n    get_ipython().run_cell_magic('step', n, '1')")
    for cell_id, source in book.cells.items():
        assert nb.shell.run_cell(source, store_history=True, cell_id=f"vscode-notebook-cell:{cell_id}").success
    book.save()
    assert book.start()[0] == ("draft", "gate", "publish", "a", "b")
    book.delete("c2")
    book.save()
    assert book.start()[0] == ("draft", "publish", "a", "b")


def test_a_notebook_that_runs_another_one_keeps_its_steps(book: EditedNotebook, tmp_path: Path) -> None:
    EditedNotebook(book.nb, tmp_path / "steps.ipynb", cells={"x": "%%step load\n1", "y": "%%step clean\n1"}).save()
    book.put("runs", f"%run {tmp_path / 'steps.ipynb'}", above="c1")
    assert book.run("runs").error is None
    book.save()
    steps, out = book.start()
    assert (steps, notices(out)) == (("load", "clean", "draft", "gate", "publish"), [])


# ---- an order that a person set -----------------------------------------------------------------------------------


def test_an_order_that_was_set_stands_until_another_is(book: EditedNotebook) -> None:
    book.nb.run("%pdnb steps publish gate draft")
    book.run_all()
    book.save()
    steps, out = book.start()
    assert (steps, notices(out)) == (("publish", "gate", "draft"), [])
    assert "order: set by %pdnb steps" in repr(book.nb.run("%pdnb steps"))
    book.put("new", "%%step check\n0", above="c3")
    book.run("new")
    book.save()
    assert book.start()[0] == ("publish", "gate", "check", "draft")
    assert repr(book.nb.run("%pdnb steps --reset")).startswith("flow: draft → gate → check → publish")
    assert "takes no names" in book.nb.refused("%pdnb steps --reset draft")


def test_a_deleted_step_in_an_order_that_was_set_stays_and_is_named(book: EditedNotebook) -> None:
    book.nb.run("%pdnb steps gate draft publish")
    book.delete("c2")
    book.save()
    steps, out = book.start()
    assert steps == ("gate", "draft", "publish")
    assert "step 'gate' has no cell in flow.ipynb and stays, because %pdnb steps set the order" in out
    book.nb.run("%pdnb steps --remove gate")
    assert (book.start()[0], notices(book.start()[1])) == (("draft", "publish"), [])


# ---- where nothing tells ------------------------------------------------------------------------------------------


def test_without_a_file_an_insertion_goes_where_run_all_shows_it_and_is_said(nameless: EditedNotebook) -> None:
    nameless.start()
    nameless.put("new", "%%step check\n0", above="c3")
    nameless.run_all()
    steps, out = nameless.start()
    assert steps == ("draft", "gate", "check", "publish")
    assert "step 'check' is new and stands before 'publish', because its cell was run before that one" in out
    nameless.nb.run("%pdnb steps draft gate check publish")
    assert notices(nameless.start()[1]) == []


@pytest.mark.parametrize("ran_before", [True, False])
def test_without_a_file_an_insertion_at_the_top_is_said(nameless: EditedNotebook, ran_before: bool) -> None:
    if ran_before:
        nameless.start()
    nameless.put("new", "%%step check\n0", above="c1")
    nameless.run_all()
    steps, out = nameless.start()
    assert steps == ("draft", "gate", "publish", "check")
    assert "check" in "".join(notices(out))
    assert "%pdnb steps" in out


def test_without_a_file_a_move_is_said_after_run_all(nameless: EditedNotebook) -> None:
    nameless.move("c3", above="c1")
    nameless.run_all()
    steps, out = nameless.start()
    assert steps == ("draft", "gate", "publish")
    assert "in the order publish → draft → gate, and the workflow's order is draft → gate → publish" in out
    assert "%pdnb steps publish draft gate" in out


def test_without_a_file_a_step_that_did_not_run_again_with_the_others_is_said(nameless: EditedNotebook) -> None:
    nameless.start()
    nameless.delete("c2")
    nameless.run_all()
    steps, out = nameless.start()
    assert steps == ("draft", "gate", "publish")
    assert "step 'gate' was not run again with the others" in out
    assert "%pdnb steps --remove gate" in out


def test_running_one_cell_again_is_no_news(nameless: EditedNotebook) -> None:
    for cell_id in ("c1", "c3", "c2"):
        nameless.start()
        nameless.run(cell_id)
        assert notices(nameless.start()[1]) == []


def test_a_new_step_at_the_end_is_no_news(nameless: EditedNotebook) -> None:
    nameless.put("new", "%%step report\n0")
    nameless.run("new")
    steps, out = nameless.start()
    assert (steps[-1], notices(out)) == ("report", [])


def test_a_cell_id_alone_is_enough_for_a_renamed_step(nb: Notebook) -> None:
    book = EditedNotebook(nb, cells=dict(STEPS))
    book.run_all()
    book.put("c1", "%%step sketch\n1")
    book.run("c1")
    assert book.order() == ("sketch", "gate", "publish")


def test_a_new_step_that_is_renamed_at_once_leaves_nothing_behind(nb: Notebook) -> None:
    book = EditedNotebook(nb, cells=dict(STEPS))
    book.run_all()
    book.start()
    book.run("c1")
    book.put("new", "%%step check\n0", above="c2")
    book.run("new")
    book.put("new", "%%step verify\n0")
    assert book.run("new").error is None
    assert book.run("c2").error is None
    assert "check" not in " ".join(book.order())


def test_an_order_that_was_set_keeps_the_place_of_a_renamed_step(book: EditedNotebook) -> None:
    book.nb.run("%pdnb steps publish gate draft")
    book.put("c2", "%%step ask\n2")
    book.run("c2")
    assert book.order() == ("publish", "ask", "draft")


# ---- shown --------------------------------------------------------------------------------------------------------


def test_steps_shows_the_order_where_it_comes_from_and_what_differs(book: EditedNotebook, path: Path) -> None:
    book.put("new", "%%step check\n0")
    book.save()
    lines = repr(book.nb.run("%pdnb steps")).splitlines()
    assert lines == [
        "flow: draft → gate → publish",
        "  order: the notebook's, as saved in flow.ipynb",
        f"  notebook: {path}",
        "  code cell 4 of the notebook defines step 'check', which was not run here: run the cell",
    ]


def test_a_file_that_cannot_be_read_tells_nothing_and_breaks_nothing(book: EditedNotebook, path: Path) -> None:
    for text in ("", "{", "[]", '{"nbformat": 4, "cells": [1]}', '{"nbformat": 3, "worksheets": []}'):
        path.write_text(text)
        assert book.start()[0] == ("draft", "gate", "publish")


def test_an_order_of_unknown_steps_is_refused_and_changes_nothing(book: EditedNotebook) -> None:
    with pytest.raises(DefinitionError, match="has no step 'nope'"):
        book.nb.magics.session.set_order(None, "nope")
    assert book.start()[0] == ("draft", "gate", "publish")
