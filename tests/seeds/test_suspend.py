"""``suspend``: what the pages say about pausing until somebody answers, and about its timeout."""

# ruff: noqa: RUF002  # quotes keep their apostrophes

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pdnb.coordination.home import Home
from pdnb.errors import Refused
from pdnb.model import Status
from tests.seeds.examples import NODE, PYTHON
from tests.seeds.service import Service, job
from tests.seeds.stage import DAY, HOUR, SECOND, Clock, Stage, ran, value

if TYPE_CHECKING:
    from pathlib import Path

GATE = "step.flow.suspend()"


def test_suspend_and_rerun_pause_a_workflow_and_it_goes_on_later(stage: Stage) -> None:
    """python: You can use pd.flow.suspend and pd.flow.rerun to pause a workflow and resume it later.
    node: You can use $.flow.suspend and $.flow.rerun to pause a workflow and resume it later.
    """
    again = "step.flow.rerun(5_000) if step.context['run']['runs'] == 1 else 'the second time'"
    run = stage.start(gate=GATE, again=again, last="'done'")
    assert (run.status, run.step) == (Status.SUSPENDED, "gate")
    run.resume()
    stage.work()
    assert (run.status, run.step) == (Status.SLEEPING, "again")
    stage.later(5 * SECOND)
    assert (run.status, value(run, "last")) == (Status.SUCCEEDED, "done")


def test_a_workflow_waits_until_a_person_approves_it(stage: Stage) -> None:
    """python: Pause a workflow until someone manually approves it
    node: Pause a workflow until someone manually approves it
    """
    run = stage.start(draft="'a draft'", approve="step.flow.suspend(7 * 86_400_000)", publish="'published'")
    stage.later(6 * DAY)
    assert (run.status, ran(run)) == (Status.SUSPENDED, [("draft", 1), ("approve", 1)])
    run.resume()
    stage.work()
    assert (run.status, value(run, "publish")) == (Status.SUCCEEDED, "published")


def test_a_workflow_polls_until_the_job_is_done_and_goes_on_then(stage: Stage, service: Service) -> None:
    """python: Poll an external API until some job completes, and proceed with the workflow when it's done
    node: Poll an external API until some job completes, and proceed with the workflow when it’s done
    """
    service.answer = job(done_at=4)
    poll = """
    import requests
    job = requests.get(step.steps["trigger"]["event"]).json()
    job["looks"] if job["status"] == "DONE" else step.flow.rerun(60_000) and None
    """
    run = stage.start(service.url, poll=poll, report='str(step.steps["poll"]["$return_value"]) + " looks"')
    for looks in (1, 2, 3):
        assert (run.status, len(service.received)) == (Status.SLEEPING, looks)
        stage.later(60 * SECOND)
    assert (run.status, value(run, "report")) == (Status.SUCCEEDED, "4 looks")


@pytest.mark.parametrize("answer", ["approved", "cancelled"])
def test_the_remaining_steps_run_only_when_it_was_approved(stage: Stage, props: SimpleNamespace, answer: str) -> None:
    """python: Use pd.flow.suspend when you want to pause a workflow and proceed with the remaining steps only when
    manually approved or cancelled.
    node: Use $.flow.suspend when you want to pause a workflow and proceed with the remaining steps only when
    manually approved or cancelled.

    "Proceed when cancelled" is read as: the run goes on to its end, cancelled, without the remaining steps.
    """
    props.did = []
    run = stage.start(gate=GATE, one="import props\nprops.did.append(1)", two="import props\nprops.did.append(2)")
    stage.later(23 * HOUR)
    assert (run.status, props.did) == (Status.SUSPENDED, [])
    run.resume() if answer == "approved" else run.cancel()
    stage.work()
    approved = answer == "approved"
    assert (run.status, props.did) == ((Status.SUCCEEDED, [1, 2]) if approved else (Status.CANCELLED, []))


@pytest.mark.parametrize("source", [PYTHON["approve by mail"], NODE["approve by mail"]], ids=["python", "node"])
def test_a_step_suspends_and_mails_both_links(stage: Stage, source: str) -> None:
    """python: For example, you can suspend a workflow and send yourself a link to manually resume or cancel the rest
    of the workflow:
    python: example: approve by mail
    node: For example, you can suspend a workflow and send yourself a link to manually resume or cancel the rest of
    the workflow:
    node: example: approve by mail

    Here no mail server is configured: the mail lies in the run's own outbox.
    """
    run = stage.start(approve=source, publish="'published'")
    [mail] = stage.home.store.attempts(run.id)[0].mails
    assert run.status is Status.SUSPENDED
    assert mail["subject"] == "Please approve this important workflow"
    resume, cancel = str(run.resume_url), str(run.cancel_url)
    assert mail["text"] == f"Click here to approve the workflow: {resume}, and cancel here: {cancel}"


def test_the_pause_begins_at_the_end_of_the_step(stage: Stage, props: SimpleNamespace) -> None:
    """python: Pipedream suspends your workflow at the end of the step
    node: Pipedream suspends your workflow at the end of the step
    """
    props.look = lambda: [str(run.status) for run in stage.home.store.list().runs]
    source = """
    def handler(pd):
        import props
        pd.flow.suspend()
        pd.export("meanwhile", props.look())
        return "returned all the same"
    """
    run = stage.start(gate=source, after="1")
    assert run.status is Status.SUSPENDED
    assert run.exports["gate"] == {"meanwhile": ["running"], "$return_value": "returned all the same"}


def test_suspend_returns_both_links_and_they_are_those_of_the_paused_run(stage: Stage) -> None:
    """python: In general, calling pd.flow.suspend returns a cancel_url and resume_url that lets you cancel or resume
    paused executions.
    node: In general, calling $.flow.suspend returns a cancel_url and resume_url that lets you cancel or resume paused
    executions.
    """
    run = stage.start(gate=GATE, after="1")
    assert value(run, "gate") == {"resume_url": str(run.resume_url), "cancel_url": str(run.cancel_url)}


def test_after_24_hours_the_run_is_cancelled_or_resumed_where_that_is_wanted(
    pdnb_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    """python: By default, pd.flow.suspend will automatically resume the workflow after 24 hours.
    differs: cancelled by default, as the Node.js page says (a gate that opens by itself is no gate);
    ``suspend(on_timeout="resume")`` resumes, and the setting ``on_timeout = "resume"`` makes that the default
    """
    gate = stage.start(gate=GATE, after="1")
    door = stage.start(gate="step.flow.suspend(on_timeout='resume')", after="step.steps['gate']")
    monkeypatch.setenv("PDNB_ON_TIMEOUT", "resume")
    with Home(pdnb_dir, kind="kernel", clock=clock) as home:
        configured = Stage(home, clock).start(gate=GATE, after="1")
        firm = Stage(home, clock).start(gate="step.flow.suspend(on_timeout='cancel')", after="1")
    runs = (gate, door, stage.find(configured.id), stage.find(firm.id))
    stage.later(DAY - 1)
    assert [run.status for run in runs] == [Status.SUSPENDED] * 4
    stage.later(1)
    assert [run.status for run in runs] == [
        Status.CANCELLED, Status.SUCCEEDED, Status.SUCCEEDED, Status.CANCELLED,
    ]  # fmt: skip
    assert "$resume_data" not in value(door, "after")


def test_after_24_hours_the_run_is_cancelled(stage: Stage) -> None:
    """node: By default, $.flow.suspend will automatically cancel the workflow after 24 hours."""
    run = stage.start(gate=GATE, after="1")
    stage.later(DAY - 1)
    assert run.status is Status.SUSPENDED
    stage.later(1)
    decision = stage.row(run).decision
    assert decision is not None
    assert (run.status, decision.what, decision.via) == (Status.CANCELLED, "timed out", "clock")
    assert ran(run) == [("gate", 1)]
    with pytest.raises(Refused, match="the time to answer ended"):
        run.resume()


def test_the_first_argument_is_the_timeout_in_milliseconds(stage: Stage) -> None:
    """python: You can set your own timeout (in milliseconds) as the first argument:
    node: You can set your own timeout (in milliseconds) as the first argument:
    """
    run = stage.start(gate="step.flow.suspend(1_500)", after="1")
    stage.later(1_499)
    assert run.status == "suspended"
    stage.later(1)
    assert run.status == "cancelled"


@pytest.mark.parametrize("source", [PYTHON["7 days"], NODE["7 days"]], ids=["python", "node"])
def test_a_timeout_of_seven_days_is_seven_days(stage: Stage, source: str) -> None:
    """python: example: 7 days
    python: 7 days
    node: example: 7 days
    node: 7 days
    """
    first, second = stage.start(gate=source, after="1"), stage.start(gate=source, after="1")
    stage.later(7 * DAY - 1)
    assert (first.status, second.status) == (Status.SUSPENDED, Status.SUSPENDED)
    first.resume()
    stage.later(1)
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.CANCELLED)
