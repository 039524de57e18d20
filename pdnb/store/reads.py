"""Read-only queries on the store; each is one read.

What a step left is sealed in what is kept and unsealed here, for its own run: no working link lies in the store.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pdnb import codec
from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.links import Links
from pdnb.machine.refusals import explain
from pdnb.model import JSON, Attempt, Prompt, RunRecord, Status
from pdnb.store.backend import Backend, Filter, Stored
from pdnb.workflow.version import WorkflowVersion


@dataclass(frozen=True)
class Page:
    """Runs, newest first, and the cursor of the next page (``None``: no more)."""

    runs: tuple[RunRecord, ...]
    next: str | None


class Queries:
    """What can be asked of the records in *backend*, whose links are *links*."""

    def __init__(self, backend: Backend, links: Links) -> None:
        self._backend = backend
        self._links = links

    # ---- runs ----

    def get(self, run_id: str) -> RunRecord:
        """The run as stored; raises ``RunNotFound``."""
        return decoded(run_id, self._backend.run(run_id))

    def resolve_id(self, beginning: str) -> str:
        """The id that *beginning* begins; raises ``RunNotFound`` when no run or several have it."""
        if not beginning.isalnum():
            raise RunNotFound(f"{beginning!r} is no run's id: look at the list of runs")
        found = self._backend.resolve(beginning)
        if not found:
            raise RunNotFound(f"no run {beginning!r} in this store: look at the list of runs")
        if len(found) > 1 and found[0] != beginning:
            raise RunNotFound(f"{beginning!r} begins several runs' ids: give more of it")
        return found[0]

    def list(
        self,
        *,
        statuses: Iterable[Status] | None = None,
        workflow: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Runs, newest first, of any of *statuses* and of *workflow*; *cursor* is the ``next`` of the page before.

        A run whose record is damaged is left out; :meth:`get` says what is wrong with it.
        """
        if limit < 1:
            raise ValueError(f"limit is {limit}: use 1 or more")
        where = Filter(None if statuses is None else frozenset(statuses), workflow)
        page = self._backend.runs(where, limit, cursor)
        return Page(readable(page.records), page.next)

    def counts(self) -> dict[Status, int]:
        """How many runs have each status."""
        return self._backend.counts()

    def running(self) -> tuple[RunRecord, ...]:
        """Every run that is claimed and whose record can be used."""
        return readable(self._backend.runs(Filter(frozenset({Status.RUNNING})), _ALL).records)

    def soonest(self, limit: int) -> tuple[RunRecord, ...]:
        """Paused runs, those whose pause ends first first, as far as their records can be used."""
        return readable(self._backend.soonest(limit))

    def next_due_ms(self) -> int | None:
        """When the next pause ends by itself."""
        return self._backend.next_due_ms()

    def queued_environments(self) -> dict[str, str]:
        """Environments with queued runs: key → the id of a run that waits there."""
        return self._backend.queued()

    def changes_cursor(self) -> str:
        """Where :meth:`changes_since` goes on from, to be told of every change from now on."""
        return self._backend.changes(None).cursor

    def changes_since(self, cursor: str, workflow: str | None = None) -> tuple[str, tuple[RunRecord, ...]]:
        """The next cursor, and the runs (of *workflow*) that have changed since *cursor* or are new, each once."""
        changes = self._backend.changes(cursor)
        runs = readable(changes.records)
        return changes.cursor, runs if workflow is None else tuple(run for run in runs if run.workflow == workflow)

    def would_refuse(self, run_id: str, step: str, runs: int) -> tuple[RunRecord, Refused | None]:
        """The run, and why a request to attempt *runs* of *step* would be refused now (``None``: it would not)."""
        run = self.get(run_id)
        if (run.step, run.runs) == (step, runs) and not run.status.over and run.early is None:
            return run, None
        return run, explain(run, self._attempt_of(run, step, runs), step, runs)

    # ---- what a run has besides its record ----

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        """Every attempt of the run, in order, with what it left."""
        return tuple(self._unsealed(run_id, text) for text in self._backend.attempts(run_id))

    def exports(self, run_id: str) -> dict[str, dict[str, JSON]]:
        """What the steps left for later ones, by step: ``{"trigger": {"event": …}, "draft": {"$return_value": …}}``."""
        run = self.get(run_id)
        found: dict[str, dict[str, JSON]] = {"trigger": {"event": self.event(run_id)}}
        for position in range(run.position + 1):
            last = self._backend.attempt_before(run_id, position)
            while last is not None:
                attempt = self._unsealed(run_id, last[1])
                if attempt.ended_ms is not None:  # one at work has left nothing yet
                    found[attempt.step] = exports_of(attempt)
                    break
                last = self._backend.attempt_before(run_id, position, last[0])
        return found

    def event(self, run_id: str) -> JSON:
        """The event that started the run."""
        text = self._backend.text("event", run_id)
        if text is None:
            raise StoreCorrupt(f"the event of run {run_id} is missing")
        try:
            return json.loads(self._links.unseal(text, run_id))
        except (ValueError, RecursionError) as error:
            raise StoreCorrupt(f"the event of run {run_id} is damaged ({error}); it is not used") from error

    def prompt(self, run_id: str, step: str, runs: int) -> Prompt | None:
        """What people are shown where attempt *runs* of *step* waits."""
        attempt = self._attempt_of(self.get(run_id), step, runs)
        return attempt.prompt if attempt else None

    def rerun_input(self, run: RunRecord) -> Attempt | None:
        """The attempt of the present step that last asked for a rerun: its context and request are this one's."""
        before = run.runs
        while before > 1 and (last := self._backend.attempt_before(run.id, run.position, before)) is not None:
            before, attempt = last[0], self._unsealed(run.id, last[1])
            if attempt.outcome == "rerun":
                return attempt
        return None

    def workflow_version(self, version_id: str) -> WorkflowVersion:
        """The code that runs of this version go on with; refused when its MAC or content does not fit."""
        text = self._backend.text("version", version_id)
        if text is None:
            raise StoreCorrupt(f"the code {version_id} of this run is missing from the store; nothing was executed")
        try:
            row = json.loads(text)
            intact = self._links.check_mac(row["code"], row["mac"])
            version = WorkflowVersion.from_json(row["code"]) if intact else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreCorrupt(f"the code {version_id} is damaged ({error}); nothing was executed") from error
        if version is None or version.id != version_id:
            raise StoreCorrupt(
                f"the code {version_id} in the store is not what this store's owner wrote: "
                "it was changed from outside, and nothing of it was executed"
            )
        return version

    def close(self) -> None:
        """Give back what this thread holds."""
        self._backend.close()

    def _attempt_of(self, run: RunRecord, step: str, runs: int) -> Attempt | None:
        """Attempt *runs* of *step*, if there is one."""
        if step not in run.steps:
            return None
        text = self._backend.attempt(run.id, run.steps.index(step), runs)
        return None if text is None else self._unsealed(run.id, text)

    def _unsealed(self, run_id: str, text: str) -> Attempt:
        return codec.attempt_from_json(self._links.unseal(text, run_id))


_ALL = 1_000_000_000


def decoded(run_id: str, text: str | None) -> RunRecord:
    """The record of run *run_id* that *text* holds."""
    if text is None:
        raise RunNotFound(f"no run {run_id!r} in this store: look at the list of runs")
    run = codec.run_from_json(text)
    if run.id != run_id:
        raise StoreCorrupt(f"the record of run {run_id} names another run; it is not used")
    return run


def readable(records: Iterable[Stored]) -> tuple[RunRecord, ...]:
    """The runs among *records* that can be used: a damaged one must not hide all others."""
    runs: list[RunRecord] = []
    for stored in records:
        with contextlib.suppress(StoreCorrupt):
            runs.append(decoded(stored.run_id, stored.text))
    return tuple(runs)


def exports_of(attempt: Attempt) -> dict[str, JSON]:
    """What later steps see of *attempt*: its exports, and ``$resume_data`` when a request resumed its suspension."""
    resumed = attempt.decision is not None and attempt.decision.what == "resumed"
    if attempt.outcome == "suspended" and resumed and attempt.request is not None:
        return {**attempt.exports, "$resume_data": attempt.request}
    return attempt.exports
