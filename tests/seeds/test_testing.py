"""What a step does when it is tested, in the pages' words."""

# ruff: noqa: RUF002  # quotes keep their apostrophes

from __future__ import annotations

import pytest

from pdnb.model import Status
from pdnb.runtime.step_test import StepTest
from tests.seeds.stage import Stage, version

SUSPEND = "def handler(pd):\n    pd.flow.suspend()\n    return 'asked'"
RERUN = "def handler(pd):\n    pd.flow.rerun(1000)\n    return 'asked'"


@pytest.mark.parametrize("source", [SUSPEND, RERUN], ids=["suspend", "rerun"])
def test_a_tested_step_suspends_nothing_and_says_so(stage: Stage, source: str) -> None:
    """python: When you're building a workflow and test a step with pd.flow.suspend or pd.flow.rerun, it will not
    suspend the workflow, and you'll see a message like the following:
    node: When you’re building a workflow and test a step with $.flow.suspend or $.flow.rerun, it will not suspend the
    workflow, and you’ll see a message like the following:
    """
    trial = StepTest()
    tested = trial.test(version(gate=source), ())
    assert tested.message is not None
    assert tested.message in repr(tested)
    assert tested.exports == {"$return_value": "asked"}
    after = trial.test(version(after="step.steps['gate']['$return_value'] + ' before'"), ("gate",))
    assert (after.exports["$return_value"], after.message) == ("asked before", None)
    assert stage.home.store.list().runs == ()


def test_the_message_is_the_pages_to_the_letter() -> None:
    """python: Workflow execution canceled — this may be due to pd.flow.suspend() usage (not supported in test)
    node: Workflow execution canceled — this may be due to $.flow.suspend() usage (not supported in test)
    differs: it names the call as it is spelled here, ``pd.flow``, and the one that was made
    """
    said = "Workflow execution canceled — this may be due to pd.flow.{}() usage (not supported in test)"
    for call in ("suspend()", "rerun(1000)", "delay(1000)"):
        message = StepTest().test(version(gate=f"step.flow.{call}"), ()).message
        assert message == said.format(call.partition("(")[0])


@pytest.mark.parametrize(
    ("source", "status"), [(SUSPEND, Status.SUSPENDED), (RERUN, Status.SLEEPING)], ids=["suspend", "rerun"]
)
def test_the_same_step_pauses_in_a_run(stage: Stage, source: str, status: Status) -> None:
    """python: These functions will only suspend and resume when run in production.
    node: These functions will only suspend and resume when run in production.

    In production means here: in a run.
    """
    run = stage.start(gate=source, after="1")
    assert run.status is status
    run.resume()
    stage.work()
    assert run.status is (Status.SUCCEEDED if status is Status.SUSPENDED else Status.SLEEPING)
