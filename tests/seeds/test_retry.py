"""Retrying a failed request: a section that only the Node.js page has."""

from __future__ import annotations

from typing import Any

import pytest

from pdnb.model import Status
from tests.seeds.examples import NODE
from tests.seeds.service import Service
from tests.seeds.stage import SECOND, Stage, ran, seconds_of, value

ANSWER = {"choices": [{"text": "\n\nThis is indeed a test"}]}
CATCH = """
def handler(pd):
    import requests
    try:
        answer = requests.get(pd.steps["trigger"]["event"])
        answer.raise_for_status()
        return answer.json()
    except requests.HTTPError as error:
        if error.response.status_code in (429, 503):
            pd.flow.rerun(30_000)
        else:
            raise
"""


def failing(times: int, status: int = 503) -> Any:
    return lambda number: (status, {"error": "no"}) if number <= times else (200, ANSWER)


@pytest.mark.parametrize(("status", "retried"), [(503, True), (429, True), (401, False)])
def test_a_request_is_retried_when_the_failure_is_one_to_wait_for(
    stage: Stage, service: Service, status: int, retried: bool
) -> None:
    """node: $.flow.rerun can be used to conditionally retry a failed API request due to a service outage or rate limit
    reached.
    """
    service.answer = failing(1, status)
    if not retried:
        with pytest.raises(Exception, match="401"):
            stage.start(service.url, ask=CATCH, after="1")
        assert [row.status for row in stage.home.store.list().runs] == [Status.FAILED]
        return
    run = stage.start(service.url, ask=CATCH, after="1")
    assert run.status is Status.SLEEPING
    stage.later(30 * SECOND)
    assert (run.status, value(run, "ask")) == (Status.SUCCEEDED, ANSWER)


def test_without_an_error_the_request_is_made_once(stage: Stage, service: Service) -> None:
    """node: Place the $.flow.rerun call within a catch block to only retry the API request if an error is thrown:"""
    service.answer = failing(0)
    run = stage.start(service.url, ask=CATCH, after="1")
    assert (run.status, ran(run), len(service.received)) == (Status.SUCCEEDED, [("ask", 1), ("after", 1)], 1)


@pytest.mark.parametrize("failures", [0, 1, 3, 4])
def test_the_retry_example_asks_again_every_thirty_seconds_up_to_three_times(
    stage: Stage, service: Service, failures: int
) -> None:
    """node: example: retry
    node: Retry the request every 30 seconds, for up to 3 times
    """
    service.answer = failing(failures)
    run = stage.start({"url": service.url, "api_key": "k3y"}, ask=NODE["retry"], after="'went on'")
    while run.status is Status.SLEEPING:
        stage.later(30 * SECOND - 1)
        assert run.status is Status.SLEEPING
        stage.later(1)
    assert seconds_of(run, "ask") == [0, 30, 60, 90][: failures + 1]
    assert (run.status, value(run, "after")) == (Status.SUCCEEDED, "went on")
    assert value(run, "ask") == (ANSWER if failures < 4 else None)  # used up: the workflow goes on without
    request = service.received[0]
    assert (request.method, request.path) == ("POST", "/v1/completions")
    assert request.headers["Authorization"] == "Bearer k3y"
    assert request.body == {
        "model": "text-davinci-003", "prompt": "Say this is a test", "max_tokens": 7, "temperature": 0,
    }  # fmt: skip
