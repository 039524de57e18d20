"""Runs in a person's hands: start, find, wait, answer; a stale hand changes nothing."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

import pdnb
from pdnb.client import Run, Runs, current_user, list_runs, start
from pdnb.coordination.home import Home, now_ms
from pdnb.coordination.leader import LeaderLock
from pdnb.coordination.settings import Settings, write_settings
from pdnb.errors import AlreadyResumed, DefinitionError, MovedOn, NotJSON, Over, Refused, RunNotFound
from pdnb.model import JSON, Status
from pdnb.runtime.foreground import wait
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.support.processes import run_worker
from tests.support.sqlite_store import table_of

GATE = "step.flow.suspend()\n'asked'"
TOKEN = re.compile(r"pdnb1[rc]\.")


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


def code(name: str = "play", **steps: str) -> WorkflowVersion:
    cells = tuple(Step(step, dedent(source).strip("\n")) for step, source in steps.items())
    return WorkflowVersion(name, cells, (), Environment(sys.executable, "/"))


def begun(home: Home, event: JSON = None, **steps: str) -> Run:
    return start(home, code(**steps), event, show=False)


def again(run: Run) -> Run:
    """The same run in other hands."""
    return Run(run._home, run._home.store.get(run.id))


# ---- starting


def test_a_run_starts_here_and_returns_at_its_first_pause(home: Home) -> None:
    run = begun(home, {"to": "al"}, draft="step.steps['trigger']['event']['to']", approve=GATE, publish="1")
    assert (run.workflow, run.status, run.step) == ("play", Status.SUSPENDED, "approve")
    assert run.exports == {
        "trigger": {"event": {"to": "al"}},
        "draft": {"$return_value": "al"},
        "approve": {"$return_value": "asked"},
    }
    assert [(a.step, a.outcome) for a in run.attempts] == [("draft", "returned"), ("approve", "suspended")]
    assert run.due is not None
    assert timedelta(hours=23) < run.due - datetime.now(UTC) <= timedelta(hours=24)
    assert len(run.id) == 20


def test_a_run_is_durable_before_its_first_step_begins(home: Home, pdnb_dir: Path) -> None:
    seen: list[Any] = []

    def look(run: Run) -> None:
        with Home(pdnb_dir, kind="shell") as other:
            seen.append(other.store.get(run.id))
        seen.append(run.attempts)

    run = start(home, code(one="1"), on_start=look, show=False)
    assert (seen[0].id, seen[0].status, seen[1]) == (run.id, Status.RUNNING, ())


def test_a_headless_run_is_left_to_a_worker(home: Home) -> None:
    shown: list[Run] = []
    run = start(home, code(one="1 / 0"), headless=True, on_start=shown.append)
    assert (run.status, run.attempts, shown) == (Status.QUEUED, (), [run])
    assert home.store.queued_environments() == {code(one="1 / 0").environment.key: run.id}


def test_what_a_step_raises_is_raised_after_the_run_has_failed_with_it(home: Home) -> None:
    with pytest.raises(KeyError, match="rows"):
        begun(home, load="{}['rows']")
    [run] = list_runs(home)
    assert (run.status, run.attempts[0].error) == (Status.FAILED, "KeyError: 'rows'")


@pytest.mark.parametrize("event", [{1, 2}, float("nan"), {"a": {None: 2}}, b"raw", "x" * 17 * 2**20])
def test_an_event_that_is_not_json_starts_no_run(home: Home, event: Any) -> None:
    with pytest.raises(NotJSON, match=r'^steps\.trigger\["event"\]'):
        begun(home, event, one="1")
    assert len(list_runs(home)) == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_a_start_before_its_first_step_leaves_no_claim(home: Home, error: type[BaseException]) -> None:
    def fail(_run: Run) -> None:
        raise error

    with pytest.raises(error):
        start(home, code(one="1"), on_start=fail)
    [run] = list_runs(home)
    assert (run.status, run.attempts[0].error) == (Status.FAILED, error.__name__)
    assert home.store.running() == ()


def interrupt_the_next_commit(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Interrupt while the next row is being written."""
    rows = table_of(home.store)
    put, presses = rows.set, iter([signal.SIGINT])

    def putting(*given: Any, **named: Any) -> None:
        for press in presses:
            signal.raise_signal(press)
        put(*given, **named)

    monkeypatch.setattr(rows, "set", putting)


def test_an_interrupt_while_a_run_is_being_stored_leaves_no_claim(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_the_next_commit(home, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        begun(home, one="1")
    [run] = list_runs(home)
    assert run.status is Status.FAILED
    assert home.store.running() == ()


def test_an_interrupt_while_a_queued_run_is_being_claimed_leaves_no_claim(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(home, code(one="1"), headless=True)
    interrupt_the_next_commit(home, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert (run.status, home.store.running()) == (Status.FAILED, ())


# ---- answering


def test_a_run_just_started_can_be_answered_at_once(home: Home) -> None:
    run = begun(home, one="1", gate=GATE, last="step.steps['gate']['$resume_data']")
    assert run.resume({"ok": True}) is run
    assert (run.status, run.step) == (Status.QUEUED, "last")
    assert run.wait().status is Status.SUCCEEDED
    request = run.exports["last"]["$return_value"]
    assert (request["body"], request["via"], request["by"]) == ({"ok": True}, "python", current_user())


def test_resume_without_a_body_gives_none(home: Home) -> None:
    run = begun(home, gate=GATE, last="'body' in step.steps['gate']['$resume_data']").resume().wait()
    assert run.exports["last"]["$return_value"] is False


def test_a_body_that_is_not_json_resumes_nothing(home: Home) -> None:
    run = begun(home, gate=GATE, last="1")
    with pytest.raises(NotJSON, match=r'^body\["rows"\]: set is not JSON'):
        run.resume({"rows": {1}})
    assert run.status is Status.SUSPENDED


def test_cancel_ends_the_run_and_keeps_its_reason(home: Home) -> None:
    run = begun(home, gate=GATE, last="1").cancel("not today")
    assert (run.status, run.due, run.resume_url, run.cancel_url) == (Status.CANCELLED, None, None, None)
    decision = run.document()["decision"]
    assert (decision["what"], decision["reason"], decision["via"]) == ("cancelled", "not today", "python")
    with pytest.raises(Over, match="cancelled at"):
        run.resume()


def test_a_resume_means_the_gate_that_was_seen_and_never_the_next_one(home: Home) -> None:
    run = begun(home, first=GATE, second=GATE, last="1")
    stale = again(run)
    run.resume()
    run._seen = wait_until(home, run, "second")
    for act in (stale.resume, stale.cancel):
        with pytest.raises(AlreadyResumed, match="step 'first' was already resumed at"):
            act()
    assert (run.status, run.step) == (Status.SUSPENDED, "second")
    stale.refresh().resume()
    assert run.wait().status is Status.SUCCEEDED


def wait_until(home: Home, run: Run, step: str) -> Any:
    """The run, driven here until it waits at *step*."""
    with pytest.raises(TimeoutError):
        wait(home, run.id, timeout_ms=0)
    row = home.store.get(run.id)
    assert (row.step, row.status) == (step, Status.SUSPENDED)
    return row


def test_a_resume_of_an_attempt_that_has_made_room_for_the_next_is_refused(home: Home) -> None:
    run = begun(home, poll="step.flow.rerun(3_600_000)")
    stale = again(run)
    run.resume()
    with pytest.raises(TimeoutError):
        run.wait(0)
    assert run.attempts[1].runs == 2
    with pytest.raises(Refused):
        stale.resume()
    assert run.status is Status.SLEEPING


def test_of_two_hands_one_decides(home: Home) -> None:
    run = begun(home, gate=GATE, last="1")
    other = again(run)
    run.resume("first")
    with pytest.raises(AlreadyResumed):
        other.cancel()
    assert run.wait().exports["gate"]["$resume_data"]["body"] == "first"


def test_a_run_that_was_never_there_to_be_resumed_says_where_it_is(home: Home) -> None:
    run = start(home, code(one="1"), headless=True)
    with pytest.raises(MovedOn, match="the run is queued at step 'one'"):
        run.resume()


# ---- waiting


def test_waiting_without_a_server_runs_the_steps_here(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run = start(home, code(one="print('in the foreground')"), headless=True)
    assert run.wait() is run
    assert (run.status, capsys.readouterr().out) == (Status.SUCCEEDED, "in the foreground\n")


def test_waiting_raises_what_a_step_raises(home: Home) -> None:
    run = begun(home, gate=GATE, last="1 / 0").resume()
    with pytest.raises(ZeroDivisionError):
        run.wait()
    assert run.status is Status.FAILED
    assert run.wait().status is Status.FAILED


def test_waiting_without_a_server_keeps_the_clock(home: Home) -> None:
    run = begun(home, nap="step.flow.delay(3_600_000)", poll="step.flow.rerun(60_000, None, 2)", last="'awake'")
    hours = 0

    def clock() -> int:
        nonlocal hours
        hours += 1
        return now_ms() + hours * 3_600_000

    home.clock = clock
    assert wait(home, run.id).status is Status.SUCCEEDED
    assert [a.step for a in run.attempts] == ["nap", "poll", "poll", "poll", "last"]
    assert run.exports["last"] == {"$return_value": "awake"}


def test_a_short_delay_elapses_by_itself(home: Home) -> None:
    run = begun(home, nap="step.flow.delay(30)", last="'awake'").wait(60_000)
    assert run.exports["last"] == {"$return_value": "awake"}
    nap, last = run.attempts
    assert nap.ended_ms is not None
    assert last.started_ms >= nap.ended_ms + 30
    assert nap.decision is not None
    assert nap.decision.what == "elapsed"


def test_nobody_answers_in_time_and_the_run_cancels_itself(home: Home) -> None:
    run = begun(home, gate="step.flow.suspend(20)", last="1").wait(60_000)
    assert run.status is Status.CANCELLED
    assert run.document()["decision"]["what"] == "timed out"


@pytest.mark.parametrize("timeout", [0, 1, 0.5, timedelta(milliseconds=1)])
def test_a_wait_may_end_before_the_run_does(home: Home, timeout: Any) -> None:
    run = begun(home, gate=GATE, last="1")
    with pytest.raises(TimeoutError, match=rf"^run {run.id} is still suspended at step 'gate' after [01] ms$"):
        run.wait(timeout)
    assert run.status is Status.SUSPENDED


@pytest.mark.parametrize("timeout", [-1, float("nan"), True, "5s"])
def test_a_timeout_that_makes_no_sense_is_refused(home: Home, timeout: Any) -> None:
    run = begun(home, gate=GATE)
    with pytest.raises((TypeError, ValueError), match=r"^timeout is "):
        run.wait(timeout)


def test_where_a_server_keeps_the_store_a_waiter_only_watches(home: Home) -> None:
    run = start(home, code(one="1"), headless=True)
    server = LeaderLock(home.directory, home.owner)
    assert server.acquire()
    with pytest.raises(TimeoutError):
        run.wait(20)
    assert run.status is Status.QUEUED
    server.release()
    assert run.wait().status is Status.SUCCEEDED


def test_a_waiter_is_woken_by_an_answer_from_elsewhere(home: Home, pdnb_dir: Path) -> None:
    run = begun(home, gate=GATE, last="step.steps['gate']['$resume_data']['body']")

    def answer() -> None:
        with Home(pdnb_dir, kind="shell") as other:
            Run(other, other.store.get(run.id)).resume("from elsewhere")

    thread = threading.Thread(target=answer)
    thread.start()
    run.wait(60_000)
    thread.join()
    assert run.exports["last"]["$return_value"] == "from elsewhere"


def test_a_waiter_goes_on_with_a_run_whose_owner_died(home: Home, pdnb_dir: Path) -> None:
    with Home(pdnb_dir, kind="kernel") as other:
        row = other.store.add(code(one="step.context['run']['key']"), None, at_ms=now_ms(), owner=other.owner)
    run = Run(home, row).wait(60_000)
    assert (run.status, run.exports["one"]["$return_value"]) == (Status.SUCCEEDED, f"{run.id}/one/1")


def test_a_worker_without_a_server_keeps_the_clock_too(home: Home, pdnb_dir: Path) -> None:
    steps = {"nap": "step.flow.delay(30)\n'slept'", "last": "'awake'"}
    version = replace(code(**steps), environment=Environment(sys.executable, str(pdnb_dir), tuple(sys.path)))
    run = start(home, version, headless=True)
    run_worker(pdnb_dir, run.id, idle_s=0.5)
    assert (run.status, run.exports["last"]) == (Status.SUCCEEDED, {"$return_value": "awake"})


def test_an_interrupt_while_waiting_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(home, gate=GATE, last="1")

    def pressed(_seconds: float) -> bool:
        signal.raise_signal(signal.SIGINT)
        return True

    monkeypatch.setattr(home.notifier, "wait", pressed)
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert run.status is Status.SUSPENDED


# ---- links


def test_a_link_is_a_url_that_does_not_show_itself(home: Home, pdnb_dir: Path) -> None:
    run = begun(home, gate=GATE)
    for purpose, link in (("resume", run.resume_url), ("cancel", run.cancel_url)):
        assert str(link).startswith(f"http://127.0.0.1:8888/pdnb/{purpose}/pdnb1")
        assert repr(link) == f"<link http://127.0.0.1:8888/pdnb/{purpose}/…: str(link) is the URL>"
    write_settings(pdnb_dir, replace(Settings(), public_url="https://hub.example.com/"))
    assert str(run.resume_url).startswith("https://hub.example.com/pdnb/resume/")


def test_no_repr_holds_a_token(home: Home) -> None:
    run = begun(home, gate="links = step.flow.suspend()\nstep.export('$summary', links['resume_url'])\nlinks")
    runs = list_runs(home)
    shown = [repr(run), str(run), repr(runs), runs._repr_html_(), repr(run.resume_url), f"{run.cancel_url!r}"]
    for text in shown:
        assert not TOKEN.search(text)
    assert run.id in repr(run)
    assert run.id in runs._repr_html_()


# ---- lists


@pytest.fixture
def many(home: Home) -> list[str]:
    """Ids: two suspended ones of *mail*, a finished and a failed one of *play*; oldest first."""
    runs = [start(home, code("mail", gate=GATE), n, show=False) for n in range(2)]
    runs.append(begun(home, one="1"))
    with pytest.raises(ZeroDivisionError):
        begun(home, one="1 / 0")
    return [*(run.id for run in runs), list_runs(home)[0].id]


def test_runs_are_listed_newest_first(home: Home, many: list[str]) -> None:
    runs = list_runs(home)
    assert [run.id for run in runs] == many[::-1]
    assert (len(runs), runs[0].id, runs[-1].id, runs.next) == (4, many[3], many[0], None)
    assert [run.id for run in runs[1:3]] == [many[2], many[1]]
    assert all(isinstance(run, Run) for run in runs)
    assert isinstance(runs[:2], Runs)


def test_runs_are_found_by_status_and_workflow(home: Home, many: list[str]) -> None:
    def ids(**given: Any) -> list[str]:
        return [run.id for run in list_runs(home, **given)]

    assert ids(status="suspended") == many[1::-1]
    assert ids(status=["failed", "succeeded"]) == many[:1:-1]
    assert ids(workflow="play") == many[:1:-1]
    assert ids(workflow="play", status="failed") == [many[3]]
    assert ids(status="sleeping") == ids(workflow="none") == ids(status=[]) == []


def test_a_long_list_comes_in_pages(home: Home, many: list[str]) -> None:
    first = list_runs(home, limit=3)
    assert [run.id for run in first] == many[:0:-1]
    rest = list_runs(home, limit=3, cursor=first.next)
    assert ([run.id for run in rest], rest.next) == ([many[0]], None)


@pytest.mark.parametrize(
    "given", [{"status": "done"}, {"status": ["failed", "x"]}, {"cursor": "x"}, {"limit": 0}, {"limit": -1}]
)
def test_a_list_asked_for_in_a_way_that_makes_no_sense_is_refused(home: Home, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is no (status|cursor)|^limit is"):
        list_runs(home, **given)


def test_a_list_reads_as_text(home: Home, many: list[str]) -> None:
    lines = repr(list_runs(home)).splitlines()
    assert lines[0] == f"{many[3]}  failed     play · one"
    assert lines[3] == f"{many[0]}  suspended  mail · gate"
    assert repr(list_runs(home, status="sleeping")) == "no runs"


COLUMNS = ["workflow", "step", "status", "started", "started_by", "since", "due", "ended"]
COLUMNS += ["active_s", "paused_s", "credits"]


def test_a_list_becomes_a_frame(home: Home, many: list[str]) -> None:
    list_runs(home)[2].cancel("late")
    table = list_runs(home).to_frame()
    assert list(table.index) == many[::-1]
    assert table.index.name == "id"
    assert list(table) == [*COLUMNS, "decision", "via", "by", "summary", "error"]
    assert list(table["status"]) == ["failed", "succeeded", "cancelled", "suspended"]
    assert list(table["error"].fillna("")) == ["ZeroDivisionError: division by zero", "", "", ""]
    assert list(table.loc[many[1], ["decision", "via", "by"]]) == ["cancelled", "python", current_user()]
    assert list(table["due"].isna()) == [True, True, True, False]
    assert list(table["ended"].isna()) == [False, False, False, True]
    assert (table["due"] - table["since"])[many[0]] == timedelta(days=1)
    for name in ("started", "since", "due", "ended"):
        assert str(table[name].dtype).startswith("datetime64[")
        assert str(table[name].dtype).endswith(", UTC]")
    assert table["active_s"].dtype == "float64"
    assert table["credits"].dtype == "int64"


def test_an_empty_frame_has_the_same_columns_and_times(home: Home) -> None:
    table = list_runs(home).to_frame()
    assert len(table) == 0
    assert list(table)[: len(COLUMNS)] == COLUMNS
    assert str(table["due"].dtype).endswith(", UTC]")


def test_the_documents_of_a_list_are_the_runs_without_their_bulk(home: Home, many: list[str]) -> None:
    documents = list_runs(home).documents()
    assert [document["id"] for document in documents] == many[::-1]
    assert not {"exports", "attempts", "version_id", "owner", "fence"} & documents[0].keys()


# ---- the module's own functions


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A plain process: no kernel, its store opened at first use and closed behind the test."""
    monkeypatch.setattr(pdnb, "_magics", None)
    monkeypatch.setattr(pdnb, "_process_home", None)
    yield SimpleNamespace()
    if pdnb._process_home is not None:
        pdnb._process_home.close()


def test_a_plain_process_finds_runs_and_answers_them(home: Home, process: SimpleNamespace) -> None:
    run = begun(home, gate=GATE, last="1")
    assert [found.id for found in pdnb.runs("suspended", workflow="play", limit=1)] == [run.id]
    found = pdnb.get(run.id[:15])
    assert (found.id, found.status) == (run.id, Status.SUSPENDED)
    found.resume()
    assert run.wait().status is Status.SUCCEEDED


@pytest.mark.parametrize("id_", ["nope", "", "01*", "'; --", "x" * 10_000])
def test_a_run_that_is_not_there_is_not_found(process: SimpleNamespace, id_: str) -> None:
    with pytest.raises(RunNotFound, match="look at the list of runs"):
        pdnb.get(id_)


def test_a_beginning_that_two_runs_share_finds_neither(home: Home, process: SimpleNamespace, many: list[str]) -> None:
    with pytest.raises(RunNotFound, match="begins several runs' ids"):
        pdnb.get(many[0][:4])


def test_a_plain_process_has_no_notebook_to_run(process: SimpleNamespace) -> None:
    for call in (pdnb.run, pdnb.panel):
        with pytest.raises(DefinitionError, match="run %load_ext pdnb first"):
            call()
