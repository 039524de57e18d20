"""The life of a run: every row of the table walked, every absent pair refused, and what each case comes to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.codec import run_to_json
from pdnb.errors import AlreadyResumed, Fenced, MovedOn, Over, Refused
from pdnb.machine import table
from pdnb.machine.outcomes import MAX_LOSSES
from pdnb.machine.record import record
from pdnb.machine.refusals import explain
from pdnb.machine.table import TABLE, Rule, advance, due
from pdnb.machine.transitions import CREDIT_MS
from pdnb.model import (
    Attempt,
    Cancelled,
    Claimed,
    Elapsed,
    Ended,
    Event,
    Exited,
    Lost,
    Pause,
    Raised,
    Resumed,
    Retried,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
    Unserved,
    Upgraded,
)

README = Path(__file__).parents[2] / "README.md"

QUEUED, RUNNING, SUSPENDED, SLEEPING = Status.QUEUED, Status.RUNNING, Status.SUSPENDED, Status.SLEEPING
SUCCEEDED, FAILED, CANCELLED = Status.SUCCEEDED, Status.FAILED, Status.CANCELLED

T0 = 1_700_000_000_000
TICK = 1_000  # between two events of a story
WAIT = 500  # how long a story's pauses last: the next event comes after they are due

Make: TypeAlias = Callable[[RunRecord, int], Event]
Story: TypeAlias = tuple[tuple[Make, Status], ...]


def queued(*steps: str) -> RunRecord:
    """A run that nobody has touched yet."""
    return RunRecord(
        id="0123456789abcdefghjk",
        workflow="launch",
        version_id="0" * 32,
        environment="0" * 16,
        steps=steps or ("draft", "approve"),
        status=QUEUED,
        created_ms=T0,
        since_ms=T0,
    )


# ---- events as they come at a run: made for its present claim and attempt -----------------------------------------


def claimed(run: RunRecord, at_ms: int) -> Claimed:
    return Claimed(at_ms, "worker-1")


def returned(run: RunRecord, at_ms: int) -> Returned:
    return Returned(at_ms, run.fence, {"$return_value": 1})


def suspended(run: RunRecord, at_ms: int) -> Suspended:
    return Suspended(at_ms, run.fence, due_ms=at_ms + WAIT)


def gate_that_opens(run: RunRecord, at_ms: int) -> Suspended:
    return Suspended(at_ms, run.fence, due_ms=at_ms + WAIT, on_timeout="resume")


def rerun(run: RunRecord, at_ms: int) -> Slept:
    return Slept(at_ms, run.fence, kind="rerun", due_ms=at_ms + WAIT, context={"n": run.runs})


def last_rerun(run: RunRecord, at_ms: int) -> Slept:
    return Slept(at_ms, run.fence, kind="rerun", due_ms=at_ms + WAIT, max_retries=0)


def delay(run: RunRecord, at_ms: int) -> Slept:
    return Slept(at_ms, run.fence, kind="delay", due_ms=at_ms + WAIT)


def exited(run: RunRecord, at_ms: int) -> Exited:
    return Exited(at_ms, run.fence, reason="enough")


def raised(run: RunRecord, at_ms: int) -> Raised:
    return Raised(at_ms, run.fence, error="ValueError: no")


def lost(run: RunRecord, at_ms: int) -> Lost:
    return Lost(at_ms, run.fence)


def resumed(run: RunRecord, at_ms: int) -> Resumed:
    return Resumed(at_ms, run.step, run.runs, "link", request={"body": "yes"})


def cancelled(run: RunRecord, at_ms: int) -> Cancelled:
    return Cancelled(at_ms, run.step, run.runs, "panel", "ann", "not today")


def elapsed(run: RunRecord, at_ms: int) -> Elapsed:
    return Elapsed(at_ms)


def retried(run: RunRecord, at_ms: int) -> Retried:
    return Retried(at_ms, run.step, run.runs, "magic", "ann")


def upgraded(run: RunRecord, at_ms: int) -> Upgraded:
    return Upgraded(at_ms, "1" * 32, "1" * 16, (*run.steps, "announce"))


def unserved(run: RunRecord, at_ms: int) -> Unserved:
    return Unserved(at_ms, "no worker can be started: restore the directory")


def lost_for_good(run: RunRecord, at_ms: int) -> Lost:
    return Lost(at_ms, run.fence, again=False)


MAKERS: dict[type[Any], Make] = {
    Claimed: claimed,
    Returned: returned,
    Suspended: suspended,
    Slept: rerun,
    Exited: exited,
    Raised: raised,
    Lost: lost,
    Resumed: resumed,
    Cancelled: cancelled,
    Elapsed: elapsed,
    Retried: retried,
    Upgraded: upgraded,
    Unserved: unserved,
}

#: Histories of a run of two steps, each event with the status that follows it. Together they walk the whole table.
STORIES: dict[str, Story] = {
    "unserved for a while": (
        (unserved, QUEUED), (claimed, RUNNING), (returned, RUNNING), (returned, SUCCEEDED),
    ),
    "both steps return": ((claimed, RUNNING), (returned, RUNNING), (returned, SUCCEEDED)),
    "approved, then done": (
        (claimed, RUNNING), (suspended, SUSPENDED), (resumed, QUEUED), (claimed, RUNNING), (returned, SUCCEEDED),
    ),
    "the last step is approved": (
        (claimed, RUNNING), (returned, RUNNING), (suspended, SUSPENDED), (resumed, SUCCEEDED),
    ),
    "refused at the gate": ((claimed, RUNNING), (suspended, SUSPENDED), (cancelled, CANCELLED)),
    "nobody answers": ((claimed, RUNNING), (suspended, SUSPENDED), (elapsed, CANCELLED)),
    "a gate that opens by itself": ((claimed, RUNNING), (gate_that_opens, SUSPENDED), (elapsed, QUEUED)),
    "a last gate that opens by itself": (
        (claimed, RUNNING), (returned, RUNNING), (gate_that_opens, SUSPENDED), (elapsed, SUCCEEDED),
    ),
    "a job calls back at once": ((claimed, RUNNING), (resumed, RUNNING), (suspended, QUEUED)),
    "a job calls the last step back at once": (
        (claimed, RUNNING), (returned, RUNNING), (resumed, RUNNING), (suspended, SUCCEEDED),
    ),
    "cancelled before it suspends": ((claimed, RUNNING), (cancelled, RUNNING), (suspended, CANCELLED)),
    "cancelled before it returns": ((claimed, RUNNING), (cancelled, RUNNING), (returned, CANCELLED)),
    "cancelled before it exits": ((claimed, RUNNING), (cancelled, RUNNING), (exited, CANCELLED)),
    "cancelled before it sleeps": ((claimed, RUNNING), (cancelled, RUNNING), (rerun, CANCELLED)),
    "cancelled before it is lost": ((claimed, RUNNING), (cancelled, RUNNING), (lost, CANCELLED)),
    "polled twice": (
        (claimed, RUNNING), (rerun, SLEEPING), (elapsed, QUEUED), (claimed, RUNNING), (returned, RUNNING),
    ),
    "woken by a callback": ((claimed, RUNNING), (rerun, SLEEPING), (resumed, QUEUED)),
    "woken before it sleeps": ((claimed, RUNNING), (resumed, RUNNING), (rerun, QUEUED)),
    "cancelled asleep": ((claimed, RUNNING), (rerun, SLEEPING), (cancelled, CANCELLED)),
    "no retry left": ((claimed, RUNNING), (last_rerun, RUNNING), (last_rerun, SUCCEEDED)),
    "a delay passes": ((claimed, RUNNING), (delay, SLEEPING), (elapsed, QUEUED)),
    "a last delay passes": ((claimed, RUNNING), (returned, RUNNING), (delay, SLEEPING), (elapsed, SUCCEEDED)),
    "a last delay is skipped": ((claimed, RUNNING), (returned, RUNNING), (delay, SLEEPING), (resumed, SUCCEEDED)),
    "exits early": ((claimed, RUNNING), (exited, SUCCEEDED)),
    "fails and is retried": ((claimed, RUNNING), (raised, FAILED), (retried, QUEUED), (claimed, RUNNING)),
    "kills its worker for ever": (
        (claimed, RUNNING), (lost, QUEUED), (claimed, RUNNING), (lost, QUEUED), (claimed, RUNNING), (lost, FAILED),
    ),
    "called back between two workers": (
        (claimed, RUNNING), (lost, QUEUED), (resumed, QUEUED), (claimed, RUNNING), (suspended, QUEUED),
    ),
    "cancelled in the queue": ((cancelled, CANCELLED),),
    "upgraded in the queue": ((upgraded, QUEUED), (claimed, RUNNING)),
    "upgraded at a gate": ((claimed, RUNNING), (suspended, SUSPENDED), (upgraded, SUSPENDED), (resumed, QUEUED)),
    "upgraded asleep": ((claimed, RUNNING), (rerun, SLEEPING), (upgraded, SLEEPING), (elapsed, QUEUED)),
    "mended and retried": ((claimed, RUNNING), (raised, FAILED), (upgraded, FAILED), (retried, QUEUED)),
}  # fmt: skip


def play(story: Story) -> Iterator[tuple[RunRecord, Event, RunRecord]]:
    """Every step of *story* as ``(before, event, after)``; fails where a status is not the story's."""
    run, at_ms = queued(), T0
    for make, status in story:
        at_ms += TICK
        event = make(run, at_ms)
        after = advance(run, event)
        assert after.status is status, f"{run.status} --{type(event).__name__}--> {after.status}, not {status}"
        yield run, event, after
        run = after


def told(*makes: Make, steps: tuple[str, ...] = ()) -> RunRecord:
    """The run after these events, one every ``TICK``."""
    run, at_ms = queued(*steps), T0
    for make in makes:
        at_ms += TICK
        run = advance(run, make(run, at_ms))
    return run


def samples() -> dict[Status, list[RunRecord]]:
    """Runs of every status, as the stories leave them."""
    found: dict[Status, list[RunRecord]] = {QUEUED: [queued()]}
    for story in STORIES.values():
        for _, _, after in play(story):
            found.setdefault(after.status, []).append(after)
    return found


SAMPLES = samples()
ABSENT = [(status, kind) for status in Status for kind in MAKERS if (status, kind) not in TABLE]


# ---- the table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORIES)
def test_a_story_goes_as_it_is_told(name: str) -> None:
    assert [after.status for _, _, after in play(STORIES[name])] == [status for _, status in STORIES[name]]


def test_the_stories_walk_every_arrow_of_the_table_and_no_other() -> None:
    walked = {(b.status, type(e), a.status) for story in STORIES.values() for b, e, a in play(story)}
    assert walked == {(status, kind, to) for (status, kind), rule in TABLE.items() for to in rule.to}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1].__name__}")
def test_without_any_one_row_some_story_fails(row: tuple[Status, type[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "TABLE", {pair: rule for pair, rule in TABLE.items() if pair != row})
    assert any(fails(story) for story in STORIES.values())


@pytest.mark.parametrize(
    ("row", "to"),
    [(row, to) for row, rule in TABLE.items() for to in rule.to],
    ids=lambda x: str(x) if isinstance(x, Status) else f"{x[0]}-{x[1].__name__}",
)
def test_without_any_one_arrow_some_story_fails(
    row: tuple[Status, type[Any]], to: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = Rule(tuple(status for status in TABLE[row].to if status is not to), TABLE[row].apply)
    monkeypatch.setattr(table, "TABLE", TABLE | {row: narrow})
    assert any(fails(story) for story in STORIES.values())


def fails(story: Story) -> bool:
    try:
        return not all(play(story))
    except (Refused, AssertionError):
        return True


@pytest.mark.parametrize(("status", "kind"), ABSENT, ids=lambda x: x.__name__ if isinstance(x, type) else str(x))
def test_a_pair_that_is_not_in_the_table_is_refused_and_changes_nothing(status: Status, kind: type[Any]) -> None:
    expected = Fenced if issubclass(kind, Ended | Lost) else (MovedOn, Over, AlreadyResumed)
    for run in SAMPLES[status]:
        before = repr(run)
        with pytest.raises(expected):
            advance(run, MAKERS[kind](run, run.since_ms + TICK))
        assert repr(run) == before


def test_every_status_that_is_over_takes_nothing_but_the_mending_and_the_retry_of_a_failure() -> None:
    assert {pair for pair in TABLE if pair[0].over} == {(FAILED, Retried), (FAILED, Upgraded)}


def test_a_change_that_is_not_in_the_table_is_a_defect_and_does_not_get_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Rule((RUNNING,), lambda run, event: replace(run, status=SUCCEEDED))
    monkeypatch.setattr(table, "TABLE", TABLE | {(QUEUED, Claimed): wrong})
    with pytest.raises(AssertionError, match="is not in the table"):
        advance(queued(), Claimed(T0, "worker-1"))


def test_the_readme_shows_the_diagram_of_the_table() -> None:
    blocks = re.findall(r"```mermaid\n(.*?)\n```", README.read_text(), re.DOTALL)
    remedy = f"README.md must hold, between ```mermaid and ```, exactly:\n\n{table.diagram()}\n"
    assert blocks, f"README.md has no mermaid block. {remedy}"
    assert table.diagram() in blocks, f"README.md's diagram is not the table's. {remedy}"


def test_the_diagram_holds_every_arrow_of_the_table_once_and_no_other() -> None:
    shown: list[tuple[str, str, str]] = []
    for line in table.diagram().splitlines():
        arrow = re.fullmatch(r" *(\w+) --> (\w+): ([\w, ]+)", line)
        shown += [] if arrow is None else [(arrow[1], arrow[2], event) for event in arrow[3].split(", ")]
    arrows = [(status, to, kind.__name__) for (status, kind), rule in TABLE.items() for to in rule.to]
    assert sorted(shown) == sorted(arrows)


def test_the_diagram_begins_at_the_queue_and_ends_where_a_run_is_over() -> None:
    ends = re.findall(r"(\w+) --> \[\*\]", table.diagram())
    assert sorted(ends) == sorted(status for status in Status if status.over)
    assert re.findall(r"\[\*\] --> (\w+)", table.diagram()) == ["queued"]


# ---- pauses -------------------------------------------------------------------------------------------------------


def test_resumed_a_suspension_goes_on_with_the_next_step() -> None:
    """``suspend``: continue with the **next** step when resumed."""
    run = told(claimed, suspended, resumed)
    assert (run.status, run.step, run.runs, run.pause) == (QUEUED, "approve", 1, None)
    assert run.decision is not None
    assert (run.decision.what, run.decision.via) == ("resumed", "link")


def test_when_a_suspensions_timeout_passes_the_run_is_cancelled() -> None:
    """suspend's timeout passes: **cancel** (a gate that opens by itself is no gate)."""
    run = told(claimed, suspended, elapsed)
    assert (run.status, run.step) == (CANCELLED, "draft")
    assert run.decision is not None
    assert (run.decision.what, run.decision.via) == ("timed out", "clock")


def test_on_timeout_resume_goes_on_instead() -> None:
    """``on_timeout="resume"`` continues instead, without ``$resume_data``."""
    run = told(claimed, gate_that_opens, elapsed)
    assert (run.status, run.step) == (QUEUED, "approve")
    assert run.decision is not None
    assert run.decision.what == "elapsed"


@pytest.mark.parametrize("wake", [elapsed, resumed])
def test_after_a_reruns_pause_the_same_step_runs_again(wake: Make) -> None:
    """rerun's time passes: the step runs again; resume_url requested: the same step at once."""
    run = told(claimed, rerun, wake)
    assert (run.status, run.step, run.runs) == (QUEUED, "draft", 2)


@pytest.mark.parametrize("wake", [elapsed, resumed])
def test_after_a_delay_the_next_step_runs(wake: Make) -> None:
    """delay's time passes: the next step runs; resume_url requested: next step."""
    run = told(claimed, delay, wake)
    assert (run.status, run.step, run.runs) == (QUEUED, "approve", 1)


@pytest.mark.parametrize("pause", [suspended, rerun, delay])
def test_cancelled_in_any_pause_no_further_step_runs(pause: Make) -> None:
    """cancel_url requested: status ``cancelled``, no further step."""
    run = told(claimed, pause, cancelled)
    assert (run.status, run.step, run.ended_ms) == (CANCELLED, "draft", T0 + 3 * TICK)
    assert run.decision is not None
    assert (run.decision.by, run.decision.reason) == ("ann", "not today")


def test_a_pause_never_ends_by_itself_before_it_is_due() -> None:
    """Timers: never early."""
    run = told(claimed, suspended)
    due_ms = run.due_ms
    assert due_ms == T0 + 2 * TICK + WAIT
    with pytest.raises(MovedOn):
        advance(run, Elapsed(due_ms - 1))
    assert advance(run, Elapsed(due_ms)).status is CANCELLED


def test_a_pause_is_due_from_its_time_on_and_what_does_not_wait_never_is() -> None:
    run = told(claimed, suspended)
    assert run.due_ms is not None
    assert due(run, run.due_ms - 1) is None
    assert due(run, run.due_ms) == Elapsed(run.due_ms)
    late = due(run, run.due_ms + 10**9)
    assert late is not None
    over = advance(run, late)
    assert (over.status, over.ended_ms) == (CANCELLED, run.due_ms + 10**9)
    assert due(over, over.since_ms + 10**9) is None
    assert due(told(claimed), T0 + 10**12) is None


def test_a_pause_says_since_when_until_when_and_how_it_was_asked_for() -> None:
    run = advance(told(claimed), Suspended(T0 + 5, 1, due_ms=T0 + 9, on_timeout="resume", confirm=False))
    assert run.pause == Pause("suspend", T0 + 5, T0 + 9, "resume", confirm=False)
    run = advance(told(claimed), Slept(T0 + 5, 1, kind="delay", due_ms=T0 + 9, confirm=False))
    assert run.pause == Pause("delay", T0 + 5, T0 + 9, confirm=False)


# ---- requests -----------------------------------------------------------------------------------------------------


def test_a_resume_before_the_step_has_ended_is_kept_and_applies_when_it_pauses() -> None:
    """Request arrives before the step has ended: kept; a resume applies when the step ends in a pause."""
    run = told(claimed, resumed)
    assert (run.status, run.step, run.decision) == (RUNNING, "draft", None)
    assert run.early is not None
    after = advance(run, suspended(run, T0 + 9 * TICK))
    assert (after.status, after.step, after.early, after.pause) == (QUEUED, "approve", None, None)
    assert after.decision == run.early


@pytest.mark.parametrize(("end", "status"), [(returned, RUNNING), (last_rerun, RUNNING), (exited, SUCCEEDED)])
def test_an_early_resume_of_a_step_that_does_not_pause_comes_to_nothing(end: Make, status: Status) -> None:
    run = told(claimed, resumed, end)
    assert (run.status, run.early, run.decision) == (status, None, None)


@pytest.mark.parametrize("end", [returned, suspended, gate_that_opens, rerun, last_rerun, delay, exited, lost])
def test_an_early_cancel_applies_at_any_ending_but_failure(end: Make) -> None:
    """A cancel (applies) at any ending but failure."""
    run = told(claimed, cancelled, end)
    assert (run.status, run.step, run.early, run.pause) == (CANCELLED, "draft", None, None)
    assert run.decision is not None
    assert run.decision.reason == "not today"


@pytest.mark.parametrize("early", [cancelled, resumed])
@pytest.mark.parametrize("position", [0, 1])
def test_a_step_that_raises_fails_whatever_was_requested(early: Make, position: int) -> None:
    """Step raises after asking for a pause: the run **fails**."""
    run = told(claimed, *[returned] * position, early, raised)
    assert (run.status, run.early, run.decision, run.error) == (FAILED, None, None, "ValueError: no")


def test_a_failed_run_takes_no_request() -> None:
    """The links are dead (410)."""
    run = told(claimed, raised)
    for make in (resumed, cancelled):
        with pytest.raises(Over, match="the run failed at"):
            advance(run, make(run, T0 + 9 * TICK))


@pytest.mark.parametrize("second", [resumed, cancelled])
@pytest.mark.parametrize(("first", "what"), [(resumed, AlreadyResumed), (cancelled, Over)])
def test_of_two_early_requests_the_first_wins(first: Make, what: type[Refused], second: Make) -> None:
    """The first wins."""
    run = told(claimed, first)
    with pytest.raises(what):
        advance(run, second(run, T0 + 9 * TICK))


@pytest.mark.parametrize("second", [resumed, cancelled])
def test_the_first_early_request_wins_also_when_the_worker_died_in_between(second: Make) -> None:
    """Kept, the first wins: an attempt that will run again has the same links."""
    run = told(claimed, resumed, lost)
    assert run.status is QUEUED
    assert run.early is not None
    with pytest.raises(AlreadyResumed):
        advance(run, second(run, T0 + 9 * TICK))


def test_an_early_request_outlives_the_death_of_the_worker() -> None:
    run = told(claimed, resumed, lost, claimed, suspended)
    assert (run.status, run.step) == (QUEUED, "approve")


def test_a_resume_of_an_attempt_that_has_not_begun_is_refused() -> None:
    for run in (queued(), told(claimed, suspended, resumed), told(claimed, rerun, elapsed)):
        with pytest.raises(MovedOn):
            advance(run, resumed(run, T0 + 9 * TICK))


@pytest.mark.parametrize("make", [resumed, cancelled])
@pytest.mark.parametrize(("step", "runs"), [("approve", 1), ("draft", 2), ("nowhere", 1)])
@pytest.mark.parametrize("before", [(), (claimed,), (claimed, suspended), (claimed, rerun), (claimed, lost)])
def test_a_request_for_any_other_attempt_is_refused(make: Make, step: str, runs: int, before: tuple[Make, ...]) -> None:
    """A resume or cancel carries the step and ``runs`` on display: if the run has moved on, nothing changes."""
    run = told(*before)
    event = make(run, T0 + 9 * TICK)
    assert isinstance(event, Resumed | Cancelled)
    with pytest.raises(MovedOn):
        advance(run, replace(event, step=step, runs=runs))


# ---- retries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wake", [elapsed, resumed])
@pytest.mark.parametrize("retries", [0, 1, 3, 10])
def test_with_n_retries_a_step_runs_at_most_n_plus_1_times_then_the_next_one_runs(wake: Make, retries: int) -> None:
    """With N retries the step runs at most N+1 times; a ``rerun`` asked for in run N+1 is ignored and the workflow
    **goes on to the next step**; a callback counts as one of the retries."""
    run, at_ms = queued(), T0
    ran = 0
    while run.step == "draft":
        at_ms += TICK
        run = advance(run, Claimed(at_ms, "worker-1"))
        assert run.runs == (ran := ran + 1)
        event = Slept(at_ms, run.fence, kind="rerun", due_ms=at_ms + WAIT, max_retries=retries)
        remark = record(run, event, None)
        run = advance(run, event)
        if run.status is SLEEPING:
            run = advance(run, wake(run, at_ms + WAIT))
    assert ran == retries + 1
    assert (run.status, run.step, run.runs, run.retries) == (RUNNING, "approve", 1, 0)
    assert remark is not None
    assert (remark.note, remark.outcome, remark.context) == ("retries used up", "returned", None)


def test_retries_used_up_in_the_last_step_end_the_run_well() -> None:
    assert told(claimed, returned, last_rerun).status is SUCCEEDED


def test_a_retry_is_a_new_attempt_of_the_failed_step_and_its_retries_count_anew() -> None:
    """Retry of a failed run: a new attempt of the failed step: ``runs`` goes on, its retries count anew."""
    run = told(claimed, returned, rerun, elapsed, claimed, rerun, elapsed, claimed, raised)
    assert (run.status, run.step, run.runs, run.retries) == (FAILED, "approve", 3, 2)
    again = advance(run, retried(run, T0 + 20 * TICK))
    assert (again.status, again.step, again.runs, again.retries) == (QUEUED, "approve", 4, 0)
    assert (again.error, again.ended_ms, again.losses) == (None, None, 0)
    working = advance(again, Claimed(T0 + 21 * TICK, "worker-1"))
    once_more = Slept(T0 + 22 * TICK, working.fence, kind="rerun", due_ms=T0 + 23 * TICK, max_retries=1)
    assert advance(working, once_more).status is SLEEPING


def test_after_a_retry_the_links_of_the_failed_attempt_are_dead() -> None:
    """Old links 410."""
    run = told(claimed, raised, retried, claimed)
    failed = Attempt("draft", 0, 1, T0, ended_ms=T0 + 2 * TICK, outcome="raised")
    with pytest.raises(MovedOn):
        advance(run, Resumed(T0 + 9 * TICK, "draft", 1, "link"))
    assert isinstance(explain(run, failed, "draft", 1), Over)


# ---- claims -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [returned, suspended, rerun, last_rerun, delay, exited, raised, lost])
def test_a_report_under_an_older_claim_is_fenced_off(make: Make) -> None:
    """A claim carries a fencing number; a late result is refused."""
    run = told(claimed, lost, claimed)
    late = make(replace(run, fence=1), T0 + 9 * TICK)
    with pytest.raises(Fenced, match="claim 1"):
        advance(run, late)
    assert advance(run, make(run, T0 + 9 * TICK)).revision == run.revision + 1


@pytest.mark.parametrize("make", [returned, suspended, rerun, delay, exited, raised, lost])
@pytest.mark.parametrize("end", [returned, exited, raised, suspended])
def test_a_report_after_the_end_of_the_claim_is_fenced_off(make: Make, end: Make) -> None:
    """A worker frozen in a step, its run taken over, then thawed: its late result is refused."""
    run = told(claimed, returned, end)
    with pytest.raises(Fenced):
        advance(run, make(run, T0 + 9 * TICK))


def test_every_claim_has_a_number_of_its_own_and_the_next_step_goes_on_under_it() -> None:
    run = told(claimed, returned)
    assert (run.owner, run.fence, run.step, run.status) == ("worker-1", 1, "approve", RUNNING)
    assert told(claimed, suspended, resumed, claimed).fence == 2
    assert told(claimed, lost, claimed, lost, claimed).fence == 3


def test_a_lost_attempt_runs_again_as_the_same_attempt() -> None:
    """A step that was interrupted runs again from its start, with the same idempotency key ``run/step/runs``."""
    run = told(claimed, rerun, elapsed, claimed, lost)
    assert (run.status, run.step, run.runs, run.retries, run.owner) == (QUEUED, "draft", 2, 1, None)


def test_a_step_that_kills_its_owner_three_times_fails() -> None:
    run = told(claimed, lost, claimed, lost)
    assert (run.status, run.losses) == (QUEUED, MAX_LOSSES - 1)
    run = told(claimed, lost, claimed, lost, claimed, lost)
    assert (run.status, run.losses) == (FAILED, MAX_LOSSES)
    assert run.error == "interrupted 3 times at this step: its process ended"


@pytest.mark.parametrize("end", [returned, last_rerun])
def test_losses_count_per_attempt(end: Make) -> None:
    run = told(claimed, lost, claimed, lost, claimed, end, lost)
    assert (run.status, run.step, run.losses) == (QUEUED, "approve", 1)
    assert told(claimed, lost, claimed, lost, claimed, rerun, elapsed, claimed, lost).losses == 1
    assert told(claimed, lost, claimed, lost, claimed, raised, retried, claimed, lost).losses == 1


# ---- credits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("active_ms", "cost"),
    [(0, 1), (1, 1), (29_999, 1), (30_000, 1), (30_001, 2), (60_000, 2), (3_600_000, 120)],
)
def test_a_wake_up_costs_a_credit_per_30_active_seconds_begun_and_at_least_one(active_ms: int, cost: int) -> None:
    """Each wake-up counts anew: ``max(1, ceil(active_seconds / 30))`` credits."""
    for end in (suspended, rerun, delay, exited, raised):
        run = advance(queued(), Claimed(T0, "worker-1"))
        run = advance(run, end(run, T0 + active_ms))
        assert (run.credits, run.active_ms, run.awake_ms) == (cost, active_ms, 0)


def test_steps_of_one_wake_up_share_its_credits() -> None:
    """Wake-up: a stretch of work between pauses; what a credit counts."""
    run = advance(queued("a", "b", "c"), Claimed(T0, "worker-1"))
    for n in (1, 2, 3):
        run = advance(run, Returned(T0 + n * 10_000, 1))
    assert (run.status, run.active_ms, run.credits) == (SUCCEEDED, 30_000, 1)


def test_paused_time_is_free_and_every_wake_up_counts_anew() -> None:
    """Paused time is free. Each wake-up counts anew."""
    day = 86_400_000
    run = advance(queued(), Claimed(T0, "worker-1"))
    run = advance(run, Slept(T0 + 5, 1, kind="rerun", due_ms=T0 + day))
    run = advance(run, Elapsed(T0 + day))
    run = advance(run, Claimed(T0 + 2 * day, "worker-1"))  # and so is the queue
    run = advance(run, Suspended(T0 + 2 * day + 40_000, 2, due_ms=T0 + 3 * day))
    assert (run.active_ms, run.credits) == (40_005, 1 + 2)
    run = advance(run, Cancelled(T0 + 2 * day + 90_000, "draft", 2, "link"))
    assert (run.active_ms, run.credits) == (40_005, 3)
    assert run.paused_ms == (day - 5) + 50_000


def test_a_pause_that_was_answered_before_it_began_took_no_time() -> None:
    assert told(claimed, resumed, suspended).paused_ms == 0
    assert told(claimed, cancelled, rerun).paused_ms == 0
    assert told(claimed, suspended).paused_ms == 0  # not ended yet


def test_a_wake_up_ends_with_the_run_also_when_it_is_cancelled_between_two_workers() -> None:
    run = advance(queued(), Claimed(T0, "worker-1"))
    run = advance(run, Returned(T0 + 31_000, 1))
    run = advance(run, Lost(T0 + 40_000, 1))
    run = advance(run, cancelled(run, T0 + 50_000))
    assert (run.status, run.credits, run.awake_ms) == (CANCELLED, 2, 0)


def test_a_run_that_never_woke_costs_nothing() -> None:
    assert told(cancelled).credits == 0


def test_a_clock_set_back_counts_no_negative_time() -> None:
    """Clock set back, forward, over DST: nothing twice, no crash."""
    run = advance(queued(), Claimed(T0, "worker-1"))
    run = advance(run, Returned(T0 - 3_600_000, 1))
    run = advance(run, Returned(T0 - 3_600_000 + 7, 1))
    assert (run.status, run.active_ms, run.credits) == (SUCCEEDED, 7, 1)
    run = told(claimed, suspended)
    run = advance(run, Resumed(T0 - 3_600_000, "draft", 1, "link"))
    assert (run.status, run.paused_ms) == (QUEUED, 0)


# ---- what is shown ------------------------------------------------------------------------------------------------


def test_the_latest_summary_stays_with_the_run() -> None:
    """``$summary`` shows in the run's view."""
    run = advance(told(claimed), Returned(T0, 1, {"$summary": "12 rows"}))
    assert run.summary == "12 rows"
    assert advance(run, Returned(T0, 1, {})).summary == "12 rows"
    assert advance(run, Returned(T0, 1, {"$summary": 3})).summary == "3"


def test_an_exit_says_why() -> None:
    run = told(claimed, exited)
    assert run.summary == "enough"
    remark = record(told(claimed), exited(told(claimed), T0), None)
    assert remark is not None
    assert (remark.outcome, remark.note) == ("exited", "enough")


@pytest.mark.parametrize("letter", ["x", "ä", "漢", "🎈", "\x00", "\ud800", '"'])
def test_what_people_wrote_takes_little_room_in_a_runs_row(letter: str) -> None:
    """A run's row stays under 4 KB."""
    text = letter * 100_000
    run = told(claimed)
    ends = (
        advance(run, Raised(T0, 1, {"$summary": text}, error=text)),
        advance(run, Exited(T0, 1, reason=text)),
        advance(advance(run, Cancelled(T0, "draft", 1, "panel", text, text)), Returned(T0, 1, {"$summary": text})),
    )
    for end in ends:
        assert len(run_to_json(end)) < 2_000
        shown = end.error or end.summary
        assert shown
        assert text.startswith(shown)


# ---- what stands in the attempt's record --------------------------------------------------------------------------


def noted(run: RunRecord, event: Event, attempt: Attempt | None = None) -> Attempt:
    found = record(run, event, attempt)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (returned, "returned"), (suspended, "suspended"), (rerun, "rerun"), (delay, "delay"),
        (exited, "exited"), (raised, "raised"),
    ],
)  # fmt: skip
def test_a_record_says_how_the_attempt_ended_and_what_it_left(end: Make, outcome: str) -> None:
    run = told(claimed)
    event = end(run, T0 + 9 * TICK)
    assert isinstance(event, Ended)
    left = noted(run, replace(event, exports={"a": 1}, outputs=({"output_type": "stream"},)))
    assert (left.step, left.position, left.runs, left.outcome) == ("draft", 0, 1, outcome)
    assert (left.started_ms, left.ended_ms) == (T0 + TICK, T0 + 9 * TICK)
    assert (left.exports, left.outputs) == ({"a": 1}, ({"output_type": "stream"},))
    assert left.pause == advance(run, event).pause


def test_a_record_keeps_the_context_of_its_rerun_and_the_line_of_its_error() -> None:
    run = told(claimed)
    assert noted(run, rerun(run, T0)).context == {"n": 1}
    assert noted(run, raised(run, T0)).error == "ValueError: no"


@pytest.mark.parametrize("pause", [suspended, rerun, delay])
def test_a_record_says_how_its_pause_ended(pause: Make) -> None:
    """Who resumed or cancelled, by what way and when, is kept with the run."""
    run = told(claimed, pause)
    left = noted(told(claimed), pause(told(claimed), T0 + 2 * TICK))
    for make in (resumed, cancelled, elapsed):
        event = make(run, T0 + 9 * TICK)
        decided = noted(run, event, left)
        assert decided.decision == advance(run, event).decision
        assert decided.request == ({"body": "yes"} if make is resumed else None)
        assert replace(decided, decision=None, request=None) == left


def test_a_record_keeps_an_early_request_until_the_step_pauses() -> None:
    run = told(claimed)
    early = noted(run, resumed(run, T0 + 2 * TICK))
    assert (early.request, early.decision, early.ended_ms) == ({"body": "yes"}, None, None)
    run = advance(run, resumed(run, T0 + 2 * TICK))
    pauses: tuple[Make, ...] = (suspended, rerun, delay)
    others: tuple[Make, ...] = (returned, exited, raised, last_rerun)
    for end in pauses:
        left = noted(run, end(run, T0 + 3 * TICK), early)
        assert (left.request, left.decision) == ({"body": "yes"}, run.early)
    for end in others:
        assert noted(run, end(run, T0 + 3 * TICK), early).decision is None


def test_a_lost_attempt_leaves_a_record_only_when_it_was_the_last() -> None:
    run = told(claimed)
    assert record(run, lost(run, T0), None) is None
    run = told(claimed, lost, claimed, lost, claimed)
    left = noted(run, lost(run, T0 + 9 * TICK))
    assert (left.outcome, left.ended_ms) == ("lost", T0 + 9 * TICK)
    assert left.error == "interrupted 3 times at this step: its process ended"


@pytest.mark.parametrize(
    ("decide", "what", "error"),
    [(resumed, "resumed", AlreadyResumed), (cancelled, "cancelled", Over), (elapsed, "timed out", Over)],
)
def test_who_comes_too_late_is_told_what_happened_and_when(
    decide: Make, what: str, error: type[AlreadyResumed | Over]
) -> None:
    """409 "already resumed" / 410 when cancelled, timed out or over; the page says what happened and when."""
    run = told(claimed, suspended)
    meant = noted(told(claimed), suspended(told(claimed), T0 + 2 * TICK))
    event = decide(run, T0 + 3 * TICK)
    meant, run = noted(run, event, meant), advance(run, event)
    answer = explain(run, meant, "draft", 1)
    assert isinstance(answer, error)
    assert answer.at_ms == T0 + 3 * TICK
    assert getattr(answer, "what", "resumed") == what
    assert "14 Nov 2023, 22:13 UTC" in str(answer)


def test_who_comes_after_a_reruns_or_delays_time_is_told_that_it_ended_by_itself() -> None:
    run = told(claimed, rerun)
    meant = noted(told(claimed), rerun(told(claimed), T0 + 2 * TICK))
    meant, run = noted(run, Elapsed(T0 + 9 * TICK), meant), advance(run, Elapsed(T0 + 9 * TICK))
    answer = explain(run, meant, "draft", 1)
    assert isinstance(answer, Over)
    assert answer.what == "elapsed"


def test_who_comes_after_a_step_that_did_not_wait_is_told_so() -> None:
    run = told(claimed)
    meant = noted(run, returned(run, T0 + 2 * TICK))
    answer = explain(advance(run, returned(run, T0 + 2 * TICK)), meant, "draft", 1)
    assert isinstance(answer, Over)
    assert "without waiting" in str(answer)


@pytest.mark.parametrize(("end", "text"), [(exited, "succeeded"), (raised, "failed"), (cancelled, "was cancelled")])
def test_who_comes_after_the_end_is_told_how_it_ended(end: Make, text: str) -> None:
    run = told(claimed, returned, suspended, cancelled) if end is cancelled else told(claimed, end)
    answer = explain(run, None, "draft", 1)
    assert isinstance(answer, Over)
    assert f"the run {text} at 14 Nov 2023" in str(answer)


# ---- any history at all -------------------------------------------------------------------------------------------

Kind: TypeAlias = Literal["suspend", "rerun", "delay"]

KINDS = sorted(MAKERS, key=lambda kind: kind.__name__)

histories = st.lists(
    st.tuples(
        st.integers(0, 10), st.integers(-50_000, 100_000), st.booleans(), st.integers(0, 2),
        st.sampled_from(["cancel", "resume"]),
    ),
    max_size=60,
)  # fmt: skip


def any_event(
    run: RunRecord, pick: int, at_ms: int, *, aimed: bool, number: int, on_timeout: Literal["cancel", "resume"]
) -> Event:
    """An event that *run* may take, if *aimed*; else any, for another claim or attempt; *number* varies."""
    legal = [kind for status, kind in TABLE if status is run.status]
    kinds = legal if aimed and legal else KINDS
    event = MAKERS[kinds[pick % len(kinds)]](run, at_ms)
    due_ms = at_ms + number * 40_000
    if isinstance(event, Suspended):
        event = replace(event, due_ms=due_ms, on_timeout=on_timeout)
    elif isinstance(event, Slept):
        event = replace(event, kind="rerun" if number else "delay", due_ms=due_ms, max_retries=number)
    if aimed:
        return event
    if isinstance(event, Ended | Lost):
        return replace(event, fence=run.fence - 1)
    if isinstance(event, Resumed | Cancelled):
        return replace(event, runs=run.runs + 1) if number else replace(event, step="nowhere")
    return event


@given(history=histories, steps=st.integers(1, 4))
def test_no_history_breaks_what_is_always_true_of_a_run(history: list[Any], steps: int) -> None:
    run, at_ms, calls = queued(*"abcd"[:steps]), T0, 0
    for pick, jump, aimed, number, on_timeout in history:
        at_ms += jump
        event = any_event(run, pick, at_ms, aimed=aimed, number=number, on_timeout=on_timeout)
        before = run
        try:
            run = advance(run, event)
        except Refused:
            continue
        assert aimed or not isinstance(event, Ended | Lost | Resumed | Cancelled)
        assert run.status in TABLE[before.status, type(event)].to
        calls += isinstance(event, Claimed)
        always_true(before, run, calls)


def always_true(before: RunRecord, run: RunRecord, claims: int) -> None:
    assert run.revision == before.revision + 1
    assert run.fence == claims
    assert 0 <= before.position <= run.position < len(run.steps)
    assert run.runs > before.runs or run.position > before.position or run.runs == before.runs
    assert 0 <= run.retries < run.runs
    assert 0 <= run.losses <= MAX_LOSSES
    assert (run.pause is not None) == run.status.waits
    assert (run.owner is not None) == (run.status is RUNNING)
    assert (run.ended_ms is not None) == run.status.over
    assert run.error is not None or run.status is not FAILED
    assert run.error is None or run.status in (FAILED, QUEUED)  # what keeps a queued one is said there too
    assert run.early is None or run.status is RUNNING or (run.status is QUEUED and run.losses > 0)
    assert run.credits >= before.credits
    assert run.active_ms >= before.active_ms
    assert run.paused_ms >= before.paused_ms
    assert 0 <= run.awake_ms <= run.active_ms
    assert run.awake_ms == 0 or run.status is RUNNING or (run.status is QUEUED and run.losses > 0)
    assert run.credits >= math.ceil((run.active_ms - run.awake_ms) / CREDIT_MS)
    assert (run.id, run.created_ms) == (before.id, before.created_ms)
    assert run.steps[: len(before.steps)] == before.steps


@given(history=histories)
def test_no_history_makes_a_step_run_more_often_than_its_retries_allow(history: list[Any]) -> None:
    run, at_ms = queued(), T0
    for pick, jump, _, _, on_timeout in history:
        at_ms += abs(jump)
        event = any_event(run, pick, at_ms, aimed=True, number=2, on_timeout=on_timeout)
        try:
            run = advance(run, event)
        except Refused:
            continue
        assert run.retries <= 2


@given(history=histories)
def test_whatever_the_machine_takes_can_be_recorded(history: list[Any]) -> None:
    run, at_ms = queued("a", "b", "c"), T0
    records: dict[tuple[int, int], Attempt] = {}
    for pick, jump, aimed, number, on_timeout in history:
        at_ms += jump
        event = any_event(run, pick, at_ms, aimed=aimed, number=number, on_timeout=on_timeout)
        place = run.position, run.runs
        try:
            after = advance(run, event)
        except Refused:
            continue
        found = record(run, event, records.get(place))
        if found is not None:
            assert (found.step, found.position, found.runs) == (run.step, run.position, run.runs)
            records[place] = found
        if isinstance(event, Ended) or (isinstance(event, Lost) and after.status is FAILED):
            assert records[place].ended_ms == at_ms
        if run.pause is not None and after.pause is None:
            assert records[place].decision == after.decision
        run = after


# ---- interrupted, retried, upgraded -------------------------------------------------------------------------------


def test_an_interrupted_attempt_that_may_not_run_again_fails_with_its_outcome_unknown() -> None:
    """``--at-most-once`` ends in ``failed`` with "interrupted, outcome unknown"."""
    run = told(claimed, lost_for_good)
    assert (run.status, run.error) == (FAILED, "interrupted, outcome unknown: its process ended")
    before = told(claimed)
    attempt = record(before, Lost(T0 + 2 * TICK, before.fence, again=False), None)
    assert attempt is not None
    assert (attempt.outcome, attempt.error, attempt.owner) == ("lost", run.error, "worker-1")


def test_a_cancel_that_came_before_the_loss_decides() -> None:
    assert told(claimed, cancelled, lost_for_good).status is CANCELLED


def test_a_retry_is_the_failed_steps_next_attempt_and_who_asked_for_it_is_kept() -> None:
    before = told(claimed, returned, raised)
    run = advance(before, Retried(T0 + 9 * TICK, "approve", 1, "magic", "ann"))
    assert (run.status, run.step, run.runs, run.error) == (QUEUED, "approve", 2, None)
    failed = Attempt("approve", 1, 1, T0, outcome="raised")
    kept = record(before, Retried(T0 + 9 * TICK, "approve", 1, "magic", "ann"), failed)
    assert kept is not None
    assert kept.decision is not None
    assert (kept.decision.what, kept.decision.by, kept.decision.via) == ("retried", "ann", "magic")


def test_the_attempt_that_ends_after_interruptions_says_how_often() -> None:
    run = told(claimed, lost, claimed)
    attempt = record(run, returned(run, T0 + 9 * TICK), None)
    assert attempt is not None
    assert attempt.note == "interrupted before: 1"


def test_an_upgrade_changes_the_code_and_nothing_else() -> None:
    before = told(claimed, suspended)
    after = advance(before, upgraded(before, T0 + 9 * TICK))
    assert after == replace(
        before,
        version_id="1" * 32,
        environment="1" * 16,
        steps=("draft", "approve", "announce"),
        revision=before.revision + 1,
    )


@pytest.mark.parametrize("steps", [("approve",), ("first", "draft", "approve"), ("draft", "publish")])
def test_an_upgrade_must_begin_with_the_steps_the_run_has_come_through(steps: tuple[str, ...]) -> None:
    run = told(claimed, returned, suspended)
    with pytest.raises(MovedOn, match="it has come to draft → approve, and the new steps begin"):
        advance(run, Upgraded(T0 + 9 * TICK, "1" * 32, "1" * 16, steps))
