"""Due pauses and queued runs: each once, in order, and fair."""

from __future__ import annotations

from pdnb.model import (
    Slept,
    Status,
)
from pdnb.store.store import Store
from tests.store.conftest import Place
from tests.support.store_runs import DAY, HERE, T0, THERE, code, waiting


def test_due_pauses_end_in_the_order_of_their_times_each_once(place: Place) -> None:
    """10,000 pauses due at start-up: each once. Virtual time: each once, in order."""
    rings: list[int] = []
    store = place.open(on_commit=lambda: rings.append(1))
    with place.one_commit(store):  # one commit for all: this is about what comes after
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
