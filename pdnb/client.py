"""Runs as objects for people and programs: start one, find one, wait for one, resume, cancel or retry it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self, overload

from pdnb.coordination import progress
from pdnb.coordination.home import Home
from pdnb.decisions import Action, decide
from pdnb.errors import MovedOn
from pdnb.links import Link, Purpose, redact
from pdnb.model import JSON, Attempt, Lost, Prompt, RunRecord, Status, Via
from pdnb.runtime import foreground
from pdnb.runtime.namesakes import notebook_of
from pdnb.runtime.times import milliseconds
from pdnb.views import documents
from pdnb.views.phrases import NO_LEADER
from pdnb.workflow.version import WorkflowVersion, difference

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """One run. Every attribute reads the store; ``record`` is what was read last.

    ``resume()``, ``cancel()`` and ``retry()`` mean the step and attempt of that one: if the run has moved on since,
    they raise ``Refused`` and nothing changes.
    """

    def __init__(self, home: Home, record: RunRecord) -> None:
        self._home = home
        self._seen = record

    @property
    def id(self) -> str:
        """20 characters; sorts by time of start."""
        return self._seen.id

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._seen.workflow

    @property
    def notebook(self) -> Path | None:
        """The notebook that its workflow comes from, where that was known when it started."""
        path = notebook_of(self._home, self._seen)
        return None if path is None else Path(path)

    @property
    def status(self) -> Status:
        """Where the run is in its life."""
        return self._read().status

    @property
    def step(self) -> str:
        """The step it is at (or ended at)."""
        return self._read().step

    @property
    def due(self) -> datetime | None:
        """When the present pause ends by itself (UTC)."""
        due_ms = self._read().due_ms
        return None if due_ms is None else datetime.fromtimestamp(due_ms / 1000, UTC)

    @property
    def exports(self) -> dict[str, dict[str, JSON]]:
        """What the steps have left, by step, without working links; ``exports["trigger"]["event"]`` is the event."""
        exports: dict[str, dict[str, JSON]] = documents.without_links(self._home.store.exports(self.id))
        return exports

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt so far, without working links: what a cell shows is kept in its notebook."""
        return tuple(documents.redacted_attempt(attempt) for attempt in self._home.store.attempts(self.id))

    @property
    def record(self) -> RunRecord:
        """The record that was read last."""
        return self._seen

    @property
    def prompt(self) -> Prompt | None:
        """What it shows to people while it is suspended: a message, a form, what comes after. ``None`` otherwise."""
        record = self._read()
        if record.status is not Status.SUSPENDED:
            return None
        return self._home.store.prompt(record.id, record.step, record.runs)

    @property
    def resume_url(self) -> Link | None:
        """The present attempt's link; ``str()`` of it is the URL. ``None`` when the run is over."""
        return self._link("resume")

    @property
    def cancel_url(self) -> Link | None:
        """The present attempt's link; ``str()`` of it is the URL. ``None`` when the run is over."""
        return self._link("cancel")

    def resume(self, body: JSON = None, *, via: Via = "python") -> Self:
        """Let the run go on; *body* (JSON) is what its workflow receives. Raises ``Refused`` when it has moved on.

        Raises ``NotJSON`` when *body* is not JSON, and ``BadAnswer`` when it does not fit the form.
        """
        return self._decide("resume", via, self._seen, body=body)

    def cancel(self, reason: str | None = None, *, via: Via = "python") -> Self:
        """End the run here. Raises ``Refused`` when it has moved on."""
        return self._decide("cancel", via, self._seen, reason=reason)

    def retry(self, *, take_over: bool = False, via: Via = "python") -> Self:
        """Let a failed run go on from its failed step, with what the steps before it left.

        *take_over*: the run is still at work, in a process that is frozen or out of reach: take it away from that
        process, whose late result will be refused, and let the step run again. Raises ``Refused`` when the run is
        neither failed nor, with *take_over*, running at the step and attempt that were seen last.
        """
        home, seen = self._home, self._seen
        record = home.store.get(self.id)
        if record.status is Status.RUNNING and not take_over:
            raise MovedOn(
                f"run {self.id} is at work at step {record.step!r}, in {record.owner}: wait for it, cancel it, "
                "or take it over if that process is frozen (--take-over)"
            )
        if record.status is Status.RUNNING and (record.step, record.runs) != (seen.step, seen.runs):
            raise MovedOn(
                f"run {self.id} is not frozen: it has come from step {seen.step!r} (attempt {seen.runs}) "
                f"to step {record.step!r} (attempt {record.runs}): look again"
            )
        if record.status is Status.RUNNING:
            by = current_user() or "somebody"
            record = seen = home.store.apply(self.id, Lost(home.clock(), record.fence, f"taken over by {by}"))
        if record.status is Status.QUEUED and take_over:  # its next attempt waits for a worker
            self._seen = record
            return self
        return self._decide("retry", via, seen)  # also of a run that failed just now, as one that was lost too often

    def upgrade(self, version: WorkflowVersion) -> str:
        """Let the run go on with the code of *version*; what has changed, as a unified diff (``""``: nothing).

        The steps it has come through must be the same. Raises ``Refused`` while it is at work, or over.
        """
        before = self._home.store.workflow_version(self._read().version_id)
        if before.id == version.id:
            return ""
        self._seen = self._home.store.upgrade(self.id, version, at_ms=self._home.clock())
        return difference(before, version)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the run as a notebook: the code that ran, every attempt's outputs, what was waited for, who decided.

        *path*: default ``<workflow>-<run>.ipynb`` in the working directory; the path is returned. Raises
        ``DefinitionError`` when nothing can be written there.
        """
        from pdnb.views import report  # noqa: PLC0415  # nbformat costs a second

        record, store = self._read(), self._home.store
        attempts = store.attempts(record.id)
        earlier = {attempt.version_id for attempt in attempts if attempt.version_id} - {record.version_id}
        to = Path(path) if path is not None else report.default_path(record)
        codes = [store.workflow_version(version_id) for version_id in earlier]
        report.write(
            to, record, store.workflow_version(record.version_id), store.event(record.id), attempts, earlier=codes
        )
        return to

    def wait(self, timeout: int | float | timedelta | None = None) -> Self:
        """Block until the run is over, or raise ``TimeoutError`` after *timeout* (milliseconds or a ``timedelta``).

        Where a server leads this store, its workers do the work and this only watches; without one, the steps run
        here, in the foreground, and raise what they raise.
        """
        __tracebackhide__ = True
        timeout_ms = None if timeout is None else milliseconds("timeout", timeout, least=0)
        self._seen = foreground.wait(self._home, self.id, timeout_ms=timeout_ms)
        return self

    def refresh(self) -> Self:
        """Read the record again."""
        self._read()
        return self

    def document(self) -> dict[str, JSON]:
        """The run as the API gives it."""
        return document(self._home, self._read())

    def _read(self) -> RunRecord:
        self._seen = self._home.store.get(self.id)
        return self._seen

    def _decide(self, action: Action, via: Via, at: RunRecord, *, body: JSON = None, reason: str | None = None) -> Self:
        """Apply *action* to the attempt of the record *at*."""
        now_ms, by = self._home.clock(), current_user()
        event = decide(action, at.step, at.runs, at_ms=now_ms, via=via, by=by, body=body, reason=reason)
        self._seen = self._home.store.apply(self.id, event)
        return self

    def _link(self, purpose: Purpose) -> Link | None:
        self._home.reload_settings()  # a server may have started, ended or moved
        return self._home.link(purpose, self._read())

    def __repr__(self) -> str:
        record = self._read()
        trouble = f"; {redact(record.error)}" if record.error else ""
        return f"<Run {record.id} of {record.workflow}: {record.status} at {record.step}{trouble}>"


class Runs(Sequence[Run]):
    """A page of runs, newest first. ``to_frame()`` makes a table of them; ``next`` is the cursor of the next page."""

    def __init__(self, home: Home, records: Sequence[RunRecord], cursor: str | None) -> None:
        self._home = home
        self._records = records
        self.next = cursor

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        if isinstance(index, slice):
            return Runs(self._home, self._records[index], None)
        return Run(self._home, self._records[index])

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Run]:
        return (Run(self._home, record) for record in self._records)

    def documents(self) -> list[dict[str, JSON]]:
        """The runs as the API lists them."""
        return [documents.summary(record) for record in self._records]

    def to_frame(self) -> pd.DataFrame:
        """A pandas ``DataFrame``, a row per run, indexed by id; times are UTC timestamps."""
        from pdnb.views.table import frame  # noqa: PLC0415  # pandas costs half a second

        return frame(self.documents())

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(notebook=True))

    def __repr__(self) -> str:
        lines = [f"{r.id}  {r.status:<10} {r.workflow} · {r.step}" for r in self._records]
        return "\n".join(lines) or "no runs"


def start(
    home: Home,
    version: WorkflowVersion,
    event: JSON = None,
    *,
    headless: bool = False,
    show: bool = True,
    on_start: Callable[[Run], object] = lambda _: None,
) -> Run:
    """A new run, driven here in the foreground to its first pause or end; *headless*: left to a worker.

    *on_start* gets the run as soon as it is durable. Raises what a step raised, after the run has failed with it.
    """
    __tracebackhide__ = True
    runs: list[Run] = []

    def begin(record: RunRecord) -> None:
        runs.append(Run(home, record))
        on_start(runs[0])

    by = current_user()
    record = foreground.start(home, version, event, by=by, headless=headless, show=show, on_start=begin)
    runs[0]._seen = record  # noqa: SLF001  # what the caller saw happen
    return runs[0]


def unattended(home: Home, run: Run) -> str | None:
    """What to say about a run that waits where nothing will look after it, with the remedy; else ``None``."""
    if run.record.status.over or run.record.status is Status.RUNNING or home.has_leader():
        return None
    return f"{NO_LEADER} Or stay here with it: run.wait()."


def document(home: Home, record: RunRecord) -> dict[str, JSON]:
    """A run as the API gives it, with the newest output and progress of a step at work."""
    exports, attempts = home.store.exports(record.id), home.store.attempts(record.id)
    detail = documents.detail(record, exports, attempts, progress.read(home.directory, record))
    return detail | {"notebook": notebook_of(home, record)}


def links(home: Home, record: RunRecord) -> dict[str, str | None]:
    """The working links of the present attempt, ``None`` when the run is over: for a copy button, not to be kept."""
    found = {"resume_url": home.link("resume", record), "cancel_url": home.link("cancel", record)}
    return {name: None if link is None else str(link) for name, link in found.items()}


def list_runs(
    home: Home,
    *,
    status: str | Sequence[str] | None = None,
    workflow: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Runs:
    """Runs, newest first; raises ``ValueError`` for a status that is none, or a limit below 1."""
    if limit < 1:
        raise ValueError(f"limit is {limit}: use 1 or more")
    names = [status] if isinstance(status, str) else status
    try:
        statuses = None if names is None else [Status(name) for name in names]
    except ValueError:
        raise ValueError(f"{status!r} is no status: use {', '.join(Status)}") from None
    page = home.store.list(statuses=statuses, workflow=workflow, limit=limit, cursor=cursor)
    return Runs(home, page.runs, page.next)


def current_user() -> str | None:
    """The person at this machine, as the system calls them; ``None`` where it does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in some containers
        return None
