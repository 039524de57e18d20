"""The runs of a panel: page by page to begin with, then only those that changed; compact for the way to a browser.

- A row is a list: ``[id, kind, status, position, runs, since, flags, version, text, due, ended]``, without the ``None``
  at its end; ``kind`` names the workflow and its steps, which stand apart once; ``status`` counts in :data:`STATUSES`.
  Times are milliseconds: ``since`` after the start, which is in the id; ``due`` and ``ended`` after ``since``.
- A look without news costs one question to SQLite. One with news reads the index of what is unfinished and the rows
  that were written since the last look; nothing here reads all runs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Final

from pdnb.coordination.home import Home
from pdnb.model import JSON, RunRecord, Status
from pdnb.text import clip

#: Runs in the widget's state, which are drawn at once, and in each further page.
FIRST: Final = 200
PAGE: Final = 500

STATUSES: Final = (
    Status.SUSPENDED, Status.SLEEPING, Status.RUNNING, Status.QUEUED,
    Status.FAILED, Status.SUCCEEDED, Status.CANCELLED,
)  # fmt: skip
_GROUPS: Final = (STATUSES[:1], STATUSES[1:4], STATUSES[4:])  # who waits for a person is never crowded out
_KINDS: Final = ("suspend", "delay", "rerun")


class RunFeed:
    """The newest *limit* runs of the store, or of one *workflow*: suspended ones, the others at work, those over."""

    def __init__(self, home: Home, workflow: str | None, limit: int) -> None:
        self._home, self._workflow, self._limit = home, workflow, limit
        self._kinds: dict[tuple[str, tuple[str, ...]], int] = {}
        self._numbers = count()
        self._cursor = home.store.changes_cursor()

    def page(self, cursor: str = "", size: int = PAGE) -> tuple[list[RunRecord], str | None]:
        """Runs from *cursor* (``""``: the first) and the cursor of the next page; ``None``: that was all."""
        group, left, after = _read(cursor, self._limit)
        while group < len(_GROUPS) and left > 0:
            size = min(size, left)
            page = self._home.store.list(statuses=_GROUPS[group], workflow=self._workflow, limit=size, cursor=after)
            left -= len(page.runs)
            group, after = (group, page.next) if page.next else (group + 1, None)
            if page.runs:
                more = left > 0 and group < len(_GROUPS)
                return list(page.runs), f"{group}.{left}.{after or ''}" if more else None
        return [], None

    def first(self) -> list[RunRecord]:
        """The runs that a table shows on top: those whose time to answer ends first, then the first page."""
        paused = self._home.store.soonest(2 * FIRST)  # some of them sleep
        found = [r for r in paused if r.status is Status.SUSPENDED and self._workflow in (None, r.workflow)]
        known, size = {run.id for run in found}, min(FIRST, self._limit)
        if len(found) < size:  # many of them sleep: the newest follow, none of them twice
            found += [run for run in self.page(size=size)[0] if run.id not in known]
        return found[:size]

    def news(self) -> tuple[RunRecord, ...]:
        """The runs that have changed since the last call, or are new."""
        self._cursor, runs = self._home.store.changes_since(self._cursor, self._workflow)
        return runs

    def packed(self, runs: Sequence[RunRecord]) -> dict[str, JSON]:
        """``{"kinds": {number: [workflow, steps]}, "rows": […]}`` for the browser; each kind that the rows name."""
        used: dict[str, JSON] = {}
        rows: list[JSON] = []
        for run in runs:
            kind = self._kinds.get((run.workflow, run.steps))
            if kind is None:  # two threads may ask: a number is never given twice
                kind = self._kinds.setdefault((run.workflow, run.steps), next(self._numbers))
            used[str(kind)] = [run.workflow, list(run.steps)]
            rows.append(_row(run, kind))
        return {"kinds": used, "rows": rows}


def _row(run: RunRecord, kind: int) -> list[JSON]:
    pause = run.pause
    failed = run.status is Status.FAILED and bool(run.error)
    flags = 0
    if pause is not None:
        flags = _KINDS.index(pause.kind) | 4 * (pause.on_timeout == "resume") | 8 * pause.form
    flags |= 16 * (run.early is not None) | 64 * failed
    text = run.error if failed else run.summary
    row: list[JSON] = [run.id, kind, STATUSES.index(run.status), run.position, run.runs]
    row += [run.since_ms - run.created_ms, flags, run.revision, None if text is None else clip(text, 300)]
    row.append(None if pause is None else pause.due_ms - run.since_ms)
    row.append(None if run.ended_ms is None else run.ended_ms - run.since_ms)
    while row[-1] is None:
        row.pop()
    return row


def _read(cursor: str, limit: int) -> tuple[int, int, str | None]:
    if not cursor:
        return 0, limit, None
    group, left, after = (*cursor.split("."), "", "")[:3]
    if not (group.isdecimal() and left.isdecimal() and len(cursor) < 60):
        raise ValueError(f"{cursor!r} is no cursor of this panel")
    return int(group), min(int(left), limit), after or None
