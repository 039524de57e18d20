"""Requests: of many one decides, and all others are told what happened."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import pytest

from pdnb.errors import (
    AlreadyResumed,
    BadAnswer,
    MovedOn,
    Over,
    Refused,
)
from pdnb.model import (
    Cancelled,
    Claimed,
    Elapsed,
    Event,
    Exited,
    Prompt,
    Raised,
    Resumed,
    Retried,
    RunRecord,
    Status,
    Suspended,
)
from pdnb.store import form_check
from pdnb.store.store import Store
from tests.store.conftest import Place
from tests.support.store_runs import DAY, HERE, T0, cancelled, code, resumed, waiting


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
    assert store.would_refuse(run.id, "draft", 1) == (run, None)
    _, other = store.would_refuse(run.id, "approve", 1)
    assert isinstance(other, MovedOn)
    after = store.apply(run.id, resumed(run))
    seen, late = store.would_refuse(run.id, "draft", 1)
    assert seen == after
    assert isinstance(late, AlreadyResumed)
    store.apply(run.id, Claimed(T0 + 3, "worker-1"))
    assert store.would_refuse(run.id, "approve", 1)[1] is None
    store.apply(run.id, resumed(store.get(run.id), T0 + 4))
    assert isinstance(store.would_refuse(run.id, "approve", 1)[1], AlreadyResumed)  # early, but kept
    store.apply(run.id, Raised(T0 + 5, 2, error="x"))
    assert isinstance(store.would_refuse(run.id, "approve", 1)[1], Over)


def test_a_request_before_the_step_has_ended_is_kept_also_across_a_restart(place: Place) -> None:
    """Kept, 202 to the caller, the first wins."""
    with contextlib.closing(place.open()) as store:
        run = store.add(code(), None, at_ms=T0, owner="worker-1")
        run = store.apply(run.id, resumed(run, T0 + 1, request={"body": "early"}))
        assert run.status is Status.RUNNING
    with contextlib.closing(place.open()) as store:
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


def test_an_answer_is_judged_once_before_the_lock_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form may take its time over an answer; no other change waits for that."""
    held: list[bool] = []
    inside: list[int] = []
    real = store._backend.transaction

    @contextlib.contextmanager
    def transaction() -> Iterator[object]:
        with real() as opened:
            inside.append(1)
            yield opened
            inside.pop()

    def slow(form: object, body: object) -> tuple[str, ...]:
        held.append(bool(inside))
        return ("n: is required",)

    form = {"type": "object", "properties": {"n": {}}}
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    store.apply(run.id, Suspended(T0 + 1, 1, due_ms=T0 + DAY, prompt=Prompt(form=form)))
    monkeypatch.setattr(store._backend, "transaction", transaction)
    monkeypatch.setattr(form_check, "problems", slow)
    with pytest.raises(BadAnswer):
        store.apply(run.id, Resumed(T0 + 2, "draft", 1, "link", request={"body": {"x": "judged once"}}))
    assert held == [False]


def test_a_verdict_counts_only_for_the_form_and_the_answer_it_was_made_for() -> None:
    form = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    fits = form_check.judge(form, {"body": {"n": 1}})
    assert fits.problems == ()
    assert form_check.judge(form, {"body": {"n": 1}}, fits) is fits
    assert form_check.judge(form, {"body": {"n": "1"}}, fits).problems
    assert form_check.judge(form | {"required": ["n", "m"]}, {"body": {"n": 1}}, fits).problems
