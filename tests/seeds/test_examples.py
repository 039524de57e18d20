"""The Python page's examples as ``%%step`` cells: a real kernel, server, worker, mail server and callback service.

What was filled in or mended in them stands in :mod:`tests.seeds.examples`. Nothing here waits for ten seconds, a day or
a week: where a pause is that long, its length is read from the store, and the link ends it.
"""

# ruff: noqa: RUF002  # quotes keep their apostrophes

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

from pdnb.client import Run, list_runs
from pdnb.coordination.home import Home
from tests.seeds.examples import PYTHON
from tests.seeds.service import Service, job
from tests.support.kernels import Kernel, environment, texts
from tests.support.processes import Server, free_port, post, until

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

DAY = 86_400_000
JSON = {"Content-Type": "application/json"}


class Letterbox:
    """aiosmtpd's handler: keeps every mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


class CallingService(Service):
    """Calls the link that it was sent when it is told to be done."""

    def __init__(self) -> None:
        super().__init__(lambda _: (200, {}))
        self.statuses: list[int] = []

    def complete(self, number: int, document: Any) -> None:
        """Be done with job *number* (from 0): POST *document* to its link."""
        url = self.received[number].body["resume_url"]
        request = urllib.request.Request(url, json.dumps(document).encode(), JSON, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.statuses.append(answer.status)


class World:
    """Everything that is real here."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.letterbox = Letterbox()
        smtp = Controller(self.letterbox, hostname="127.0.0.1", port=free_port())
        smtp.start()
        stack.callback(smtp.stop)
        mail = f"--PdnbApp.smtp_url=smtp://127.0.0.1:{smtp.port}", "--PdnbApp.mail_to=me@example.com"
        self.server = stack.enter_context(Server(place / "server", place / "store", *mail))
        until((place / "store/settings.json").exists)
        self.status_page = stack.enter_context(Service())
        self.calling = stack.enter_context(CallingService())
        self.kernel = stack.enter_context(Kernel(environment(place, self.server.store), cells=("%load_ext pdnb",)))
        self.home = stack.enter_context(Home(self.server.store, kind="shell"))

    def define(self, workflow: str, source: str) -> None:
        """A workflow of the example and a step behind it."""
        self.kernel.run(f"%%step example -w {workflow}\n{source}")
        self.kernel.run(f"%%step after -w {workflow}\n'went on'")

    def start(self, workflow: str, event: Any = None) -> Run:
        """A run of it, started in the kernel, at its first pause."""
        self.kernel.run(f"%pdnb run -w {workflow} {'' if event is None else json.dumps(event)}")
        return list_runs(self.home, workflow=workflow)[0]


def over(run: Run) -> str:
    until(lambda: run.status.over)
    return str(run.status)


def value(run: Run, step: str = "example") -> Any:
    return run.exports[step].get("$return_value")


def attempts(run: Run) -> list[tuple[str, int]]:
    return [(attempt.step, attempt.runs) for attempt in run.attempts]


def wait_ms(run: Run) -> int:
    """How long the present pause lasts."""
    asked = run.attempts[-1].pause
    assert asked is not None
    return asked.due_ms - asked.since_ms


def poke(run: Run) -> None:
    """Wake a sleeping step by its link, and wait until its next attempt has paused or the run is over."""
    count = len(run.attempts)
    assert post(str(run.resume_url)) == 200
    until(lambda: (run.status == "sleeping" and len(run.attempts) > count) or run.status.over)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With every example defined."""
    with ExitStack() as stack:
        world = World(tmp_path_factory.mktemp("world"), stack)
        for name, source in PYTHON.items():
            world.define(name.replace(" ", "-"), source)
        yield world


@pytest.mark.parametrize(("purpose", "ends"), [("approve", "succeeded"), ("cancel", "cancelled")])
def test_the_mail_arrives_and_a_click_on_its_links_decides(world: World, purpose: str, ends: str) -> None:
    """python: You'll receive an email like this:
    python: example: approve by mail
    node: You’ll receive an email like this:

    Opened in a browser, the link shows a page; the POST of its button decides.
    """
    before = len(world.letterbox.mails)
    run = world.start("approve-by-mail")
    assert (run.status, len(world.letterbox.mails)) == ("suspended", before + 1)
    mail = world.letterbox.mails[-1]
    assert (mail["Subject"], mail["To"]) == ("Please approve this important workflow", "me@example.com")
    text = mail.get_content()
    said = r"Click here to approve the workflow: (\S+), and cancel here: (\S+)\s*"
    match = re.fullmatch(said, text)
    assert match is not None
    url = match[1] if purpose == "approve" else match[2]
    assert url.startswith(world.server.url)

    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/html"}), timeout=30) as page:
        assert '<form method="post">' in page.read().decode()
    assert run.status == "suspended"
    assert post(url) == 200
    assert over(run) == ends
    assert attempts(run) == [("example", 1), ("after", 1)][: 2 if purpose == "approve" else 1]


def test_the_suspension_of_seven_days_ends_in_seven_days_or_by_its_link(world: World) -> None:
    """python: example: 7 days"""
    run = world.start("7-days")
    assert (run.status, wait_ms(run)) == ("suspended", 7 * DAY)
    assert post(str(run.resume_url)) == 200
    assert over(run) == "succeeded"


@pytest.mark.parametrize(("looks", "ends"), [(2, "succeeded"), (9, "failed")])
def test_the_status_is_polled_until_done_or_until_the_retries_are_over(world: World, looks: int, ends: str) -> None:
    """python: example: polling"""
    world.status_page.received.clear()
    world.status_page.answer = job(done_at=looks)
    run = world.start("polling", world.status_page.url)
    while not run.status.over:
        assert (run.status, wait_ms(run)) == ("sleeping", 10_000)
        poke(run)
    assert run.status == ends
    if ends == "succeeded":
        assert value(run) == {"status": "DONE", "looks": 2}
        assert attempts(run) == [("example", 1), ("example", 2), ("example", 3), ("after", 1)]
    else:
        assert attempts(run) == [("example", n) for n in (1, 2, 3, 4)]
        assert run.attempts[-1].error == "Exception: Max retries exceeded"


def test_the_service_is_sent_the_links_and_its_callback_is_what_the_step_returns(world: World) -> None:
    """python: example: callback"""
    run = world.start("callback", world.calling.url)
    assert (run.status, wait_ms(run)) == ("sleeping", DAY)
    [sent] = world.calling.received
    assert sent.body.keys() == {"resume_url", "cancel_url"}
    world.calling.complete(0, {"answer": 42})
    assert over(run) == "succeeded"
    assert world.calling.statuses == [200]
    request = value(run)
    assert (request["method"], request["body"]) == ("POST", {"answer": 42})
    assert attempts(run) == [("example", 1), ("example", 2), ("after", 1)]


def test_the_context_is_there_at_the_next_run_and_the_wait_is_a_second(world: World) -> None:
    """python: For example, if you call: pd.flow.rerun(1000, { "hello": "world" }) will contain:"""
    run = world.start("context")
    assert over(run) == "succeeded"
    assert value(run) == {"hello": "world"}
    first, second = (attempt.started_ms for attempt in run.attempts[:2])
    assert second - first >= 1000


def test_the_max_retries_example_goes_on_when_it_asks_for_no_more(world: World) -> None:
    """python: example: max retries"""
    run = world.start("max-retries")
    assert wait_ms(run) == 1000
    assert over(run) == "succeeded"
    assert attempts(run) == [("example", 1), ("example", 2), ("after", 1)]


@pytest.mark.parametrize(("name", "call"), [("approve by mail", "suspend"), ("context", "rerun")])
def test_a_tested_step_shows_the_message_and_starts_no_run(world: World, name: str, call: str) -> None:
    """python: Workflow execution canceled — this may be due to pd.flow.suspend() usage (not supported in test)
    node: Workflow execution canceled — this may be due to $.flow.suspend() usage (not supported in test)
    """
    before = len(list_runs(world.home))
    shown = texts(world.kernel.run(f"%%step example -w {name.replace(' ', '-')} --test\n{PYTHON[name]}"))
    message = f"Workflow execution canceled — this may be due to pd.flow.{call}() usage (not supported in test)"
    assert [line for text in shown for line in text.splitlines()].count(message) == 1
    assert len(list_runs(world.home)) == before
