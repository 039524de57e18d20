"""The buttons below a card where no server's page draws them: they answer what is on display, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.client import Run
from pdnb.coordination.leader import LeaderLock
from pdnb.kernel.fallback_buttons import Buttons
from pdnb.model import Status
from pdnb.testing import Sandbox
from pdnb.workflow.definition import Step, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

FORM = """
step.flow.suspend(message="Please **check** <b>this</b>", form={"properties": {
    "amount": {"type": "integer", "maximum": 10, "default": 2},
    "how": {"enum": ["quickly", "slowly"]},
    "sure": {"type": "boolean"},
    "who": {"type": "array", "items": {"enum": ["a", "b"]}},
    "note": {"type": "string", "maxLength": 500},
}, "required": ["amount", "how"]})
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path) as found:
        yield found


def offered(sandbox: Sandbox, *sources: str) -> tuple[Run, Any, list[int]]:
    steps = tuple(Step(f"s{i}", source) for i, source in enumerate(sources, 1))
    run, calls = sandbox.run(Workflow("w", (*steps, Step("last", "1")))), list[int]()
    return run, Buttons(Run(sandbox.home, run.record), lambda: calls.append(1), sandbox.home.has_leader), calls


def field(buttons: Buttons, name: str) -> Any:
    return next(widget for f, widget in buttons._fields if f.name == name)


def test_approve_resumes_and_the_buttons_are_gone(sandbox: Sandbox) -> None:
    run, buttons, calls = offered(sandbox, "step.flow.suspend()")
    assert buttons.children
    lock = LeaderLock(sandbox.home.directory, sandbox.home.owner)
    assert lock.acquire()  # as a server does
    buttons.approve.click()
    lock.release()
    assert (run.status, len(buttons.children), calls) == (Status.QUEUED, 0, [1])
    decision = run.record.decision
    assert decision is not None
    assert (decision.what, decision.via) == ("resumed", "card")


def test_approved_where_nobody_works_says_so_until_somebody_does(sandbox: Sandbox) -> None:
    run, buttons, _ = offered(sandbox, "step.flow.suspend()")
    buttons.approve.click()
    assert buttons.children == (buttons._notice,)
    assert "No server or worker serves this store just now: start pdnb serve" in buttons._notice.value
    sandbox.work()
    assert run.status is Status.SUCCEEDED
    buttons.look()
    assert buttons.children == ()


def test_cancel_asks_once_more(sandbox: Sandbox) -> None:
    run, buttons, _ = offered(sandbox, "step.flow.suspend()")
    buttons.cancel.click()
    assert (run.status, buttons.cancel.description) == (Status.SUSPENDED, "Cancel this run")
    buttons.cancel.click()
    assert run.status is Status.CANCELLED


def test_a_form_is_filled_in_and_what_does_not_fit_is_said(sandbox: Sandbox) -> None:
    run, buttons, calls = offered(sandbox, FORM)
    field(buttons, "amount").value = "11"
    field(buttons, "how").value = "slowly"
    buttons.approve.click()
    assert "amount: 11 is more than the maximum of 10" in buttons._notice.value
    assert (run.status, calls) == (Status.SUSPENDED, [])
    field(buttons, "amount").value = "7"
    field(buttons, "sure").value = True
    field(buttons, "who").value = ["b"]
    buttons.approve.click()
    body = run.exports["s1"]["$resume_data"]["body"]
    assert body == {"amount": 7, "how": "slowly", "sure": True, "who": ["b"]}


def test_what_the_author_wrote_is_text(sandbox: Sandbox) -> None:
    _, buttons, _ = offered(sandbox, FORM)
    assert "&lt;b&gt;this&lt;/b&gt;" in buttons.children[0].value


def test_a_stale_button_never_approves_the_next_gate(sandbox: Sandbox) -> None:
    run, buttons, _ = offered(sandbox, "step.flow.suspend()", "step.flow.suspend()")
    run.resume()
    sandbox.work()
    assert (run.status, run.step) == (Status.SUSPENDED, "s2")
    buttons.approve.click()
    assert "already resumed" in buttons._notice.value
    assert (run.status, run.step) == (Status.SUSPENDED, "s2")
    buttons.look()
    buttons.approve.click()
    assert run.status is Status.QUEUED


def test_a_sleeping_run_is_woken(sandbox: Sandbox) -> None:
    run, buttons, _ = offered(sandbox, "step.flow.delay(60_000)")
    assert buttons.approve.description == "Resume now"
    buttons.approve.click()
    assert run.status is Status.QUEUED


BOOKING = """
step.flow.suspend(form={"properties": {
    "id": {"type": "integer", "default": 9007199254740993},
    "at": {"type": "string", "format": "date-time", "default": "2026-07-01T09:00:00Z"},
    "until": {"type": "string", "format": "date-time"},
    "names": {"type": "array", "items": {"type": "string"}, "default": ["Ada", "Eve"]},
    "conf": {"type": "object", "default": {"id": 9007199254740993}},
    "room": {"type": ["integer", "string"]},
}})
"""


def test_what_nobody_touched_comes_back_as_it_was(sandbox: Sandbox) -> None:
    """Lists, JSON and moments too; a picker shows a moment in the browser's zone."""
    run, buttons, _ = offered(sandbox, BOOKING)
    assert field(buttons, "names").value == "Ada\nEve"
    assert field(buttons, "at").value == datetime(2026, 7, 1, 9, tzinfo=UTC)
    field(buttons, "room").value = "12"
    field(buttons, "until").value = datetime(2026, 7, 2, 9, tzinfo=UTC)
    buttons.approve.click()
    body = run.exports["s1"]["$resume_data"]["body"]
    moments = [datetime.fromisoformat(body.pop(name)) for name in ("at", "until")]
    assert moments == [datetime(2026, 7, 1, 9, tzinfo=UTC), datetime(2026, 7, 2, 9, tzinfo=UTC)]
    assert body == {"id": 2**53 + 1, "names": ["Ada", "Eve"], "conf": {"id": 2**53 + 1}, "room": 12}
