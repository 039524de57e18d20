"""Any history at all: the store against a dict."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from pdnb.errors import (
    Refused,
)
from pdnb.machine.record import record
from pdnb.machine.table import advance
from pdnb.model import (
    JSON,
    Attempt,
    Claimed,
    Elapsed,
    Event,
    RunRecord,
    Status,
)
from pdnb.store.store import Store
from pdnb.workflow.version import Environment
from tests.machine.test_table import any_event
from tests.store.test_lists import everything
from tests.support.sqlite_store import open_store
from tests.support.store_runs import DAY, HERE, LINKS, T0, THERE, code


def lane(workflow: str) -> str:
    """Workflows take their turns in the order of their hashes."""
    return hashlib.sha256(workflow.encode()).hexdigest()[:8]


class Known:
    """What a plain program would remember of one run."""

    def __init__(self, run: RunRecord, event: JSON) -> None:
        self.run = run
        self.event = event
        self.attempts: dict[tuple[int, int], Attempt] = {}

    def take(self, event: Event) -> None:
        place = self.run.position, self.run.runs
        after = advance(self.run, event)
        attempt = record(self.run, event, self.attempts.get(place))
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

        return open_store(self.directory, LINKS, on_commit=notify)

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
        run, late = self.store.would_refuse(run_id, known.run.step, known.run.runs)
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
