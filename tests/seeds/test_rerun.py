"""``rerun``: what the pages say about running a step again, its arguments, its context and its retries."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from pdnb.client import Run
from pdnb.errors import NotJSON
from pdnb.model import Status
from pdnb.runtime.flow import Flow
from tests.seeds.examples import NODE, PYTHON
from tests.seeds.service import Service, job
from tests.seeds.stage import DAY, SECOND, Stage, ran, seconds_of, value

BOTH = ["python", "node"]
COUNTS = """
def handler(pd):
    import props
    props.seen.append(pd.context["run"]["runs"])
    if pd.context["run"]["runs"] < 4:
        pd.flow.rerun(1000)
"""
#: Asks for a rerun every time, up to N times.
ALWAYS = "step.flow.rerun(1000, None, {})"


def play_out(stage: Stage, run: Run, *, every_ms: int = SECOND, waits: int = 100) -> Run:
    """*run* after its waits of *every_ms* are over."""
    while run.status is Status.SLEEPING and waits:
        stage.later(every_ms)
        waits -= 1
    return run


def test_one_step_runs_several_times_and_no_other_does(stage: Stage, props: SimpleNamespace) -> None:
    """python: Use pd.flow.rerun when you want to run a specific step of a workflow multiple times.
    node: Use $.flow.rerun when you want to run a specific step of a workflow multiple times.
    python: pd.flow.rerun lets you rerun a specific step multiple times:
    node: $.flow.rerun lets you rerun a specific step multiple times:
    """
    props.seen = []
    run = play_out(stage, stage.start(before="1", again=COUNTS, after="1"))
    assert run.status is Status.SUCCEEDED
    assert ran(run) == [("before", 1), *[("again", n) for n in (1, 2, 3, 4)], ("after", 1)]


def test_a_job_is_started_once_and_polled_until_it_is_done(stage: Stage, service: Service) -> None:
    """python: Sometimes you need to poll for the status of an external job until it completes.
    node: Sometimes you need to poll for the status of an external job until it completes.
    """
    service.answer = job(done_at=4)
    source = """
    def handler(pd):
        import requests
        url, first = pd.steps["trigger"]["event"], pd.context["run"]["runs"] == 1
        state = (requests.post if first else requests.get)(url).json()
        if state["status"] == "DONE":
            return state["looks"]
        pd.flow.rerun(10_000)
    """
    run = play_out(stage, stage.start(service.url, job=source, after="1"), every_ms=10 * SECOND)
    assert (run.status, value(run, "job")) == (Status.SUCCEEDED, 4)
    assert [request.method for request in service.received] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize("source", [PYTHON["polling"], NODE["polling"]], ids=BOTH)
@pytest.mark.parametrize("looks", [1, 2])
def test_the_polling_example_goes_on_with_the_data_when_the_job_is_done(
    stage: Stage, service: Service, source: str, looks: int
) -> None:
    """python: example: polling
    python: Poll external API for status
    python: If we're done, continue with the rest of the workflow
    node: example: polling
    node: Poll external API for status
    node: If we're done, continue with the rest of the workflow
    """
    service.answer = job(done_at=looks)
    run = play_out(stage, stage.start(service.url, poll=source, after="1"), every_ms=10 * SECOND)
    assert run.status is Status.SUCCEEDED
    assert value(run, "poll") == {"status": "DONE", "looks": looks}
    assert ran(run) == [*[("poll", n) for n in range(1, looks + 2)], ("after", 1)]


@pytest.mark.parametrize("source", [PYTHON["polling"], NODE["polling"]], ids=BOTH)
def test_the_polling_example_looks_every_ten_seconds_and_gives_up_after_its_retries(
    stage: Stage, service: Service, source: str
) -> None:
    """python: 10 seconds
    python: Else retry later
    node: 10 seconds
    node: Else retry later
    """
    service.answer = job(done_at=100)
    run = stage.start(service.url, poll=source, after="1")
    stage.later(10 * SECOND - 1)
    assert ran(run) == [("poll", 1)]
    stage.later(1)
    play_out(stage, run, every_ms=10 * SECOND)
    assert seconds_of(run, "poll") == [0, 10, 20, 30]
    assert (run.status, stage.row(run).error) == (Status.FAILED, "Exception: Max retries exceeded")
    assert len(service.received) == 2  # the first attempt only waits, the last one only gives up


def test_runs_starts_at_1_and_increments_when_the_step_is_rerun(stage: Stage, props: SimpleNamespace) -> None:
    """python: starts at 1 and increments when the step is rerun
    python: pd.context['run']['runs'] starts at 1 and increments when the step is rerun
    node: $.context.run.runs starts at 1 and increments when the step is rerun
    """
    props.seen = []
    run = play_out(stage, stage.start(again=COUNTS, other="step.context['run']['runs']"))
    assert props.seen == [1, 2, 3, 4]
    assert value(run, "other") == 1  # every step counts for itself


def test_the_arguments_are_delay_context_and_max_retries_in_this_order(stage: Stage) -> None:
    """python: pd.flow.rerun(delay, context (discussed below), max retries)
    python: pd.flow.rerun accepts the following arguments:
    python: example: arguments
    node: $.flow.rerun(delay, context (discussed below), max retries)
    node: $.flow.rerun accepts the following arguments:
    node: example: arguments
    differs: the third argument's own name is ``max_retries``; ``maxRetries=`` is accepted too
    """
    parameters = list(inspect.signature(Flow.rerun).parameters)
    assert parameters[1:4] == ["delay", "context", "max_retries"]
    attempts = []
    for call in (
        "rerun(1000, {'a': 1}, 2)",
        "rerun(delay=1000, context={'a': 1}, maxRetries=2)",
        "rerun(1000, {'a': 1}, max_retries=2)",
    ):
        run = play_out(stage, stage.start(again=f"step.flow.{call} and step.context['run'].get('context')", after="1"))
        assert seconds_of(run, "again") == [0, 1, 2]
        attempts.append([(a.runs, a.exports.get("$return_value"), a.note) for a in run.attempts if a.step == "again"])
    assert attempts == [[(1, None, None), (2, {"a": 1}, None), (3, {"a": 1}, "retries used up")]] * 3


@pytest.mark.parametrize("delay_ms", [1, 2_500, 30 * DAY])
def test_the_delay_is_in_milliseconds(stage: Stage, delay_ms: int) -> None:
    """python: The number of milliseconds until the step will be rerun
    node: The number of milliseconds until the step will be rerun
    """
    run = stage.start(again=f"step.context['run']['runs'] == 1 and step.flow.rerun({delay_ms})", after="1")
    stage.later(delay_ms - 1)
    assert ran(run) == [("again", 1)]
    stage.later(1)
    assert ran(run) == [("again", 1), ("again", 2), ("after", 1)]


def test_the_context_is_json(stage: Stage) -> None:
    """python: JSON-serializable data you need to pass between runs
    node: JSON-serializable data you need to pass between runs
    """
    passed: Any = {"text": "ü", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    again = f"step.flow.rerun(1, {passed!r}, 1) and step.context['run'].get('context')"
    run = play_out(stage, stage.start(again=again))
    assert value(run, "again") == passed
    with pytest.raises(NotJSON, match="context: set is not JSON"):
        stage.start(again="step.flow.rerun(1, {1, 2})")


def test_the_step_reruns_as_often_as_asked_and_ten_times_by_default(stage: Stage) -> None:
    """python: The total number of times the step will rerun. Defaults to 10
    node: The total number of times the step will rerun. Defaults to 10
    """
    for retries in (0, 1, 3, 12):
        run = play_out(stage, stage.start(again=ALWAYS.format(retries), after="1"))
        assert ran(run) == [*[("again", n) for n in range(1, retries + 2)], ("after", 1)]
    run = play_out(stage, stage.start(again="step.flow.rerun(1000)", after="1"))
    assert ran(run)[-2:] == [("again", 11), ("after", 1)]


def test_max_retries_is_ten_by_default(stage: Stage) -> None:
    """python: By default, maxRetries is 10.
    node: By default, maxRetries is 10.
    """
    source = "step.flow.rerun(1000)\nstep.context['run']['runs']"
    run = play_out(stage, stage.start(again=source, after="1"), waits=9)
    assert (run.status, value(run, "again")) == (Status.SLEEPING, 10)
    play_out(stage, run, waits=1)
    assert (run.status, value(run, "again")) == (Status.SUCCEEDED, 11)


# ---- the context from run to run ----------------------------------------------------------------------------------


def test_the_context_of_the_prior_call_is_there_at_the_next_run(stage: Stage) -> None:
    """python: Within a Python code step, contains the context passed from the prior call to rerun.
    node: Within a Node.js code step, $.context.run.context contains the context passed from the prior call to rerun.

    The Python page has lost the name: it is ``pd.context["run"]["context"]``.
    """
    source = """
    def handler(pd):
        run = pd.context["run"]
        pd.export("found", run.get("context", "no context"))
        if run["runs"] < 4:
            pd.flow.rerun(1000, {"passed by": run["runs"]})
    """
    run = play_out(stage, stage.start(again=source, after="step.context['run'].get('context', 'no context')"))
    found = [attempt.exports["found"] for attempt in run.attempts if attempt.step == "again"]
    assert found == ["no context", {"passed by": 1}, {"passed by": 2}, {"passed by": 3}]
    assert value(run, "after") == "no context"  # it is the step's own


def test_data_is_passed_and_grows_from_run_to_run(stage: Stage) -> None:
    """python: This lets you pass data from one run to another.
    node: This lets you pass data from one run to another.
    """
    source = """
    run = step.context["run"]
    seen = [*run.get("context", []), run["runs"] * 10]
    if run["runs"] < 3:
        step.flow.rerun(1000, seen)
    seen
    """
    run = play_out(stage, stage.start(again=source, after="1"))
    assert (run.status, value(run, "again")) == (Status.SUCCEEDED, [10, 20, 30])


def test_the_context_example_passes_hello_world(stage: Stage) -> None:
    """python: For example, if you call: pd.flow.rerun(1000, { "hello": "world" }) will contain:
    node: For example, if you call: $.flow.rerun(1000, { hello: "world" }); $.context.run.context will contain:
    """
    run = play_out(stage, stage.start(before="1", again=PYTHON["context"], after="1"))
    assert value(run, "again") == {"hello": "world"}
    assert seconds_of(run, "again") == [0, 1]


# ---- retries ------------------------------------------------------------------------------------------------------


def test_when_the_retries_are_used_up_the_next_step_runs(stage: Stage) -> None:
    """python: When you exceed maxRetries, the workflow proceeds to the next step.
    node: When you exceed maxRetries, the workflow proceeds to the next step.
    """
    run = play_out(stage, stage.start(again=ALWAYS.format(3), after="'went on'"))
    assert (run.status, value(run, "after")) == (Status.SUCCEEDED, "went on")
    notes = [(attempt.runs, attempt.outcome, attempt.note) for attempt in run.attempts if attempt.step == "again"]
    assert notes == [
        (1, "rerun", None),
        (2, "rerun", None),
        (3, "rerun", None),
        (4, "returned", "retries used up"),
    ]
    assert seconds_of(run, "again") == [0, 1, 2, 3]


def test_an_exception_after_the_retries_fails_the_run_instead(stage: Stage) -> None:
    """python: If you need to handle this case with an exception, raise an Exception from the step:
    node: If you need to handle this case with an exception, throw an error from the step:
    """
    source = """
    def handler(pd):
        if pd.context["run"]["runs"] == 3 + 1:
            raise Exception("Max retries exceeded")
        pd.flow.rerun(1000, None, 3)
    """
    run = play_out(stage, stage.start(again=source, after="1"))
    assert (run.status, stage.row(run).error) == (Status.FAILED, "Exception: Max retries exceeded")
    assert ran(run) == [("again", n) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("source", [PYTHON["max retries"], NODE["max retries"]], ids=BOTH)
def test_the_max_retries_example_as_it_stands_asks_for_one_rerun_only(stage: Stage, source: str) -> None:
    """python: example: max retries
    node: example: max retries

    As the pages print it, the step asks for a rerun in its first run only: the second one returns, the workflow goes
    on, and the exception is never reached. With a rerun in every run it is.
    """
    run = play_out(stage, stage.start(again=source, after="'went on'"))
    assert ran(run) == [("again", 1), ("again", 2), ("after", 1)]
    assert run.status is Status.SUCCEEDED

    every = source.replace("run['runs'] == 1", "run['runs'] <= MAX_RETRIES").replace(
        'run["runs"] == 1', 'run["runs"] <= MAX_RETRIES'
    )
    assert every != source
    run = play_out(stage, stage.start(again=every, after="'went on'"))
    assert ran(run) == [("again", n) for n in (1, 2, 3, 4)]
    assert (run.status, stage.row(run).error) == (Status.FAILED, "Exception: Max retries exceeded")
