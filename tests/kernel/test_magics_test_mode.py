"""``%%step --test`` and ``%pdnb test`` in a real IPython shell: what a person sees while building a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.test_magics import PACKAGE
from tests.support.notebook import Notebook
from tests.support.smtp_server import SmtpServer, smtp_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.notebook import Said

__all__ = ["smtp_server"]  # a fixture

GATE = "%%step gate --test{more}\nstep.flow.suspend()\n'asked'"


def canceled(call: str) -> str:
    return f"Workflow execution canceled — this may be due to pd.flow.{call}() usage (not supported in test)"


def good(said: Said) -> str:
    assert said.error is None, said
    return said.out


@pytest.mark.parametrize(
    ("call", "source"),
    [("suspend", "step.flow.suspend()"), ("rerun", "step.flow.rerun(0)"), ("delay", "step.flow.delay(86_400_000)")],
)
def test_a_test_never_pauses_and_says_exactly_this(call: str, source: str, nb: Notebook, pdnb_dir: Path) -> None:
    """The step shows exactly this (with the call that was made)."""
    out = good(nb.try_(f"%%step one --test\n{source}\n'asked'"))
    assert canceled(call) in out.splitlines()
    assert "'$return_value': 'asked'" in out
    assert nb.names() == ("one",)
    assert not pdnb_dir.exists()  # nothing was stored
    assert list(nb.run("%pdnb runs")) == []


def test_a_test_runs_the_code_for_real_and_shows_what_it_prints(nb: Notebook, tmp_path: Path) -> None:
    out = good(nb.try_(f"%%step one --test\nprint('hello')\nopen({str(tmp_path / 'ran')!r}, 'w').close()"))
    assert out.splitlines()[0] == "hello"
    assert (tmp_path / "ran").exists()


def test_without_test_a_step_runs_nothing(nb: Notebook) -> None:
    assert "tested" not in good(nb.try_("%%step one\n1 / 0"))


def test_exports_are_kept_for_the_tests_of_later_steps(nb: Notebook) -> None:
    nb.run("%%step draft --test\n{'rows': [1, 2]}")
    assert "'$return_value': 2" in good(
        nb.try_("%%step count --test\nlen(step.steps['draft']['$return_value']['rows'])")
    )


def test_a_suspension_can_be_tested_past(nb: Notebook) -> None:
    """A test may hand in the resume: the step's test exports then hold the `$resume_data` given."""
    out = good(nb.try_(GATE.format(more=' --resume-with {"decision": "yes, please"}')))
    assert "canceled" not in out
    assert "'$resume_data': {" in out
    later = "%%step later --test\nstep.steps['gate']['$resume_data']['body']['decision']"
    assert "'$return_value': 'yes, please'" in good(nb.try_(later))


def test_the_resume_may_be_a_variable(nb: Notebook) -> None:
    nb.run("answer = {'decision': 'no'}")
    assert "'body': {'decision': 'no'}" in good(nb.try_(GATE.format(more=" --resume-with answer")))


def test_a_rerun_can_be_tested_past(nb: Notebook) -> None:
    nb.run("""
    %%step poll
    run = step.context["run"]
    if "callback_request" not in run:
        step.flow.rerun(60_000, {"job": 7})
    [run["runs"], run.get("context"), run.get("callback_request", {}).get("body")]
    """)
    assert canceled("rerun") in good(nb.try_("%pdnb test poll"))
    out = good(nb.try_('%pdnb test poll --resume-with {"state": "done"}'))
    assert "'$return_value': [2, {'job': 7}, {'state': 'done'}]" in out
    assert "canceled" not in out


def test_the_context_says_that_it_is_a_test(nb: Notebook) -> None:
    out = good(nb.try_("%%step one --test\n[step.context['test'], step.context['run']['runs']]"))
    assert "'$return_value': [True, 1]" in out


def test_an_event_is_handed_in_and_stays(nb: Notebook) -> None:
    shows = "step.steps['trigger']['event']"
    assert "'$return_value': {'to': 'team'}" in good(nb.try_(f'%%step one --test --event {{"to": "team"}}\n{shows}'))
    assert "'$return_value': {'to': 'team'}" in good(nb.try_("%pdnb test one"))
    nb.run("event = {'to': 'all'}")
    assert "'$return_value': {'to': 'all'}" in good(nb.try_("%pdnb test one --event event"))
    nb.run('%pdnb run {"to": "run"}')
    assert "'$return_value': {'to': 'run'}" in good(nb.try_("%pdnb test one"))  # tests go on with what ran last


def test_an_event_that_no_run_would_take_is_one_line(nb: Notebook) -> None:
    nb.run("%%step one\n1")
    nb.run("event = {1, 2}")
    assert nb.refused("%pdnb test one --event event") == 'steps.trigger["event"]: set is not JSON: write sorted(x)'
    assert "set is not JSON" in nb.refused("%pdnb test one --resume-with event")
    assert nb.refused("%pdnb test one --event nothing").startswith("'nothing' is no variable here and no JSON")


def test_all_steps_are_tested_in_their_order(nb: Notebook) -> None:
    nb.run("%%step a\n1")
    nb.run("%%step b\nstep.flow.suspend()\nstep.steps['a']['$return_value'] + 1")
    nb.run("%%step c\nstep.steps['b']['$return_value'] + 1")
    lines = [line for line in good(nb.try_("%pdnb test")).splitlines() if line.startswith(("tested", "Workflow"))]
    assert [line.partition(":")[0] for line in lines] == ["tested a", "tested b", canceled("suspend"), "tested c"]
    assert "'$return_value': 3" in lines[-1]


def test_what_other_steps_lack_does_not_matter(nb: Notebook) -> None:
    nb.run("%%step broken\nno_such_name_anywhere")
    nb.run("%%step fine\n42")
    assert "'$return_value': 42" in good(nb.try_("%pdnb test fine"))
    assert "no_such_name_anywhere" in str(nb.try_("%pdnb test broken").error)
    assert "no_such_name_anywhere" in nb.refused("%pdnb run")


def test_a_name_of_another_step_is_refused_as_in_a_run(nb: Notebook) -> None:
    nb.run("%%step load\ndf = [1]")
    nb.run("%%step publish\ndf")
    for line in ("%pdnb test publish", "%pdnb run"):
        assert nb.refused(line) == (
            "step 'publish' uses 'df', which is a variable of step 'load', and a step sees only what others leave: "
            'return it there, and read step.steps["load"]["$return_value"]'
        )


def test_a_name_that_the_step_itself_lacks_is_refused_as_in_a_run(nb: Notebook) -> None:
    nb.run("import socket\nopen_thing = socket.socket()")
    words = nb.refused("%%step one --test\nopen_thing")
    assert "open_thing" in words
    assert words == nb.refused("%pdnb run")
    nb.run("open_thing.close()")


def test_a_step_that_raises_shows_an_ordinary_traceback_and_keeps_its_old_exports(nb: Notebook) -> None:
    nb.run("%%step a --test\n'old'")
    said = nb.try_("%%step a --test\ndef deep():\n    raise ValueError('no such table')\ndeep()")
    assert isinstance(said.error, ValueError)
    shown = said.out + said.err
    assert "ValueError: no such table" in shown
    assert "----> 2     raise ValueError('no such table')" in shown
    assert "<step a of workflow" in shown
    assert PACKAGE not in shown
    assert "'$return_value': 'old'" in good(nb.try_("%%step b --test\nstep.steps['a']['$return_value']"))
    assert nb.names() == ("a", "b")


def test_an_interrupted_test_is_an_interrupt(nb: Notebook) -> None:
    assert isinstance(nb.try_("%%step a --test\nraise KeyboardInterrupt").error, KeyboardInterrupt)


def test_a_step_that_awaits_is_tested_too(nb: Notebook) -> None:
    assert "'$return_value': 5" in good(nb.try_("%%step a --test\nimport asyncio\nawait asyncio.sleep(0, 5)"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%pdnb test nope", "workflow 'workflow' has no step 'nope' (its steps: a)"),
        ("%pdnb test a b", "%pdnb test takes one step, not 'b' too"),
        ("%pdnb test a --resume-with", "%pdnb test --resume-with wants a value"),
        ("%pdnb test a --resume", "%pdnb test has no option --resume"),
        ("%pdnb test a --test", "%pdnb test has no option --test"),
        ("%%step a --test=1\n1", "%%step --test takes no value"),
        ("%%step a --test --event {'a': 1}\n1", ""),
    ],
)
def test_what_cannot_be_read_is_one_line(line: str, words: str, nb: Notebook) -> None:
    nb.run("%%step a\n1")
    assert nb.refused(line).startswith(words)


def test_workflows_have_tests_of_their_own(nb: Notebook) -> None:
    nb.run("%%step a -w one --test\n1")
    nb.run("%%step a -w two --test\n2")
    assert "'$return_value': 1" in good(nb.try_("%%step b -w one --test\nstep.steps['a']['$return_value']"))
    assert "'$return_value': 2" in good(nb.try_("%%step b -w two --test\nstep.steps['a']['$return_value']"))


def test_mails_are_sent_as_configured_now(
    nb: Notebook, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the configuration came after the first test."""
    nb.run("%%step mail --test\nstep.send.email('Hello', 'x', to='ann@x.org')")
    assert not smtp_server.mails
    monkeypatch.setenv("PDNB_SMTP_URL", smtp_server.url)
    nb.run("%pdnb test mail")
    assert smtp_server.mail["Subject"] == "Hello"


def test_a_run_after_tests_knows_nothing_of_them(nb: Notebook) -> None:
    nb.run("%%step a --test\n'tested'")
    nb.run("%%step a\nstep.context['test']")
    run = nb.run("run = %pdnb run\nrun")
    assert run.exports["a"] == {"$return_value": False}
    assert len(nb.run("%pdnb runs")) == 1
