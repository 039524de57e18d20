"""The store: every change is one event in one transaction, every look is one read, nothing is lost, torn or leaked."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from pdnb.errors import (
    AlreadyResumed,
    BadAnswer,
    Fenced,
    MovedOn,
    NotJSON,
    Over,
    Refused,
    RunNotFound,
    StoreCorrupt,
    StoreNewer,
    StoreUnavailable,
)
from pdnb.links import Links, Target
from pdnb.machine import table
from pdnb.model import (
    JSON,
    Attempt,
    Cancelled,
    Claimed,
    Elapsed,
    Event,
    Exited,
    Lost,
    Prompt,
    Raised,
    Resumed,
    Retried,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
)
from pdnb.store import sqlite as rows_module
from pdnb.store.store import Page, Store, new_id
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.machine.test_table import any_event

T0 = 1_700_000_000_000
DAY = 86_400_000
SECRET = b"0123456789abcdef0123456789abcdef"
LINKS = Links(SECRET, "https://example.org/")
HERE = Environment("/usr/bin/python3", "/home/ann")
THERE = Environment("/usr/bin/python3", "/home/bob")


def code(name: str = "launch", *steps: str, environment: Environment = HERE) -> WorkflowVersion:
    names = steps or ("draft", "approve", "publish")
    return WorkflowVersion(name, tuple(Step(step, f"'{step}'") for step in names), (), environment)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path, LINKS)
    yield found
    found.close()


def waiting(store: Store, *, due_ms: int = T0 + DAY, **how: Any) -> RunRecord:
    """A run whose first step has suspended."""
    run = store.add(code(), {"to": "team"}, at_ms=T0, owner="kernel-1")
    return store.apply(run.id, Suspended(T0 + 1, 1, {"$return_value": "a draft"}, due_ms=due_ms, **how))


def resumed(run: RunRecord, at_ms: int = T0 + 2, **how: Any) -> Resumed:
    return Resumed(at_ms, run.step, run.runs, "link", **how)


def cancelled(run: RunRecord, at_ms: int = T0 + 2) -> Cancelled:
    return Cancelled(at_ms, run.step, run.runs, "link")


@contextlib.contextmanager
def sqlite(directory: Path) -> Iterator[sqlite3.Connection]:
    con = sqlite3.connect(directory / "cache.db", isolation_level=None)
    with contextlib.closing(con):
        yield con


def dump(directory: Path) -> list[tuple[Any, ...]]:
    """Every row but the times at which it was stored."""
    with sqlite(directory) as con:
        return con.execute("SELECT key, raw, tag, mode, value FROM Cache ORDER BY key").fetchall()


# ---- adding -------------------------------------------------------------------------------------------------------


def test_a_run_is_durable_once_its_id_is_returned(tmp_path: Path, store: Store) -> None:
    """A run, once its id is returned: durable."""
    run = store.add(code(), {"to": "team"}, at_ms=T0)
    with contextlib.closing(Store(tmp_path, LINKS)) as other:
        assert other.get(run.id) == run
        assert other.event(run.id) == {"to": "team"}
        assert other.workflow_version(run.version_id) == code()


def test_a_new_run_is_queued_or_claimed_by_whoever_adds_it(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0)
    assert (run.status, run.owner, run.step, run.runs, run.created_ms) == (Status.QUEUED, None, "draft", 1, T0)
    assert (run.workflow, run.version_id, run.environment) == ("launch", code().id, HERE.key)
    mine = store.add(code(), None, at_ms=T0, owner="kernel-1")
    assert (mine.status, mine.owner, mine.fence) == (Status.RUNNING, "kernel-1", 1)


def test_an_event_that_is_not_json_starts_no_run(tmp_path: Path, store: Store) -> None:
    before = dump(tmp_path)
    with pytest.raises(NotJSON, match=r'^steps\.trigger\["event"\]\["a"\]: set is not JSON$'):
        store.add(code(), {"a": set()}, at_ms=T0)
    assert dump(tmp_path) == before


def test_code_is_stored_once_per_content_hash(tmp_path: Path, store: Store) -> None:
    for _ in range(3):
        store.add(code(), None, at_ms=T0)
    store.add(code("other"), None, at_ms=T0)
    assert sum(row[0].startswith("workflow/") for row in dump(tmp_path)) == 2


def test_ids_sort_by_time_and_are_never_equal() -> None:
    times = [0, 1, T0, T0, T0 + 1, T0 + 1_000, T0 + 100 * 365 * DAY]
    ids = [new_id(at_ms) for at_ms in times]
    assert [i[:10] for i in ids] == sorted(i[:10] for i in ids)
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 20 and set(i) <= set("0123456789abcdefghjkmnpqrstvwxyz") for i in ids)


def test_an_unknown_run_is_an_error_that_says_where_to_look(store: Store) -> None:
    for call in (store.get, store.exports, lambda i: store.apply(i, Elapsed(T0)), lambda i: store.look(i, "a", 1)):
        with pytest.raises(RunNotFound, match="look at the list of runs"):
            call("0" * 20)


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    one, two = store.add(code(), None, at_ms=T0), store.add(code(), None, at_ms=T0 + 100 * DAY)
    assert store.resolve_id(one.id) == one.id
    assert store.resolve_id(two.id[:10]) == two.id
    with pytest.raises(RunNotFound, match="begins several runs' ids: give more of it"):
        store.resolve_id(one.id[:2])
    for beginning in ("zzz", "", "%", "run/", "\udc80", "\x00", " " + one.id):
        with pytest.raises(RunNotFound, match="look at the list of runs"):
            store.resolve_id(beginning)


# ---- changes ------------------------------------------------------------------------------------------------------


def test_a_due_pause_ends_before_any_other_event_also_when_that_is_then_refused(store: Store) -> None:
    """``apply`` settles a due pause before any other event, also when that event is then refused."""
    run = waiting(store, due_ms=T0 + 10)
    with pytest.raises(Over, match="the time to answer ended") as refusal:
        store.apply(run.id, resumed(run, T0 + 10))
    assert (refusal.value.what, refusal.value.at_ms) == ("timed out", T0 + 10)
    assert store.get(run.id).status is Status.CANCELLED


def test_a_pause_can_be_ended_by_its_own_event(store: Store) -> None:
    run = waiting(store, due_ms=T0 + 10)
    with pytest.raises(MovedOn):
        store.apply(run.id, Elapsed(T0 + 9))
    assert store.apply(run.id, Elapsed(T0 + 10)).status is Status.CANCELLED


def test_reads_show_what_is_stored(store: Store) -> None:
    run = waiting(store, due_ms=T0 + 10)
    assert store.get(run.id) == run
    assert store.list().runs == (run,)


def test_what_is_refused_changes_nothing(tmp_path: Path, store: Store) -> None:
    run = waiting(store)
    before = dump(tmp_path)
    wrong: list[tuple[Event, type[Refused]]] = [
        (Returned(T0 + 2, 1), Fenced),
        (Lost(T0 + 2, 1), Fenced),
        (Claimed(T0 + 2, "worker-1"), MovedOn),
        (Retried(T0 + 2, "draft", 1, "magic"), MovedOn),
        (Resumed(T0 + 2, "approve", 1, "link"), MovedOn),
        (Resumed(T0 + 2, "draft", 2, "link"), MovedOn),
        (Cancelled(T0 + 2, "nowhere", 1, "link"), MovedOn),
        (Elapsed(T0 + 2), MovedOn),
    ]
    for event, error in wrong:
        with pytest.raises(error):
            store.apply(run.id, event)
    assert dump(tmp_path) == before


def test_the_bell_rings_after_every_commit_that_changed_something_and_only_then(tmp_path: Path) -> None:
    rings: list[int] = []
    store = Store(tmp_path, LINKS, on_commit=lambda: rings.append(len(dump(tmp_path))))
    run = store.add(code(), None, at_ms=T0)
    assert rings == [len(dump(tmp_path))]  # the change is visible to whoever is rung
    store.claim(HERE.key, "worker-1", at_ms=T0)
    store.apply(run.id, Suspended(T0 + 1, 1, due_ms=T0 + 10))
    assert len(rings) == 3
    store.list()
    with pytest.raises(MovedOn):
        store.apply(run.id, Retried(T0 + 2, "draft", 1, "magic"))
    assert store.claim(HERE.key, "worker-1", at_ms=T0) is None
    assert store.elapse(T0 + 9) == 0
    assert len(rings) == 3
    with pytest.raises(Over):
        store.apply(run.id, resumed(run := store.get(run.id), T0 + 10))  # refused, but its pause has ended
    assert len(rings) == 4
    store.close()


def test_a_steps_result_is_stored_exactly_once(store: Store) -> None:
    """A worker frozen in a step, its run taken over, then thawed: its late result is refused."""
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    store.apply(run.id, Lost(T0 + 1, 1))
    again = store.claim(HERE.key, "worker-2", at_ms=T0 + 2)
    assert again is not None
    with pytest.raises(Fenced):
        store.apply(run.id, Returned(T0 + 3, 1, {"$return_value": "late"}))
    store.apply(run.id, Returned(T0 + 4, 2, {"$return_value": "first"}))
    with pytest.raises(Fenced):
        store.apply(run.id, Suspended(T0 + 5, 1, {"$return_value": "late"}, due_ms=T0 + DAY))
    assert store.exports(run.id)["draft"] == {"$return_value": "first"}


# ---- requests -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [("draft",), ("draft", "publish")])
def test_one_of_many_resumes_wins_and_the_rest_are_told_so(store: Store, steps: tuple[str, ...]) -> None:
    """1,000 concurrent requests on one suspension: one 200, the rest 409; also when the run is over by then."""
    run = store.add(code("w", *steps), None, at_ms=T0, owner="kernel-1")
    run = store.apply(run.id, Suspended(T0 + 1, 1, due_ms=T0 + DAY))
    store.apply(run.id, resumed(run, T0 + 2, request={"body": 0}))
    for i in range(1, 5):
        with pytest.raises(AlreadyResumed) as refusal:
            store.apply(run.id, resumed(run, T0 + 2 + i, request={"body": i}))
        assert refusal.value.at_ms == T0 + 2
    with pytest.raises(AlreadyResumed):
        store.apply(run.id, cancelled(run, T0 + 9))
    assert store.exports(run.id)["draft"]["$resume_data"] == {"body": 0}


def test_a_link_used_long_ago_still_says_that_it_was_used(store: Store) -> None:
    """409 "already resumed", with what happened and when."""
    run = waiting(store)
    store.apply(run.id, resumed(run, T0 + 2))
    store.claim(HERE.key, "worker-1", at_ms=T0 + 3)
    store.apply(run.id, Exited(T0 + 4, 2))
    for event in (resumed(run, T0 + DAY), cancelled(run, T0 + DAY)):
        with pytest.raises(AlreadyResumed) as refusal:
            store.apply(run.id, event)
        assert refusal.value.at_ms == T0 + 2


def decisions(run: RunRecord) -> dict[str, Event]:
    at_ms = T0 + 10
    return {"resumed": resumed(run, at_ms), "cancelled": cancelled(run, at_ms), "elapsed": Elapsed(at_ms)}


@pytest.mark.parametrize("due_ms", [T0 + 10, T0 + 11])
@pytest.mark.parametrize("order", [*itertools.permutations(["resumed", "cancelled", "elapsed"])], ids="-".join)
def test_at_the_same_instant_exactly_one_decides_and_everybody_is_told_the_same(
    store: Store, order: tuple[str, ...], due_ms: int
) -> None:
    """Resume against cancel against timeout at the same instant: exactly one wins."""
    run = waiting(store, due_ms=due_ms)
    accepted: list[str] = []
    told: set[tuple[type[Refused], int | None]] = set()
    for name in order:
        try:
            store.apply(run.id, decisions(run)[name])
        except (AlreadyResumed, Over) as error:
            told.add((type(error), error.at_ms))
        except MovedOn:
            assert name == "elapsed"
        else:
            accepted.append(name)
    if due_ms == T0 + 10:
        assert accepted == (["elapsed"] if order[0] == "elapsed" else [])
        assert told == {(Over, T0 + 10)}
        assert store.get(run.id).decision == store.attempts(run.id)[0].decision
        assert store.get(run.id).status is Status.CANCELLED
    else:
        first = next(name for name in order if name != "elapsed")
        assert accepted == [first]
        assert told == {(AlreadyResumed if first == "resumed" else Over, T0 + 10)}


def test_whoever_comes_after_a_cancel_or_a_timeout_is_told_which(store: Store) -> None:
    run = waiting(store)
    store.apply(run.id, cancelled(run, T0 + 5))
    late = waiting(store, due_ms=T0 + 10)
    store.elapse(T0 + 12)
    for who, what, at_ms in ((run, "cancelled", T0 + 5), (late, "timed out", T0 + 12)):
        for event in (resumed(who, T0 + 20), cancelled(who, T0 + 20)):
            with pytest.raises(Over) as refusal:
                store.apply(who.id, event)
            assert (refusal.value.what, refusal.value.at_ms) == (what, at_ms)


def test_a_look_says_the_same_as_a_request_would_be_told(store: Store) -> None:
    run = waiting(store)
    assert store.look(run.id, "draft", 1) == (run, None)
    _, other = store.look(run.id, "approve", 1)
    assert isinstance(other, MovedOn)
    after = store.apply(run.id, resumed(run))
    seen, late = store.look(run.id, "draft", 1)
    assert seen == after
    assert isinstance(late, AlreadyResumed)
    store.apply(run.id, Claimed(T0 + 3, "worker-1"))
    assert store.look(run.id, "approve", 1)[1] is None
    store.apply(run.id, resumed(store.get(run.id), T0 + 4))
    assert isinstance(store.look(run.id, "approve", 1)[1], AlreadyResumed)  # early, but kept
    store.apply(run.id, Raised(T0 + 5, 2, error="x"))
    assert isinstance(store.look(run.id, "approve", 1)[1], Over)


def test_a_request_before_the_step_has_ended_is_kept_also_across_a_restart(tmp_path: Path) -> None:
    """Kept, 202 to the caller, the first wins."""
    with contextlib.closing(Store(tmp_path, LINKS)) as store:
        run = store.add(code(), None, at_ms=T0, owner="worker-1")
        run = store.apply(run.id, resumed(run, T0 + 1, request={"body": "early"}))
        assert run.status is Status.RUNNING
    with contextlib.closing(Store(tmp_path, LINKS)) as store:
        with pytest.raises(AlreadyResumed):
            store.apply(run.id, resumed(run, T0 + 2, request={"body": "second"}))
        run = store.apply(run.id, Suspended(T0 + 3, 1, {"$return_value": 1}, due_ms=T0 + DAY))
        assert (run.status, run.step) == (Status.QUEUED, "approve")
        assert store.exports(run.id)["draft"] == {"$return_value": 1, "$resume_data": {"body": "early"}}
        with pytest.raises(AlreadyResumed):
            store.apply(run.id, Cancelled(T0 + 4, "draft", 1, "link"))


def test_after_a_retry_old_links_are_dead(store: Store) -> None:
    """Retry of a failed run: old links 410."""
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    store.apply(run.id, Raised(T0 + 1, 1, error="ValueError: no"))
    with pytest.raises(Over):
        store.apply(run.id, Resumed(T0 + 2, "draft", 1, "link"))
    again = store.apply(run.id, Retried(T0 + 3, run.step, run.runs, "magic", "ann"))
    assert (again.status, again.runs) == (Status.QUEUED, 2)
    store.apply(run.id, Claimed(T0 + 4, "worker-1"))
    for event in (Resumed(T0 + 5, "draft", 1, "link"), Cancelled(T0 + 5, "draft", 1, "link")):
        with pytest.raises(Over):
            store.apply(run.id, event)
    assert [a.outcome for a in store.attempts(run.id)] == ["raised"]


# ---- what steps leave ---------------------------------------------------------------------------------------------


def test_resume_data_stands_beside_the_return_value_of_the_suspended_step(store: Store) -> None:
    """The request is exported by the suspended step as ``$resume_data`` beside its ``$return_value``."""
    run = waiting(store)
    store.apply(run.id, resumed(run, request={"method": "POST", "body": {"ok": True}}))
    assert store.exports(run.id) == {
        "trigger": {"event": {"to": "team"}},
        "draft": {"$return_value": "a draft", "$resume_data": {"method": "POST", "body": {"ok": True}}},
    }


def test_a_suspension_resumed_by_time_has_no_resume_data(store: Store) -> None:
    """``on_timeout="resume"`` continues instead, without ``$resume_data``."""
    run = waiting(store, due_ms=T0 + 10, on_timeout="resume")
    store.elapse(T0 + 10)
    assert store.exports(run.id)["draft"] == {"$return_value": "a draft"}


def test_a_reruns_context_and_request_reach_the_next_attempt(store: Store) -> None:
    """rerun: the same step at once, with ``run["callback_request"]`` (key absent when the timer woke it)."""
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    assert store.rerun_input(run) is None
    run = store.apply(run.id, Slept(T0 + 1, 1, kind="rerun", due_ms=T0 + 10, context={"n": 1}))
    store.elapse(T0 + 10)
    run = store.apply(run.id, Claimed(T0 + 11, "worker-1"))
    by_time = store.rerun_input(run)
    assert by_time is not None
    assert (by_time.context, by_time.request) == ({"n": 1}, None)
    run = store.apply(run.id, Slept(T0 + 12, 2, kind="rerun", due_ms=T0 + DAY, context={"n": 2}))
    run = store.apply(run.id, resumed(run, T0 + 13, request={"body": "done"}))
    run = store.apply(run.id, Claimed(T0 + 14, "worker-1"))
    by_request = store.rerun_input(run)
    assert by_request is not None
    assert (by_request.context, by_request.request) == ({"n": 2}, {"body": "done"})
    assert "$resume_data" not in store.exports(run.id)["draft"]
    run = store.apply(run.id, Returned(T0 + 15, 3))
    assert store.rerun_input(run) is None  # another step


def test_a_retried_attempt_has_the_input_of_the_failed_one(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    run = store.apply(run.id, Slept(T0 + 1, 1, kind="rerun", due_ms=T0 + 10, context={"n": 1}))
    store.elapse(T0 + 10)
    store.apply(run.id, Claimed(T0 + 11, "worker-1"))
    store.apply(run.id, Raised(T0 + 12, 2, error="x"))
    run = store.apply(run.id, Retried(T0 + 13, run.step, 2, "magic"))
    found = store.rerun_input(run)
    assert found is not None
    assert (run.runs, found.runs, found.context) == (3, 1, {"n": 1})


def test_of_a_steps_attempts_the_last_that_ended_is_what_later_steps_see(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    store.apply(run.id, Slept(T0 + 1, 1, {"$return_value": 1}, kind="rerun", due_ms=T0 + 2))
    store.elapse(T0 + 2)
    store.apply(run.id, Claimed(T0 + 3, "worker-1"))
    store.apply(run.id, Returned(T0 + 4, 2, {"$return_value": 2}))
    assert store.exports(run.id)["draft"] == {"$return_value": 2}
    assert [(a.runs, a.outcome) for a in store.attempts(run.id)] == [(1, "rerun"), (2, "returned")]


def test_attempts_come_in_order_with_all_they_left(store: Store) -> None:
    run = store.add(code("w", *(f"s{i}" for i in range(12))), None, at_ms=T0, owner="worker-1")
    for i in range(12):
        store.apply(run.id, Returned(T0 + i, 1, {"i": i}, ({"output_type": "stream", "text": str(i)},)))
    attempts = store.attempts(run.id)
    assert [(a.step, a.position, a.exports, a.outputs[0]["text"]) for a in attempts] == [
        (f"s{i}", i, {"i": i}, str(i)) for i in range(12)
    ]


def test_a_runs_row_holds_none_of_the_bulk(tmp_path: Path, store: Store) -> None:
    """A run's row stays under 4 KB; exports and outputs are rows per attempt, absent from lists."""
    run = store.add(code(), {"event": "x" * 100_000}, at_ms=T0, owner="worker-1")
    output = {"output_type": "stream", "text": "y" * 100_000}
    store.apply(run.id, Returned(T0 + 1, 1, {"$return_value": "z" * 100_000, "$summary": "s" * 9_000}, (output,)))
    run = store.get(run.id)
    store.apply(run.id, resumed(run, T0 + 2, request={"body": "w" * 100_000}))
    store.apply(run.id, Raised(T0 + 3, 1, {"$summary": "ä" * 9_000}, error="é" * 9_000))
    sizes = [len(row[-1]) for row in dump(tmp_path) if row[0].startswith("run/")]
    assert len(sizes) == 1
    assert sizes[0] < 4_096
    assert store.attempts(run.id)[1].error == "é" * 9_000


# ---- time and queue -----------------------------------------------------------------------------------------------


def test_due_pauses_end_in_the_order_of_their_times_each_once(tmp_path: Path) -> None:
    """10,000 pauses due at start-up: each once. Virtual time: each once, in order."""
    rings: list[int] = []
    store = Store(tmp_path, LINKS, on_commit=lambda: rings.append(1))
    with store._rows.transact():  # one commit for all: this is about what comes after
        for i in range(450):
            run = store.add(code("w", "a", "b"), None, at_ms=T0, owner="kernel-1")
            store.apply(run.id, Slept(T0, 1, kind="delay", due_ms=T0 + (i * 7919) % 1_000))
    late = waiting(store, due_ms=T0 + 1_000)
    rings.clear()
    assert store.next_due_ms() == T0
    assert store.elapse(T0 + 499) + store.elapse(T0 + 999) == 450
    assert len(rings) == 4  # "many in one transaction"
    assert store.elapse(T0 + 999) == 0
    assert store.next_due_ms() == T0 + 1_000
    assert store.get(late.id) == late
    assert store.counts()[Status.QUEUED] == 450
    store.close()


def test_timers_are_never_early_and_after_a_downtime_late_by_the_downtime(store: Store) -> None:
    run = waiting(store, due_ms=T0 + 10)
    assert store.elapse(T0 + 9) == 0
    assert store.elapse(T0 + DAY) == 1
    assert store.get(run.id).ended_ms == T0 + DAY
    assert store.next_due_ms() is None


def test_a_clock_set_back_ends_nothing_twice_and_starts_nothing_early(store: Store) -> None:
    """Clock set back, forward: nothing twice, no crash."""
    run = store.add(code(), None, at_ms=T0, owner="kernel-1")
    store.apply(run.id, Slept(T0 + 1, 1, kind="rerun", due_ms=T0 + 10))
    assert [store.elapse(at_ms) for at_ms in (T0 - DAY, T0 + 10, T0 - DAY, T0 + 10)] == [0, 1, 0, 0]
    assert store.get(run.id).runs == 2


def lane(workflow: str) -> str:
    """Workflows take their turns in the order of their hashes."""
    return hashlib.sha256(workflow.encode()).hexdigest()[:8]


def test_a_long_queue_of_one_workflow_does_not_make_another_wait(store: Store) -> None:
    """Several runs at once, fair between workflows."""
    for i in range(20):
        store.add(code("busy"), None, at_ms=T0 + i)
    store.add(code("other"), None, at_ms=T0 + 50)
    first = store.claim(HERE.key, "worker-1", at_ms=T0 + 60)
    assert first is not None
    second = store.claim(HERE.key, "worker-1", at_ms=T0 + 60, after=first.workflow)
    assert second is not None
    assert {first.workflow, second.workflow} == {"busy", "other"}


def test_the_longest_queued_run_of_the_environment_is_claimed_first(store: Store) -> None:
    runs = [store.add(code(), None, at_ms=T0 + i) for i in (5, 1, 3)]
    other = store.add(code(environment=THERE), None, at_ms=T0)
    claimed = [store.claim(HERE.key, "worker-1", at_ms=T0 + 9) for _ in range(4)]
    assert [run and run.id for run in claimed] == [runs[1].id, runs[2].id, runs[0].id, None]
    assert all(run.status is Status.RUNNING and run.owner == "worker-1" for run in claimed if run)
    assert store.queued_environments() == {THERE.key: other.id}


def test_environments_with_queued_runs_are_found_with_a_run_that_waits_there(store: Store) -> None:
    assert store.queued_environments() == {}
    for i in range(5):
        store.add(code(environment=THERE), None, at_ms=T0 + i)
        store.add(code(environment=HERE), None, at_ms=T0 + i)
    found = store.queued_environments()
    assert set(found) == {HERE.key, THERE.key}
    assert all(store.get(run_id).environment == key for key, run_id in found.items())


# ---- news ---------------------------------------------------------------------------------------------------------


def test_news_are_what_has_changed_since_the_mark_and_cost_one_question_without(tmp_path: Path, store: Store) -> None:
    old = [store.add(code(), None, at_ms=T0 + i) for i in range(3)]
    for run in old[:2]:
        store.apply(run.id, Claimed(T0 + 5, "worker-1"))
    over = store.apply(old[0].id, Exited(T0 + 6, 1))
    mark = store.mark()
    assert store.news(mark) == (mark, ())
    other = Store(tmp_path, LINKS)  # of another process: its commits count as well
    new = other.add(code(), None, at_ms=T0 + 7)
    other.apply(old[1].id, Exited(T0 + 8, 1))
    brief = other.apply(other.add(code(), None, at_ms=T0 + 8, owner="worker-1").id, Exited(T0 + 9, 1))
    mark, found = store.news(mark)
    assert {run.id for run in found} >= {new.id, old[1].id, brief.id}
    assert over.id not in {run.id for run in found}
    assert {run.id: run.status for run in found}[old[1].id] is Status.SUCCEEDED
    assert store.news(mark) == (mark, ())
    store.apply(new.id, Claimed(T0 + 9, "worker-1"))
    assert new.id in {run.id for run in store.news(mark)[1]}


def test_a_run_that_was_retried_and_is_over_again_is_news(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    run = store.apply(run.id, Raised(T0 + 1, 1, error="no"))
    mark = store.mark()
    for fence, end in ((2, Raised(T0 + 4, 2, error="no")), (3, Exited(T0 + 4, 3))):
        store.apply(run.id, Retried(T0 + 2, run.step, fence - 1, "api"))
        store.apply(run.id, Claimed(T0 + 3, "worker-1"))
        over = store.apply(run.id, end)
        mark, found = store.news(mark)
        assert found == (over,)
    assert store.list().runs == (over,)


def test_news_are_missed_neither_over_a_new_connection_nor_in_another_thread(tmp_path: Path, store: Store) -> None:
    """A connection that is made anew after trouble counts its changes from the beginning again."""
    other = Store(tmp_path, LINKS)
    store.close()
    mark = store.mark()
    store.close()
    new = other.add(code(), None, at_ms=T0)
    assert store.news(mark)[1] == (new,)
    store.close()
    mark = store.mark()
    new = other.add(code(), None, at_ms=T0)
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(store.news, mark).result()[1] == (new,)
        thread.submit(store.close).result()


def test_a_run_that_began_and_ended_is_news_whatever_index_rows_went_before_it(store: Store) -> None:
    """SQLite gives the rowids of rows that went again."""
    lost = [store.add(code(), None, at_ms=T0, owner="worker-1") for _ in range(9)]
    for run in lost:
        store.apply(run.id, Lost(T0 + 1, 1))
    mark = store.mark()
    for run in lost:
        store.apply(run.id, Claimed(T0 + 2, "worker-2"))
    brief = store.apply(store.add(code(), None, at_ms=T0 + 3, owner="worker-1").id, Exited(T0 + 4, 1))
    assert brief in store.news(mark)[1]


def test_news_of_one_workflow_are_of_no_other(store: Store) -> None:
    mark = store.mark("mine")
    mine = store.add(code("mine"), None, at_ms=T0)
    store.add(code("other"), None, at_ms=T0)
    assert [run.id for run in store.news(mark, "mine")[1]] == [mine.id]


# ---- lists --------------------------------------------------------------------------------------------------------


def everything(store: Store, limit: int, **how: Any) -> list[str]:
    """All runs' ids, page by page."""
    found: list[str] = []
    page = Page((), "first")
    cursor = None
    while page.next is not None:
        page = store.list(limit=limit, cursor=cursor, **how)
        assert len(page.runs) <= limit
        found += [run.id for run in page.runs]
        cursor = page.next
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 50])
def test_pages_hold_every_run_once_newest_first(store: Store, limit: int) -> None:
    ids = [store.add(code(name), None, at_ms=T0).id for name in "abbaaab"]
    store.apply(ids[2], Cancelled(T0 + 1, "draft", 1, "magic"))
    assert everything(store, limit) == ids[::-1]
    assert everything(store, limit, workflow="a") == [ids[i] for i in (5, 4, 3, 0)]
    assert everything(store, limit, statuses=[Status.CANCELLED]) == [ids[2]]
    assert everything(store, limit, statuses=[Status.QUEUED], workflow="b") == [ids[6], ids[1]]
    assert everything(store, limit, statuses=[]) == []
    assert everything(store, limit, workflow="c") == []


def test_a_page_goes_on_where_the_one_before_ended_whatever_was_added_or_changed_since(store: Store) -> None:
    ids = [store.add(code(), None, at_ms=T0).id for _ in range(4)]
    first = store.list(limit=2)
    store.add(code(), None, at_ms=T0)
    store.apply(ids[0], Cancelled(T0 + 1, "draft", 1, "magic"))
    second = store.list(limit=2, cursor=first.next)
    assert [run.id for run in (*first.runs, *second.runs)] == ids[::-1]
    assert second.next is None


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", " 1", "9" * 19, "9" * 5_000, "1; DROP TABLE Cache"])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="is no cursor: pass the 'next' of the page before"):
        store.list(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(ValueError, match=r"limit is .*: use 1 or more"):
        store.list(limit=limit)


def test_workflows_whose_names_contain_each_other_are_kept_apart(store: Store) -> None:
    names = ["a", "a b", "queued a", "a%", "A", "ä", "a/b"]
    ids = {name: store.add(code(name), None, at_ms=T0).id for name in names}
    for name in names:
        assert [run.id for run in store.list(workflow=name).runs] == [ids[name]]
    assert store.counts()[Status.QUEUED] == len(names)


def test_a_run_that_changes_while_a_list_is_read_is_in_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is one read."""
    store = Store(tmp_path, LINKS)
    ids = [store.add(code(name), None, at_ms=T0).id for name in "ab"]
    monkeypatch.setattr(rows_module, "_TIMEOUT_S", 0.01)
    other = Store(tmp_path, LINKS)
    tagged = store._rows.tagged

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        found = tagged(*args, **kwargs)
        for run_id in ids:
            with contextlib.suppress(StoreUnavailable, Refused):
                other.apply(run_id, Claimed(T0 + 1, "worker-1"))
        return found

    monkeypatch.setattr(store._rows, "tagged", meanwhile)
    page = store.list(limit=50)
    assert [run.id for run in page.runs] == ids[::-1]
    assert {run.status for run in page.runs} == {Status.QUEUED}
    store.close()
    other.close()


def test_the_newest_50_of_20000_runs_cost_no_more_than_of_200(tmp_path: Path) -> None:
    """A million finished runs must not slow a start, a resume or a list."""
    store = Store(tmp_path, LINKS)
    row = dict(zip(("key", "raw", "tag", "mode", "value"), run_row(tmp_path, store), strict=True))
    costs = []
    for count in (200, 20_000):
        with store._rows.transact():
            store._rows._cache._con.executemany(
                "INSERT INTO Cache(key, raw, tag, mode, value) VALUES (?, 1, ?, 1, ?)",
                ((f"run/{count}-{i}", "succeeded launch" if i % 3 else "queued w", row["value"]) for i in range(count)),
            )
        newest = [store.add(code(), None, at_ms=T0) for _ in range(50)]
        con = store._rows._cache._con
        ticks = itertools.count()
        con.set_progress_handler(lambda ticks=ticks: next(ticks) * 0, 1)
        page = store.list(limit=50)
        con.set_progress_handler(None, 1)
        costs.append(next(ticks))
        assert page.runs == tuple(newest[::-1])
    assert costs[0] > 0
    assert costs[1] < costs[0] * 1.1
    store.close()


def run_row(directory: Path, store: Store) -> tuple[Any, ...]:
    run = store.add(code(), None, at_ms=T0)
    return next(row for row in dump(directory) if row[0] == f"run/{run.id}")


def test_a_list_reads_by_indexes_alone(store: Store) -> None:
    for name in "abc":
        store.add(code(name), None, at_ms=T0)
    run = waiting(store)
    con = store._rows._cache._con
    statements: list[str] = []
    con.set_trace_callback(statements.append)
    store.list(limit=2)
    store.list(statuses=[Status.QUEUED], workflow="a", cursor="99", limit=2)
    for look in (store.next_due_ms, store.queued_environments, store.running):
        look()
    for of in (store.get, store.exports, store.attempts, store.event, store.resolve_id):
        of(run.id)
    store.claim(HERE.key, "worker-1", at_ms=T0)
    store.elapse(T0)
    con.set_trace_callback(None)
    looks = [query for query in statements if query.startswith(("SELECT", "WITH"))]
    plans = {line[3] for query in looks for line in con.execute(f"EXPLAIN QUERY PLAN {query}")}
    assert any(line.startswith("SEARCH Cache USING") for line in plans)
    assert [line for line in plans if line.startswith("SCAN Cache") or "TEMP B-TREE" in line] == []


# ---- links --------------------------------------------------------------------------------------------------------


def linked(run: RunRecord) -> tuple[str, JSON]:
    """A token of the run's present attempt, and a value that holds it in every way."""
    url = LINKS.url("resume", Target(run.id, run.step, run.runs))
    return url.rsplit("/", 1)[1], {"url": url, url: [f"<a href='{url}'>{url}</a>\n\"{url}\""]}


def test_no_working_token_ever_lies_in_the_store_and_its_own_run_reads_it(tmp_path: Path, store: Store) -> None:
    """Any link in what is stored is stored as a placeholder and minted again when it is read by its own run."""
    first = store.add(code("other"), None, at_ms=T0)
    run = store.add(code(), linked(first)[1], at_ms=T0, owner="worker-1")
    token, value = linked(run)
    output = {"output_type": "stream", "text": f"{value}"}
    mail = {"text": f"{value}"}
    ask = Slept(T0 + 1, 1, {"x": value}, (output,), (mail,), kind="rerun", due_ms=T0 + DAY, context=value)
    store.apply(run.id, ask)
    run = store.get(run.id)
    store.apply(run.id, resumed(run, request={"body": value}))
    store.apply(run.id, Claimed(T0 + 3, "worker-1"))
    store.apply(run.id, Suspended(T0 + 4, 2, {"$summary": f"see {value}"}, due_ms=T0 + DAY))
    run = store.get(run.id)
    store.apply(run.id, Resumed(T0 + 5, run.step, run.runs, "link", by=token, request={"body": value}))
    store.apply(run.id, Claimed(T0 + 6, "worker-1"))
    store.apply(run.id, Raised(T0 + 7, 3, error=f"ValueError: {token}"))
    third = store.add(code(), None, at_ms=T0)
    store.apply(third.id, Cancelled(T0 + 8, "draft", 1, "magic", reason=f"because of {token}"))

    content = (tmp_path / "cache.db").read_bytes()
    for found in (token, linked(first)[0]):
        assert found.encode() not in content
        assert found[-43:].encode() not in content
    assert re.search(rb"pdnb1[rc]\.[0-9a-z]{20}\.[\w-]+\.\d+\.[\w-]", content) is None  # nor most of one
    assert b"pdnb1r!" in content

    one, two, three = store.attempts(run.id)
    assert (one.exports, one.outputs, one.context, one.request) == ({"x": value}, (output,), value, {"body": value})
    assert one.mails == (mail,)
    assert two.request == {"body": value}
    assert three.error == f"ValueError: {token}"
    assert store.event(run.id) == linked(first)[1]
    assert store.exports(run.id)["draft"]["$resume_data"] == {"body": value}


def test_what_lists_show_holds_neither_a_token_nor_a_placeholder(store: Store) -> None:
    """The card and ``repr`` show a redacted link."""
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    token, _ = linked(run)
    store.apply(run.id, Returned(T0 + 1, 1, {"$summary": f"see {token}"}))
    store.apply(run.id, Raised(T0 + 2, 1, error=f"ValueError: {token}"))
    run = store.get(run.id)
    assert (run.summary, run.error) == ("see …", "ValueError: …")


def test_a_sealed_link_moved_into_another_runs_row_is_not_opened(tmp_path: Path, store: Store) -> None:
    """The store alone resumes nothing."""
    victim, thief = waiting(store), waiting(store)
    token, value = linked(victim)
    store.apply(victim.id, resumed(victim))
    store.apply(victim.id, Claimed(T0 + 3, "worker-1"))
    store.apply(victim.id, Returned(T0 + 4, 2, {"link": value}))
    rows = {row[0]: row[-1] for row in dump(tmp_path)}
    (source,) = (text for key, text in rows.items() if key.startswith(f"attempt/{victim.id}/0001/"))
    (place,) = (key for key in rows if key.startswith(f"attempt/{thief.id}/"))
    with sqlite(tmp_path) as con:
        con.execute("UPDATE Cache SET value = ? WHERE key = ?", (source, place))
    assert store.attempts(victim.id)[1].exports == {"link": value}
    stolen = json.dumps(store.attempts(thief.id)[0].exports)
    assert token not in stolen
    assert "pdnb1r!" in stolen


def test_a_link_works_again_after_a_restart_at_another_address(tmp_path: Path, store: Store) -> None:
    """Links: after a restart the same links work again."""
    run = waiting(store)
    token, _ = linked(run)
    assert Links(SECRET, "http://elsewhere/").read("resume", token) == Target(run.id, "draft", 1)


# ---- tampered -----------------------------------------------------------------------------------------------------


def tamper(directory: Path, key: str, text: str | bytes) -> None:
    with sqlite(directory) as con:
        assert con.execute("UPDATE Cache SET value = ? WHERE key = ?", (text, key)).rowcount == 1


def stored(directory: Path, key: str) -> Any:
    return json.loads(next(row[-1] for row in dump(directory) if row[0] == key))


def test_changed_code_is_refused_in_one_clear_line(tmp_path: Path, store: Store) -> None:
    """Workflow code and interpreter path carry a MAC under the secret; nothing is executed."""
    run = waiting(store)
    key = f"workflow/{run.version_id}"
    good = stored(tmp_path, key)
    evil = code("launch", "draft").to_json().replace("'draft'", "__import__('os').abort()")
    other = Links(b"x" * 32)
    changes: list[Any] = [
        {**good, "code": evil},
        {**good, "code": good["code"].replace("/usr/bin/python3", "/tmp/evil")},
        {"code": evil, "mac": other.mac(evil)},
        {**good, "mac": ""},
        {**good, "mac": None},
        {**good, "code": None},
        {"code": code("other").to_json(), "mac": LINKS.mac(code("other").to_json())},  # signed, but another's place
        {},
        [],
        3,
    ]
    for change in changes:
        tamper(tmp_path, key, json.dumps(change))
        with pytest.raises(StoreCorrupt, match=r"^the code [^\n]*$") as refusal:
            store.workflow_version(run.version_id)
        assert "executed" in str(refusal.value)
    for text in ("", "{", "[" * 100_000):
        tamper(tmp_path, key, text)
        with pytest.raises(StoreCorrupt, match="nothing was executed"):
            store.workflow_version(run.version_id)
    with pytest.raises(StoreCorrupt, match="is missing from the store; nothing was executed"):
        store.workflow_version("0" * 32)
    tamper(tmp_path, key, json.dumps(good))
    assert store.workflow_version(run.version_id) == code()


@pytest.mark.parametrize(
    "text", ["", "{", "null", '"x"', "{}", b"\x80\x04N.", "[" * 100_000], ids=lambda t: repr(t)[:12]
)
def test_a_damaged_row_is_refused_and_hides_no_other(tmp_path: Path, store: Store, text: str | bytes) -> None:
    """Tampered rows are refused, that run is marked corrupt, nothing is executed."""
    bad, good = waiting(store, due_ms=T0 + 10), waiting(store, due_ms=T0 + 20)
    queued = store.add(code(), None, at_ms=T0)
    store.add(code(), None, at_ms=T0 + 1)
    working = store.add(code(), None, at_ms=T0, owner="kernel-1")
    store.add(code(), None, at_ms=T0, owner="kernel-1")
    for run in (bad, queued, working):
        tamper(tmp_path, f"run/{run.id}", text)
        for call in (store.get, store.exports, lambda i: store.apply(i, Elapsed(T0 + 99))):
            with pytest.raises(StoreCorrupt, match=r"^[^\n]*$"):
                call(run.id)
    assert len(store.list().runs) == 3
    assert good in store.list().runs
    assert len(store.running()) == 1
    assert store.elapse(T0 + 30) == 1
    assert store.get(good.id).status is Status.CANCELLED
    claimed = store.claim(HERE.key, "worker-1", at_ms=T0 + 40)
    assert claimed is not None
    assert claimed.id != queued.id
    assert store.claim(HERE.key, "worker-1", at_ms=T0 + 40) is None


def test_a_damaged_attempt_or_event_is_refused(tmp_path: Path, store: Store) -> None:
    run = waiting(store)
    for key, look in ((f"attempt/{run.id}/0000/000000001", store.attempts), (f"event/{run.id}", store.event)):
        good = stored(tmp_path, key)
        for text in ("", "{", b"\x80\x04N.", "[" * 100_000):
            tamper(tmp_path, key, text)
            for call in (look, store.exports):
                with pytest.raises(StoreCorrupt, match=r"^[^\n]*$"):
                    call(run.id)
        tamper(tmp_path, key, json.dumps(good))
    with sqlite(tmp_path) as con:
        con.execute("DELETE FROM Cache WHERE key = ?", (f"event/{run.id}",))
    with pytest.raises(StoreCorrupt, match="is missing"):
        store.event(run.id)


def test_a_row_in_another_runs_place_is_refused(tmp_path: Path, store: Store) -> None:
    one, two = waiting(store), waiting(store)
    tamper(tmp_path, f"run/{one.id}", json.dumps(stored(tmp_path, f"run/{two.id}")))
    with pytest.raises(StoreCorrupt, match="names another run"):
        store.get(one.id)


def test_foreign_rows_disturb_no_list(tmp_path: Path, store: Store) -> None:
    run = waiting(store)
    with sqlite(tmp_path) as con:
        con.executemany(
            "INSERT INTO Cache(key, raw, tag, mode, value) VALUES (?, ?, ?, 1, 'x')",
            [
                ("foreign", 1, "evil" ), ("run/foreign", 1, "suspended launch"), (b"\x80\x04", 0, "suspended launch"),
                (7, 1, 7), ("other", 1, b"suspended launch"), ("third", 1, "suspended launch"),
            ],
        )  # fmt: skip
    assert store.list().runs == (run,)
    assert store.counts()[Status.SUSPENDED] >= 1
    assert store.running() == ()


def test_a_newer_store_is_refused(tmp_path: Path, store: Store) -> None:
    store.close()
    with sqlite(tmp_path) as con:
        con.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreNewer, match="upgrade pdnb"):
        Store(tmp_path, LINKS)


# ---- trouble ------------------------------------------------------------------------------------------------------


class Faulty:
    """A connection whose n-th statement fails, as on a broken or full disk."""

    def __init__(self, con: sqlite3.Connection, n: int) -> None:
        self._con = con
        self.left = n

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        self.left -= 1
        if self.left == 0:
            raise sqlite3.OperationalError("disk I/O error")
        return self._con.execute(*statement)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


CALLS: dict[str, Callable[[Store, dict[str, RunRecord]], object]] = {
    "add": lambda store, runs: store.add(code("new"), {"a": 1}, at_ms=T0 + 1),
    "add and claim": lambda store, runs: store.add(code("new"), {"a": 1}, at_ms=T0 + 1, owner="kernel-1"),
    "claim": lambda store, runs: store.claim(HERE.key, "worker-1", at_ms=T0 + 5),
    "return": lambda store, runs: store.apply(runs["running"].id, Returned(T0 + 5, 1, {"$return_value": 1})),
    "suspend": lambda store, runs: store.apply(runs["running"].id, Suspended(T0 + 5, 1, due_ms=T0 + DAY)),
    "rerun": lambda store, runs: store.apply(runs["running"].id, Slept(T0 + 5, 1, kind="rerun", due_ms=T0 + 9)),
    "raise": lambda store, runs: store.apply(runs["running"].id, Raised(T0 + 5, 1, error="x")),
    "early": lambda store, runs: store.apply(runs["running"].id, resumed(runs["running"], request={"body": 1})),
    "resume": lambda store, runs: store.apply(runs["waiting"].id, resumed(runs["waiting"], request={"body": 1})),
    "cancel": lambda store, runs: store.apply(runs["waiting"].id, cancelled(runs["waiting"])),
    "lose": lambda store, runs: store.apply(runs["running"].id, Lost(T0 + 5, 1)),
    "elapse": lambda store, runs: store.elapse(T0 + 2 * DAY),
    "list": lambda store, runs: store.list(),
    "exports": lambda store, runs: store.exports(runs["waiting"].id),
    "attempts": lambda store, runs: store.attempts(runs["waiting"].id),
    "counts": lambda store, runs: store.counts(),
    "workflow_version": lambda store, runs: store.workflow_version(runs["waiting"].version_id),
}


@pytest.mark.parametrize("name", CALLS)
def test_when_the_nth_operation_fails_nothing_is_torn_and_the_same_call_succeeds_afterwards(
    tmp_path: Path, name: str
) -> None:
    """The n-th store operation fails, for every n: nothing torn; the same request succeeds once the fault is gone."""
    store = Store(tmp_path, LINKS)
    runs = {
        "queued": store.add(code(), None, at_ms=T0),
        "running": store.add(code(), None, at_ms=T0, owner="kernel-1"),
        "waiting": waiting(store),
        "sleeping": waiting(store, due_ms=T0 + DAY),
    }
    before = dump(tmp_path)
    for n in itertools.count(1):
        faulty = Faulty(store._rows._cache._con, n)
        store._rows._cache._local.con = faulty
        try:
            CALLS[name](store, runs)
        except StoreUnavailable as error:
            line = str(error)
        else:
            if faulty.left > 0:  # no statement was left to fail
                break
            assert name == "list"  # the end of a read transaction
            CALLS[name](store, runs)
            continue
        assert "\n" not in line
        assert str(tmp_path) in line
        whole = name == "elapse" and store.counts()[Status.CANCELLED] == 2  # it failed at its look for more
        assert dump(tmp_path) == before or whole
    assert n > 1
    store._rows._cache._local.con = faulty._con
    looks_only = name in {"list", "exports", "attempts", "counts", "workflow_version"}
    assert (dump(tmp_path) == before) == looks_only
    assert sum(store.counts().values()) == len(runs) + name.startswith("add")
    assert {run.id for run in store.list().runs} >= {run.id for run in runs.values()}
    store.close()


def test_a_full_disk_loses_nothing_and_the_same_call_succeeds_afterwards(tmp_path: Path, store: Store) -> None:
    run = store.add(code(), None, at_ms=T0, owner="kernel-1")
    before = dump(tmp_path)
    event = Returned(T0 + 1, 1, {"$return_value": "x" * 1_000_000})
    store._rows._cache._sql("PRAGMA max_page_count = 30")
    with pytest.raises(StoreUnavailable, match="full"):
        store.apply(run.id, event)
    assert dump(tmp_path) == before
    assert store.apply(run.id, event).step == "approve"


# ---- several processes --------------------------------------------------------------------------------------------

DECIDE = """
import json, sys
from pathlib import Path
from pdnb.errors import Refused
from pdnb.links import Links
from pdnb.model import Cancelled, Resumed
from pdnb.store.store import Store
directory, run_id, me, what = sys.argv[1:]
store = Store(Path(directory), Links(b"0123456789abcdef0123456789abcdef"))
print("ready", flush=True)
sys.stdin.readline()
answers = []
for i in range(25):
    at_ms = 1_700_000_000_000 + 100 + i
    if what == "resume":
        event = Resumed(at_ms, "draft", 1, "link", None, {"body": f"{me}-{i}"})
    else:
        event = Cancelled(at_ms, "draft", 1, "link", None, f"{me}-{i}")
    try:
        store.apply(run_id, event)
        answers.append(["ok", f"{me}-{i}", at_ms])
    except Refused as error:
        answers.append([type(error).__name__, getattr(error, "what", "resumed"), error.at_ms])
print(json.dumps(answers))
store.close()
"""


def decide(directory: Path, run: RunRecord, whats: tuple[Literal["resume", "cancel"], ...]) -> list[list[Any]]:
    """What 25 requests of each of several processes at once are answered."""
    command = [sys.executable, "-c", DECIDE, str(directory), run.id]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen([*command, str(i), what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for i, what in enumerate(whats)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [answer for process in processes for answer in json.loads(process.communicate()[0])]


def test_of_100_resumes_from_four_processes_one_is_taken_and_its_body_is_what_is_stored(
    tmp_path: Path, store: Store
) -> None:
    """1,000 concurrent requests on one suspension: one 200, the rest 409. Resume data: the winner's, unchanged."""
    run = waiting(store)
    answers = decide(tmp_path, run, ("resume",) * 4)
    ((_, body, at_ms),) = [answer for answer in answers if answer[0] == "ok"]
    assert [answer for answer in answers if answer[0] != "ok"] == [["AlreadyResumed", "resumed", at_ms]] * 99
    assert store.exports(run.id)["draft"]["$resume_data"] == {"body": body}
    assert (store.get(run.id).step, store.get(run.id).revision) == ("approve", run.revision + 1)


def test_resumes_against_cancels_from_four_processes_are_all_told_the_same(tmp_path: Path, store: Store) -> None:
    """500 resumes against 500 cancels: one decision, and everybody is told the same."""
    run = waiting(store)
    answers = decide(tmp_path, run, ("resume", "cancel", "resume", "cancel"))
    ((_, said, at_ms),) = [answer for answer in answers if answer[0] == "ok"]
    refused = [answer for answer in answers if answer[0] != "ok"]
    after = store.get(run.id)
    assert after.decision is not None
    assert after.decision.at_ms == at_ms
    if after.status is Status.CANCELLED:
        assert after.decision.reason == said
        assert refused == [["Over", "cancelled", at_ms]] * 99
    else:
        assert store.exports(run.id)["draft"]["$resume_data"] == {"body": said}
        assert refused == [["AlreadyResumed", "resumed", at_ms]] * 99


# ---- any history at all -------------------------------------------------------------------------------------------


class Known:
    """What a plain program would remember of one run."""

    def __init__(self, run: RunRecord, event: JSON) -> None:
        self.run = run
        self.event = event
        self.attempts: dict[tuple[int, int], Attempt] = {}

    def take(self, event: Event) -> None:
        place = self.run.position, self.run.runs
        after = table.advance(self.run, event)
        attempt = table.record(self.run, event, self.attempts.get(place))
        if attempt is not None:
            self.attempts[place] = attempt
        self.run = after

    def exports(self) -> dict[str, dict[str, JSON]]:
        found: dict[str, dict[str, JSON]] = {"trigger": {"event": self.event}}
        for (position, _), attempt in sorted(self.attempts.items()):
            if position > self.run.position:
                continue
            found.pop(attempt.step, None)
            if attempt.ended_ms is not None:
                found[attempt.step] = dict(attempt.exports)
                decided = attempt.decision
                if attempt.outcome == "suspended" and decided is not None and decided.what == "resumed":
                    found[attempt.step]["$resume_data"] = attempt.request
        return found


class AnyHistory(RuleBasedStateMachine):
    """The store against a dict, with a clock that is moved."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.directory = AnyHistory.make()
        self.rings = 0
        self.store = self.opened()
        self.known: dict[str, Known] = {}
        self.now = T0

    make: Callable[[], Path]

    def opened(self) -> Store:
        def notify() -> None:
            self.rings += 1

        return Store(self.directory, LINKS, on_commit=notify)

    def teardown(self) -> None:
        self.store.close()

    @rule(target=runs, workflow=st.sampled_from(["a", "b c"]), steps=st.integers(1, 3), mine=st.booleans())
    def add(self, workflow: str, steps: int, mine: bool) -> str:
        environment = HERE if mine else THERE
        run = self.store.add(
            code(workflow, *"xyz"[:steps], environment=environment),
            {"at": self.now},
            at_ms=self.now,
            owner="kernel-1" if mine else None,
        )
        self.known[run.id] = Known(run, {"at": self.now})
        return run.id

    @rule(
        run_id=runs,
        pick=st.integers(0, 10),
        aimed=st.sampled_from([True, True, True, False]),
        number=st.integers(0, 2),
        on_timeout=st.sampled_from(["cancel", "resume"]),
    )
    def apply(
        self, *, run_id: str, pick: int, aimed: bool, number: int, on_timeout: Literal["cancel", "resume"]
    ) -> None:
        known = self.known[run_id]
        event = any_event(known.run, pick, self.now, aimed=aimed, number=number, on_timeout=on_timeout)
        before, rings = known.run, self.rings
        expected: Refused | None = None
        if known.run.due_ms is not None and known.run.due_ms <= self.now and not isinstance(event, Elapsed):
            known.take(Elapsed(self.now))
        try:
            known.take(event)
        except Refused as refused:
            expected = refused
        if expected is None:
            assert self.store.apply(run_id, event) == known.run
        else:
            with contextlib.suppress(Refused):
                self.store.apply(run_id, event)
                raise AssertionError(f"{event} was taken")
        assert (self.rings > rings) == (known.run is not before)

    @rule()
    def elapse(self) -> None:
        due = [known for known in self.known.values() if (known.run.due_ms or 10**15) <= self.now]
        for known in due:
            known.take(Elapsed(self.now))
        assert self.store.elapse(self.now) == len(due)

    @rule(environment=st.sampled_from([HERE, THERE]), after=st.sampled_from([None, "a", "b c", "b"]))
    def claim(self, environment: Environment, after: str | None) -> None:
        queued = [
            known
            for known in self.known.values()
            if known.run.status is Status.QUEUED and known.run.environment == environment.key
        ]
        run = self.store.claim(environment.key, "worker-1", at_ms=self.now, after=after)
        assert (run is None) == (not queued)
        if run is not None:
            turn = lane(after) if after else ""
            mine = min((lane(known.run.workflow) <= turn, lane(known.run.workflow)) for known in queued)[1]
            assert lane(run.workflow) == mine
            first = min(known.run.since_ms for known in queued if lane(known.run.workflow) == mine)
            assert self.known[run.id].run.since_ms == first
            self.known[run.id].take(Claimed(self.now, "worker-1"))
            assert run == self.known[run.id].run

    @rule(by_ms=st.sampled_from([1, 1_000, 39_000, 41_000, DAY, -1_000]))
    def let_time_pass(self, by_ms: int) -> None:
        self.now += by_ms

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.opened()

    @rule(
        statuses=st.none() | st.sets(st.sampled_from(Status)),
        workflow=st.sampled_from([None, "a", "b c", "b"]),
        limit=st.integers(1, 4),
    )
    def look_through(self, statuses: set[Status] | None, workflow: str | None, limit: int) -> None:
        wanted = [
            run_id
            for run_id, known in reversed(self.known.items())
            if (statuses is None or known.run.status in statuses) and workflow in (None, known.run.workflow)
        ]
        assert everything(self.store, limit, statuses=statuses, workflow=workflow) == wanted

    @rule(run_id=runs)
    def look_at(self, run_id: str) -> None:
        known = self.known[run_id]
        assert self.store.get(run_id) == known.run
        assert self.store.event(run_id) == known.event
        assert self.store.exports(run_id) == known.exports()
        assert self.store.attempts(run_id) == tuple(attempt for _, attempt in sorted(known.attempts.items()))
        run, late = self.store.look(run_id, known.run.step, known.run.runs)
        assert run == known.run
        assert (late is not None) == (run.status.over or run.early is not None)

    @invariant()
    def indexes_say_what_the_runs_say(self) -> None:
        present = [known.run for known in self.known.values()]
        assert self.store.counts() == {status: sum(run.status is status for run in present) for status in Status}
        assert self.store.next_due_ms() == min((run.due_ms for run in present if run.due_ms is not None), default=None)
        assert {run.id for run in self.store.running()} == {r.id for r in present if r.status is Status.RUNNING}
        queued = {run.environment for run in present if run.status is Status.QUEUED}
        assert self.store.queued_environments().keys() == queued


def test_no_history_makes_the_store_differ_from_a_dict(new_dir: Callable[[], Path]) -> None:
    """Model-based tests drive store and machine against a plain model."""
    from hypothesis.stateful import run_state_machine_as_test

    AnyHistory.make = staticmethod(new_dir)
    run_state_machine_as_test(AnyHistory, settings=settings(max_examples=20, stateful_step_count=40))


def test_an_answer_is_judged_before_the_lock_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form may take its time over an answer; nobody else's change waits for that."""
    held: list[bool] = []
    real = store._rows.transact
    inside: list[int] = []

    @contextlib.contextmanager
    def transact() -> Iterator[None]:
        with real():
            inside.append(1)
            yield
            inside.pop()

    def slow(form: object, body: object) -> tuple[str, ...]:
        held.append(bool(inside))
        return ("n: is required",)

    form = {"type": "object", "properties": {"n": {}}}
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    store.apply(run.id, Suspended(T0 + 1, 1, due_ms=T0 + DAY, prompt=Prompt(form=form)))
    monkeypatch.setattr(store._rows, "transact", transact)
    monkeypatch.setattr("pdnb.store.store.forms.problems", slow)
    with pytest.raises(BadAnswer):
        store.apply(run.id, Resumed(T0 + 2, "draft", 1, "link", request={"body": {"x": "judged once"}}))
    assert held == [False]
