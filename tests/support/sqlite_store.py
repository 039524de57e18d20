"""The SQLite store from below: opened as tests need it, and its table, for looking inside and for planting damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdnb.codec import SCHEMA
from pdnb.store.sqlite_backend import SQLiteBackend
from pdnb.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pdnb.links import Links
    from pdnb.store.sqlite_file import TextTable


def open_store(directory: Path, links: Links, *, on_commit: Callable[[], None] = lambda: None) -> Store:
    """The store in *directory*, made if there is none."""
    return Store(SQLiteBackend(directory, SCHEMA), links, on_commit=on_commit)


def table_of(store: Store) -> TextTable:
    """The rows below *store*."""
    assert isinstance(store._backend, SQLiteBackend)
    return store._backend._table
