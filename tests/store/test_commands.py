"""Changes: a run is added, events are applied, what is refused changes nothing."""

from __future__ import annotations

import contextlib

import pytest

from pdnb.errors import (
    Fenced,
    MovedOn,
    NotJSON,
    Over,
    Refused,
    RunNotFound,
)
from pdnb.model import (
    Cancelled,
    Claimed,
    Elapsed,
    Event,
    Lost,
    Resumed,
    Retried,
    Returned,
    Status,
    Suspended,
)
from pdnb.store.store import Store, new_id
from tests.store.conftest import Place
from tests.support.store_runs import DAY, HERE, T0, code, resumed, waiting


def test_a_run_is_durable_once_its_id_is_returned(place: Place, store: Store) -> None:
    """A run, once its id is returned: durable."""
    run = store.add(code(), {"to": "team"}, at_ms=T0)
    with contextlib.closing(place.open()) as other:
        assert other.get(run.id) == run
        assert other.event(run.id) == {"to": "team"}
        assert other.workflow_version(run.version_id) == code()


def test_a_new_run_is_queued_or_claimed_by_whoever_adds_it(store: Store) -> None:
    run = store.add(code(), None, at_ms=T0)
    assert (run.status, run.owner, run.step, run.runs, run.created_ms) == (Status.QUEUED, None, "draft", 1, T0)
    assert (run.workflow, run.version_id, run.environment) == ("launch", code().id, HERE.key)
    mine = store.add(code(), None, at_ms=T0, owner="kernel-1")
    assert (mine.status, mine.owner, mine.fence) == (Status.RUNNING, "kernel-1", 1)


def test_an_event_that_is_not_json_starts_no_run(place: Place, store: Store) -> None:
    before = place.contents()
    with pytest.raises(NotJSON, match=r'^steps\.trigger\["event"\]\["a"\]: set is not JSON: write sorted\(x\)$'):
        store.add(code(), {"a": set()}, at_ms=T0)
    assert place.contents() == before


def test_ids_sort_by_time_and_are_never_equal() -> None:
    times = [0, 1, T0, T0, T0 + 1, T0 + 1_000, T0 + 100 * 365 * DAY]
    ids = [new_id(at_ms) for at_ms in times]
    assert [i[:10] for i in ids] == sorted(i[:10] for i in ids)
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 20 and set(i) <= set("0123456789abcdefghjkmnpqrstvwxyz") for i in ids)


def test_an_unknown_run_is_an_error_that_says_where_to_look(store: Store) -> None:
    for call in (
        store.get,
        store.exports,
        lambda i: store.apply(i, Elapsed(T0)),
        lambda i: store.would_refuse(i, "a", 1),
    ):
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


def test_what_is_refused_changes_nothing(place: Place, store: Store) -> None:
    run = waiting(store)
    before = place.contents()
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
    assert place.contents() == before


def test_the_bell_rings_after_every_commit_that_changed_something_and_only_then(place: Place) -> None:
    rings: list[int] = []
    store = place.open(on_commit=lambda: rings.append(len(place.contents())))
    run = store.add(code(), None, at_ms=T0)
    assert rings == [len(place.contents())]  # the change is visible to whoever is rung
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
