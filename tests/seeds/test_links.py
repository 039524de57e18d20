"""``resume_url`` and ``cancel_url``: what the pages say about them, asked of a real server over HTTP."""

# quotes keep their apostrophes

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from pdnb.client import Run
from pdnb.model import Status
from tests.seeds.service import Service
from tests.seeds.stage import Stage, ran, value
from tests.support.server import Answer, Rig

_T = TypeVar("_T")

GATE = "step.flow.suspend()"
DOOR = "step.flow.suspend(confirm=False)"
PAGE = {"Accept": "text/html"}
ACCEPT = {"Accept": "application/json"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def load(
    rig: Rig,
    url: object,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """The answer to a request to *url*, which has to be the server's own."""
    parts = urlsplit(str(url))
    assert (parts.scheme, parts.netloc) == ("http", f"localhost:{rig.port}")
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return await rig.request(method, target, headers, body)


def content(path: str, url: str) -> bytes:
    """Of the file at *path*, which *url* names too."""
    assert url == Path(path).as_uri()
    return Path(path).read_bytes()


def resume_data(run: Run, step: str = "code") -> Any:
    return run.exports[step]["$resume_data"]


async def test_a_service_is_given_the_link_and_resumes_the_workflow_by_http(
    rig: Rig, served: Stage, service: Service
) -> None:
    """python: Trigger an external API to start a job, pause the workflow, and resume it when the external API sends
    an HTTP callback
    node: Trigger an external API to start a job, pause the workflow, and resume it when the external API sends an
    HTTP callback
    """
    begin = """
    import requests
    requests.post(step.steps["trigger"]["event"], json=step.flow.suspend()).json()
    """
    run = served.start(service.url, begin=begin, use="step.steps['begin']['$resume_data']['body']")
    assert run.status is Status.SUSPENDED
    [given] = service.received
    answer = await load(rig, given.body["resume_url"], "POST", JSON, b'{"rows": 7}')
    assert answer.status == 200
    served.work()
    assert (run.status, value(run, "use")) == (Status.SUCCEEDED, {"rows": 7})


@pytest.mark.parametrize(("link", "ends"), [("resume_url", "succeeded"), ("cancel_url", "cancelled")])
async def test_one_click_on_the_link_and_one_on_the_pages_button_decides(
    rig: Rig, served: Stage, link: str, ends: str
) -> None:
    """python: And can resume or cancel the rest of the workflow by clicking on the appropriate link.
    node: And can resume or cancel the rest of the workflow by clicking on the appropriate link.
    differs: the click opens a page with one button, and that acts, because mail scanners click on every link;
    ``suspend(confirm=False)`` acts on the click
    """
    run = served.start(gate=GATE, after="1")
    url = value(run, "gate")[link]
    page = await load(rig, url, "GET", PAGE)
    assert (page.status, run.status) == (200, Status.SUSPENDED)
    assert page.text.count("<form") == page.text.count("<button") == 1
    assert '<form method="post">' in page.text
    assert (await load(rig, url, "POST", FORM | PAGE, b"")).status == 200
    served.work()
    assert run.status == ends

    run = served.start(gate=DOOR, after="1")
    assert (await load(rig, value(run, "gate")[link], "GET", PAGE)).status == 200
    served.work()
    assert run.status == ends


async def test_a_service_gets_the_links_while_the_step_still_runs(
    rig: Rig, served: Stage, service: Service, props: SimpleNamespace
) -> None:
    """python: Since Pipedream pauses your workflow at the end of the step, you can pass these URLs to any external
    service before the workflow pauses.
    node: Since Pipedream pauses your workflow at the end of the step, you can pass these URLs to any external service
    before the workflow pauses.
    """
    props.look = lambda: str(served.home.store.list().runs[0].status)
    source = """
    def handler(pd):
        import props, requests
        requests.post(pd.steps["trigger"]["event"], json=pd.flow.suspend())
        return props.look()
    """
    run = served.start(service.url, pass_on=source, after="1")
    assert (value(run, "pass_on"), run.status) == ("running", Status.SUSPENDED)
    assert service.received[0].body == {"resume_url": str(run.resume_url), "cancel_url": str(run.cancel_url)}


@pytest.mark.parametrize("early", [False, True], ids=["when it is done", "at once"])
async def test_the_service_itself_calls_the_link_when_its_work_is_complete(
    rig: Rig, served: Stage, service: Service, early: bool
) -> None:
    """python: If that service accepts a callback URL, it can trigger the resume_url when its work is complete.
    node: If that service accepts a callback URL, it can trigger the resume_url when its work is complete.

    Also when that is before the step has ended: the request is kept.
    """
    statuses: list[int] = []

    def complete(url: str) -> None:
        request = urllib.request.Request(url, b'{"status": "DONE"}', JSON, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            statuses.append(answer.status)

    def answer(_: int) -> tuple[int, Any]:
        if early:
            complete(service.received[-1].body["callback"])
        return 200, {}

    service.answer = answer
    source = """
    def handler(pd):
        import requests
        requests.post(pd.steps["trigger"]["event"], json={"callback": pd.flow.suspend()["resume_url"]}, timeout=20)
    """

    def in_thread(call: Callable[..., _T], *args: Any, **steps: str) -> Coroutine[Any, Any, _T]:
        """The server of this process answers on this thread, so what asks it has another."""

        def body() -> _T:
            try:
                return call(*args, **steps)
            finally:
                served.home.store.close()  # that thread's connection

        return asyncio.to_thread(body)

    use = "step.steps['ask']['$resume_data']['body']"
    run = await in_thread(served.start, service.url, ask=source, use=use)
    if not early:
        assert run.status is Status.SUSPENDED
        await in_thread(complete, service.received[0].body["callback"])
    await in_thread(served.work)
    assert statuses == [202 if early else 200]
    assert (run.status, value(run, "use")) == (Status.SUCCEEDED, {"status": "DONE"})


async def test_a_link_works_for_its_own_run_only(rig: Rig, served: Stage) -> None:
    """python: These URLs are specific to a single execution of your workflow.
    node: These URLs are specific to a single execution of your workflow.
    """
    first, second = served.start(gate=GATE, after="1"), served.start(gate=GATE, after="1")
    urls = [url for run in (first, second) for url in value(run, "gate").values()]
    assert len(set(urls)) == 4
    assert (await load(rig, value(first, "gate")["resume_url"], "POST")).status == 200
    assert (await load(rig, value(second, "gate")["cancel_url"], "POST")).status == 200
    served.work()
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.CANCELLED)
    assert [(await load(rig, url, "POST")).status for url in urls] == [409, 409, 410, 410]


async def test_any_request_reaches_the_link_of_a_paused_run(
    rig: Rig, served: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python: While the workflow is paused, you can load these in your browser or send any HTTP request to them:
    node: While the workflow is paused, you can load these in your browser or send any HTTP request to them:
    differs: POST, PUT, PATCH and DELETE act; GET, what a browser loads, shows a page that asks first, unless the step
    said ``confirm=False`` or the configuration ``confirm_links = False``; HEAD and OPTIONS never act
    """
    for method, acts in {"POST": True, "PUT": True, "PATCH": True, "DELETE": True, "GET": False, "HEAD": False}.items():
        run = served.start(gate=GATE, after="1")
        assert (await load(rig, run.resume_url, method)).status == 200, method
        assert (run.status is not Status.SUSPENDED) == acts, method
    for method, acts in {"GET": True, "HEAD": False, "POST": True}.items():
        run = served.start(gate=DOOR, after="1")
        assert (await load(rig, run.resume_url, method)).status == 200, method
        assert (run.status is not Status.SUSPENDED) == acts, method
    run = served.start(gate=GATE, after="1")
    assert (await load(rig, run.resume_url, "OPTIONS")).status == 204
    assert run.status is Status.SUSPENDED
    monkeypatch.setenv("PDNB_CONFIRM_LINKS", "false")
    run = served.start(gate=GATE, after="1")
    assert (await load(rig, run.resume_url)).status == 200
    assert run.status == "queued"


async def test_a_request_to_the_cancel_link_cancels_the_run(rig: Rig, served: Stage) -> None:
    """python: Sending an HTTP request to the cancel_url will cancel that execution
    node: Sending an HTTP request to the cancel_url will cancel that execution
    differs: a GET asks first; with ``confirm=False`` it cancels
    """
    for source, method in ((GATE, "POST"), (DOOR, "GET")):
        run = served.start(gate=source, after="1")
        answer = await load(rig, value(run, "gate")["cancel_url"], method, ACCEPT)
        served.work()
        assert (answer.status, answer.json()["status"]) == (200, "cancelled")
        assert (run.status, ran(run)) == (Status.CANCELLED, [("gate", 1)])
    asked = served.start(gate=GATE, after="1")
    assert (await load(rig, asked.cancel_url)).status == 200
    assert asked.status is Status.SUSPENDED


async def test_a_request_to_the_resume_link_resumes_the_run(rig: Rig, served: Stage) -> None:
    """python: Sending an HTTP request to the resume_url will resume that execution
    node: Sending an HTTP request to the resume_url will resume that execution
    differs: a GET asks first; with ``confirm=False`` it resumes
    """
    for source, method in ((GATE, "POST"), (DOOR, "GET")):
        run = served.start(gate=source, after="1")
        answer = await load(rig, value(run, "gate")["resume_url"], method, ACCEPT)
        served.work()
        assert (answer.status, answer.json()["status"]) == (200, "resumed")
        assert (run.status, ran(run)) == (Status.SUCCEEDED, [("gate", 1), ("after", 1)])
    asked = served.start(gate=GATE, after="1")
    assert (await load(rig, asked.resume_url)).status == 200
    assert asked.status is Status.SUSPENDED


async def test_any_data_of_the_request_is_exported_by_the_suspended_step(rig: Rig, served: Stage) -> None:
    """python: If you resume a workflow, any data sent in the HTTP request is passed to the workflow and returned in
    the $resume_data step export of the suspended step.
    node: If you resume a workflow, any data sent in the HTTP request is passed to the workflow and returned in the
    $resume_data step export of the suspended step.
    """
    run = served.start(gate=GATE + "\n'returned'", seen="step.steps['gate']")
    headers = FORM | {"X-Job": "7", "Cookie": "a=b"}
    answer = await load(rig, f"{run.resume_url}?decision=approve", "PUT", headers, b"by=al&note=fine")
    assert answer.status == 200
    served.work()
    seen = value(run, "seen")
    data = seen.pop("$resume_data")
    assert seen == {"$return_value": "returned"}
    assert data["body"] == {"by": "al", "note": "fine"}
    assert (data["query"], data["method"]) == ({"decision": "approve"}, "PUT")
    assert (data["headers"]["x-job"], data["client_ip"]) == ("7", "127.0.0.1")
    assert "cookie" not in data["headers"]


async def test_the_step_named_code_exports_what_was_sent(rig: Rig, served: Stage) -> None:
    """python: For example, if you call pd.flow.suspend within a step named code, the $resume_data export should
    contain the data sent in the resume_url request:
    node: For example, if you call $.flow.suspend within a step named code, the $resume_data export should contain the
    data sent in the resume_url request:
    """
    sent = {"approved": True, "lines": [1, 2.5, None, "ü"]}
    run = served.start(code="def handler(pd: 'pipedream'):\n    pd.flow.suspend()", after="1")
    assert (await load(rig, run.resume_url, "POST", JSON, json.dumps(sent).encode())).status == 200
    assert resume_data(run)["body"] == sent


async def test_a_large_payload_goes_to_a_file_where_the_limit_ends(rig: Rig, served: Stage) -> None:
    """node: Requests to the resume_url have the same limits as any HTTP request to Pipedream, but you can send larger
    payloads using our large payload or large file interfaces.
    differs: the interfaces are Pipedream's (512 KB, then ``?pipedream_upload_body=1``, ``x-pd-upload-body`` or a
    multipart file), but the URLs are ``file:`` URLs on this machine and do not expire while the run is kept
    """
    run, large = served.start(code=GATE, after="1"), b"x" * (512 * 1024 + 1)
    assert (await load(rig, run.resume_url, "POST", None, large)).status == 413
    assert run.status is Status.SUSPENDED
    assert (await load(rig, run.resume_url, "POST", None, large[1:])).status == 200
    assert resume_data(run)["body"] == large[1:].decode()

    for query, headers in (("?pipedream_upload_body=1", {}), ("", {"x-pd-upload-body": "1"})):
        run = served.start(code=GATE, after="1")
        assert (await load(rig, f"{run.resume_url}{query}", "POST", headers, large)).status == 200
        body = resume_data(run)["body"]
        assert content(body["path"], body["raw_body_url"]) == large

    run = served.start(code=GATE, after="1")
    head = 'Content-Disposition: form-data; name="scan"; filename="a.pdf"\r\nContent-Type: application/pdf'
    form = b"--xyz\r\n%b\r\n\r\n%b\r\n--xyz--\r\n" % (head.encode(), large)
    multipart = {"Content-Type": "multipart/form-data; boundary=xyz"}
    answer = await load(rig, run.resume_url, "POST", multipart, form)
    assert answer.status == 200
    part = resume_data(run)["body"]["scan"]
    assert (part["filename"], part["mimetype"]) == ("a.pdf", "application/pdf")
    assert content(part["path"], part["url"]) == large
