"""The store's laws hold for every backend: one that joins is one entry in ``PLACES``."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pdnb.store.store import Store
from tests.support.memory_backend import MemoryBackend, Records
from tests.support.sqlite_store import open_store, table_of
from tests.support.store_runs import LINKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class Place(Protocol):
    """Where the records of one store are; it can be opened several times, as by several processes."""

    def __init__(self, directory: Path) -> None: ...

    def open(self, on_commit: Callable[[], None] = lambda: None) -> Store:
        """The store."""

    def contents(self) -> list[Any]:
        """All that is kept, for comparing."""

    def one_commit(self, store: Store) -> AbstractContextManager[None]:
        """Make many changes one commit, where a test is about what comes after them."""


class SQLitePlace:
    """A directory with a database in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self, on_commit: Callable[[], None] = lambda: None) -> Store:
        return open_store(self.directory, LINKS, on_commit=on_commit)

    def contents(self) -> list[Any]:
        """Every row but the times at which it was stored, and the numbers of the changes."""
        with contextlib.closing(sqlite3.connect(self.directory / "cache.db", isolation_level=None)) as con:
            rows: list[Any] = con.execute("SELECT key, raw, tag, mode, value FROM Cache ORDER BY key").fetchall()
            return rows + con.execute("SELECT number, name FROM Changes ORDER BY number").fetchall()

    def one_commit(self, store: Store) -> AbstractContextManager[None]:
        return table_of(store).transact()


class MemoryPlace:
    """Dicts."""

    def __init__(self, directory: Path) -> None:
        self.records = Records()

    def open(self, on_commit: Callable[[], None] = lambda: None) -> Store:
        return Store(MemoryBackend(self.records), LINKS, on_commit=on_commit)

    def contents(self) -> list[Any]:
        return [entry for kept in self.records.dicts() for entry in (kept.items() if isinstance(kept, dict) else kept)]

    def one_commit(self, store: Store) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


PLACES: dict[str, type[Place]] = {"sqlite": SQLitePlace, "memory": MemoryPlace}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Of each backend one."""
    return PLACES[request.param](tmp_path)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.open()
    yield found
    found.close()
