"""The change feed: what has changed since a cursor, each run once, nothing missed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pdnb.errors import Over
from pdnb.model import Cancelled, Claimed, Exited, Lost, Raised, Retried, Status
from tests.support.store_runs import T0, code

if TYPE_CHECKING:
    from pdnb.store.store import Store
    from tests.store.conftest import Place


def test_what_has_changed_since_the_cursor_comes_once_in_the_order_of_its_last_change(
    place: Place, store: Store
) -> None:
    old = [store.add(code(), None, at_ms=T0 + i) for i in range(3)]
    for run in old[:2]:
        store.apply(run.id, Claimed(T0 + 5, "worker-1"))
    store.apply(old[0].id, Exited(T0 + 6, 1))
    cursor = store.changes_cursor()
    assert store.changes_since(cursor) == (cursor, ())
    other = place.open()  # of another process: its commits count as well
    new = other.add(code(), None, at_ms=T0 + 7)
    over = other.apply(old[1].id, Exited(T0 + 8, 1))
    brief = other.apply(other.add(code(), None, at_ms=T0 + 8, owner="worker-1").id, Exited(T0 + 9, 1))
    cursor, found = store.changes_since(cursor)
    assert found == (new, over, brief)
    assert store.changes_since(cursor) == (cursor, ())
    new = store.apply(new.id, Claimed(T0 + 9, "worker-1"))
    assert store.changes_since(cursor)[1] == (new,)
    other.close()


def test_several_changes_of_a_run_are_one_entry_with_its_newest_state(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    run = store.apply(run.id, Raised(T0 + 1, 1, error="no"))
    cursor = store.changes_cursor()
    for fence, end in ((2, Raised(T0 + 4, 2, error="no")), (3, Exited(T0 + 4, 3))):
        store.apply(run.id, Retried(T0 + 2, run.step, fence - 1, "api"))
        store.apply(run.id, Claimed(T0 + 3, "worker-1"))
        over = store.apply(run.id, end)
        cursor, found = store.changes_since(cursor)
        assert found == (over,)
    assert store.list().runs == (over,)


def test_no_change_is_missed_over_a_new_connection_or_in_another_thread(place: Place, store: Store) -> None:
    other = place.open()
    store.close()
    cursor = store.changes_cursor()
    store.close()
    new = other.add(code(), None, at_ms=T0)
    assert store.changes_since(cursor)[1] == (new,)
    store.close()
    cursor = store.changes_cursor()
    new = other.add(code(), None, at_ms=T0)
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(store.changes_since, cursor).result()[1] == (new,)
        thread.submit(store.close).result()
    other.close()


def test_a_run_that_began_and_ended_meanwhile_is_a_change_whatever_went_before_it(store: Store) -> None:
    lost = [store.add(code(), None, at_ms=T0, owner="worker-1") for _ in range(9)]
    for run in lost:
        store.apply(run.id, Lost(T0 + 1, 1))
    cursor = store.changes_cursor()
    for run in lost:
        store.apply(run.id, Claimed(T0 + 2, "worker-2"))
    brief = store.apply(store.add(code(), None, at_ms=T0 + 3, owner="worker-1").id, Exited(T0 + 4, 1))
    found = store.changes_since(cursor)[1]
    assert [run.id for run in found] == [*(run.id for run in lost), brief.id]


def test_the_run_that_changed_last_is_seen_again_when_it_changes_again(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0)
    for at_ms in (T0 + 1, T0 + 2, T0 + 3, T0 + 4):
        cursor = store.changes_cursor()
        working = run.status is Status.RUNNING
        run = store.apply(run.id, Lost(at_ms, run.fence) if working else Claimed(at_ms, "worker-1"))
        assert store.changes_since(cursor)[1] == (run,)


def test_a_refused_event_is_no_change(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0)
    store.apply(run.id, Cancelled(T0 + 1, "draft", 1, "magic"))
    cursor = store.changes_cursor()
    with pytest.raises(Over):
        store.apply(run.id, Cancelled(T0 + 2, "draft", 1, "magic"))
    assert store.changes_since(cursor) == (cursor, ())


def test_changes_of_one_workflow_are_of_no_other(store: Store) -> None:
    cursor = store.changes_cursor()
    mine = store.add(code("mine"), None, at_ms=T0)
    store.add(code("other"), None, at_ms=T0)
    assert [run.id for run in store.changes_since(cursor, "mine")[1]] == [mine.id]
