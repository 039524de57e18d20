"""The execution store: every change is one event applied in one transaction, every look is one read.

Rows (all text; see ``rows.py`` for how diskcache is held):

========================================  ===========================================================================
``run/<id>``                              the run, under 4 KB, filed under the tag ``<status> <workflow>``
``event/<id>``                            the event that started it
``attempt/<id>/<position>/<runs>``        what one attempt left: exports, outputs, the request that decided it;
                                          filed under ``retried <workflow>`` once it was
``workflow/<version>``                    a workflow version with its MAC; many runs share it
``due/<ms>/<id>``                         an index: when a pause ends by itself
``queue/<environment>/<lane>/<ms>/<id>``  an index: which runs wait for a worker of which environment; every workflow
                                          has its lane, so that none waits behind all runs of another
========================================  ===========================================================================

Whatever a step left is sealed on its way in and unsealed on its way out: no working link lies in the store.
Nothing outside this file and ``rows.py`` knows that it is diskcache.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final

from pdnb import codec
from pdnb.errors import BadAnswer, Refused, RunNotFound, StoreCorrupt
from pdnb.forms.validation import problems
from pdnb.links import Links, redact
from pdnb.machine import table
from pdnb.model import (
    JSON,
    Attempt,
    Cancelled,
    Claimed,
    Elapsed,
    Event,
    Prompt,
    Resumed,
    Retried,
    RunRecord,
    Status,
    Suspended,
    Upgraded,
)
from pdnb.store.sqlite import Rows
from pdnb.workflow.version import WorkflowVersion

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_MARGIN_S: Final = 10.0  # a transaction may have begun this long before it was committed
_UNFINISHED: Final = tuple(status for status in Status if not status.over)
_OVER: Final = tuple(status for status in Status if status.over)
_MISFIT: Final = "an answer that came early did not fit the form"
_RETRIED: Final = "retried"  # what attempts that were retried are filed under
_END: Final = 2**62  # behind every rowid
_NAME: Final = 30  # characters of a person's name in a run's row
_BATCH: Final = 200  # due pauses per transaction: few commits, and no writer waits long for its turn


@dataclass(frozen=True)
class Page:
    """Runs, newest first, and the cursor of the next page (``None``: no more)."""

    runs: tuple[RunRecord, ...]
    next: str | None


@dataclass(frozen=True)
class Mark:
    """Where somebody's last look was: what :meth:`Store.news` goes on from."""

    changes: tuple[object, ...]
    unix_s: float
    open: frozenset[int]
    recent: Mapping[int, float]
    newest: int


class Store:
    """The store in *directory*. *on_commit* is called after every commit that changed something."""

    def __init__(self, directory: Path, links: Links, *, on_commit: Callable[[], None] = lambda: None) -> None:
        self._rows = Rows(directory, codec.SCHEMA)
        self._links = links
        self._on_commit = on_commit

    # ---- changes ----

    def add(
        self, version: WorkflowVersion, event: JSON, *, at_ms: int, owner: str | None = None, by: str | None = None
    ) -> RunRecord:
        """A new run of *version* that *by* starts, durable when this returns; claimed by *owner*, or queued."""
        run = RunRecord(
            id=new_id(at_ms),
            workflow=version.name,
            version_id=version.id,
            environment=version.environment.key,
            steps=version.names,
            status=Status.QUEUED,
            created_ms=at_ms,
            since_ms=at_ms,
            by=by and by[:_NAME],
        )
        text = self._links.seal(codec.checked(event, 'steps.trigger["event"]'), run.id)
        if owner is not None:
            run = table.advance(run, Claimed(at_ms, owner))
        with self._rows.transact():
            self._keep(version)
            self._rows.set(f"event/{run.id}", text)
            self._write(None, run)
        self._on_commit()
        return run

    def upgrade(self, run_id: str, version: WorkflowVersion, *, at_ms: int) -> RunRecord:
        """The run, from now on with *version*, durably; raises ``Refused`` while it is at work, or over."""
        event = Upgraded(at_ms, version.id, version.environment.key, version.names)
        with self._rows.transact():
            self._keep(version)
            run = self._advance(self._settled(self.get(run_id), at_ms), event)
        self._on_commit()
        return run

    def apply(self, run_id: str, event: Event) -> RunRecord:
        """The run after *event*, durably; a due pause ends first. Raises ``Refused`` when it is not taken."""
        refused: Refused | None = None
        self._judge(run_id, event)
        with self._rows.transact():
            before = self.get(run_id)
            run = before if isinstance(event, Elapsed) else self._settled(before, event.at_ms)
            try:
                run = self._advance(run, event)
            except Refused as error:
                refused = self._explained(run, event, error)
        if run is not before:
            self._on_commit()
        if refused is not None:
            raise refused
        return run

    def elapse(self, at_ms: int, *, batches: int | None = None) -> int:
        """Let pauses that are due end, in the order of their times; how many did.

        *batches*: how many transactions at the most, for who has others waiting; the rest stays due.
        """
        ended = 0
        while batches != 0 and (keys := self._rows.keys("due/", before=f"due/{at_ms + 1:013d}", limit=_BATCH)):
            with self._rows.transact():
                for key in keys:
                    ended += self._elapse_one(key, at_ms)
            self._on_commit()
            batches = None if batches is None else batches - 1
        return ended

    def claim(self, environment: str, owner: str, *, at_ms: int, after: str | None = None) -> RunRecord | None:
        """A queued run of *environment*, claimed for *owner*; ``None``: nothing to do.

        Workflows take turns: it is the longest-queued run of the one whose turn is after workflow *after*.
        """
        while self._next_queued(environment, after):  # a look costs no lock
            with self._rows.transact():
                key = self._next_queued(environment, after)
                run = self._claim_one(key, owner, at_ms) if key else None
            if run is not None:
                self._on_commit()
                return run
        return None

    # ---- looks ----

    def get(self, run_id: str) -> RunRecord:
        """The run as stored; raises ``RunNotFound``."""
        text = self._rows.get(f"run/{run_id}")
        if text is None:
            raise RunNotFound(f"no run {run_id!r} in this store: look at the list of runs")
        run = codec.run_from_json(text)
        if run.id != run_id:
            raise StoreCorrupt(f"the row of run {run_id} names another run; it is not used")
        return run

    def resolve_id(self, beginning: str) -> str:
        """The id that *beginning* begins; raises ``RunNotFound`` when no run or several have it."""
        if not beginning.isalnum():
            raise RunNotFound(f"{beginning!r} is no run's id: look at the list of runs")
        keys = self._rows.keys(f"run/{beginning}", limit=2)
        if self._rows.get(f"run/{beginning}") is not None:  # a whole id; the keys above are those behind it
            return beginning
        if len(keys) > 1:
            raise RunNotFound(f"{beginning!r} begins several runs' ids: give more of it")
        if not keys:
            raise RunNotFound(f"no run {beginning!r} in this store: look at the list of runs")
        return _last(keys[0])

    def list(
        self,
        *,
        statuses: Iterable[Status] | None = None,
        workflow: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Runs, newest first, of any of *statuses* and of *workflow*; *cursor* is the ``next`` of the page before.

        A run whose row is damaged is left out; :meth:`get` says what is wrong with it.
        """
        if limit < 1:
            raise ValueError(f"limit is {limit}: use 1 or more")
        if cursor is not None and not (cursor.isdecimal() and len(cursor) <= 18):
            raise ValueError(f"{cursor!r} is no cursor: pass the 'next' of the page before")
        before = None if cursor is None else int(cursor)
        with self._rows.snapshot():  # else a run that changes meanwhile would come twice or not at all
            tags = self._tags(set(Status if statuses is None else statuses), workflow, before)
            newest = heapq.nlargest(limit + 1, tags)  # of many workflows: no other tag has a run of this page
            streams = [self._rows.tagged(tag, before=before, limit=limit + 1) for _, tag in newest]
            found = list(islice(heapq.merge(*streams, reverse=True), limit + 1))
            runs = self._usable(found[:limit])
        return Page(runs, str(found[limit - 1]) if len(found) > limit else None)

    def counts(self) -> dict[Status, int]:
        """How many runs have each status."""
        return dict(zip(Status, self._rows.counts(f"{status} " for status in Status), strict=True))

    def mark(self, workflow: str | None = None) -> Mark:
        """From now on, for :meth:`news` of all runs or of those of *workflow*."""
        with self._rows.snapshot():  # a commit between two of its looks would never be news
            return self._marked(workflow, time.time() - _MARGIN_S, _END)

    def news(self, mark: Mark, workflow: str | None = None) -> tuple[Mark, tuple[RunRecord, ...]]:
        """The runs that have changed since *mark* or are new, and the next mark.

        Without news this is one question to SQLite; with news it goes through the index of what is unfinished and
        reads the rows written since. No look reads all runs again.
        """
        if self._rows.changes() == mark.changes:
            return mark, ()
        since_s = mark.unix_s - _MARGIN_S if time.time() >= mark.unix_s else 0.0  # a clock set back: all of them
        with self._rows.snapshot():
            after = self._marked(workflow, since_s, mark.newest)
            changed = {rowid for rowid, written_s in after.recent.items() if mark.recent.get(rowid) != written_s}
            return after, self._usable(sorted(changed | (mark.open - after.open)))  # these are over now

    def _marked(self, workflow: str | None, since_s: float, newest: int) -> Mark:
        recent: dict[int, float] = {}
        for _, tag in self._tags(_UNFINISHED, workflow):
            recent.update(self._rows.written(tag, since_s=since_s))
        for _, tag in self._tags(_OVER, workflow):  # begun and ended since
            recent.update(self._rows.written(tag, after=newest))
        for _, tag in self._tags((_RETRIED,), workflow):  # over, retried and over again since
            recent.update(self._rows.written(tag, since_s=since_s))
        still = frozenset(self._rowids(_UNFINISHED, workflow))
        # of runs: they stay, while the rowids of index rows, which go, are given again
        newest = max((rowid for rowid, _ in self._tags(Status, workflow)), default=0)
        return Mark(self._rows.changes(), time.time(), still, recent, newest)

    def look(self, run_id: str, step: str, runs: int) -> tuple[RunRecord, Refused | None]:
        """The run, and why a request to attempt *runs* of *step* would come too late (``None``: it would not)."""
        run = self.get(run_id)
        present = (run.step, run.runs) == (step, runs) and not run.status.over and run.early is None
        return run, None if present else table.explain(run, self._meant(run, step, runs), step, runs)

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        """Every attempt of the run, in order, with what it left."""
        keys = self._rows.keys(f"attempt/{run_id}/", limit=1_000_000)
        return tuple(found for key in keys if (found := self._attempt(run_id, key)))

    def exports(self, run_id: str) -> dict[str, dict[str, JSON]]:
        """What the steps left for later ones, by step: ``{"trigger": {"event": …}, "draft": {"$return_value": …}}``."""
        run = self.get(run_id)
        found: dict[str, dict[str, JSON]] = {"trigger": {"event": self.event(run_id)}}
        for position in range(run.position + 1):
            key: str | None = None
            while key := self._rows.last(_attempts_key(run_id, position), before=key):
                attempt = self._attempt(run_id, key)
                if attempt is not None and attempt.ended_ms is not None:  # one at work has none yet
                    found[attempt.step] = exports_of(attempt)
                    break
        return found

    def event(self, run_id: str) -> JSON:
        """The event that started the run."""
        text = self._rows.get(f"event/{run_id}")
        if text is None:
            raise StoreCorrupt(f"the event of run {run_id} is missing")
        try:
            return json.loads(self._links.unseal(text, run_id))
        except (ValueError, RecursionError) as error:
            raise StoreCorrupt(f"the event of run {run_id} is damaged ({error}); it is not used") from error

    def prompt(self, run_id: str, step: str, runs: int) -> Prompt | None:
        """What people are asked where attempt *runs* of *step* waits."""
        attempt = self._meant(self.get(run_id), step, runs)
        return attempt.prompt if attempt else None

    def rerun_input(self, run: RunRecord) -> Attempt | None:
        """The attempt of the present step that last asked for a rerun: its context and request are this one's."""
        prefix = _attempts_key(run.id, run.position)
        key: str | None = f"{prefix}{run.runs:09d}"
        while run.runs > 1 and (key := self._rows.last(prefix, before=key)):
            attempt = self._attempt(run.id, key)
            if attempt is not None and attempt.outcome == "rerun":
                return attempt
        return None

    def workflow_version(self, version_id: str) -> WorkflowVersion:
        """The code that runs of this hash go on with; refused when its MAC or hash does not fit."""
        text = self._rows.get(f"workflow/{version_id}")
        if text is None:
            raise StoreCorrupt(f"the code {version_id} of this run is missing from the store; nothing was executed")
        try:
            row = json.loads(text)
            version = WorkflowVersion.from_json(row["code"]) if self._links.check_mac(row["code"], row["mac"]) else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreCorrupt(f"the code {version_id} is damaged ({error}); nothing was executed") from error
        if version is None or version.id != version_id:
            raise StoreCorrupt(
                f"the code {version_id} in the store is not what this store's owner wrote: "
                "it was changed from outside, and nothing of it was executed"
            )
        return version

    def next_due_ms(self) -> int | None:
        """When the next pause ends by itself."""
        keys = self._rows.keys("due/", limit=1)
        return int(keys[0].split("/")[1]) if keys else None

    def soonest(self, limit: int) -> tuple[RunRecord, ...]:
        """Paused runs, those whose pause ends first first, as far as their rows can be used."""
        found: list[RunRecord] = []
        for key in self._rows.keys("due/", limit=limit):
            with contextlib.suppress(StoreCorrupt, RunNotFound):
                found.append(self.get(_last(key)))
        return tuple(found)

    def queued_environments(self) -> dict[str, str]:
        """Environments with queued runs: key → the id of a run that waits there."""
        found: dict[str, str] = {}
        after = ""
        while keys := self._rows.keys("queue/", after=after, limit=1):
            environment = keys[0].split("/")[1]
            found[environment] = _last(keys[0])
            after = f"queue/{environment}/\U0010ffff"
        return found

    def running(self) -> tuple[RunRecord, ...]:
        """Every run that somebody has claimed and whose row can be used."""
        return self._usable(self._rowids({Status.RUNNING}))

    def close(self) -> None:
        """End this thread's connection."""
        self._rows.close()

    def _tags(
        self, statuses: Iterable[str], workflow: str | None = None, before: int | None = None
    ) -> Iterator[tuple[int, str]]:
        """The tags of such runs, each behind the newest rowid under it."""
        for status in statuses:
            if workflow is None:
                yield from self._rows.tags(f"{status} ", before=before)
            else:
                tag = f"{status} {workflow}"
                yield from ((rowid, tag) for rowid in self._rows.tagged(tag, before=before, limit=1))

    def _rowids(self, statuses: Iterable[Status], workflow: str | None = None) -> Iterator[int]:
        for _, tag in self._tags(statuses, workflow):
            yield from self._rows.tagged(tag, limit=1_000_000)

    def _usable(self, rowids: Iterable[int]) -> tuple[RunRecord, ...]:
        runs: list[RunRecord] = []
        for rowid in rowids:
            with contextlib.suppress(StoreCorrupt, RunNotFound):  # one damaged row must not hide all others
                runs.append(self.get((self._rows.key(rowid) or "").partition("/")[2].partition("/")[0]))
        return tuple({run.id: run for run in runs}.values())  # an attempt's row may stand for its run, too

    def _judge(self, run_id: str, event: Event) -> None:
        """Check an answer against its form before the lock is taken: a form may take its time, others must not wait."""
        if isinstance(event, Suspended) and event.prompt is not None and event.prompt.form is not None:
            run = self.get(run_id)
            _without_misfit(run, event, self._attempt(run.id, _attempt_key(run)))
        elif isinstance(event, Resumed) and (run := self.get(run_id)).pause is not None and run.pause.form:
            with contextlib.suppress(BadAnswer):  # said inside, if the request is for this attempt at all
                _check_answer(self._attempt(run.id, _attempt_key(run)), event)

    # ---- inside a transaction ----

    def _settled(self, run: RunRecord, at_ms: int) -> RunRecord:
        """The run, its pause ended if that was due."""
        return self._advance(run, Elapsed(at_ms)) if run.due_ms is not None and run.due_ms <= at_ms else run

    def _keep(self, version: WorkflowVersion) -> None:
        key, code = f"workflow/{version.id}", version.to_json()
        if self._rows.get(key) is None:
            self._rows.set(key, codec.dumps({"mac": self._links.mac(code), "code": code}))

    def _advance(self, run: RunRecord, event: Event) -> RunRecord:
        key = _attempt_key(run)
        before = self._attempt(run.id, key)
        was = run
        if isinstance(event, Suspended):
            run = _without_misfit(run, event, before)
        after = table.advance(run, event)
        if isinstance(event, Resumed) and run.pause is not None and run.pause.form:
            _check_answer(before, event)
        attempt = table.record(run, event, before)
        if attempt is not None:
            if was is not run:  # its sender was told that it is kept: say what became of it
                attempt = replace(attempt, request=None, note=" · ".join(filter(None, [attempt.note, _MISFIT])))
            tag = f"{_RETRIED} {run.workflow}" if isinstance(event, Retried) else None
            self._rows.set(key, self._links.seal(codec.attempt_to_json(attempt), run.id), tag=tag)
        self._write(run, after)
        return after

    def _write(self, before: RunRecord | None, after: RunRecord) -> None:
        """The run's row, and its places in the indexes."""
        old, new = _indexes(before), _indexes(after)
        for key in old - new:
            self._rows.delete(key)
        for key in new - old:
            self._rows.set(key, "")
        text = redact(codec.run_to_json(after))  # lists show it; an attempt's own row has the link
        self._rows.set(f"run/{after.id}", text, tag=f"{after.status} {after.workflow}")

    def _elapse_one(self, key: str, at_ms: int) -> int:
        try:
            self._advance(self.get(_last(key)), Elapsed(at_ms))
        except (Refused, RunNotFound, StoreCorrupt):
            self._rows.delete(key)  # somebody was quicker, or the run cannot be used: ask no more
            return 0
        return 1

    def _next_queued(self, environment: str, after: str | None) -> str | None:
        prefix = f"queue/{environment}/"
        behind = f"{prefix}{_lane(after)}/\U0010ffff" if after is not None else ""
        keys = (behind and self._rows.keys(prefix, after=behind, limit=1)) or self._rows.keys(prefix, limit=1)
        return keys[0] if keys else None

    def _claim_one(self, key: str, owner: str, at_ms: int) -> RunRecord | None:
        try:
            return self._advance(self.get(_last(key)), Claimed(at_ms, owner))
        except (Refused, RunNotFound, StoreCorrupt):
            self._rows.delete(key)  # an entry whose run cannot be used would block the queue
            return None

    def _explained(self, run: RunRecord, event: Event, error: Refused) -> Refused:
        if not isinstance(event, Resumed | Cancelled) or isinstance(error, BadAnswer):
            return error
        return table.explain(run, self._meant(run, event.step, event.runs), event.step, event.runs)

    def _meant(self, run: RunRecord, step: str, runs: int) -> Attempt | None:
        if step not in run.steps:
            return None
        return self._attempt(run.id, f"{_attempts_key(run.id, run.steps.index(step))}{runs:09d}")

    def _attempt(self, run_id: str, key: str) -> Attempt | None:
        text = self._rows.get(key)
        return None if text is None else codec.attempt_from_json(self._links.unseal(text, run_id))


def new_id(at_ms: int) -> str:
    """20 characters that sort by time: 10 for the milliseconds, 10 (50 bits) of chance."""
    chars = [_ALPHABET[at_ms >> shift & 31] for shift in range(45, -5, -5)]
    return "".join(chars) + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def exports_of(attempt: Attempt) -> dict[str, JSON]:
    """What later steps see of *attempt*: its exports, and ``$resume_data`` when a request resumed its suspension."""
    resumed = attempt.decision is not None and attempt.decision.what == "resumed"
    if attempt.outcome == "suspended" and resumed and attempt.request is not None:
        return {**attempt.exports, "$resume_data": attempt.request}
    return attempt.exports


def _indexes(run: RunRecord | None) -> set[str]:
    if run is None:
        return set()
    if run.pause is not None:
        return {f"due/{run.pause.due_ms:013d}/{run.id}"}
    if run.status is Status.QUEUED:
        return {f"queue/{run.environment}/{_lane(run.workflow)}/{run.since_ms:013d}/{run.id}"}
    return set()


def _lane(workflow: str) -> str:
    return hashlib.sha256(workflow.encode()).hexdigest()[:8]


def _check_answer(attempt: Attempt | None, event: Resumed) -> None:
    """Refuse a resume whose body does not fit the form that *attempt* asked with."""
    form = attempt.prompt.form if attempt and attempt.prompt else None
    if form is not None and (found := _problems(form, event.request)):
        raise BadAnswer(found)


def _without_misfit(run: RunRecord, event: Suspended, attempt: Attempt | None) -> RunRecord:
    """The run without an answer that came before the form was there and does not fit it: it waits for a better one."""
    form = event.prompt.form if event.prompt else None
    if form is None or run.early is None or run.early.what != "resumed":
        return run
    return replace(run, early=None) if _problems(form, attempt.request if attempt else None) else run


def _problems(form: dict[str, JSON], request: dict[str, JSON] | None) -> tuple[str, ...]:
    return _judged(codec.dumps(form), codec.dumps((request or {}).get("body")))


@lru_cache(maxsize=4)  # what was judged before the lock is known inside
def _judged(form: str, body: str) -> tuple[str, ...]:
    return problems(json.loads(form), json.loads(body))


def _attempts_key(run_id: str, position: int) -> str:
    return f"attempt/{run_id}/{position:04d}/"


def _attempt_key(run: RunRecord) -> str:
    return f"{_attempts_key(run.id, run.position)}{run.runs:09d}"


def _last(key: str) -> str:
    return key.rsplit("/", 1)[1]
