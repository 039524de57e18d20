"""The shell's commands: what they show, what they end with, and the one line of every error."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pdnb.cli import commands
from pdnb.coordination.home import Home
from pdnb.model import Status
from pdnb.workers import background
from tests.support.command_line import PDNB, document, notebook, pdnb, process
from tests.support.owners import owners_in
from tests.support.processes import alive, until

APPROVE = Path(__file__).parents[2] / "notebooks" / "01_approve.ipynb"
TOKEN = re.compile(r"pdnb1[rc]\.")


@pytest.fixture
def waiting(pdnb_dir: Path) -> str:
    """The id of a run that waits for a person."""
    found: str = document("run", APPROVE, "--event", '{"to": "me"}')["id"]
    return found


def worked() -> None:
    """Let what is queued be worked off, without a server."""
    done = subprocess.run([*PDNB, "worker", "--idle", "0.2"], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("pdnb worker: runs the scheduler and the workers")


# ---- run ----


def test_run_goes_to_the_first_pause_and_says_how_to_answer(pdnb_dir: Path) -> None:
    result = pdnb("run", APPROVE, "--event", '{"to": "me"}')
    assert result.exit_code == 0
    [run_id] = re.findall(r"^run ([0-9a-z]{20}) of 01_approve, here$", result.stdout, re.MULTILINE)
    told = (
        "▶ draft\ndrafting a note to me\n✓ draft: done, ",
        "▶ approve\n◆ approve: suspended\n",
        f"run {run_id} of 01_approve  ◆ suspended\nStep approve waits for a person since ",
        f"Answer: pdnb resume {run_id} [JSON]\n",
        "No server or worker serves this store just now: start pdnb serve, or pdnb worker.\n",
    )
    assert re.search(r"[\s\S]*?".join(map(re.escape, told)), result.stdout), result.stdout
    assert not TOKEN.search(result.output)


def test_links_are_shown_only_when_asked_for(pdnb_dir: Path) -> None:
    result = pdnb("run", APPROVE, "--event", '{"to": "me"}', "--links")
    for name in ("resume", "cancel"):
        assert re.search(rf"^{name}_url = http://127\.0\.0\.1:8888/pdnb/{name}/pdnb1\S+$", result.stdout, re.MULTILINE)
    run_id = document("runs")["runs"][0]["id"]
    assert not TOKEN.search(pdnb("show", run_id).output + pdnb("show", run_id, "--json").output)
    assert TOKEN.search(pdnb("show", run_id, "--links").stdout)
    assert TOKEN.search(document("show", run_id, "--links")["links"]["resume_url"])


def test_with_json_stdout_is_one_document_whatever_the_steps_print(tmp_path: Path) -> None:
    path = notebook(tmp_path / "loud.ipynb", "%%step say\nprint('loud')\n{'a': 1}")
    result = pdnb("run", path, "--json")
    assert json.loads(result.stdout)["status"] == "succeeded"
    assert "loud" in result.stderr


def test_setup_cells_travel_and_other_cells_are_not_executed(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    cells = (
        f"open({str(trap)!r}, 'w')",
        "%%setup\nimport math\ndef twice(x): return 2 * x",
        "%%step go\ntwice(math.pi)",
    )
    assert (
        document("run", notebook(tmp_path / "w.ipynb", *cells))["exports"]["go"]["$return_value"]
        == 2 * 3.141592653589793
    )
    assert not trap.exists()


def test_a_name_of_a_cell_that_is_not_executed_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "rate = 3", "%%step go\nrate * 2")
    result = pdnb("run", path)
    assert result.exit_code == 6
    assert re.fullmatch(r"pdnb: step 'go' uses 'rate'.*\nthe shell executes no cells: .*%%setup.*\n", result.stderr)
    assert pdnb("runs").exit_code == 5


def test_a_run_begins_in_the_directory_of_its_notebook(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "beside_the_notebook.py").write_text("WORD = 'found'\n")
    step = "%%step go\nimport os, beside_the_notebook\n[os.getcwd(), beside_the_notebook.WORD]"
    path = notebook(
        tmp_path / "deep" / "w.ipynb", step, "%%step wait\nstep.flow.suspend()", step.replace("go", "again")
    )
    before = Path.cwd(), list(sys.path)
    run_id = document("run", path)["id"]
    assert (Path.cwd(), sys.path) == before
    pdnb("resume", run_id)
    worked()
    exports = document("show", run_id)["exports"]
    assert exports["go"] == exports["again"] == {"$return_value": [str(tmp_path / "deep"), "found"]}
    sys.modules.pop("beside_the_notebook", None)


def test_a_module_will_do_for_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "flow_in_a_module.py"
    path.write_text("import pdnb\n\n@pdnb.step\ndef first(pd):\n    return 7\n")
    assert document("run", path)["exports"]["first"] == {"$return_value": 7}
    sys.modules.pop(path.stem)


def test_one_workflow_of_several_is_chosen_by_name(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "%%step a\n1", "%%step -w other b\n2")
    assert document("run", path)["steps"] == ["a"]
    assert document("run", path, "-w", "other")["steps"] == ["b"]


def test_a_cell_that_looks_like_a_step_and_is_none_is_never_left_out(tmp_path: Path) -> None:
    publish = "%%step publish\n'PUBLISHED'"
    for gate in ("# ask\n%%step gate\nstep.flow.suspend()", "%%Step gate\nstep.flow.suspend()"):
        result = pdnb("run", notebook(tmp_path / "w.ipynb", gate, publish))
        assert (result.exit_code, result.stdout) == (6, "")
        assert "w.ipynb, code cell 1 (" in result.stderr
    for gate in ("   \n%%step gate\nstep.flow.suspend()", "%%capture\n%%step gate\nstep.flow.suspend()"):
        found = document("run", notebook(tmp_path / "w.ipynb", gate, publish))
        assert (found["status"], found["steps"]) == ("suspended", ["gate", "publish"])


def test_a_step_that_only_defines_a_function_is_told(tmp_path: Path) -> None:
    result = pdnb("run", notebook(tmp_path / "w.ipynb", "%%step gate\ndef handle(pd):\n    pd.flow.suspend()"))
    assert result.exit_code == 0
    assert result.stderr.startswith(
        "step 'gate' defines 'handle' and never calls it, so nothing of it runs: write def "
    )


def test_two_notebooks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place in "ab":
        (tmp_path / place).mkdir()
    one, other = (notebook(tmp_path / place / "w.ipynb", "%%step a\n1") for place in "ab")
    assert pdnb("run", one).stderr == ""
    assert f"workflow 'w' of {other} has the name of another notebook's, {one}, with runs" in pdnb("run", other).stderr
    run = document("run", other)
    assert run["notebook"] == str(other)
    assert f" · from {other}" in pdnb("show", run["id"]).stdout.replace("\n", "")


@pytest.mark.parametrize("way", ["text", "file", "stdin"])
def test_an_event_is_json_in_the_line_in_a_file_or_on_stdin(tmp_path: Path, way: str) -> None:
    path = notebook(tmp_path / "w.ipynb", '%%step go\nstep.steps["trigger"]["event"]')
    text = '{"a": [1, "ü", null]}'
    (tmp_path / "event.json").write_text(text, encoding="utf-8")
    given = {"text": text, "file": f"@{tmp_path / 'event.json'}", "stdin": "-"}[way]
    result = pdnb("run", path, "--event", given, "--json", stdin=text if way == "stdin" else None)
    assert json.loads(result.stdout)["exports"]["go"] == {"$return_value": {"a": [1, "ü", None]}}


def test_a_step_that_raises_shows_its_own_traceback_and_ends_with_1(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "%%step go\ndef f():\n    return 1 / 0\nf()")
    result = pdnb("run", path)
    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.stdout
    assert "return 1 / 0" in result.stdout
    assert "pdnb/cli" not in result.output
    assert result.stderr == ""
    failed = document("runs")["runs"][0]
    assert failed["status"] == "failed"


@pytest.mark.parametrize("error", ["LookupError('x')", "SystemExit(0)", "__import__('pdnb').errors.RunNotFound('x')"])
def test_whatever_a_step_raises_the_run_has_failed_and_not_the_command(tmp_path: Path, error: str) -> None:
    result = pdnb("run", notebook(tmp_path / "w.ipynb", f"%%step go\nimport pdnb.errors\nraise {error}"))
    assert (result.exit_code, result.stderr) == (1, "")


def test_wait_stays_through_the_pauses_and_keeps_the_clock_itself(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "%%step nap\nstep.flow.delay(300)", "%%step woke\n'up'")
    result = pdnb("run", path, "--wait")
    assert result.exit_code == 0
    assert re.search(
        r"◷ nap: sleeping\n▶ woke\n'up'\n✓ woke: done, .*\nrun .* ✓ succeeded\nFinished on ", result.stdout
    )


def test_wait_ends_with_1_when_the_run_is_cancelled(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "%%step ask\nstep.flow.suspend(200)")
    result = pdnb("run", path, "--wait")
    assert result.exit_code == 1
    assert "nobody answered step ask in time" in result.stdout


def test_progress_is_told_while_a_step_works(tmp_path: Path) -> None:
    step = """
    %%step go
    import threading
    for i in range(3):
        step.progress(i, 3, f"part {i}")
        threading.Event().wait(0.7)
    """
    result = pdnb("run", notebook(tmp_path / "w.ipynb", step))
    assert re.search(r"▶ go\n(  \d+% part \d\n)+✓ go: done", result.stdout), result.stdout


def test_markup_and_terminal_codes_of_others_are_text(tmp_path: Path) -> None:
    name = "[bold red]x[/] :smile:"
    path = notebook(tmp_path / "w.ipynb", f"%%step -w \"{name}\" go\nprint('[link=http://e.org]l[/link] \\x1b[31mred')")
    result = pdnb("run", path, "-w", name)
    assert result.exit_code == 0
    list_runs = pdnb("runs").stdout
    shown = pdnb("show", document("runs")["runs"][0]["id"]).stdout
    assert name in list_runs
    assert name in shown
    assert "[link=http://e.org]l[/link] red" in shown
    assert "\x1b" not in list_runs + shown


# ---- looking and answering ----


def test_the_whole_life_of_a_run_from_the_shell(waiting: str, tmp_path: Path) -> None:
    list_runs = pdnb("runs").stdout.splitlines()
    assert list_runs[0].split() == ["run", "workflow", "status", "step", "since", "due", "in", "credits"]
    assert list_runs[1].split()[:5] == [waiting, "01_approve", "◆", "suspended", "approve"]
    resumed = pdnb("resume", waiting[:12], '{"comment": "fine"}')
    assert resumed.exit_code == 0
    assert "◌ queued" in resumed.stdout
    assert re.search(r"Resumed on .* from the shell", resumed.stdout)
    worked()
    shown = pdnb("show", waiting).stdout
    for text in (
        "✓ succeeded",
        '{"to": "me"}',
        "drafting a note to me",
        "publishing",
        "in a worker",
        "{'comment': 'fine'}",
    ):
        assert text in shown
    written = pdnb("report", waiting, tmp_path / "report.ipynb")
    assert written.stdout == f"written: {tmp_path / 'report.ipynb'}\n"
    assert waiting in (tmp_path / "report.ipynb").read_text()


def test_an_answer_that_cannot_be_kept_is_refused_by_the_name_of_its_field(waiting: str) -> None:
    for number in ("1e400", "9" * 5_000):
        refused = pdnb("resume", waiting, f'{{"price": {number}}}')
        assert (refused.exit_code, "price: " in refused.stderr) == (4, True)
    assert document("show", waiting)["status"] == "suspended"


def test_an_answer_typed_twice_does_not_answer_the_next_question(tmp_path: Path) -> None:
    asks = "%%step {}\nstep.flow.suspend()"
    run_id = document("run", notebook(tmp_path / "w.ipynb", asks.format("a"), asks.format("b")))["id"]
    assert pdnb("resume", run_id).exit_code == 0
    assert pdnb("resume", run_id).exit_code == 4
    worked()
    assert (document("show", run_id)["step"], document("show", run_id)["status"]) == ("b", "suspended")


def test_cancel_takes_a_reason(waiting: str) -> None:
    cancelled = document("cancel", waiting, "too late")
    assert (cancelled["status"], cancelled["decision"]["reason"]) == ("cancelled", "too late")
    assert (cancelled["decision"]["via"]) == "shell"


def test_retry_lets_a_failed_run_go_on(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    pdnb("run", notebook(tmp_path / "w.ipynb", f"%%step go\nopen({str(flag)!r}).read()"))
    run_id = document("runs")["runs"][0]["id"]
    flag.write_text("there")
    assert document("retry", run_id)["status"] == "queued"
    worked()
    assert document("show", run_id)["exports"]["go"] == {"$return_value": "there"}


def test_upgrade_shows_what_has_changed_and_the_run_goes_on_with_it(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "%%step ask\nstep.flow.suspend()", "%%step say\n'old'")
    run_id = document("run", path)["id"]
    assert pdnb("upgrade", run_id, path).stdout == "nothing has changed: the run has this code already\n"
    notebook(path, "%%step ask\nstep.flow.suspend()", "%%step say\n'new'")
    changed = pdnb("upgrade", run_id, path).stdout
    assert "-'old'\n+'new'\n" in changed
    assert "environment" not in changed
    pdnb("resume", run_id)
    worked()
    assert document("show", run_id)["exports"]["say"] == {"$return_value": "new"}


def test_runs_are_chosen_by_status_and_workflow_and_come_in_pages(waiting: str, tmp_path: Path) -> None:
    pdnb("run", notebook(tmp_path / "w.ipynb", "%%step go\n1"))
    assert [r["workflow"] for r in document("runs")["runs"]] == ["w", "01_approve"]
    assert [r["id"] for r in document("runs", "--status", "suspended", "--status", "failed")["runs"]] == [waiting]
    assert [r["workflow"] for r in document("runs", "-w", "w")["runs"]] == ["w"]
    page = document("runs", "-n", "1")
    assert [r["id"] for r in document("runs", "-n", "1", "--cursor", page["next"])["runs"]] == [waiting]
    assert pdnb("runs", "--status", "failed").stdout == "no runs\n"


def test_the_statuses_that_are_offered_are_those_there_are() -> None:
    assert tuple(Status) == commands.STATUSES


# ---- errors ----


def test_a_missing_store_is_told_and_not_made(pdnb_dir: Path) -> None:
    for command in (["runs"], ["show", "x"], ["resume", "x"], ["cancel", "x"], ["retry", "x"], ["report", "x"]):
        result = pdnb(*command)
        assert (result.exit_code, result.stdout) == (5, "")
        assert result.stderr == f"pdnb: no store in {pdnb_dir}: start a run first, or set PDNB_DIR\n"
    assert not pdnb_dir.exists()


def test_directory_stands_before_the_variable(tmp_path: Path, pdnb_dir: Path) -> None:
    other = tmp_path / "other"
    run_id = document("run", APPROVE, "--event", '{"to": 1}', "--directory", other)["id"]
    assert document("runs", "--directory", other)["runs"][0]["id"] == run_id
    assert not pdnb_dir.exists()


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (["show", "zzz"], 3, "no run 'zzz' in this store: look at the list of runs"),
        (["resume", "{run}", "1"], 0, ""),
        (
            ["resume", "{run}", "2"],
            4,
            r"run {run} is queued at step 'publish' and waits for no answer\. Resumed on .* from the shell",
        ),
        (["cancel", "{run}"], 0, ""),
        (["resume", "{run}"], 4, ".*"),
        (["retry", "{run}"], 4, ".*"),
        (["report", "{run}", "here.txt"], 6, "here.txt is no name of a notebook: end it with .ipynb"),
        (["run", "nowhere.ipynb"], 6, "nowhere.ipynb is no file: give the path of a notebook .*"),
    ],
)  # one after the other, on one run
def test_an_error_is_one_line_and_its_kind_an_exit_code(chain: str, args: list[str], code: int, line: str) -> None:
    result = pdnb(*(arg.format(run=chain) for arg in args))
    assert result.exit_code == code, result.output
    if code:
        assert re.fullmatch(f"pdnb: {line.format(run=chain)}\n", result.stderr), result.stderr
        assert result.stdout == ""


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {"place": tmp_path_factory.mktemp("shared")}


@pytest.fixture
def chain(_shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """One run for a chain of commands, in a store of its own."""
    monkeypatch.setenv("PDNB_DIR", str(_shared["place"] / "store"))
    if "run" not in _shared:
        _shared["run"] = document("run", APPROVE, "--event", '{"to": "me"}')["id"]
    found: str = _shared["run"]
    return found


def test_with_json_errors_are_json_too(waiting: str) -> None:
    for args, code in ((["show", "zzz"], 3), (["show"], 2), (["runs", "--status", "odd"], 2), (["run", "no.ipynb"], 6)):
        result = pdnb(*args, "--json")
        assert (result.exit_code, result.stdout) == (code, "")
        told = json.loads(result.stderr)
        assert told["code"] == code
        assert told["error"]


@pytest.mark.parametrize("text", ["{'a': 1}", "yes", "NaN", "[" * 100_000, "@nowhere.json", "@/dev/null/x", "@.", ""])
def test_what_is_no_json_is_wrong_usage(waiting: str, text: str) -> None:
    result = pdnb("resume", waiting, text)
    assert result.exit_code == 2
    assert "Error: Invalid value for '[ANSWER]'" in result.stderr
    assert document("show", waiting)["status"] == "suspended"


@pytest.mark.parametrize(
    "run_id", ["", "..", "../secret", "*", "%", "a\x1b[31mb", "ü" * 5_000, "x" * 10_000, "1' OR '1"]
)
def test_no_text_stands_for_a_run_that_is_not_there(waiting: str, run_id: str) -> None:
    result = pdnb("show", "--", run_id)
    assert result.exit_code == 3
    assert result.stderr.startswith("pdnb: ")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_the_beginning_of_several_ids_is_no_id(waiting: str) -> None:
    document("run", APPROVE, "--event", '{"to": "me"}')
    result = pdnb("show", waiting[0])
    assert (result.exit_code, result.stderr) == (3, f"pdnb: {waiting[0]!r} begins several runs' ids: give more of it\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"nbformat": 99, "cells": []}',
        b'{"cells": 1, "nbformat": 4}',
        b"[" * 100_000,
    ],
)
def test_a_broken_notebook_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content)
    result = pdnb("run", path)
    assert (result.exit_code, result.stdout) == (6, "")
    assert re.fullmatch(rf"pdnb: {re.escape(str(path))} .*\n", result.stderr), result.stderr


@pytest.mark.parametrize(("minor", "cell_id"), [(4, {}), (5, {}), (5, {"id": "a"})])
def test_an_old_notebook_is_read_without_a_word(tmp_path: Path, minor: int, cell_id: dict[str, str]) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": "%%step go\n1",
    }
    content = {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": [cell | cell_id]}
    (tmp_path / "old.ipynb").write_text(json.dumps(content))
    result = pdnb("run", tmp_path / "old.ipynb")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_cell_that_does_not_parse_is_told_by_its_step(tmp_path: Path) -> None:
    result = pdnb("run", notebook(tmp_path / "w.ipynb", "%%step go\ndef handler(pd:\n    pass"))
    assert result.exit_code == 6
    assert re.match("pdnb: .*go.*line 1", result.stderr, re.DOTALL), result.stderr


@pytest.mark.parametrize("kind", ["directory", "fifo", "device"])
def test_what_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    path = {"directory": tmp_path, "fifo": tmp_path / "fifo.ipynb", "device": Path("/dev/zero")}[kind]
    if kind == "fifo":
        os.mkfifo(path)
    assert pdnb("run", path).stderr == f"pdnb: {path} is no file: give the path of a notebook (.ipynb)\n"


def test_a_store_that_cannot_be_used_ends_with_5(waiting: str, pdnb_dir: Path) -> None:
    (pdnb_dir / "cache.db").write_bytes(b"no database " * 1_000)
    for args in (["runs"], ["run", APPROVE], ["serve"], ["worker"]):
        result = pdnb(*args)
        assert result.exit_code == 5
        assert re.fullmatch(r"pdnb: .*\n", result.stderr)


# ---- as a process ----


def test_help_and_version_are_quick_because_they_load_nothing() -> None:
    look = "import sys, pdnb.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout.split()
    assert {"rich", "diskcache", "IPython", "jupyter_server", "pdnb.coordination.home", "jsonschema"}.isdisjoint(loaded)
    assert re.fullmatch(r"pdnb \d+\.\d+\.\d+\n", pdnb("--version").stdout)
    told = pdnb("--help").stdout
    assert "Exit codes:\n    0    fine\n" in told
    for command in ("run", "runs", "show", "resume", "cancel", "retry", "report", "upgrade", "serve", "worker", "demo"):
        assert re.search(rf"^  {command} +[A-Z].*\.$", told, re.MULTILINE), command
        assert pdnb(command, "--help").exit_code == 0


def test_every_name_of_the_command_is_the_same_command() -> None:
    for command in (PDNB, (Path(sys.executable).with_name("pdnb"),), (Path(sys.executable).with_name("jupyter-pdnb"),)):
        told = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True)
        assert told.stdout.startswith("pdnb ")


def test_interrupt_in_a_pause_leaves_the_run_waiting(pdnb_dir: Path) -> None:
    with process("run", APPROVE, "--event", '{"to": 1}', "--wait", PYTHONUNBUFFERED="1") as run:
        assert run.stdout is not None
        until(lambda: "approve: suspended" in (run.stdout.readline() if run.stdout else ""))
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert re.fullmatch(r"pdnb: interrupted: run [0-9a-z]{20} is suspended\n", err)


def test_interrupt_in_a_step_ends_the_run(tmp_path: Path) -> None:
    path = notebook(tmp_path / "w.ipynb", "%%step go\nimport threading\nprint('here')\nthreading.Event().wait(60)")
    with process("run", path, PYTHONUNBUFFERED="1") as run:
        until(lambda: "here" in (run.stdout.readline() if run.stdout else ""))
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert re.fullmatch(r"pdnb: interrupted: run [0-9a-z]{20} is failed\n", err)
    assert "KeyboardInterrupt" in out


def at_a_terminal(*args: str | Path, **env: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 80))
    environ = {**{k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}, "TERM": "xterm", **env}
    command = subprocess.Popen([*PDNB, *map(str, args)], stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # Linux's way to say that nobody writes any more
        while part := os.read(ours, 65_536):
            said += part
    os.close(ours)
    command.wait(60)
    return said.decode().replace("\r\n", "\n")


def test_a_terminal_sees_colours_within_its_columns_unless_it_wants_none(tmp_path: Path) -> None:
    long = notebook(tmp_path / f"{'very ' * 15}long.ipynb", f"%%step {'s' * 60}\nstep.flow.suspend()")
    live = at_a_terminal("run", long)
    assert "\x1b[33m◆ suspended\x1b[0m" in live
    assert re.search(r"◆\S*  s+…  \S*suspended", live), live
    list_runs = at_a_terminal("runs")
    assert "\x1b[33m◆ suspended\x1b[0m" in list_runs
    bare = at_a_terminal("runs", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", bare)
    for line in re.sub(r"\x1b\[[0-9;]*m", "", list_runs + bare).splitlines():
        assert len(line) <= 80
    assert bare.count("…") == 2, "workflow and step give way, the id does not"
    assert document("runs")["runs"][0]["id"] in bare


def test_a_terminal_that_knows_no_signs_is_no_error(waiting: str) -> None:
    for command in (["runs"], ["show", waiting]):
        env = {**os.environ, "PYTHONIOENCODING": "ascii"}
        told = subprocess.run([*PDNB, *command], env=env, check=True, capture_output=True, timeout=60)
        assert b"? suspended" in told.stdout


def test_worker_works_off_the_queue_and_ends_after_the_step_at_hand(tmp_path: Path, pdnb_dir: Path) -> None:
    step = "%%step go\nimport pathlib, threading\npathlib.Path('begun').touch()\nthreading.Event().wait(1.5)\n'done'"
    path = notebook(tmp_path / "w.ipynb", "%%step nap\nstep.flow.delay(10)", step)
    run_id = document("run", path)["id"]
    with process("worker", PYTHONUNBUFFERED="1") as worker, process("worker", PYTHONUNBUFFERED="1") as other:
        first = {p.stdout.readline() for p in (worker, other) if p.stdout}
        assert {line.partition(":")[2].split()[0] for line in first} == {"runs", "stands"}
        until((tmp_path / "begun").exists)
        for each in (worker, other):
            each.terminate()
        assert worker.wait(30) == other.wait(30) == 0
    assert document("show", run_id)["exports"]["go"] == {"$return_value": "done"}


def test_serve_keeps_the_store_for_headless_runs_and_worker_stands_by(pdnb_dir: Path) -> None:
    with process("serve", "--no-browser", "--port", "0", PYTHONUNBUFFERED="1") as server:
        assert server.stdout is not None
        assert server.stdout.readline() == f"pdnb serves the store {pdnb_dir}\n"
        address = server.stdout.readline().split()[-1]
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/pdnb/\?token=([0-9a-f]+)", address)
        assert found, address
        with Home(pdnb_dir, kind="shell") as home:
            until(home.has_leader)
        with process("worker", PYTHONUNBUFFERED="1") as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "pdnb worker: stands by: a server runs them\n"
        result = pdnb("run", APPROVE, "--event", '{"to": "me"}')
        assert re.search(
            r"in a worker\n[\s\S]*drafting a note to me\n✓ draft: done.*\n[\s\S]*◆ approve: suspended\n", result.stdout
        )
        run_id = document("runs")["runs"][0]["id"]
        pdnb("resume", run_id, '"yes"')
        until(lambda: document("show", run_id)["status"] == "succeeded")
        with urllib.request.urlopen(f"{found[1]}/pdnb/api/runs?token={found[2]}") as answer:
            assert [run["id"] for run in json.load(answer)["runs"]] == [run_id]
        with pytest.raises(urllib.error.HTTPError), urllib.request.urlopen(f"{found[1]}/pdnb/api/runs"):
            pass
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "Traceback" not in err
    with Home(pdnb_dir, kind="shell") as home:
        assert not home.has_leader()


def test_serve_in_the_background_comes_once_and_ends_when_nothing_is_unfinished(waiting: str, pdnb_dir: Path) -> None:
    first = document("serve", "--background", "--idle", "1")
    assert (first["served"], first["started"]) == (True, True)
    again = document("serve", "--background")
    assert again == {**first, "started": False}
    pid = owners_in(pdnb_dir, "server")[0].pid
    assert os.getsid(pid) == pid
    assert (pdnb_dir / "background.log").stat().st_mode & 0o777 == 0o600
    with Home(pdnb_dir, kind="shell") as home:
        home.notifier.wait(1.6)
        assert home.has_leader(), "a run is unfinished"
        pdnb("cancel", waiting)
        until(lambda: not home.has_leader())
    until(lambda: not alive(pid))
    assert [started.wait() for started in background._started] == [0]
    background._started.clear()
    assert "without unfinished runs" in (pdnb_dir / "background.log").read_text()
