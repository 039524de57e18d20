"""The SQLite file itself, through diskcache: settings, timeouts, transactions, SQL.

diskcache's defaults would lose or execute data; what is done about it here:

- values are text inside SQLite, nothing else: a row of any other kind is refused, so a planted pickle never runs, and
  no file is ever read, written or removed on a row's word;
- nothing is evicted and nothing expires (``eviction_policy="none"``, ``cull_limit=0``, never ``expire=``);
- a rollback journal with ``synchronous=FULL``: a commit is on the disk when it returns;
- a transaction that cannot begin or commit ends the connection, so no half of it lingers, and the error says so;
- a commit may fail and be on the disk all the same (SQLite could not finish what comes behind it): a fresh connection
  is asked, by the row that the transaction set last, which must hold a text that was not there before;
- Interrupt is held back while a transaction is open;
- diskcache's own key iteration is quadratic: keys and tags are read by the index, here and nowhere else;
- a second table in the same file numbers the changes, so that what has changed since a number is one look.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import diskcache

from pdnb.errors import StoreCorrupt, StoreNewer, StoreUnavailable
from pdnb.store.migrations import migrate

_RAW: Final = 1  # diskcache's mode of a value that stands in the row itself
_FILE: Final = "cache.db"
_TIMEOUT_S: Final = 5.0
_AGAIN_S: Final = 0.02


class _TextDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Text keys and text values, in the row itself."""

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"keys are text, not {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        if type(key) is not str or not raw:
            raise StoreCorrupt("the store holds a key of a foreign kind; it is not used")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, str]:
        if type(value) is not str or read:
            raise TypeError(f"values are text, not {type(value).__name__}")
        return 0, _RAW, None, value

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> str:
        if mode != _RAW or filename is not None or type(value) is not str or read:
            raise StoreCorrupt(
                "the store holds a row of a foreign kind (not text); it is not used, nothing was executed"
            )
        return value

    def remove(self, file_path: str) -> None:
        """No row of ours has a file, so a planted name removes nothing."""


class _Closing:
    """Lies in a thread's own storage, and closes the thread's connection when that storage goes with the thread."""

    connection: sqlite3.Connection

    def __del__(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # in a forked child: the thread was its parent's
            self.connection.close()


class _Cache(diskcache.Cache):  # type: ignore[misc]  # likewise
    """Leaves no connection behind: when it cannot be opened, or when a thread that used it ends."""

    def __init__(self, directory: Path, **settings: object) -> None:
        try:
            super().__init__(str(directory), **settings)
        except BaseException:
            self.close()
            raise

    @property
    def _con(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._con
        if not hasattr(self._local, "closing"):
            self._local.closing = _Closing()
        self._local.closing.connection = connection
        return connection


class TextTable:
    """Texts by key. One instance serves every thread of a process; each thread has its own connection.

    Raises ``StoreUnavailable`` when SQLite cannot do it now, ``StoreNewer`` and ``StoreCorrupt`` when it should not.
    """

    def __init__(self, directory: Path, schema: int, others: Callable[[], Sequence[str]] = tuple) -> None:
        """*others* tells which other processes use the store: an older one is not migrated under them."""
        self._path = directory / _FILE
        self._thread = threading.local()  # `.last`: the row that this thread's transaction set last
        until_s = time.monotonic() + _TIMEOUT_S
        with _sqlite_errors(self._path):
            while True:
                try:
                    self._cache = self._opened(directory, schema, others)
                except sqlite3.OperationalError as error:
                    # The journal of a process that was killed is refused at once while another process reads it.
                    if "locked" not in str(error) or time.monotonic() > until_s:
                        raise
                    time.sleep(_AGAIN_S)
                else:
                    return

    def _opened(self, directory: Path, schema: int, others: Callable[[], Sequence[str]]) -> Any:
        if self._path.exists():
            self._inspect(schema, others)
        else:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        cache = _Cache(
            directory,
            timeout=_TIMEOUT_S,
            disk=_TextDisk,
            disk_min_file_size=2**62,
            eviction_policy="none",
            cull_limit=0,
            statistics=0,
            tag_index=1,
            sqlite_journal_mode="delete",
            sqlite_synchronous=2,
            sqlite_auto_vacuum=0,
            sqlite_mmap_size=0,
        )
        try:
            cache._sql("CREATE TABLE IF NOT EXISTS Changes (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
            cache._sql(f"PRAGMA user_version = {schema:d}")  # also the trial write
        except BaseException:
            cache.close()
            raise
        return cache

    def _inspect(self, schema: int, others: Callable[[], Sequence[str]]) -> None:
        """Look before diskcache does, which writes at every opening: a newer store stays byte for byte."""
        con = sqlite3.connect(f"file:{self._path}?mode=rw", uri=True, timeout=_TIMEOUT_S, isolation_level=None)
        with contextlib.closing(con):
            (found,) = con.execute("PRAGMA user_version").fetchone()
            if found > schema:
                raise StoreNewer(
                    f"the store {self._path.parent} has schema {found}, this pdnb knows up to {schema}: "
                    "upgrade pdnb in this environment (pip install -U pdnb); nothing was changed"
                )
            con.execute("BEGIN IMMEDIATE")  # readable but not writable, or locked for long: say so now
            con.execute("ROLLBACK")
            if 0 < found < schema:
                if using := others():
                    raise StoreUnavailable(
                        f"the store {self._path.parent} is of an earlier pdnb (schema {found}) and in use by "
                        f"{', '.join(using[:3])}: end {'it' if len(using) == 1 else 'them'}, then open it again; "
                        "nothing was changed"
                    )
                migrate(con, self._path, found, schema)

    @contextlib.contextmanager
    def transact(self) -> Iterator[None]:
        """A write transaction: all of it is on the disk when the block ends, or none. Never ``await`` inside."""
        self._thread.last = None
        ended = False
        with _interrupts_held():
            try:
                with self._closing_on_errors(), self._cache.transact():
                    yield
                    ended = True  # what fails now is the commit
            except StoreUnavailable as error:
                if not ended or not self._was_committed(error):
                    raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """A read transaction: every look in the block sees the same moment. Never inside :meth:`transact`."""
        with self._closing_on_errors():
            self._cache._sql("BEGIN")
        try:
            yield
        finally:
            try:
                self._cache._sql("COMMIT")
            except sqlite3.Error:  # after trouble in the block, or in trouble now
                self._cache.close()

    def get(self, key: str) -> str | None:
        """The text under *key*."""
        with self._closing_on_errors():
            value: str | None = self._cache.get(key)
        return value

    def set(self, key: str, text: str, tag: str | None = None) -> None:
        """Put *text* under *key*; *tag* files the row for :meth:`tagged`."""
        with self._closing_on_errors():
            self._cache.set(key, text, tag=tag)
        self._thread.last = key, text

    def delete(self, key: str) -> None:
        """Take the row away, if there is one."""
        with self._closing_on_errors():
            self._cache.delete(key)

    def keys(self, prefix: str, *, after: str = "", before: str | None = None, limit: int = 1_000) -> list[str]:
        """Up to *limit* keys that begin with *prefix*, in order; greater than *after*, smaller than *before*."""
        query = "SELECT key FROM Cache WHERE key > ? AND key < ? AND raw = 1 ORDER BY key LIMIT ?"
        low, high = max(after, prefix), before if before is not None else prefix + "\U0010ffff"
        return [key for (key,) in self._query(query, (low, high, limit))]

    def last(self, prefix: str, *, before: str | None = None) -> str | None:
        """The greatest key that begins with *prefix*, smaller than *before*."""
        query = "SELECT key FROM Cache WHERE key > ? AND key < ? AND raw = 1 ORDER BY key DESC LIMIT 1"
        rows = self._query(query, (prefix, before if before is not None else prefix + "\U0010ffff"))
        return rows[0][0] if rows else None

    def tags(self, prefix: str, *, before: int | None = None) -> list[tuple[int, str]]:
        """The distinct tags that begin with *prefix*, each behind its newest rowid that is older than *before*.

        It skips through the index: as many look-ups as there are tags.
        """
        query = (
            "WITH RECURSIVE t(tag) AS (SELECT min(tag) FROM Cache WHERE tag >= :low AND tag < :high UNION ALL"
            " SELECT (SELECT min(tag) FROM Cache WHERE tag > t.tag AND tag < :high) FROM t WHERE t.tag IS NOT NULL)"
            " SELECT (SELECT max(rowid) FROM Cache WHERE tag = t.tag AND rowid < :before) AS newest, tag FROM t"
            " WHERE newest IS NOT NULL"
        )
        bounds = {"low": prefix, "high": prefix + "\U0010ffff", "before": 2**62 if before is None else before}
        return self._query(query, bounds)

    def tagged(self, tag: str, *, before: int | None = None, limit: int = 50) -> list[int]:
        """Up to *limit* rowids filed under *tag*, newest first, older than *before*; only the index is read."""
        query = "SELECT rowid FROM Cache WHERE tag = ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
        return [rowid for (rowid,) in self._query(query, (tag, 2**62 if before is None else before, limit))]

    def key(self, rowid: int) -> str | None:
        """The key of the row, if it is one of ours."""
        rows = self._query("SELECT key FROM Cache WHERE rowid = ? AND raw = 1", (rowid,))
        return rows[0][0] if rows and type(rows[0][0]) is str else None

    def mark_changed(self, name: str) -> None:
        """Give *name* the next change number; inside a transaction, so that numbers appear in their order."""
        query = "INSERT OR REPLACE INTO Changes(number, name) SELECT coalesce(max(number), 0) + 1, ? FROM Changes"
        self._query(query, (name,))

    def last_change(self) -> int:
        """The highest change number given; 0: none."""
        return int(self._query("SELECT coalesce(max(number), 0) FROM Changes", ())[0][0])

    def changed_since(self, number: int) -> list[tuple[int, str]]:
        """``(number, name)`` of what has changed behind *number*, in that order; each name once."""
        return self._query("SELECT number, name FROM Changes WHERE number > ? ORDER BY number", (number,))

    def counts(self, prefixes: Iterable[str]) -> list[int]:
        """How many rows are filed under tags that begin with each of *prefixes*; only the index is read."""
        bounds = [bound for prefix in prefixes for bound in (prefix, prefix + "\U0010ffff")]
        each = "(SELECT count(*) FROM Cache WHERE tag >= ? AND tag < ?)"
        query = f"SELECT {', '.join([each] * (len(bounds) // 2))}"  # only placeholders
        return list(self._query(query, tuple(bounds))[0])

    def close(self) -> None:
        """End this thread's connection."""
        self._cache.close()

    def _was_committed(self, error: StoreUnavailable) -> bool:
        """Whether the commit that failed with *error* is on the disk; raises when that cannot be seen now."""
        if self._thread.last is None:
            return False
        key, text = self._thread.last
        try:
            found = self.get(key)
        except (StoreUnavailable, StoreCorrupt):
            raise StoreUnavailable(
                f"the store {self._path.parent} failed in a commit ({error.__cause__ or error}): "
                "whether the change was made is not known; look before you repeat it"
            ) from error
        return found == str(text)

    def _query(self, query: str, values: tuple[object, ...] | dict[str, object]) -> list[Any]:
        with self._closing_on_errors():
            rows: list[Any] = self._cache._sql(query, values).fetchall()
        return rows

    @contextlib.contextmanager
    def _closing_on_errors(self) -> Iterator[None]:
        try:
            with _sqlite_errors(self._path):
                yield
        except (StoreUnavailable, StoreCorrupt):
            if self._cache._txn_id != threading.get_ident():  # not inside: the outermost block closes
                with contextlib.suppress(sqlite3.Error):
                    self._cache.close()  # whatever half of a transaction is left ends with the connection
            raise


@contextlib.contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    """SQLite's and the file system's errors as one clear line each."""
    where = path.parent
    try:
        yield
    except diskcache.Timeout:
        raise StoreUnavailable(
            f"the store {where} is locked by another process, full or read-only: "
            "nothing was changed; try again, and check the disk if it stays so"
        ) from None
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"the store {where} cannot be used now ({error}): nothing was changed") from error
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(
            f"{path} is damaged or no store of pdnb ({error}): restore it from a backup, or move it away"
        ) from error
    except OSError as error:
        raise StoreUnavailable(f"the store {where} cannot be used ({error.strerror or error})") from error


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let an Interrupt wait until the block ends: one between BEGIN and COMMIT would keep the lock."""
    if threading.current_thread() is not threading.main_thread():  # Python interrupts only the main thread
        yield
        return
    pressed: list[tuple[int, Any]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:  # also after an error: held back is not forgotten
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(*pressed[0])
