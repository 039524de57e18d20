"""The store: applies each event to a run in one transaction, and answers queries.

The rules of a run's life are the machine's; where the records lie is the backend's (``backend.py``). Here the two
meet: a record is read, an event applied, and what comes of it is kept together.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pdnb import codec
from pdnb.errors import BadAnswer, Refused, RunNotFound, StoreCorrupt
from pdnb.links import Links, redact
from pdnb.machine.record import record
from pdnb.machine.refusals import explain
from pdnb.machine.table import advance, due
from pdnb.model import (
    JSON,
    Attempt,
    Cancelled,
    Claimed,
    Elapsed,
    Event,
    Resumed,
    RunRecord,
    Status,
    Suspended,
    Upgraded,
)
from pdnb.store.backend import Backend, Transaction
from pdnb.store.form_check import Verdict, check, judge
from pdnb.store.reads import Queries, decoded
from pdnb.workflow.version import WorkflowVersion

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_MISFIT: Final = "an answer that came early did not fit the form"
_PERSON: Final = 30  # characters of the name of who started a run, in its record
_BATCH: Final = 200  # due pauses per transaction: few commits, and no writer waits long for its turn


class Store(Queries):
    """Commands and queries on the records in *backend*; *on_commit* comes after every commit that changed something."""

    def __init__(self, backend: Backend, links: Links, *, on_commit: Callable[[], None] = lambda: None) -> None:
        super().__init__(backend, links)
        self._on_commit = on_commit

    def add(
        self,
        version: WorkflowVersion,
        event: JSON,
        *,
        at_ms: int,
        run_id: str | None = None,
        owner: str | None = None,
        by: str | None = None,
    ) -> RunRecord:
        """A new run of *version* that *by* starts, durable when this returns; claimed by *owner*, or queued.

        *run_id*: from :func:`new_id`, for a caller who wants to look the run up, should this fail in its commit.
        """
        run = RunRecord(
            id=run_id or new_id(at_ms),
            workflow=version.name,
            version_id=version.id,
            environment=version.environment.key,
            steps=version.names,
            status=Status.QUEUED,
            created_ms=at_ms,
            since_ms=at_ms,
            by=by and by[:_PERSON],
        )
        text = self._links.seal(codec.checked(event, 'steps.trigger["event"]'), run.id)
        if owner is not None:
            run = advance(run, Claimed(at_ms, owner))
        with self._backend.transaction() as transaction:
            self._put_version(transaction, version)
            transaction.put("event", run.id, text)
            _save(transaction, None, run)
        self._on_commit()
        return run

    def upgrade(self, run_id: str, version: WorkflowVersion, *, at_ms: int) -> RunRecord:
        """The run, from now on with *version*, durably; raises ``Refused`` while it is at work, or over."""
        event = Upgraded(at_ms, version.id, version.environment.key, version.names)
        with self._backend.transaction() as transaction:
            self._put_version(transaction, version)
            run = self._settled(transaction, decoded(run_id, transaction.run(run_id)), at_ms)
            run = self._advance(transaction, run, event)
        self._on_commit()
        return run

    def apply(self, run_id: str, event: Event) -> RunRecord:
        """The run after *event*, durably; a due pause ends first. Raises ``Refused`` when it is not taken."""
        refused: Refused | None = None
        verdict = self._judged(run_id, event)
        with self._backend.transaction() as transaction:
            before = decoded(run_id, transaction.run(run_id))
            run = before if isinstance(event, Elapsed) else self._settled(transaction, before, event.at_ms)
            try:
                run = self._advance(transaction, run, event, verdict)
            except Refused as error:
                refused = self._explained(run, event, error)
        if run is not before:
            self._on_commit()
        if refused is not None:
            raise refused
        return run

    def elapse(self, at_ms: int, *, batches: int | None = None) -> int:
        """Let pauses that are due end, in the order of their times; how many did.

        *batches*: how many transactions at the most, where others wait for their turn; the rest stays due.
        """
        ended = 0
        while batches != 0 and (next_ms := self._backend.next_due_ms()) is not None and next_ms <= at_ms:
            with self._backend.transaction() as transaction:
                for run_id in transaction.due(at_ms, _BATCH):
                    ended += self._taken(transaction, run_id, Elapsed(at_ms)) is not None
            self._on_commit()
            batches = None if batches is None else batches - 1
        return ended

    def claim(self, environment: str, owner: str, *, at_ms: int, after: str | None = None) -> RunRecord | None:
        """A queued run of *environment*, claimed for *owner*; ``None``: nothing to do.

        Workflows take turns: it is the longest-queued run of the one whose turn is after workflow *after*.
        """
        while self._backend.has_queued(environment):
            with self._backend.transaction() as transaction:
                run_id = transaction.next_queued(environment, after)
                run = self._taken(transaction, run_id, Claimed(at_ms, owner)) if run_id else None
            if run is not None:
                self._on_commit()
                return run
        return None

    # ---- inside a transaction ----

    def _put_version(self, transaction: Transaction, version: WorkflowVersion) -> None:
        code = version.to_json()
        transaction.put("version", version.id, codec.dumps({"mac": self._links.mac(code), "code": code}))

    def _settled(self, transaction: Transaction, run: RunRecord, at_ms: int) -> RunRecord:
        """The run, its pause ended if that was due."""
        elapsed = due(run, at_ms)
        return run if elapsed is None else self._advance(transaction, run, elapsed)

    def _taken(self, transaction: Transaction, run_id: str, event: Elapsed | Claimed) -> RunRecord | None:
        """The run after *event*; one that does not take it, or cannot be used, leaves the queue or the clock."""
        try:
            return self._advance(transaction, decoded(run_id, transaction.run(run_id)), event)
        except (Refused, RunNotFound, StoreCorrupt):
            transaction.withdraw(run_id)
            return None

    def _advance(
        self, transaction: Transaction, run: RunRecord, event: Event, verdict: Verdict | None = None
    ) -> RunRecord:
        text = transaction.attempt(run.id, run.position, run.runs)
        attempt = None if text is None else self._unsealed(run.id, text)
        misfit = isinstance(event, Suspended) and _is_misfit(run, event, attempt, verdict)
        if misfit:
            run = replace(run, early=None)
        after = advance(run, event)
        if isinstance(event, Resumed) and run.pause is not None and run.pause.form:
            check(attempt, event, verdict)
        attempt = record(run, event, attempt)
        if attempt is not None:
            if misfit:  # its sender was told that it is kept: say what became of it
                attempt = replace(attempt, request=None, note=" · ".join(filter(None, [attempt.note, _MISFIT])))
            sealed = self._links.seal(codec.attempt_to_json(attempt), run.id)
            transaction.save_attempt(run.id, run.position, run.runs, sealed)
        _save(transaction, run, after)
        return after

    # ---- outside of it ----

    def _judged(self, run_id: str, event: Event) -> Verdict | None:
        """The verdict on an answer before the lock is taken: a form may take its time, others must not wait."""
        if isinstance(event, Suspended) and event.prompt is not None and event.prompt.form is not None:
            run = self.get(run_id)
            if run.early is not None and run.early.what == "resumed":
                attempt = self._attempt_of(run, run.step, run.runs)
                return judge(event.prompt.form, attempt.request if attempt else None)
        elif isinstance(event, Resumed) and (run := self.get(run_id)).pause is not None and run.pause.form:
            attempt = self._attempt_of(run, run.step, run.runs)
            if attempt is not None and attempt.prompt is not None and attempt.prompt.form is not None:
                return judge(attempt.prompt.form, event.request)
        return None

    def _explained(self, run: RunRecord, event: Event, error: Refused) -> Refused:
        if not isinstance(event, Resumed | Cancelled) or isinstance(error, BadAnswer):
            return error
        return explain(run, self._attempt_of(run, event.step, event.runs), event.step, event.runs)


def new_id(at_ms: int) -> str:
    """20 characters that sort by time: 10 for the milliseconds, 10 (50 bits) of chance."""
    chars = [_ALPHABET[at_ms >> shift & 31] for shift in range(45, -5, -5)]
    return "".join(chars) + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def _save(transaction: Transaction, before: RunRecord | None, after: RunRecord) -> None:
    """Keep the record of *after*; lists show it, so it has no links (an attempt's own record has them)."""
    transaction.save(before, after, redact(codec.run_to_json(after)))


def _is_misfit(run: RunRecord, event: Suspended, attempt: Attempt | None, verdict: Verdict | None) -> bool:
    """Whether an answer that came before the form was there does not fit it: the run then waits for a better one."""
    form = event.prompt.form if event.prompt else None
    if form is None or run.early is None or run.early.what != "resumed":
        return False
    return bool(judge(form, attempt.request if attempt else None, verdict).problems)
