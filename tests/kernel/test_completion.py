"""Tab knows commands, options, statuses, and the names of steps, workflows and runs; it never fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.notebook import Notebook


def test_tab_knows_the_commands(nb: Notebook) -> None:
    commands = ["run", "test", "steps", "runs", "panel", "show", "resume", "cancel", "retry", "upgrade", "report"]
    assert nb.complete("%pdnb ")[: len(commands)] == commands
    assert nb.complete("%pdnb r") == ["run", "runs", "resume", "retry", "report"]
    assert nb.complete("run = %pdnb ru") == ["run", "runs"]


def test_tab_knows_the_options_of_each_magic(nb: Notebook) -> None:
    assert nb.complete("%pdnb run --") == ["--workflow", "--wait", "--headless"]
    assert nb.complete("%pdnb run --wait --h") == ["--headless"]
    assert nb.complete("run = %pdnb run --wa") == ["--wait"]
    assert nb.complete("%pdnb steps --") == ["--workflow", "--remove", "--reset"]
    assert "--resume-with" in nb.complete("%%step draft --")
    assert nb.complete("%%setup --") == ["--workflow"]


def test_tab_knows_steps_workflows_statuses_and_runs(nb: Notebook) -> None:
    nb.run("%%step draft\n1")
    nb.run("%%step approve\n1")
    nb.run("%%step send -w mail\n1")
    ids = [nb.run("%pdnb run").id for _ in range(2)]
    assert nb.complete("%pdnb steps dr") == ["draft"]
    assert nb.complete("%pdnb steps --remove a") == ["approve"]
    assert nb.complete("%pdnb steps -w mail s") == ["send"]
    assert nb.complete("%%step a") == ["approve"]
    assert nb.complete("%pdnb test a") == ["approve"]
    assert nb.complete("%pdnb run -w m") == ["mail"]
    assert nb.complete("%%step send --workflow m") == ["mail"]
    assert nb.complete("%pdnb runs --status su") == ["suspended", "succeeded"]
    assert nb.complete(f"%pdnb show {ids[0][:3]}") == ids[::-1]
    assert nb.complete(f"%pdnb resume {ids[1]}") == [ids[1]]


@pytest.mark.parametrize(
    "line", ["%pdnb", "%%step", "%%setup", "%pdnb nope ", "%pdnb show x y", "%%step -w", "%pdnb  ", "x = %pdnb", "%pdn"]
)
def test_tab_never_fails(nb: Notebook, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    nb.complete(line)
    assert "Traceback" not in capsys.readouterr().err


def test_tab_does_not_fail_where_the_store_or_the_name_cannot_be_used(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch, pdnb_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pdnb_dir.mkdir()
    (pdnb_dir / "cache.db").write_text("no store")
    nb.complete("%pdnb show 0")
    assert capsys.readouterr().err == ""
    assert "restore it from a backup" in nb.refused("%pdnb runs")
