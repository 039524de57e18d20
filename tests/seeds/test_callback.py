"""``rerun`` woken by a callback: over HTTP, to a real server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from pdnb.model import Status
from pdnb.runtime.flow import Flow
from tests.seeds.examples import NODE, PYTHON
from tests.seeds.service import Service, job
from tests.seeds.stage import DAY, SECOND, Stage, ran, value

if TYPE_CHECKING:
    from tests.support.server import Rig

BOTH = ["python", "node"]
JSON = {"Content-Type": "application/json"}


async def call_back(rig: Rig, url: object, document: Any) -> int:
    """The service's POST."""
    return (await rig.request("POST", urlsplit(str(url)).path, JSON, json.dumps(document).encode())).status


async def test_a_job_is_polled_or_calls_back_and_the_step_itself_handles_the_request(
    rig: Rig, served: Stage, service: Service
) -> None:
    """python: This is useful when you need to start a job in an external API and poll for its completion, or have the
    service call back to the step and let you process the HTTP request within the step.
    node: This is useful when you need to start a job in an external API and poll for its completion, or have the
    service call back to the step and let you process the HTTP request within the step.
    """
    service.answer = job(done_at=2)
    source = """
    def handler(pd):
        import requests
        run = pd.context["run"]
        if "callback_request" in run:
            return "called back: " + run["callback_request"]["body"]["status"]
        if requests.get(pd.steps["trigger"]["event"]).json()["status"] == "DONE":
            return "polled: DONE"
        pd.flow.rerun(0 if run["runs"] > 1 else 3_600_000)
    """
    called = served.start(service.url, job=source, after="1")
    assert called.status is Status.SLEEPING
    assert await call_back(rig, called.resume_url, {"status": "DONE"}) == 200
    served.work()
    assert (called.status, value(called, "job")) == (Status.SUCCEEDED, "called back: DONE")

    service.received.clear()
    polled = served.start(service.url, job=source.replace("3_600_000", "0"), after="1")
    served.work()
    assert (polled.status, value(polled, "job")) == (Status.SUCCEEDED, "polled: DONE")


async def test_what_the_service_sends_back_is_processed_within_the_same_step(rig: Rig, served: Stage) -> None:
    """python: When you trigger a job in an external service, and that service can send back data in an HTTP callback
    to Pipedream, you can process that data within the same step using pd.flow.retry:
    node: When you trigger a job in an external service, and that service can send back data in an HTTP callback to
    Pipedream, you can process that data within the same step using $.flow.rerun:
    differs: the Python page calls it ``pd.flow.retry`` once, in this sentence; the call is ``pd.flow.rerun`` in its
    own code and headings, and here
    """
    source = """
    def handler(pd):
        run = pd.context["run"]
        if run["runs"] == 1:
            pd.flow.rerun(3_600_000)
        else:
            return sum(run["callback_request"]["body"]["rows"])
    """
    run = served.start(job=source, after="1")
    assert await call_back(rig, run.resume_url, {"rows": [1, 2, 3]}) == 200
    served.work()
    assert ran(run) == [("job", 1), ("job", 2), ("after", 1)]
    assert value(run, "job") == 6
    assert not hasattr(Flow, "retry")


@pytest.mark.parametrize("source", [PYTHON["callback"], NODE["callback"]], ids=BOTH)
async def test_the_callback_example_returns_the_request_that_called_back(
    rig: Rig, served: Stage, service: Service, source: str
) -> None:
    """python: example: callback
    python: Send resume_url to external service
    python: When the external service calls back into the resume_url, you have access to the callback data
    within['callback_request']
    node: example: callback
    node: Send resume_url to external service
    node: When the external service calls back into the resume_url, you have access to the callback data within
    $.context.run.callback_request
    """
    run = served.start(service.url, job=source, after="1")
    [sent] = service.received
    assert (sent.method, sent.body["resume_url"]) == ("POST", str(run.resume_url))
    assert run.status == "sleeping"
    assert await call_back(rig, sent.body["resume_url"], {"answer": 42}) == 200
    served.work()
    assert run.status is Status.SUCCEEDED
    request = value(run, "job")
    assert (request["method"], request["body"]) == ("POST", {"answer": 42})
    assert await call_back(rig, sent.body["resume_url"], {"answer": 43}) == 409
    assert value(run, "job") == request


@pytest.mark.parametrize("source", [PYTHON["callback"], NODE["callback"]], ids=BOTH)
def test_the_callback_example_goes_on_with_nothing_when_nobody_calls_in_a_day(
    stage: Stage, service: Service, source: str
) -> None:
    run = stage.start(service.url, job=source, after="1")
    stage.later(DAY - SECOND)
    assert run.status == "sleeping"
    stage.later(SECOND)
    assert ran(run) == [("job", 1), ("job", 2), ("after", 1)]
    assert (run.status, run.exports["job"]) == (Status.SUCCEEDED, {})


def test_the_links_are_a_dictionary_with_two_entries(stage: Stage) -> None:
    """python: links contains a dictionary with two entries: resume_url and cancel_url"""
    source = "links = step.flow.rerun(1000, None, 1)\n[type(links).__name__, links]"
    run = stage.start(job=source)
    assert value(run, "job") == ["dict", {"resume_url": str(run.resume_url), "cancel_url": str(run.cancel_url)}]


async def test_the_cancel_link_of_a_rerun_ends_the_run(rig: Rig, served: Stage, service: Service) -> None:
    run = served.start(service.url, job=PYTHON["callback"], after="1")
    assert await call_back(rig, service.received[0].body["cancel_url"], None) == 200
    served.work()
    assert (run.status, ran(run)) == (Status.CANCELLED, [("job", 1)])


def test_a_rerun_that_is_called_back_in_its_second_wait_counts_it_as_one_of_three(stage: Stage) -> None:
    """1 s, three times, called back 400 ms into the second wait: what is stored of every attempt."""
    source = """
    def handler(pd):
        run = pd.context["run"]
        pd.export("run", {key: run[key] for key in ("runs", "context", "callback_request") if key in run})
        pd.flow.rerun(1000, {"from": run["runs"]}, 3)
    """
    run = stage.start(poll=source, after="1")
    began = stage.home.clock()
    stage.later(1000)
    stage.later(400)
    assert (run.status, ran(run)) == (Status.SLEEPING, [("poll", 1), ("poll", 2)])
    run.resume({"answer": 42})
    stage.work()
    assert stage.row(run).due_ms == began + 2_400  # a whole wait, from the callback on
    stage.later(999)
    assert run.status == "sleeping"
    stage.later(1)

    assert run.status is Status.SUCCEEDED
    assert ran(run) == [*[("poll", n) for n in (1, 2, 3, 4)], ("after", 1)]
    polls = run.attempts[:4]
    assert [attempt.started_ms - began for attempt in polls] == [0, 1_000, 1_400, 2_400]
    assert [attempt.outcome for attempt in polls] == ["rerun", "rerun", "rerun", "returned"]
    assert [attempt.note for attempt in polls] == [None, None, None, "retries used up"]
    assert [attempt.context for attempt in polls] == [{"from": 1}, {"from": 2}, {"from": 3}, None]
    whats = [attempt.decision and (attempt.decision.what, attempt.decision.via) for attempt in polls]
    assert whats == [("elapsed", "clock"), ("resumed", "python"), ("elapsed", "clock"), None]
    assert [attempt.request and attempt.request["body"] for attempt in polls] == [None, {"answer": 42}, None, None]

    seen = [attempt.exports["run"] for attempt in polls]
    request = polls[1].request
    assert seen == [
        {"runs": 1},
        {"runs": 2, "context": {"from": 1}},
        {"runs": 3, "context": {"from": 2}, "callback_request": request},
        {"runs": 4, "context": {"from": 3}},
    ]
