"""The runs of a panel: page by page to begin with, then only those that have changed.

Rows are run documents as :func:`pdnb.views.documents.summary` makes them, in a table (:mod:`pdnb.kernel.rows`): a new
field of the document is here by itself. A look that finds no change costs one question to SQLite; one that does reads
the index of what is unfinished and the changed runs; nothing here reads all runs again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pdnb.coordination.home import Home
from pdnb.kernel import rows
from pdnb.model import JSON, RunRecord, Status
from pdnb.text import clip
from pdnb.views import documents

#: Runs in the widget's state, which are drawn at once, and in each further page.
FIRST: Final = 200
PAGE: Final = 500

_GROUPS: Final = (  # those that wait for a person are never crowded out
    (Status.SUSPENDED,),
    (Status.SLEEPING, Status.RUNNING, Status.QUEUED),
    (Status.FAILED, Status.SUCCEEDED, Status.CANCELLED),
)
_LONGEST_TEXT: Final = 300  # in a row; the run by itself has all of it


class RunFeed:
    """The newest *limit* runs of the store, or of one *workflow*: suspended ones, the others at work, those over."""

    def __init__(self, home: Home, workflow: str | None, limit: int) -> None:
        self._home, self._workflow, self._limit = home, workflow, limit
        self._cursor = home.store.changes_cursor()
        self._delivered: dict[str, int] = {}

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

    def changes(self) -> list[RunRecord]:
        """The runs that have changed since the last call, or are new, but for those that were :meth:`delivered`."""
        self._cursor, runs = self._home.store.changes_since(self._cursor, self._workflow)
        delivered, self._delivered = self._delivered, {}
        return [run for run in runs if run.revision > delivered.get(run.id, 0)]

    def delivered(self, run: RunRecord) -> None:
        """Every front end has got *run* as it is now, in an answer: it is no change for them."""
        self._delivered[run.id] = run.revision


def table(runs: Iterable[RunRecord]) -> dict[str, JSON]:
    """*runs* as rows for the browser."""
    return rows.encode([_document(run) for run in runs])


def _document(run: RunRecord) -> dict[str, JSON]:
    document = documents.summary(run)
    del document["due_ms"]  # the pause says it
    for name in ("summary", "error"):
        if isinstance(text := document[name], str):
            document[name] = clip(text, _LONGEST_TEXT)
    return document


def _read(cursor: str, limit: int) -> tuple[int, int, str | None]:
    if not cursor:
        return 0, limit, None
    group, left, after = (*cursor.split(".", 2), "", "")[:3]  # the last part is the store's own cursor
    if not (group.isdecimal() and left.isdecimal() and len(group + left) < 20):
        raise ValueError(f"{cursor!r} is no cursor of this panel")
    return int(group), min(int(left), limit), after or None
