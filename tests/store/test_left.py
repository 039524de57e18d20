"""What steps leave: exports, contexts, attempts, and that a run's own record stays small."""

from __future__ import annotations

from pdnb.model import (
    Claimed,
    Raised,
    Retried,
    Returned,
    Slept,
)
from pdnb.store.store import Store
from tests.support.store_runs import DAY, T0, code, resumed, waiting


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
