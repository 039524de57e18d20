"""Runs in a person's hands: start one, find one, wait for one, answer it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from pdnb.coordination import progress, scheduler
from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.errors import MovedOn, Refused
from pdnb.forms.form_post import from_strings
from pdnb.links import Link
from pdnb.model import JSON, Attempt, Cancelled, Claimed, Lost, Prompt, Resumed, Retried, RunRecord, Status, Via
from pdnb.request import from_person
from pdnb.runtime.flow import milliseconds
from pdnb.runtime.runner import Runner
from pdnb.views import documents
from pdnb.workflow.version import WorkflowVersion, difference

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """One run, as seen from here. Every attribute looks into the store; what was seen last is what is answered.

    ``resume()`` and ``cancel()`` mean the step and attempt that were seen last: if the run has moved on since, they
    raise ``Refused`` and nothing changes.
    """

    def __init__(self, home: Home, row: RunRecord) -> None:
        self._home = home
        self._seen = row

    @property
    def id(self) -> str:
        """20 characters; sorts by time of start."""
        return self._seen.id

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._seen.workflow

    @property
    def status(self) -> Status:
        """Where the run is in its life."""
        return self._look().status

    @property
    def step(self) -> str:
        """The step it is at (or ended at)."""
        return self._look().step

    @property
    def due(self) -> datetime | None:
        """When the present pause ends by itself (UTC)."""
        due_ms = self._look().due_ms
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
    def row(self) -> RunRecord:
        """What was seen last, as it is stored."""
        return self._seen

    @property
    def prompt(self) -> Prompt | None:
        """What people are asked where it waits now: a message, a form, what comes after."""
        row = self._look()
        return self._home.store.prompt(row.id, row.step, row.runs) if row.status is Status.SUSPENDED else None

    @property
    def resume_url(self) -> Link | None:
        """The present attempt's link; ``str()`` of it is the URL. ``None`` when the run is over."""
        return self._link("resume")

    @property
    def cancel_url(self) -> Link | None:
        """The present attempt's link; ``str()`` of it is the URL. ``None`` when the run is over."""
        return self._link("cancel")

    def resume(self, body: JSON = None, *, via: Via = "python") -> Self:
        """Let the run go on; *body* is what the workflow receives. Raises ``Refused`` when it has moved on."""
        by, seen = current_user(), self._seen
        request = from_person(via, by, body)
        self._seen = self._home.store.apply(
            self.id, Resumed(self._home.clock(), seen.step, seen.runs, via, by, request)
        )
        return self

    def cancel(self, reason: str | None = None, *, via: Via = "python") -> Self:
        """End the run here. Raises ``Refused`` when it has moved on."""
        seen = self._seen
        self._seen = self._home.store.apply(
            self.id, Cancelled(self._home.clock(), seen.step, seen.runs, via, current_user(), reason)
        )
        return self

    def retry(self, *, take_over: bool = False, via: Via = "python") -> Self:
        """Let a failed run go on from its failed step, with what the steps before it left.

        *take_over*: the run is still at work, in a process that is frozen or out of reach: take it away from that
        process, whose late result will be refused, and let the step run again. Raises ``Refused`` when the run is
        neither failed nor, with *take_over*, running at the step and attempt that were seen last.
        """
        home, seen = self._home, self._seen
        row = home.store.get(self.id)
        if row.status is Status.RUNNING and not take_over:
            raise MovedOn(
                f"run {self.id} is at work at step {row.step!r}, in {row.owner}: wait for it, cancel it, "
                "or take it over if that process is frozen (--take-over)"
            )
        if row.status is Status.RUNNING and (row.step, row.runs) != (seen.step, seen.runs):
            raise MovedOn(
                f"run {self.id} is not frozen: it has come from step {seen.step!r} (attempt {seen.runs}) "
                f"to step {row.step!r} (attempt {row.runs}): look again"
            )
        if row.status is Status.RUNNING:
            row = seen = home.store.apply(
                self.id, Lost(home.clock(), row.fence, f"taken over by {current_user() or 'somebody'}")
            )
        if row.status is not Status.QUEUED or not take_over:  # a run lost too often before has failed by that
            row = home.store.apply(self.id, Retried(home.clock(), seen.step, seen.runs, via, current_user()))
        self._seen = row
        return self

    def upgrade(self, version: WorkflowVersion) -> str:
        """Let the run go on with the code of *version*; what has changed, as a unified diff (``""``: nothing).

        The steps it has come through must be the same. Raises ``Refused`` while it is at work, or over.
        """
        before = self._home.store.workflow_version(self._look().version_id)
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

        row, store = self._look(), self._home.store
        attempts = store.attempts(row.id)
        earlier = {attempt.version_id for attempt in attempts if attempt.version_id} - {row.version_id}
        to = Path(path) if path is not None else report.default_path(row)
        codes = [store.workflow_version(version_id) for version_id in earlier]
        report.write(to, row, store.workflow_version(row.version_id), store.event(row.id), attempts, earlier=codes)
        return to

    def wait(self, timeout: int | float | timedelta | None = None) -> Self:
        """Block until the run is over, or raise ``TimeoutError`` after *timeout* (milliseconds or a ``timedelta``).

        Where a server keeps this store its worker does the work and this only watches; without one, the steps run
        here, in the foreground, and raise what they raise.
        """
        __tracebackhide__ = True
        timeout_ms = None if timeout is None else milliseconds("timeout", timeout, least=0)
        self._seen = wait(self._home, self.id, timeout_ms=timeout_ms)
        return self

    def refresh(self) -> Self:
        """Look again."""
        self._look()
        return self

    def document(self) -> dict[str, JSON]:
        """The run as the API gives it."""
        return document(self._home, self._look())

    def _look(self) -> RunRecord:
        self._seen = self._home.store.get(self.id)
        return self._seen

    def _link(self, purpose: Any) -> Link | None:
        self._home.reload_settings()  # a server may have come, gone or moved
        return self._home.link(purpose, self._look())

    def __repr__(self) -> str:
        row = self._look()
        return f"<Run {row.id} of {row.workflow}: {row.status} at {row.step}>"


class Runs(Sequence[Run]):
    """Runs, newest first. ``to_frame()`` makes a table of them; ``next`` is the cursor of those behind."""

    def __init__(self, home: Home, rows: Sequence[RunRecord], cursor: str | None) -> None:
        self._home = home
        self._rows = rows
        self.next = cursor

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        if isinstance(index, slice):
            return Runs(self._home, self._rows[index], None)
        return Run(self._home, self._rows[index])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Run]:
        return (Run(self._home, row) for row in self._rows)

    def documents(self) -> list[dict[str, JSON]]:
        """The runs as the API lists them."""
        return [documents.summary(row) for row in self._rows]

    def to_frame(self) -> pd.DataFrame:
        """A pandas ``DataFrame``, a row per run, indexed by id; times are UTC timestamps."""
        from pdnb.views.table import frame  # noqa: PLC0415  # pandas costs half a second

        return frame(self.documents())

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(notebook=True))

    def __repr__(self) -> str:
        lines = [f"{r.id}  {r.status:<10} {r.workflow} · {r.step}" for r in self._rows]
        return "\n".join(lines) or "no runs"


def start(
    home: Home,
    version: WorkflowVersion,
    event: JSON = None,
    *,
    headless: bool = False,
    show: bool = True,
    on_start: Callable[[Run], None] = lambda _: None,
) -> Run:
    """A new run, driven here in the foreground to its first pause or end; *headless*: left to a worker.

    *on_start* gets the run as soon as it is durable. Raises what a step raised, after the run has failed with it.
    """
    __tracebackhide__ = True
    home.reload_settings()
    runner, at_ms = Runner(home, show=show), home.clock()
    if headless:
        run = Run(home, home.store.add(version, event, at_ms=at_ms, by=current_user()))
        on_start(run)
        return run
    try:
        row = home.store.add(version, event, at_ms=at_ms, owner=home.owner, by=current_user())
    except KeyboardInterrupt as error:  # it waited for the commit: the run is there, claimed
        for row in home.store.running():
            if (row.created_ms, row.version_id) == (at_ms, version.id):
                runner.abandon(row, error)
        raise
    run = Run(home, row)
    run._seen = runner.drive(row, first=lambda: on_start(run))  # noqa: SLF001  # what the caller saw happen
    return run


def document(home: Home, row: RunRecord) -> dict[str, JSON]:
    """A run as the API gives it, with what a step at work has told of itself."""
    exports, attempts = home.store.exports(row.id), home.store.attempts(row.id)
    return documents.detail(row, exports, attempts, progress.told(home.directory, row))


def links(home: Home, row: RunRecord) -> dict[str, str | None]:
    """The working links of the present attempt, ``None`` when the run is over: for a copy button, not to be kept."""
    found = {"resume_url": home.link("resume", row), "cancel_url": home.link("cancel", row)}
    return {name: None if link is None else str(link) for name, link in found.items()}


def answer_from_fields(home: Home, run_id: str, step: str, runs: int, fields: JSON) -> JSON:
    """The answer that *fields*, strings as an HTML form has them, mean at that attempt; raises ``ValueError``."""
    if not isinstance(fields, dict):
        raise ValueError('fields is an object: {"name": "text"}')  # noqa: TRY004  # a wrong request, like the next
    prompt = home.store.prompt(run_id, step, runs)
    if prompt is None or prompt.form is None:
        raise ValueError("this step asks with no form: send a body")
    return from_strings(prompt.form, fields)


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


def wait(home: Home, run_id: str, *, timeout_ms: int | None = None) -> RunRecord:
    """Block until the run is over; without a server keep the clock and run the steps here."""
    __tracebackhide__ = True
    runner = Runner(home, show=True)
    until = None if timeout_ms is None else home.clock() + timeout_ms
    while not (row := home.store.get(run_id)).status.over:
        if not home.has_leader():
            scheduler.tick(home)
            try:
                row = _claimed(home, run_id, home.clock())
            except KeyboardInterrupt as error:  # it waited for the commit
                runner.abandon(home.store.get(run_id), error)
                raise
            if row.owner == home.owner and row.status is Status.RUNNING:
                runner.drive(row)
                continue
            if row.status.over:  # by the clock, just now
                continue
        rest_s = POLL_S
        for moment in (row.due_ms, until):
            if moment is not None:
                rest_s = min(rest_s, max(0.0, (moment - home.clock()) / 1000))
        if until is not None and home.clock() >= until:
            raise TimeoutError(f"run {run_id} is still {row.status} at step {row.step!r} after {timeout_ms} ms")
        home.notifier.wait(rest_s)
    return row


def _claimed(home: Home, run_id: str, at_ms: int) -> RunRecord:
    """The run, claimed for this process if it waits in the queue."""
    row = home.store.get(run_id)
    if row.status is Status.QUEUED:
        try:
            return home.store.apply(run_id, Claimed(at_ms, home.owner))
        except Refused:  # somebody was quicker
            return home.store.get(run_id)
    return row


def current_user() -> str | None:
    """The person at this machine, as the system calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return None
