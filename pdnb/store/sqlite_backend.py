"""The store's records in SQLite, through diskcache: which key and tag each has, and the indexes among the keys.

========================================  ===========================================================================
``run/<id>``                              a run's record, filed under the tag ``<status> <workflow>``
``event/<id>``, ``version/<id>``          texts that are written once
``attempt/<id>/<position>/<runs>``        what one attempt left
``due/<ms>/<id>``                         an index: when a pause ends by itself
``queue/<environment>/<lane>/<ms>/<id>``  an index: which runs wait for a worker of which environment; every workflow
                                          has its lane, so that none waits behind all runs of another
========================================  ===========================================================================

Changes are numbered in a table of their own (see :mod:`pdnb.store.sqlite_file`). Lists go by tags and rowids: a run's
row is written over in place, so rowids are in the order in which the runs began.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from pdnb.errors import StoreCorrupt
from pdnb.model import RunRecord, Status
from pdnb.store.backend import Changes, Filter, Stored, StoredPage, TextKind
from pdnb.store.sqlite_file import TextTable
from pdnb.text import clip

_LAST: Final = "\U0010ffff"  # behind every character that keys have
_ALL: Final = 1_000_000_000


class SQLiteBackend:
    """The records in *directory*. *schema* is the number of their shape; for *others* see ``TextTable``."""

    def __init__(self, directory: Path, schema: int, others: Callable[[], Sequence[str]] = tuple) -> None:
        self._table = TextTable(directory, schema, others)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[SQLiteTransaction]:
        """A write transaction; SQLite has one writer at a time, so nothing else is to be locked."""
        with self._table.transact():
            yield SQLiteTransaction(self._table)

    def run(self, run_id: str) -> str | None:
        """The run's record."""
        return self._table.get(f"run/{run_id}")

    def runs(self, where: Filter, limit: int, cursor: str | None = None) -> StoredPage:
        """Newest first, in one snapshot: else a run that changes meanwhile would come twice or not at all."""
        before = None if cursor is None else _number(cursor)
        with self._table.snapshot():
            tags = self._tags(where, before)
            newest = heapq.nlargest(limit + 1, tags)  # of many workflows: no other tag has a run of this page
            streams = [self._table.tagged(tag, before=before, limit=limit + 1) for _, tag in newest]
            found = list(islice(heapq.merge(*streams, reverse=True), limit + 1))
            records = self._stored(self._table.key(rowid) for rowid in found[:limit])
        return StoredPage(records, str(found[limit - 1]) if len(found) > limit else None)

    def resolve(self, beginning: str) -> list[str]:
        """Up to two ids that begin so."""
        found = [beginning] if self.run(beginning) is not None else []
        found += [_last(key) for key in self._table.keys(f"run/{beginning}", limit=2)]
        return found[:2]

    def attempt(self, run_id: str, position: int, runs: int) -> str | None:
        """The attempt's record."""
        return self._table.get(_attempt_key(run_id, position, runs))

    def attempts(self, run_id: str) -> list[str]:
        """All of the run's, in order."""
        keys = self._table.keys(f"attempt/{run_id}/", limit=_ALL)
        return [text for key in keys if (text := self._table.get(key)) is not None]

    def attempt_before(self, run_id: str, position: int, runs: int | None = None) -> tuple[int, str] | None:
        """The last one at that step, or the last before attempt *runs*."""
        prefix = _attempts_key(run_id, position)
        key = self._table.last(prefix, before=None if runs is None else f"{prefix}{runs:09d}")
        text = None if key is None else self._table.get(key)
        return None if key is None or text is None else (int(_last(key)), text)

    def text(self, kind: TextKind, key: str) -> str | None:
        """The text under *key*."""
        return self._table.get(f"{kind}/{key}")

    def counts(self) -> dict[Status, int]:
        """From the index of tags alone."""
        return dict(zip(Status, self._table.counts(f"{status} " for status in Status), strict=True))

    def queued(self) -> dict[str, str]:
        """One look-up per environment."""
        found: dict[str, str] = {}
        after = ""
        while keys := self._table.keys("queue/", after=after, limit=1):
            environment = keys[0].split("/")[1]
            found[environment] = _last(keys[0])
            after = f"queue/{environment}/{_LAST}"
        return found

    def has_queued(self, environment: str) -> bool:
        """Whether its part of the index has an entry."""
        return bool(self._table.keys(f"queue/{environment}/", limit=1))

    def next_due_ms(self) -> int | None:
        """From the first entry of the index."""
        keys = self._table.keys("due/", limit=1)
        return int(keys[0].split("/")[1]) if keys else None

    def soonest(self, limit: int) -> tuple[Stored, ...]:
        """In the order of the index."""
        return self._stored(f"run/{_last(key)}" for key in self._table.keys("due/", limit=limit))

    def changes(self, cursor: str | None) -> Changes:
        """In the order of their numbers; without changes this is one question to SQLite."""
        if cursor is None:
            return Changes(str(self._table.last_change()), ())
        found = self._table.changed_since(_number(cursor))
        if not found:
            return Changes(cursor, ())
        return Changes(str(found[-1][0]), self._stored(f"run/{run_id}" for _, run_id in found))

    def close(self) -> None:
        """End this thread's connection."""
        self._table.close()

    def _tags(self, where: Filter, before: int | None) -> Iterator[tuple[int, str]]:
        """The tags of such runs, each behind the newest rowid under it."""
        for status in Status if where.statuses is None else where.statuses:
            if where.workflow is None:
                yield from self._table.tags(f"{status} ", before=before)
            else:
                tag = f"{status} {where.workflow}"
                yield from ((rowid, tag) for rowid in self._table.tagged(tag, before=before, limit=1))

    def _stored(self, keys: Iterable[str | None]) -> tuple[Stored, ...]:
        """The records under those *keys* that are runs' and can be read."""
        found: list[Stored] = []
        for key in keys:
            with contextlib.suppress(StoreCorrupt):  # one damaged row must not hide all others
                if key is not None and key.startswith("run/") and (text := self._table.get(key)) is not None:
                    found.append(Stored(_last(key), text))
        return tuple(found)


class SQLiteTransaction:
    """What may be changed while the transaction is open."""

    def __init__(self, table: TextTable) -> None:
        self._table = table
        self._entries: dict[str, str] = {}  # run → the index entry that led to it

    def run(self, run_id: str) -> str | None:
        """The run's record."""
        return self._table.get(f"run/{run_id}")

    def attempt(self, run_id: str, position: int, runs: int) -> str | None:
        """The attempt's record."""
        return self._table.get(_attempt_key(run_id, position, runs))

    def save(self, before: RunRecord | None, after: RunRecord, text: str) -> None:
        """The run's row, its places in the indexes, and its number among the changes."""
        old, new = _entry(before), _entry(after)
        if old != new:
            if old is not None:
                self._table.delete(old)
            if new is not None:
                self._table.set(new, "")
        self._table.mark_changed(after.id)
        self._table.set(f"run/{after.id}", text, tag=f"{after.status} {after.workflow}")

    def save_attempt(self, run_id: str, position: int, runs: int, text: str) -> None:
        """The attempt's row."""
        self._table.set(_attempt_key(run_id, position, runs), text)

    def put(self, kind: TextKind, key: str, text: str) -> None:
        """A row, if there is none under that key."""
        if self._table.get(f"{kind}/{key}") is None:
            self._table.set(f"{kind}/{key}", text)

    def due(self, until_ms: int, limit: int) -> list[str]:
        """In the order of the index."""
        return [self._noted(key) for key in self._table.keys("due/", before=f"due/{until_ms + 1:013d}", limit=limit)]

    def next_queued(self, environment: str, after: str | None) -> str | None:
        """From the lane behind that of workflow *after*, or from the first."""
        prefix = f"queue/{environment}/"
        behind = f"{prefix}{_lane(after)}/{_LAST}" if after is not None else ""
        keys = (behind and self._table.keys(prefix, after=behind, limit=1)) or self._table.keys(prefix, limit=1)
        return self._noted(keys[0]) if keys else None

    def withdraw(self, run_id: str) -> None:
        """Drop the index entry that led to the run."""
        self._table.delete(self._entries.pop(run_id))

    def _noted(self, key: str) -> str:
        run_id = _last(key)
        self._entries[run_id] = key
        return run_id


def _entry(run: RunRecord | None) -> str | None:
    """The run's entry in the indexes; a run waits for the clock or for a worker, never for both."""
    if run is None:
        return None
    if run.pause is not None:
        return f"due/{run.pause.due_ms:013d}/{run.id}"
    if run.status is Status.QUEUED:
        return f"queue/{run.environment}/{_lane(run.workflow)}/{run.since_ms:013d}/{run.id}"
    return None


def _lane(workflow: str) -> str:
    return hashlib.sha256(workflow.encode()).hexdigest()[:8]


def _attempts_key(run_id: str, position: int) -> str:
    return f"attempt/{run_id}/{position:04d}/"


def _attempt_key(run_id: str, position: int, runs: int) -> str:
    return f"{_attempts_key(run_id, position)}{runs:09d}"


def _last(key: str) -> str:
    return key.rsplit("/", 1)[1]


def _number(cursor: str) -> int:
    if not (cursor.isdecimal() and cursor.isascii() and len(cursor) <= 18):
        raise ValueError(f"{clip(cursor, 40)!r} is no cursor: pass the 'next' of the page before")
    return int(cursor)
