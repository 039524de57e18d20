"""What counts as JSON here, and runs and attempts as rows and back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.codec import (
    MAX_JSON,
    attempt_from_json,
    attempt_to_json,
    checked,
    run_from_json,
    run_to_json,
)
from pdnb.errors import NotJSON, StoreCorrupt
from pdnb.model import Attempt, Decision, Pause, RunRecord, Status
from pdnb.workflow.definition import MAX_STEP_NAMES, Step, Workflow, check_workflow_name

T0 = 1_700_000_000_000

texts = st.text(st.characters(codec="utf-8"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


# ---- JSON ---------------------------------------------------------------------------------------------------------


@given(json_values)
def test_json_comes_back_as_it_was(value: Any) -> None:
    """JSON values only (``None``, ``bool``, ``int``, finite ``float``, ``str``, ``list``, ``dict[str, …]``)."""
    text = checked(value, "x")
    assert json.loads(text) == value
    assert text.isascii()


def test_what_means_json_becomes_its_text() -> None:
    assert checked({1: (2, Counter("a"))}, "x") == '{"1":[2,{"a":1}]}'


def test_what_is_not_json_is_refused_with_its_place() -> None:
    with pytest.raises(NotJSON, match=r'^x\["rows"\]\[1\]: set is not JSON: write sorted\(x\)$'):
        checked({"rows": [1, {2}]}, "x")


def test_a_large_number_that_can_be_read_back_is_json() -> None:
    assert json.loads(checked(-(10**3_900), "x")) == -(10**3_900)


def test_what_is_too_large_is_refused_and_the_remedy_named() -> None:
    with pytest.raises(NotJSON, match=r"^x: 20 MiB of JSON is too much .*at most 16 MiB.*: .*file"):
        checked("x" * 20 * 2**20, "x")
    assert len(checked("x" * (MAX_JSON - 2), "x")) == MAX_JSON


# ---- rows ---------------------------------------------------------------------------------------------------------

counts = st.integers(0, 10**9)
times = st.integers(0, 10**13)
decisions = st.builds(
    Decision,
    what=st.sampled_from(["resumed", "cancelled", "timed out", "elapsed"]),
    at_ms=times,
    via=st.sampled_from(["link", "card", "panel", "inbox", "magic", "python", "shell", "api", "clock"]),
    by=st.none() | texts,
    reason=st.none() | texts,
)
pauses = st.builds(
    Pause,
    kind=st.sampled_from(["suspend", "rerun", "delay"]),
    since_ms=times,
    due_ms=times,
    on_timeout=st.sampled_from(["cancel", "resume"]),
    confirm=st.booleans(),
)


@st.composite
def rows(draw: st.DrawFn) -> RunRecord:
    """Any run at all."""
    status = draw(st.sampled_from(Status))
    steps = draw(st.lists(texts, min_size=1, max_size=5))
    return RunRecord(
        id=draw(texts),
        workflow=draw(texts),
        version_id=draw(texts),
        environment=draw(texts),
        steps=tuple(steps),
        status=status,
        created_ms=draw(times),
        since_ms=draw(times),
        position=draw(st.integers(0, len(steps) - 1)),
        runs=draw(counts),
        retries=draw(counts),
        losses=draw(counts),
        fence=draw(counts),
        owner=draw(st.none() | texts),
        pause=draw(pauses) if status.waits else None,
        early=draw(st.none() | decisions),
        decision=draw(st.none() | decisions),
        error=draw(st.none() | texts),
        summary=draw(st.none() | texts),
        ended_ms=draw(st.none() | times),
        awake_ms=draw(counts),
        active_ms=draw(counts),
        paused_ms=draw(counts),
        credits=draw(counts),
        revision=draw(counts),
    )


objects = st.dictionaries(texts, json_values, max_size=3)
attempts = st.builds(
    Attempt,
    step=texts,
    position=counts,
    runs=counts,
    started_ms=times,
    ended_ms=st.none() | times,
    outcome=st.sampled_from(["running", "returned", "suspended", "rerun", "delay", "exited", "raised", "lost"]),
    exports=objects,
    outputs=st.lists(objects, max_size=2).map(tuple),
    context=json_values,
    request=st.none() | objects,
    decision=st.none() | decisions,
    note=st.none() | texts,
    error=st.none() | texts,
    pause=st.none() | pauses,
)


@given(rows())
def test_a_run_comes_back_as_it_was(run: RunRecord) -> None:
    assert run_from_json(run_to_json(run)) == run


@given(attempts)
def test_an_attempt_comes_back_as_it_was(attempt: Attempt) -> None:
    assert attempt_from_json(attempt_to_json(attempt)) == attempt


def test_every_field_of_a_run_is_in_its_row() -> None:
    assert json.loads(run_to_json(longest())).keys() == {f.name for f in fields(RunRecord)}


def test_an_attempts_row_shares_nothing_with_the_attempt_it_was_made_of() -> None:
    attempt = Attempt("load", 0, 1, T0, exports={"rows": [1]})
    text = attempt_to_json(attempt)
    attempt.exports["rows"].append(2)
    assert attempt_from_json(text).exports == {"rows": [1]}


PAUSE = Pause("suspend", T0, T0)
GOOD: dict[str, Any] = json.loads(
    run_to_json(RunRecord("0" * 20, "w", "0" * 32, "0" * 16, ("a", "b"), Status.SUSPENDED, T0, T0, pause=PAUSE))
)


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "3", '"run"', "{}", "[" * 100_000, "\x80\x04", json.dumps(GOOD)[:-1]],
    ids=lambda text: text[:10],
)
def test_what_is_no_row_is_refused(text: str) -> None:
    """Tampered rows are refused."""
    for read in (run_from_json, attempt_from_json):
        with pytest.raises(StoreCorrupt, match=r"it is not used$"):
            read(text)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "flying"}, {"status": None}, {"steps": []}, {"steps": None}, {"steps": [1, 2]}, {"steps": 7},
        {"position": 2}, {"position": -1}, {"position": "0"}, {"position": None}, {"position": True},
        {"created_ms": "now"}, {"since_ms": 1.5}, {"runs": None}, {"fence": "1"}, {"id": 7}, {"owner": 7},
        {"pause": None}, {"pause": []}, {"pause": {}}, {"pause": {**GOOD["pause"], "due_ms": "soon"}},
        {"pause": {**GOOD["pause"], "more": 1}}, {"decision": {"what": "resumed"}}, {"early": "yes"},
        {"status": "running"}, {"credits": [1]}, {"unknown": 1}, {"error": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_run_with_any_damaged_field_is_refused(change: dict[str, Any]) -> None:
    assert run_from_json(json.dumps(GOOD)).status is Status.SUSPENDED
    with pytest.raises(StoreCorrupt, match="a stored run is damaged"):
        run_from_json(json.dumps({**GOOD, **change}))


@pytest.mark.parametrize("name", ["id", "workflow", "version_id", "steps", "status", "created_ms", "since_ms", "pause"])
def test_a_run_without_a_field_that_every_run_has_is_refused(name: str) -> None:
    with pytest.raises(StoreCorrupt, match="a stored run is damaged"):
        run_from_json(json.dumps({key: value for key, value in GOOD.items() if key != name}))


@given(st.data())
def test_a_row_with_any_value_in_any_place_is_a_run_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(GOOD)))
    row = {**GOOD, name: data.draw(json_values)}
    try:
        run = run_from_json(json.dumps(row))
    except StoreCorrupt:
        return
    assert run_from_json(run_to_json(run)) == run
    assert run.step in run.steps


@pytest.mark.parametrize(
    "change",
    [
        {"exports": []},
        {"exports": None},
        {"step": 3},
        {"ended_ms": "x"},
        {"request": []},
        {"outputs": 3},
        {"pause": []},
    ],
    ids=str,
)
def test_an_attempt_with_any_damaged_field_is_refused(change: dict[str, Any]) -> None:
    good = json.loads(attempt_to_json(Attempt("load", 0, 1, T0)))
    with pytest.raises(StoreCorrupt, match="a stored attempt is damaged"):
        attempt_from_json(json.dumps({**good, **change}))


# ---- size ---------------------------------------------------------------------------------------------------------


def longest(name: str = "x" * 64, workflow: str = "w" * 100) -> RunRecord:
    """A run with as many steps as a workflow takes, all numbers long, two decisions and all texts."""
    found = Workflow(check_workflow_name(workflow))
    while sum(len(s.name) + 3 for s in found.steps) + len(name) + 3 <= MAX_STEP_NAMES:
        unique = f"{name[: len(name) - 3]}{len(found.steps):03d}" if len(name) > 3 else f"s{len(found.steps):03d}"
        found = found.with_step(Step(unique, ""))
    at = 9_999_999_999_999
    decision = Decision("cancelled", at, "python", "b" * 100, "r" * 340)
    return RunRecord(
        id="0" * 20,
        workflow=workflow,
        version_id="0" * 32,
        environment="0" * 16,
        steps=found.names,
        status=Status.SUSPENDED,
        created_ms=at,
        since_ms=at,
        position=len(found.steps) - 1,
        runs=10**9,
        retries=10**6,
        losses=3,
        fence=10**9,
        owner="kernel-4194304-01234567",
        pause=Pause("suspend", at, at, "resume", confirm=False),
        early=replace(decision, reason=None),
        decision=decision,
        summary="s" * 340,
        ended_ms=at,
        awake_ms=10**11,
        active_ms=10**11,
        paused_ms=10**11,
        credits=10**9,
        revision=10**9,
    )


@pytest.mark.parametrize("name", ["x" * 64, "s000"])
@pytest.mark.parametrize("workflow", ["w" * 100, "漢" * 100, "🎈" * 75, '"' * 100])
def test_a_runs_row_stays_under_4_kb_even_with_the_longest_names(name: str, workflow: str) -> None:
    """A run's row stays under 4 KB."""
    run = longest(name, workflow)
    assert len(run.steps) > 20
    assert len(run_to_json(run)) < 4_096
    assert run_from_json(run_to_json(run)) == run


def test_a_row_holds_no_bulk() -> None:
    """Exports and outputs are rows per attempt."""
    assert not {"exports", "outputs", "request", "context"} & asdict(longest()).keys()
