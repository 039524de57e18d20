"""What a step looked for and did not find: the record says why, and what to write."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from pdnb.model import JSON
from pdnb.runtime.execute import Execution, HereExecutor, one_line
from pdnb.runtime.flow import Flow, URLs
from pdnb.runtime.hints import add_hint, hint_for
from pdnb.runtime.send import MailSettings, Send
from pdnb.runtime.step_object import Pd
from tests.support.server import code

CLICK = {"$resume_data": {"method": "POST", "query": {}}}


def go(
    source: str,
    *,
    event: JSON = None,
    left: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    **others: str,
) -> Execution:
    """One go at a step ``one``, behind the steps that *left* something and beside *others*."""
    steps: dict[str, Any] = {name: dedent(text).strip("\n") for name, text in {"one": source, **others}.items()}
    steps_left = {"trigger": {"event": event}, **(left or {})}
    flow = Flow(URLs(resume_url="http://x/r", cancel_url="http://x/c"))
    pd = Pd("one", flow, Send(MailSettings()), steps_left, {"run": {"runs": 1}, **(context or {})})
    with HereExecutor(code(**steps), show=False) as executor:
        return executor.execute("one", pd)


def said(source: str, **case: Any) -> str:
    """The line that the attempt's record carries."""
    outcome = go(source, **case)
    assert outcome.error is not None
    return one_line(outcome.error)


def hint(source: str, **case: Any) -> str:
    """The hint in that line; ``""``: none."""
    return said(source, **case).partition(" (")[2].removesuffix(")")


# ---- the event -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "start"),
    [
        ('step.steps["trigger"]["event"]["to"]', '%pdnb run {"to": …}'),
        ("step.steps['trigger']['event']['to'] + '!'", '%pdnb run {"to": …}'),
        ('step.steps["trigger"]["event"].get("to")', '%pdnb run {"to": …}'),
        ('def handler(pd):\n    event = pd.steps["trigger"]["event"]\n    return event["to"]', '%pdnb run {"to": …}'),
        ('def handler(pd):\n    it = pd.steps["trigger"]["event"]\n    return it["to"]', "%pdnb run {…}"),
        ('[row for row in step.steps["trigger"]["event"]]', "%pdnb run {…}"),
        ('"to" in step.steps["trigger"]["event"]', "%pdnb run {…}"),
        ('dict(**step.steps["trigger"]["event"])', "%pdnb run {…}"),
    ],
)
def test_a_missing_event_says_how_to_give_one(source: str, start: str) -> None:
    """A missing event says ``%pdnb run {…}``."""
    assert hint(source) == f"this run was started without an event: {start} gives it one"


def test_in_a_test_of_a_step_it_is_the_tests_event() -> None:
    found = hint('step.steps["trigger"]["event"]["to"]', context={"test": True})
    assert found == 'this run was started without an event: %pdnb test --event {"to": …} gives it one'


@pytest.mark.parametrize("source", ["None['to']", "x = None\nx.get('to')", "len(None)"])
def test_any_other_none_has_no_hint(source: str) -> None:
    assert hint(source) == ""
    assert hint(source + "\nevent = 1", event={"to": "me"}) == ""


def test_a_key_that_the_event_lacks_is_named_beside_those_it_has() -> None:
    found = hint('step.steps["trigger"]["event"]["to"]', event={"From": "me", "subject": "x"})
    assert found == "the event has no 'to' (it has 'From', 'subject'): %pdnb run {\"to\": …} gives it one"
    assert hint('event = step.steps["trigger"]["event"]\nevent["to"]', event={}).startswith(
        "the event has no 'to' (it is empty)"
    )


def test_an_expression_of_several_lines_is_read_as_a_whole() -> None:
    source = """
    def handler(pd):
        return "ä" + pd.steps["trigger"][
            "event"
        ]["to"]
    """
    assert hint(source, event={"a": 1}).startswith("the event has no 'to' (it has 'a')")


# ---- what steps leave ----------------------------------------------------------------------------------------------


def test_a_step_that_returned_none_is_named_where_its_value_is_read() -> None:
    """`return None` exports nothing, as Pipedream's Python."""
    line = said('step.steps["draft"]["$return_value"]', left={"draft": {}, "other": {}})
    assert line == (
        "KeyError: '$return_value' (step 'draft' returned None, which leaves no $return_value: "
        'return a value there, or read it with .get("$return_value"))'
    )
    several = hint('[it["$return_value"] for it in step.steps.values()]', left={"draft": {}, "other": {}})
    assert several.startswith("steps 'draft', 'other' returned None")


def test_a_step_that_no_request_resumed_is_named() -> None:
    found = hint('step.steps["approve"]["$resume_data"]["body"]', left={"approve": {"$return_value": 1}})
    assert found == "no request resumed step 'approve': read it with .get(\"$resume_data\")"


def test_a_plain_click_has_no_body() -> None:
    answer = 'answer = step.steps["approve"]["$resume_data"]\nanswer["body"]'
    assert hint(answer, left={"approve": CLICK}) == 'a plain click has no body: read it with .get("body")'
    woken = {"run": {"runs": 2, "callback_request": {"method": "POST"}}}
    assert hint('step.context["run"]["callback_request"]["body"]', context=woken).startswith("a plain click")
    assert hint('{}["body"]', left={"approve": {"$resume_data": {"body": 1}}}) == ""


@pytest.mark.parametrize("key", ["callback_request", "context"])
def test_what_the_context_holds_at_times_is_read_with_get(key: str) -> None:
    found = hint(f'step.context["run"]["{key}"]')
    assert found.startswith(f"{key} is there only ")
    assert found.endswith(f'read it with .get("{key}")')
    assert hint(f'{{}}["{key}"]') == ""


def test_a_step_that_is_not_there_or_comes_later_is_told_apart() -> None:
    left = {"draft": {"$return_value": 1}}
    assert hint('step.steps["drfat"]["$return_value"]', left=left) == (
        "there is no step 'drfat': pd.steps holds 'trigger', 'draft'"
    )
    assert hint('name = "later"\nstep.steps[name]', left=left, later="1") == (
        "step 'later' has not come yet: step 'one' sees what those before it left"
    )


def test_a_whole_number_became_a_text() -> None:
    source = 'step.steps["count"]["$return_value"][7]'
    left = {"count": {"$return_value": {"7": 2}}}
    assert hint(source, left=left) == 'what steps leave is JSON, whose keys are text: write ["7"]'
    assert hint(source, left={"count": {"$return_value": {"8": 2}}}) == ""


# ---- names ---------------------------------------------------------------------------------------------------------


def test_a_name_of_another_step_is_undefined_and_says_whose_it_is() -> None:
    """A variable of another step names the step that defines it."""
    assert said("def handler(pd): return df", load="df = 1") == (
        "NameError: name 'df' is not defined ('df' is a variable of step 'load', and a step sees only what others "
        'leave: return it there, and read pd.steps["load"]["$return_value"])'
    )
    assert hint("nowhere", load="df = 1") == ""


@pytest.mark.parametrize("name", ["read_csv", "DataFrame", "setps"])
def test_what_the_step_object_lacks_may_be_meant_for_pandas(name: str) -> None:
    """``pd.read_csv`` in ``handler(pd)`` hints at ``handler(step)``."""
    line = said(f"def handler(pd):\n    return pd.{name}('a.csv')")
    assert line.startswith(f"AttributeError: the step object has no '{name}' (it has flow, steps,")
    assert line.endswith("as in def handler(step)")


# ---- how it is said ------------------------------------------------------------------------------------------------


def test_a_hint_is_a_note_below_the_recorded_traceback_and_the_exception_stays_itself() -> None:
    outcome = go('step.steps["draft"]["$return_value"]', left={"draft": {}})
    assert type(outcome.error) is KeyError
    assert outcome.error.args == ("$return_value",)
    assert "step 'draft' returned None" in "\n".join(outcome.outputs[-1]["traceback"])


def test_a_hint_is_given_once() -> None:
    error = NameError("name 'df' is not defined", name="df")
    version = code(one="df", load="df = 1")
    pd = Pd("one", Flow(URLs(resume_url="", cancel_url="")), Send(MailSettings()), {}, {})
    for _ in range(2):
        add_hint(error, pd, version, "one")
    assert error.__notes__ == [hint_for(error, pd, version, "one")]


@pytest.mark.parametrize(
    "source",
    [
        "step.steps = None\n{}['to']",
        "step.steps['trigger'] = 3\nstep.steps['trigger']['event']",
        "error = KeyError('$return_value')\nerror.__notes__ = 3\nraise error",
        "raise KeyError([1])",
        "class Odd:\n    def __str__(self): raise ValueError\nraise TypeError(Odd())",
        "class Odd(KeyError):\n    def __str__(self): raise ValueError\nraise Odd('$return_value')",
    ],
)
def test_whatever_the_step_did_to_its_object_or_its_exception_the_outcome_is_the_exception(source: str) -> None:
    outcome = go(source, left={"draft": {}})
    assert isinstance(outcome.error, KeyError | TypeError)
    assert one_line(outcome.error).startswith(type(outcome.error).__name__)


def test_what_a_step_raises_by_itself_has_no_hint() -> None:
    for source in ("raise KeyError", "raise KeyError('x')", "raise TypeError('no')", "{}[1]", "raise NameError"):
        assert hint(source, event={"a": 1}, left={"draft": {"$return_value": {"a": 1}}}) == ""
