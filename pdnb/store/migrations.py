"""From an older schema to today's: numbered steps in one transaction, after a backup.

Rules:

- The backup comes first: the whole database, beside the old one. Then all steps run in one transaction: a process that
  is killed midway leaves the old store as it was.
- A step changes shapes, never meanings. What it cannot read (a damaged record) it leaves as it is: that run stays
  damaged, the others go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

_BATCH: Final = 500

#: Fields that were renamed in schema 2.
_RUN: Final = {"hash": "version_id", "version": "revision"}
_ATTEMPT: Final = {"hash": "version_id", "ask": "prompt", "asked": "pause"}


def migrate(connection: sqlite3.Connection, path: Path, found: int, schema: int) -> Path:
    """Bring the database at *path* from schema *found* to *schema*; the path of the backup is returned."""
    backup = path.with_name(f"{path.name}.schema-{found}")
    _back_up(connection, backup)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        (again,) = connection.execute("PRAGMA user_version").fetchone()
        for number in range(again, schema):  # another process may have been quicker
            _STEPS[number](connection)
        connection.execute(f"PRAGMA user_version = {schema:d}")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return backup


def _back_up(connection: sqlite3.Connection, backup: Path) -> None:
    part = backup.with_name(f".{backup.name}.{os.getpid()}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(backup)
    finally:
        part.unlink(missing_ok=True)


def _to_2(connection: sqlite3.Connection) -> None:
    """Changes get numbers, and some fields the names that the field uses."""
    connection.execute("CREATE TABLE IF NOT EXISTS Changes (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
    connection.execute(
        "INSERT OR IGNORE INTO Changes(name) SELECT substr(key, 5) FROM Cache"
        " WHERE raw = 1 AND key > 'run/' AND key < 'run0' ORDER BY rowid"
    )
    connection.execute(
        "UPDATE Cache SET key = 'version/' || substr(key, 10) WHERE raw = 1 AND key > 'workflow/' AND key < 'workflow0'"
    )
    _rename(connection, "run", _RUN)
    _rename(connection, "attempt", _ATTEMPT)
    connection.execute("UPDATE Cache SET tag = NULL WHERE tag >= 'retried ' AND tag < 'retried!'")


def _rename(connection: sqlite3.Connection, kind: str, names: dict[str, str]) -> None:
    for rowid, text in _texts(connection, kind):
        with contextlib.suppress(ValueError, RecursionError):
            record: Any = json.loads(text)
            if isinstance(record, dict):
                renamed = {names.get(name, name): value for name, value in record.items()}
                value = json.dumps(renamed, separators=(",", ":"), allow_nan=False)
                connection.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (value, rowid))


def _texts(connection: sqlite3.Connection, kind: str) -> Iterator[tuple[int, str]]:
    """Rowid and text of every row whose key begins with ``kind/``, a batch at a time."""
    query = (
        "SELECT rowid, key, value FROM Cache WHERE raw = 1 AND typeof(value) = 'text'"
        " AND key > ? AND key < ? ORDER BY key LIMIT ?"
    )
    after, end = f"{kind}/", f"{kind}0"
    while rows := connection.execute(query, (after, end, _BATCH)).fetchall():
        for rowid, _, text in rows:
            yield rowid, text
        after = rows[-1][1]


_STEPS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _to_2}
