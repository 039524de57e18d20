"""The magics in a real IPython shell: every command, one-line errors, ordinary tracebacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

import pdnb
from pdnb.client import Run, Runs, list_runs
from pdnb.coordination.home import Home
from pdnb.coordination.leader import LeaderLock
from pdnb.errors import BadAnswer
from pdnb.kernel.card import card_html
from pdnb.model import Status
from pdnb.workflow.definition import Step, Workflow
from tests.support.notebook import Notebook
from tests.support.processes import run_worker

PACKAGE = str(Path(pdnb.__file__).parent)
GATE = "%%step gate\nstep.flow.suspend()\n'asked'"


# ---- %%step and %%setup


def test_a_step_cell_defines_a_step_and_runs_nothing(nb: Notebook) -> None:
    said = nb.try_("%%step draft\n1 / 0")
    assert said.error is None
    assert said.out.splitlines()[-1] == "Out[1]: workflow: draft"
    assert nb.run("%%step send -w mail\n1").workflow.names == ("send",)
    assert (nb.names(), nb.names("mail")) == (("draft",), ("send",))


def test_the_name_of_the_notebook_names_the_workflow(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/al/01_approve.ipynb")
    assert repr(nb.run("%%step draft\n1")) == "01_approve: draft"


def test_running_a_cell_again_replaces_its_step_in_place(nb: Notebook) -> None:
    for name in ("one", "two", "three"):
        nb.run(f"%%step {name}\n'old'")
    assert repr(nb.run("%%step two\n'new'")) == "workflow: one → two → three"
    run = nb.run("%pdnb run")
    assert [run.exports[name]["$return_value"] for name in nb.names()] == ["old", "new", "old"]


def test_steps_are_ordered_and_removed(nb: Notebook) -> None:
    for name in ("one", "two", "three"):
        nb.run(f"%%step {name}\n1")

    def shown(line: str) -> str:
        return repr(nb.run(line)).splitlines()[0]

    assert shown("%pdnb steps") == "workflow: one → two → three"
    assert shown("%pdnb steps three one") == "workflow: three → one → two"
    assert shown("%pdnb steps --remove one") == "workflow: three → two"
    assert nb.refused("%pdnb steps one two").startswith("workflow 'workflow' has no step 'one' (its steps: three, two)")
    assert nb.refused("%pdnb steps --remove") == "%pdnb steps --remove wants the names of the steps to remove"
    assert nb.names() == ("three", "two")
    assert repr(nb.run("%pdnb steps -w mail")) == "mail: no steps yet"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%step\n1", "%%step wants a name: %%step NAME"),
        ("%%step a b\n1", "%%step wants a name: %%step NAME, not 'a b'"),
        ("%%step 1a\n1", "'1a' cannot name a step: use 1 to 64 letters"),
        ("%%step {x}\n1", "'{x}' cannot name a step"),
        ("%%step $x\n1", "'$x' cannot name a step"),
        ("%%step trigger\n1", "'trigger' is the event's own name in pd.steps"),
        (f"%%step {'x' * 65}\n1", "cannot name a step"),
        ("%%step 'draft\n1", "the quote ' is never closed"),
        ("%%step draft --wait\n1", "%%step has no option --wait (it has: --workflow"),
        ("%%step draft --tes\n1", "%%step has no option --tes"),
        ("%%step draft -w ' x'\n1", "' x' cannot name a workflow"),
        ("%%step draft", "%%step is a cell magic, but the cell body is empty"),
        ("%%step draft\n# to do\n", "step draft of workflow: the cell is empty"),
        ("%%step draft\nx = 1\ny = = 2", "step draft of workflow, line 2: invalid syntax: y = = 2"),
        ("%%step draft\nx = 1\n!ls", "step draft of workflow, line 2: '!ls' is IPython syntax"),
        (
            "%%step draft\nstep.flow.suspend(nine - datetime.now(z))",
            "is an hour off when the clocks change in between: write pd.flow.suspend(until=nine)",
        ),
        ("%%step draft\ndef handler(a, b): pass", "line 1: a handler takes the step object and nothing else"),
        ("%%setup draft\n1", "%%setup takes no name ('draft')"),
        ("%%setup\nx = 1\nawait x", "line 2: 'await' outside function (a setup cell cannot await)"),
        ("%%setup\n%time 1", "line 1: '%time 1' is IPython syntax"),
        ("%%setup --all\n1", "%%setup has no option --all (it has: --workflow)"),
    ],
)
def test_a_wrong_cell_is_one_line_and_defines_nothing(nb: Notebook, cell: str, said: str) -> None:
    nb.run("x = 'filled in'")
    assert said in nb.refused(cell)
    assert nb.names() == ()
    assert nb.magics.session.workflow().setup == ()


def test_a_wrong_cell_leaves_its_step_as_it_was(nb: Notebook) -> None:
    nb.run("%%step draft\n'old'")
    nb.refused("%%step draft\n'new")
    assert nb.run("%pdnb run").exports["draft"] == {"$return_value": "old"}


def test_a_setup_cell_executes_here_too_and_counts_once(nb: Notebook) -> None:
    for _ in range(2):
        assert repr(nb.run("%%setup\nimport math\nHALF = math.tau / 2")) == "workflow: no steps yet  (+ 1 setup)"
    assert nb.run("round(HALF, 2)") == 3.14
    nb.run("%%step one\nHALF == math.pi")
    assert nb.run("%pdnb run").exports["one"]["$return_value"] is True


def test_a_setup_cell_that_fails_is_an_ordinary_failing_cell_and_is_not_taken(nb: Notebook) -> None:
    nb.run("%%setup\ndef half(n):\n    return 1 / n")
    said = nb.try_("%%setup\nx = 1\nhalf(0)")
    assert isinstance(said.error, ZeroDivisionError)
    assert "half(0)" in said.out
    assert "return 1 / n" in said.out
    assert said.out.count("ZeroDivisionError: division by zero") == 1
    assert PACKAGE not in said.out
    assert len(nb.magics.session.workflow().setup) == 1


# ---- %pdnb run


def test_a_run_goes_to_its_first_pause_and_is_the_magics_value(nb: Notebook) -> None:
    nb.run("%%step draft\ndef handler(pd):\n    print('drafting')\n    return pd.steps['trigger']['event']")
    nb.run(GATE)
    said = nb.try_('run = %pdnb run {"to": "{x} $x", "n":  [1, 2]}')
    run = nb.shell.user_ns["run"]
    assert isinstance(run, Run)
    assert (run.status, run.step) == (Status.SUSPENDED, "gate")
    assert run.exports["draft"]["$return_value"] == {"to": "{x} $x", "n": [1, 2]}
    assert "drafting" in said.out
    assert f"suspended  (run {run.id})" in said.out


def test_an_event_that_is_not_json_starts_nothing(nb: Notebook) -> None:
    """Refused before effects where it can be known."""
    nb.run("%%step one\nstep.steps['trigger']['event']")
    nb.run("event = {'rows': {1}}")
    assert nb.refused("%pdnb run event") == 'steps.trigger["event"]["rows"]: set is not JSON: write sorted(x)'
    assert nb.magics.session.step_test().event is None
    assert not list_runs(nb.home)


def test_an_event_is_taken_as_json_and_as_it_is_now(nb: Notebook) -> None:
    nb.run("%%step one\nstep.steps['trigger']['event']")
    nb.run("import collections\nevent = {'n': collections.Counter('aab'), 7: (1, 2)}")
    run = nb.run("%pdnb run event")
    assert run.exports["one"]["$return_value"] == {"n": {"a": 2, "b": 1}, "7": [1, 2]}


def test_what_a_step_looked_for_in_the_event_is_said_below_its_traceback(nb: Notebook) -> None:
    nb.run('%%step one\ndef handler(pd):\n    return pd.steps["trigger"]["event"]["to"]')
    said = nb.try_("%pdnb run")
    assert isinstance(said.error, TypeError)
    assert 'started without an event: %pdnb run {"to": …} gives it one' in said.out


def test_a_variable_is_an_event_too(nb: Notebook) -> None:
    nb.run("%%step one\nstep.steps['trigger']['event']")
    nb.run("letter = {'to': 'al'}")
    assert nb.run("%pdnb run letter").exports["one"]["$return_value"] == {"to": "al"}


def test_a_run_is_shown_once(nb: Notebook) -> None:
    nb.run("%%step one\nstep.flow.delay(3_600_000)")
    for cell in ("%pdnb run", "run = %pdnb run\nrun"):
        said = nb.try_(cell)
        assert said.out.count("sleeping  (run") == 1, said.out
        assert said.out.count("running  (run") == 1
    assert nb.try_("run").out.count("sleeping  (run") == 1
    assert nb.try_("%pdnb show run").out.count("sleeping  (run") == 1
    assert nb.try_("repr(run)").out.count("sleeping") == 1


def test_wait_stays_until_the_run_is_over(nb: Notebook) -> None:
    nb.run("%%step nap\nstep.flow.delay(30)")
    nb.run("%%step last\n'awake'")
    run = nb.run("%pdnb run --wait")
    assert (run.status, run.exports["last"]["$return_value"]) == (Status.SUCCEEDED, "awake")


def test_headless_leaves_the_run_to_a_worker(nb: Notebook) -> None:
    nb.run("%%step one -w mail\n1 / 0")
    run = nb.run("%pdnb run -w mail --headless")
    assert (run.status, run.workflow) == (Status.QUEUED, "mail")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "%pdnb has no command '': use one of run, "),
        ("rnu", "%pdnb has no command 'rnu': use one of run, "),
        ("--wait", "%pdnb has no command '--wait'"),
        ("run --wait --headless", "choose one"),
        ("run --w", "%pdnb run has no option --w "),
        ("run -w mail", "workflow 'mail' has no steps yet (this notebook has 'workflow')"),
        ("run {'to': 'al'}", "JSON wants double quotes"),
        ("run nope", "'nope' is no variable here and no JSON"),
        ('run {"a": NaN}', 'steps.trigger["event"]["a"]: nan is not JSON'),
        ("run nothing_json", 'steps.trigger["event"]: set is not JSON'),
        ("runs --status done", "'done' is no status: use queued, running, suspended"),
        ("runs -n 0", "%pdnb runs takes --status, -w and -n with a number, not '0'"),
        ("runs -n x", "not 'x'"),
        ("runs -n 99999999999999999999", "not '99999999999999999999'"),
        ("runs mail", "not 'mail'"),
        ("show", "%pdnb show wants a run: its id, or a variable that holds it"),
        ("show nope", "no run 'nope' in this store"),
        ("show nothing_json", "'nothing_json' is"),
        ("show --all", "%pdnb show has no option --all (it has: none)"),
        ("resume", "%pdnb resume wants a run"),
        ("resume 0000", "no run '0000' in this store"),
        ("cancel", "%pdnb cancel wants a run"),
        ("steps 'one", "cannot be read: no closing quotation"),
        ("test two", "has no step 'two' (its steps: one)"),
        ("test one two", "%pdnb test takes one step, not 'two' too"),
        ("panel -w", "%pdnb panel -w wants a value"),
    ],
)
def test_a_wrong_line_is_one_line_and_starts_nothing(nb: Notebook, line: str, said: str) -> None:
    nb.run("nothing_json = {1, 2}")
    nb.run("%%step one\n1")
    assert said in nb.refused(f"%pdnb {line}")
    assert nb.home.store.list().runs == ()


def test_what_a_step_raises_is_an_ordinary_traceback_of_the_steps_own_lines(nb: Notebook) -> None:
    nb.run("%%setup\ndef half(n):\n    return 1 / n")
    for source in ("def handler(pd):\n    x = 1\n    return half(0)", "x = 1\nhalf(0)"):
        nb.run(f"%%step one\n{source}")
        for line in ("%pdnb run", "%pdnb run --wait", "pdnb.run()", "%pdnb test one"):
            said = nb.try_(f"import pdnb\n{line}")
            assert isinstance(said.error, ZeroDivisionError)
            assert said.out.count("ZeroDivisionError: division by zero") >= 1
            assert "half(0)" in said.out
            assert "return 1 / n" in said.out
            assert PACKAGE not in said.out
            assert said.err == ""


def test_what_an_async_step_raises_shows_no_event_loop(nb: Notebook) -> None:
    nb.run("%%step one\nasync def handler(pd):\n    return 1 / 0")
    said = nb.try_("%pdnb run")
    assert "return 1 / 0" in said.out
    assert PACKAGE not in said.out
    assert "asyncio" not in said.out


def test_an_export_that_is_not_json_is_one_line(nb: Notebook) -> None:
    nb.run("%%step load\ndef handler(pd):\n    return {'rows': [1, {2}]}")
    said = nb.try_("%pdnb run")
    assert isinstance(said.error, UsageError)
    assert said.err == 'UsageError: steps.load.$return_value["rows"][1]: set is not JSON: write sorted(x)\n'
    assert "Traceback" not in said.out
    [run] = nb.run("%pdnb runs --status failed")
    assert run.exports["load"] == {}


def test_names_that_live_only_in_the_kernel_are_told_before_the_first_step_runs(nb: Notebook) -> None:
    nb.run("import pandas\ndf = pandas.DataFrame()\nclient = object()")
    nb.run("%%step one\nprint('never')")
    nb.run("%%step load\nlen(df)")
    assert nb.refused("%pdnb run") == (
        "step 'load' uses 'df' (a DataFrame), which lives only in this kernel: "
        "pass it in the event, load it in the step, or define it in a %%setup cell"
    )
    nb.run("%%step load\nlen(df), client")
    said = nb.try_("%pdnb run")
    assert [line.split(",")[0] for line in said.err.splitlines()] == [
        "UsageError: step 'load' uses 'client' (an object)",
        "step 'load' uses 'df' (a DataFrame)",
    ]
    assert nb.home.store.list().runs == ()


def test_what_a_setup_cell_defines_is_there_in_the_kernel_and_in_a_worker(nb: Notebook, pdnb_dir: Path) -> None:
    nb.run("%%setup\nimport pandas\ndf = pandas.DataFrame({'n': [1, 2, 3]})")
    nb.run("def total(frame):\n    return int(frame['n'].sum())")
    nb.run("FACTOR = 7")
    nb.run("%%step load\ntotal(df) * FACTOR")
    assert nb.run("%pdnb run").exports["load"]["$return_value"] == 42
    nb.run("run = %pdnb run --headless")
    run = nb.shell.user_ns["run"]
    run_worker(pdnb_dir, run.id)
    assert (run.status, run.exports["load"]["$return_value"]) == (Status.SUCCEEDED, 42)


# ---- the other commands


def test_runs_are_listed(nb: Notebook) -> None:
    nb.run(GATE)
    nb.run("%%step one -w mail\n1")
    nb.run("%pdnb run")
    nb.run("%pdnb run -w mail")
    runs = nb.run("%pdnb runs")
    assert isinstance(runs, Runs)
    assert [run.workflow for run in runs] == ["mail", "workflow"]
    assert [run.workflow for run in nb.run("%pdnb runs --status=suspended")] == ["workflow"]
    assert [run.workflow for run in nb.run("%pdnb runs -w mail -n 5")] == ["mail"]
    assert len(nb.run("%pdnb runs -n 1")) == 1
    assert "suspended" in nb.try_("%pdnb runs").out


def test_a_run_is_resumed_by_id_by_the_beginning_of_its_id_and_by_name(nb: Notebook) -> None:
    nb.run(GATE)
    nb.run("%%step last\nstep.steps['gate']['$resume_data']")
    nb.run("body = {'ok': True}")
    for given in ("{run.id}", "{beginning}", "run"):
        nb.run("run = %pdnb run")
        run = nb.shell.user_ns["run"]
        said = nb.try_("%pdnb resume " + given.format(run=run, beginning=run.id[:18]) + " body")
        assert said.out.count("queued  (run") == 1
        request = nb.run("run.wait()").exports["last"]["$return_value"]
        assert (request["body"], request["via"]) == ({"ok": True}, "magic")


def test_a_number_out_of_range_is_refused_by_the_name_of_its_field(nb: Notebook) -> None:
    nb.run(GATE)
    nb.run("run = %pdnb run")
    for number in ("1e400", "9" * 5_000):
        assert "price: " in nb.refused(f'%pdnb resume run {{"price": {number}}}')
    assert nb.shell.user_ns["run"].status == "suspended"


def test_a_model_checks_what_the_kernel_answers(nb: Notebook) -> None:
    nb.run("from datetime import datetime\nfrom decimal import Decimal\nimport pydantic")
    nb.run("%%setup\nfrom datetime import datetime\nfrom decimal import Decimal\nimport pydantic\n"
           "class Trip(pydantic.BaseModel):\n    fare: Decimal\n    leaves: datetime")  # fmt: skip
    nb.run("%%step gate\nstep.flow.suspend(form=Trip)")
    nb.run("run = %pdnb run")
    run = nb.shell.user_ns["run"]
    with pytest.raises(BadAnswer) as refusal:
        run.resume({"fare": "much", "leaves": "2026-07-01T09:00:00"})
    assert [line.split(":")[0] for line in refusal.value.problems] == ["fare", "leaves"]
    assert "leaves: " in nb.refused('%pdnb resume run {"fare": 1, "leaves": "soon"}')
    good = {"fare": "1.10", "leaves": "2026-07-01T09:00:00+02:00"}
    run.resume(good)
    assert run.exports["gate"]["$resume_data"]["body"] == good


def test_a_run_is_cancelled_with_a_reason(nb: Notebook) -> None:
    nb.run(GATE)
    nb.run("run = %pdnb run")
    said = nb.try_("%pdnb cancel run not {today} $x")
    assert "cancelled  (run" in said.out
    run = nb.shell.user_ns["run"]
    assert run.document()["decision"]["reason"] == "not {today} $x"
    assert "the run was cancelled at" in nb.refused("%pdnb cancel run")
    assert "the run was cancelled at" in nb.refused(f"%pdnb resume {run.id}")


def test_a_run_in_the_hand_is_answered_as_it_was_seen(nb: Notebook) -> None:
    nb.run("%%step first\nstep.flow.suspend()")
    nb.run("%%step second\nstep.flow.suspend()")
    nb.run("run = %pdnb run")
    other = pdnb.get(nb.shell.user_ns["run"].id).resume()
    with pytest.raises(TimeoutError):
        other.wait(0)
    assert "step 'first' was already resumed at" in nb.refused("%pdnb resume run")
    assert other.status is Status.SUSPENDED


def test_show_shows_the_card(nb: Notebook) -> None:
    nb.run(GATE)
    run = nb.run("run = %pdnb run\nrun")
    for word in ("run", run.id, run.id[:19]):
        assert f"workflow  suspended  (run {run.id})" in nb.try_(f"%pdnb show {word}").out


def test_a_step_is_tested_at_once_and_past_a_pause(nb: Notebook) -> None:
    said = nb.try_("%%step gate --test\ndef handler(pd):\n    pd.flow.suspend()\n    return 1")
    assert (
        "Workflow execution canceled — this may be due to pd.flow.suspend() usage (not supported in test)" in said.out
    )
    nb.run("%%step last\nstep.steps['gate']['$resume_data']['body']")
    nb.run('%pdnb test gate --resume-with {"a": "{x}"}')
    assert "{'$return_value': {'a': '{x}'}}" in nb.try_("%pdnb test last").out
    assert nb.home.store.list().runs == ()


def test_a_test_gets_its_event_from_the_line(nb: Notebook) -> None:
    nb.run("letter = {'to': 'al'}")
    said = nb.try_("%%step one --test --event letter\nstep.steps['trigger']['event']")
    assert "{'$return_value': {'to': 'al'}}" in said.out
    said = nb.try_('%pdnb test --event {"to": "bo"}')
    assert "{'$return_value': {'to': 'bo'}}" in said.out


def test_the_panel_is_a_widget(nb: Notebook) -> None:
    nb.run("%%step one\n1")
    nb.run("%pdnb run")
    panel = nb.run("%pdnb panel -w workflow")
    assert "succeeded" in repr(panel)
    panel.close()


def test_the_modules_functions_are_those_of_the_notebook(nb: Notebook) -> None:
    nb.run(GATE)
    run = pdnb.run({"a": 1})
    assert (run.status, run.workflow) == (Status.SUSPENDED, "workflow")
    assert [found.id for found in pdnb.runs()] == [run.id]
    assert pdnb.run(workflow="workflow", headless=True).status is Status.QUEUED
    assert pdnb.Workflow is Workflow


def test_loading_twice_is_loading_once_and_unloading_leaves_the_store(nb: Notebook) -> None:
    nb.run("%%step one\n1")
    magics, owner = nb.magics, nb.home.owner
    nb.run("%load_ext pdnb")
    assert nb.magics is magics
    nb.run("%reload_ext pdnb")
    assert nb.magics is not magics
    assert not nb.home.owners.alive(owner)
    assert nb.names() == ()


# ---- no working link in what a cell shows


LEAK = """
%%step leak
links = step.flow.suspend()
step.export("links", links)
print(links["resume_url"])
links
"""
LOUD = "%%step loud\nraise ValueError('GET ' + step.flow.suspend()['resume_url'])"


def test_nothing_that_a_cell_shows_of_a_run_has_a_working_link(nb: Notebook) -> None:
    """No token in any log …, in `.ipynb` files, in reprs."""
    nb.run(LEAK)
    nb.run("run = %pdnb run")
    for look in ("run", "run.exports", "run.attempts", "run.document()", "run.resume_url", "%pdnb show run"):
        said = nb.try_(look)
        assert said.error is None
        assert "pdnb1" not in said.out + repr(said.value), look
    assert "/pdnb/resume/…" in nb.try_("run.exports").out
    assert "pdnb1r." in str(nb.run("str(run.resume_url)"))


def test_the_traceback_of_a_step_has_no_working_link(nb: Notebook) -> None:
    nb.run(LOUD)
    said = nb.try_("%pdnb run")
    assert isinstance(said.error, ValueError)
    assert "/pdnb/resume/…" in said.out
    assert "pdnb1" not in said.out + said.err


def test_unloading_leaves_the_shell_as_it_was(nb: Notebook) -> None:
    shown = nb.shell._showtraceback
    nb.run("%unload_ext pdnb")
    assert nb.shell._showtraceback is not shown
    nb.run("%load_ext pdnb")


# ---- retry, upgrade, report, options of a step


def test_a_failed_run_is_mended_upgraded_and_retried(nb: Notebook) -> None:
    nb.run('%%step load\n"data"')
    nb.run("%%step sum\n1/0")
    assert isinstance(nb.try_("%pdnb run").error, ZeroDivisionError)
    nb.run("%%step sum\n1/1")
    [row] = nb.home.store.list().runs
    diff = repr(nb.run(f"%pdnb upgrade {row.id}"))
    assert "-1/0" in diff
    assert "+1/1" in diff
    assert "nothing has changed" in repr(nb.run(f"%pdnb upgrade {row.id}"))
    nb.run(f"%pdnb retry {row.id}")
    assert Run(nb.home, row).wait(20_000).exports["sum"]["$return_value"] == 1.0


def test_a_diff_shows_its_lines_as_text(nb: Notebook) -> None:
    nb.run("%%step gate\nstep.flow.suspend()")
    run = nb.run("%pdnb run")
    nb.run("%%step gate\nstep.flow.suspend()  # <script>")
    shown = nb.run(f"%pdnb upgrade {run.id}")._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


def test_a_report_is_written_where_it_is_said(nb: Notebook, tmp_path: Path) -> None:
    nb.run(GATE)
    run = nb.run("%pdnb run")
    said = nb.try_(f'%pdnb report {run.id} "{tmp_path / "my report.ipynb"}"')
    assert said.out == f"written: {tmp_path / 'my report.ipynb'}\n"
    assert Workflow.from_notebook(tmp_path / "my report.ipynb", run.workflow).names == ("gate",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("retry", "%pdnb retry wants a run"),
        ("retry {} soon", "%pdnb retry takes a run and --take-over, not 'soon'"),
        ("retry {}", "is suspended at step 'gate': only a failed run"),
        ("upgrade {} now", "%pdnb upgrade takes a run, not 'now' too"),
        ("report {} a b", "put the path in quotes"),
        ("report {} notes.txt", "notes.txt"),
    ],
)
def test_a_wrong_line_about_a_run_is_one_line_and_changes_nothing(nb: Notebook, line: str, said: str) -> None:
    nb.run(GATE)
    run = nb.run("%pdnb run")
    before = nb.home.store.get(run.id)
    assert said in nb.refused(f"%pdnb {line.format(run.id)}")
    assert nb.home.store.get(run.id) == before


def test_a_steps_options_travel_with_it(nb: Notebook) -> None:
    nb.run("%%step pay --at-most-once --time-limit 90s --memory-limit 2G\n1")
    [step] = nb.magics.session.workflow().steps
    assert (step.at_most_once, step.time_limit, step.memory_limit) == (True, 90, 2 * 2**30)


@pytest.mark.parametrize(
    "option", ["--time-limit soon", "--time-limit 0", "--time-limit 5d", "--memory-limit 10K", "--memory-limit -1"]
)
def test_a_limit_that_makes_no_sense_is_one_line(nb: Notebook, option: str) -> None:
    assert option.split(maxsplit=1)[0] in nb.refused(f"%%step pay {option}\n1")
    assert nb.names() == ()


def test_the_panel_is_made_of_plain_widgets_where_that_is_asked_for(nb: Notebook) -> None:
    nb.run(GATE)
    nb.run("%pdnb run")
    panel = nb.run("%pdnb panel --plain")
    assert "suspended" in repr(panel)
    assert panel.children
    panel.close()


# ---- cells that look like a step's, and failed runs


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("# ask\n%%step gate\n1", "this cell: %%step is not the cell's first line: write %%step NAME (or %%setup)"),
        ("%%Step gate\n1", "this cell: '%%Step' is no magic of pdnb"),
        ("%%step\tgate\n1", "this cell: a tab stands behind %%step: write a space"),
        ("%step gate\n1", "this cell: %step is no magic of a line"),
        ("% %step gate\n1", "this cell: '% %step gate' is no magic of pdnb"),
        ("%%capture\n%%Step gate\n1", "'%%Step' is no magic of pdnb"),
        ("%%capture\n%%step gate\n1 +", "step gate of workflow, line 1: invalid syntax"),
        ("%%capture\n%%step 1a\n1", "'1a' cannot name a step"),
        ("%%capture\n%%setup\nawait x", "'await' outside function"),
        ("%%bash\n%%step gate\n1", "%%step below %%bash is read in no other place"),
    ],
)
def test_a_cell_that_looks_like_a_steps_is_refused_in_one_line(nb: Notebook, cell: str, said: str) -> None:
    assert said in nb.refused(cell)
    assert nb.names() == ()


@pytest.mark.parametrize("above", ["   \n", "%%capture\n", "%%time\n", "%%timeit -n1 -r1\n", "%%capture\n%%time\n"])
def test_a_step_below_another_magic_is_a_step(nb: Notebook, above: str) -> None:
    assert nb.try_(f"{above}%%step gate\n1").error is None
    assert nb.names() == ("gate",)
    assert nb.magics.session.workflow().steps[0].source == "1\n"


def test_a_step_whose_magic_is_a_comment_runs_as_an_ordinary_cell_and_says_so(nb: Notebook) -> None:
    said = nb.try_("# %%step gate\n1 + 1")
    assert said.value == 2
    assert "this cell ('# %%step gate'): its magic is a comment, so it is no step" in said.err


def test_another_extensions_magic_of_a_like_name_is_its_own(nb: Notebook) -> None:
    nb.run("from IPython.core.magic import register_cell_magic")
    nb.run("@register_cell_magic\ndef steps(line, cell):\n    return f'{line}:{cell}'")
    assert nb.run("%%steps a\n1") == "a:1\n"


def test_a_step_that_only_defines_a_function_is_told(nb: Notebook) -> None:
    said = nb.try_("%%step gate\ndef handle(pd):\n    pd.flow.suspend()")
    assert "step 'gate' defines 'handle' and never calls it, so nothing of it runs: write def handler(pd)" in said.out


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("run = %pdnb run", "run"),
        ("%pdnb run", "run"),
        ("mine = %pdnb run --wait", "mine"),
        ("import pdnb\nmine = pdnb.run()", "mine"),
    ],
)
def test_a_failed_run_is_left_where_it_can_be_retried(
    nb: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    nb.run("%%setup\nimport pathlib")
    nb.run("%%step one\nif not pathlib.Path('there').exists():\n    raise OSError('not there')\n'fine'")
    said = nb.try_(line)
    assert isinstance(said.error, OSError)
    assert f"the failed run is in {name!r}: %pdnb retry {name} goes on from step 'one'" in said.out
    run = nb.shell.user_ns[name]
    assert (run.status, run.step) == (Status.FAILED, "one")
    Path("there").touch()
    nb.run(f"%pdnb retry {name}")
    assert nb.run(f"{name}.wait().exports['one']['$return_value']") == "fine"


def test_a_failed_run_takes_no_name_that_holds_something_else(nb: Notebook) -> None:
    nb.run("def run():\n    return 1")
    nb.run("%%step one\n1 / 0")
    said = nb.try_("%pdnb run")
    [run] = pdnb.runs()
    assert f"the failed run is {run.id}: %pdnb retry {run.id} goes on" in said.out
    assert nb.run("run()") == 1


def test_a_run_that_waits_where_nothing_looks_after_it_says_so(nb: Notebook) -> None:
    nb.run(GATE)
    told = "No server or worker serves this store just now: start pdnb serve, or pdnb worker."
    for line in ("run = %pdnb run", "%pdnb run --headless", "run = pdnb.run()"):
        assert f"{told} Or stay here with it: run.wait()." in nb.try_(f"import pdnb\n{line}").out
    nb.run("%%step gate\n1")
    assert told not in nb.try_("run = %pdnb run").out


def test_where_a_leader_is_a_run_that_waits_says_nothing_of_it(nb: Notebook, pdnb_dir: Path) -> None:
    nb.run(GATE)
    with Home(pdnb_dir, kind="server") as home:
        lock = LeaderLock(home.directory, home.owner)
        assert lock.acquire()
        assert "No server or worker" not in nb.try_("run = %pdnb run").out
        lock.release()


def test_a_workflow_of_no_notebook_says_too_that_it_waits_alone(nb: Notebook) -> None:
    nb.shell.user_ns["flow"] = Workflow("mail", (Step("one", "step.flow.suspend()"),))
    assert "No server or worker serves this store just now" in nb.try_("import pdnb\nrun = pdnb.run(workflow=flow)").err


def test_a_card_says_which_notebook_its_run_comes_from(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/srv/flows/mail.ipynb")
    nb.run("%%step one\n1")
    run = nb.run("run = %pdnb run\nrun")
    assert " · from /srv/flows/mail.ipynb</small>" in card_html(run.document(), None)
    monkeypatch.setenv("HOME", "/srv")
    assert " · from ~/flows/mail.ipynb</small>" in card_html(run.document(), None)
