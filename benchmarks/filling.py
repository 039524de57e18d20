"""Stores with many runs, made quickly: many changes in one commit, or real runs copied row by row."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final, TypeAlias

from pdnb.codec import SCHEMA
from pdnb.links import Links
from pdnb.store.sqlite_backend import SQLiteBackend
from pdnb.store.store import Store, new_id

#: ``(key, tag, text)``
Row: TypeAlias = tuple[str, str | None, str]

_INSERT: Final = (  # the columns and values of diskcache's own insertion
    "INSERT INTO Cache (key, raw, store_time, expire_time, access_time, access_count, tag, size, mode, filename, value)"
    " VALUES (?, 1, ?, NULL, ?, 0, ?, 0, 1, NULL, ?)"
)


_CHANGED: Final = (
    "INSERT OR IGNORE INTO Changes (name) SELECT substr(key, 5) FROM Cache"
    " WHERE raw = 1 AND key > 'run/' AND key < 'run0' ORDER BY rowid"
)


class Filling(Store):
    """The store in *directory*; it can take many changes in one commit."""

    def __init__(self, directory: Path, links: Links) -> None:
        self._sqlite = SQLiteBackend(directory, SCHEMA)
        super().__init__(self._sqlite, links)
        self.directory = directory

    def together(self) -> AbstractContextManager[None]:
        """What is changed in the block is one transaction."""
        return self._sqlite._table.transact()  # noqa: SLF001


class Pattern:
    """All rows of the run *run_id*, the newest in the store in *directory*; every event of it was at *at_ms*.

    *after*: the greatest rowid before it was added (:func:`last_row`).
    """

    def __init__(self, directory: Path, run_id: str, at_ms: int, *, after: int) -> None:
        self._id, self._ms = run_id, str(at_ms)
        query = (
            "SELECT key, tag, value FROM Cache WHERE rowid > ? AND (instr(key, ?) OR instr(value, ?)) ORDER BY rowid"
        )
        with closing(sqlite3.connect(directory / "cache.db")) as connection:
            self._rows: list[Row] = connection.execute(query, (after, run_id, run_id)).fetchall()

    def rows(self, run_id: str, at_ms: int) -> Iterator[Row]:
        """The same run with another id, at another time."""
        ms = str(at_ms)
        for key, tag, text in self._rows:
            moved = text.replace(self._id, run_id).replace(self._ms, ms)
            yield key.replace(self._id, run_id).replace(self._ms, ms), tag, moved


def last_row(directory: Path) -> int:
    """The greatest rowid in the store in *directory*."""
    with closing(sqlite3.connect(directory / "cache.db")) as connection:
        number: int = connection.execute("SELECT ifnull(max(rowid), 0) FROM Cache").fetchone()[0]
    return number


def copy(directory: Path, patterns: Iterable[Pattern], *, from_ms: int, until_ms: int, count: int) -> None:
    """Put *count* runs into the store in *directory*, one of each of *patterns* in turn, spread over the time.

    Written without a journal and flushed at the end: no other process may use the store meanwhile.
    """
    step = (until_ms - from_ms) / count
    now = time.time()

    def made() -> Iterator[tuple[str, float, float, str | None, str]]:
        for i, pattern in zip(range(count), patterns, strict=False):
            at_ms = from_ms + int(i * step)
            for key, tag, text in pattern.rows(new_id(at_ms), at_ms):
                yield key, now, now, tag, text

    path = directory / "cache.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -500000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN EXCLUSIVE")
        connection.executemany(_INSERT, made())
        connection.execute(_CHANGED)
        connection.execute("COMMIT")
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


def mixed(usual: list[Pattern], rare: list[Pattern], *, every: int, seed: int = 1) -> Iterator[Pattern]:
    """Patterns for ever: by chance some of *usual*, and in every *every*-th place one of *rare*."""
    chance, at = random.Random(seed), 0
    while True:
        at += 1
        yield chance.choice(rare if at % every == 0 else usual)
