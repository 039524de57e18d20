"""Test mode: the code runs for real, nothing pauses, nothing is stored, and the exports stay for the next test."""

from __future__ import annotations

import time
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.errors import NotJSON
from pdnb.request import from_person
from pdnb.runtime.send import MailSettings
from pdnb.runtime.step_test import StepTest
from tests.support.server import code

if TYPE_CHECKING:
    from pathlib import Path

    from pdnb.runtime.step_test import StepTestResult

DAY = 86_400_000


def canceled(call: str) -> str:
    return f"Workflow execution canceled — this may be due to pd.flow.{call}() usage (not supported in test)"


def try_(step_test: StepTest, source: str, *before: str, name: str = "one", **how: Any) -> StepTestResult:
    steps: dict[str, Any] = {name: dedent(source).strip("\n")}
    return step_test.test(code(**steps), before, **how)


ASKS = [("suspend", "step.flow.suspend()"), ("rerun", "step.flow.rerun(0)"), ("delay", f"step.flow.delay({DAY})")]


@pytest.mark.parametrize(("call", "source"), ASKS)
def test_a_pause_is_not_made_and_the_test_says_so_in_the_seeds_words(call: str, source: str, pdnb_dir: Path) -> None:
    """`Workflow execution canceled — this may be due to pd.flow.suspend() usage (not supported in test)`."""
    step_test, began = StepTest(), time.monotonic()
    tested = try_(step_test, f"urls = {source}\nstep.export('urls', sorted(urls))\n'asked'")
    assert tested.message == canceled(call)
    assert tested.exports == {"urls": ["cancel_url", "resume_url"], "$return_value": "asked"}
    assert repr(tested).splitlines() == [f"tested one: {tested.exports!r}", canceled(call)]
    assert step_test.exports == {"one": tested.exports}
    assert time.monotonic() - began < 5
    assert not pdnb_dir.exists()  # no store, so no run


def test_the_last_ask_is_named_and_an_exit_is_no_pause() -> None:
    assert try_(StepTest(), "step.flow.suspend()\nstep.flow.delay(5)").message == canceled("delay")
    assert try_(StepTest(), "step.flow.suspend()\nstep.flow.exit()").message is None
    assert try_(StepTest(), "1").message is None


def test_the_code_runs_for_real_and_exports_are_kept_for_the_next() -> None:
    step_test = StepTest(event={"to": "team"})
    first = try_(
        step_test, "print('said')\nstep.export('$summary', 'x')\nstep.steps['trigger']['event']['to']", name="a"
    )
    assert first.outputs[0]["text"] == "said\n"
    second = try_(step_test, "step.steps", "a", name="b")
    assert second.exports["$return_value"] == {
        "trigger": {"event": {"to": "team"}},
        "a": {"$summary": "x", "$return_value": "team"},
    }
    assert try_(step_test, "sorted(step.steps)", name="c").exports["$return_value"] == [
        "trigger"
    ]  # only those before it


def test_what_a_step_does_to_what_it_is_given_stays_in_that_test() -> None:
    """As in a run, where every step reads the record."""
    event = {"list": [1]}
    step_test = StepTest(event=event)
    try_(step_test, "{'list': [1]}", name="a")
    source = "step.steps['a']['$return_value']['list'].append(2)\nstep.steps['trigger']['event']['list'].append(2)"
    try_(step_test, source, "a", name="b")
    assert (step_test.exports["a"], event) == ({"$return_value": {"list": [1]}}, {"list": [1]})


def test_an_event_that_no_run_would_take_is_refused() -> None:
    with pytest.raises(NotJSON, match=r'steps\.trigger\["event"\]'):
        try_(StepTest(event={1, 2}), "1")


def test_the_context_says_that_this_is_a_test() -> None:
    context = try_(StepTest(), "step.context").exports["$return_value"]
    assert context["test"] is context["JIT"] is True
    assert context["workflow_name"] == "launch"
    assert context["run"].keys() == {"runs", "key"}
    assert context["run"]["runs"] == 1
    assert set(context) == {
        "id", "trace_id", "ts", "workflow_id", "workflow_name", "deployment_id", "deadline", "test", "JIT", "replay",
        "resume", "run",
    }  # fmt: skip
    assert try_(StepTest(), "step.context").exports["$return_value"]["id"] != context["id"]


def test_a_step_that_raises_keeps_the_exports_of_its_last_good_test() -> None:
    step_test = StepTest()
    try_(step_test, "1")
    tested = try_(step_test, "step.export('half', 1)\n1 / 0")
    assert isinstance(tested.error, ZeroDivisionError)
    assert tested.message is None
    assert step_test.exports == {"one": {"$return_value": 1}}
    assert isinstance(try_(step_test, "step.flow.suspend()\n{1}").error, NotJSON)
    assert step_test.exports == {"one": {"$return_value": 1}}
    assert isinstance(try_(step_test, "raise SystemExit(3)").error, SystemExit)


# ---- past a pause


def test_a_suspension_is_tested_past_with_the_resume_handed_in() -> None:
    """The step's test exports then hold the `$resume_data` given, so later steps can be built and tested."""
    step_test = StepTest()
    tested = try_(step_test, "step.flow.suspend()\n'asked'", name="gate", resume_with=({"decision": "yes"},))
    assert tested.message is None
    assert tested.exports == {"$return_value": "asked", "$resume_data": from_person("magic", None, {"decision": "yes"})}
    later = try_(step_test, "step.steps['gate']['$resume_data']['body']['decision']", "gate", name="later")
    assert later.exports["$return_value"] == "yes"


def test_a_resume_without_a_body_has_no_body() -> None:
    data = try_(StepTest(), "step.flow.suspend()", resume_with=(None,)).exports["$resume_data"]
    assert "body" not in data
    assert data["method"] == "POST"


AGAIN = """
run = step.context["run"]
step.send.email(f"attempt {run['runs']}", "x")
if "callback_request" not in run:
    step.flow.rerun(1000, {"job": 7})
[run["runs"], run.get("context"), run.get("callback_request", {}).get("body")]
"""


def test_a_rerun_is_tested_past_by_a_second_attempt_with_the_callback() -> None:
    tested = try_(StepTest(), AGAIN, resume_with=("done",))
    assert tested.exports["$return_value"] == [2, {"job": 7}, "done"]
    assert tested.message is None
    assert [mail["subject"] for mail in tested.mails] == ["attempt 1", "attempt 2"]


def test_a_pause_that_the_second_attempt_asks_for_is_not_made_either() -> None:
    tested = try_(StepTest(), "step.flow.rerun(0)\nstep.context['run']['runs']", resume_with=(1,))
    assert (tested.exports["$return_value"], tested.message) == (2, canceled("rerun"))
    tested = try_(
        StepTest(),
        "step.flow.rerun(0) if step.context['run']['runs'] == 1 else step.flow.suspend()\n1",
        resume_with=(1,),
    )
    assert (tested.exports, tested.message) == ({"$return_value": 1}, canceled("suspend"))


def test_a_delay_is_tested_past_and_leaves_no_data() -> None:
    tested = try_(StepTest(), "step.flow.delay(5)\n1", resume_with=({"x": 1},))
    assert (tested.exports, tested.message) == ({"$return_value": 1}, None)


def test_a_resume_that_is_no_json_is_refused_before_the_step_runs(tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nstep.flow.suspend()"
    with pytest.raises(NotJSON):
        try_(StepTest(), source, resume_with=({1},))
    assert not (tmp_path / "ran").exists()
    try_(StepTest(), source)
    assert (tmp_path / "ran").exists()


def test_a_resume_for_a_step_that_asks_for_nothing_changes_nothing() -> None:
    assert try_(StepTest(), "1", resume_with=({"x": 1},)).exports == {"$return_value": 1}
    assert isinstance(try_(StepTest(), "step.flow.suspend()\n1 / 0", resume_with=(1,)).error, ZeroDivisionError)


def test_mails_of_a_test_go_where_they_always_do() -> None:
    tested = try_(StepTest(MailSettings(to="ann@x.org")), "step.send.email('Hello', 'x')")
    assert [(mail["to"], mail["sent"]) for mail in tested.mails] == [(["ann@x.org"], False)]
