"""The interface of a storage backend: the reads and transactions that the store needs.

Rules:

- Above it stand the machine, the codec, sealing, MACs and forms; below it keys, indexes, SQL and files. What crosses it
  is text, with the record beside it where an index is made of its fields.
- A backend keeps what it is given and finds it again. It never reads a text, and it decides nothing.
- Inside a transaction, what is read stays as it is until the transaction ends. A transaction belongs to one thread.
- Cursors are the backend's own: text that only it reads. One that it has not made is a ``ValueError``.
- Raises ``StoreUnavailable`` when it cannot do it now (nothing is changed then), ``StoreCorrupt`` and ``StoreNewer``
  when it should not.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from pdnb.model import RunRecord, Status

TextKind: TypeAlias = Literal["event", "version"]
"""Texts that are written once: the event that started a run (by its id), a workflow version (by its id)."""


@dataclass(frozen=True)
class Filter:
    """Which runs are meant: of any of *statuses* (``None``: all), of *workflow* (``None``: all)."""

    statuses: frozenset[Status] | None = None
    workflow: str | None = None


@dataclass(frozen=True)
class Stored:
    """A run's record as it is kept."""

    run_id: str
    text: str


@dataclass(frozen=True)
class StoredPage:
    """Records, newest run first, and the cursor of the next page (``None``: no more)."""

    records: tuple[Stored, ...]
    next: str | None


@dataclass(frozen=True)
class Changes:
    """The runs that changed since a cursor, in the order of their last change, and the cursor to go on from."""

    cursor: str
    records: tuple[Stored, ...]


class Transaction(Protocol):
    """Changes that are on the disk all together, or not at all."""

    def run(self, run_id: str) -> str | None:
        """The run's record; no other transaction changes it until this one has ended."""

    def attempt(self, run_id: str, position: int, runs: int) -> str | None:
        """The record of attempt *runs* at step *position*."""

    def save(self, before: RunRecord | None, after: RunRecord, text: str) -> None:
        """Keep *text* as the record of *after*; *before* is what the indexes say so far (``None``: a new run)."""

    def save_attempt(self, run_id: str, position: int, runs: int, text: str) -> None:
        """Keep *text* as the record of attempt *runs* at step *position*."""

    def put(self, kind: TextKind, key: str, text: str) -> None:
        """Keep *text* under *key*, unless there is one already."""

    def due(self, until_ms: int, limit: int) -> list[str]:
        """Up to *limit* runs whose pause ends at *until_ms* or before, the earliest first."""

    def next_queued(self, environment: str, after: str | None) -> str | None:
        """The longest-queued run of *environment* of the workflow whose turn it is behind workflow *after*."""

    def withdraw(self, run_id: str) -> None:
        """Take a run out of the queue or the clock where :meth:`due` or :meth:`next_queued` has found it."""


class Backend(Protocol):
    """Where the records are kept. Every method may be called from any thread."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A write transaction: durable when the block has ended; undone when it raises."""

    def run(self, run_id: str) -> str | None:
        """The run's record."""

    def runs(self, where: Filter, limit: int, cursor: str | None = None) -> StoredPage:
        """Up to *limit* runs, newest first; *cursor* is the ``next`` of the page before."""

    def resolve(self, beginning: str) -> list[str]:
        """Up to two ids that begin so, in order; a whole id comes first."""

    def attempt(self, run_id: str, position: int, runs: int) -> str | None:
        """The record of attempt *runs* at step *position*."""

    def attempts(self, run_id: str) -> list[str]:
        """The records of all attempts of the run, in order."""

    def attempt_before(self, run_id: str, position: int, runs: int | None = None) -> tuple[int, str] | None:
        """The last attempt at step *position* (before attempt *runs*): its number and its record."""

    def text(self, kind: TextKind, key: str) -> str | None:
        """The text that was put under *key*."""

    def counts(self) -> dict[Status, int]:
        """How many runs have each status."""

    def queued(self) -> dict[str, str]:
        """Environments with queued runs: the environment's key → the id of a run that waits there."""

    def has_queued(self, environment: str) -> bool:
        """Whether a run waits for a worker of *environment*; a look that costs no lock."""

    def next_due_ms(self) -> int | None:
        """When the next pause ends by itself."""

    def soonest(self, limit: int) -> tuple[Stored, ...]:
        """Up to *limit* paused runs, those whose pause ends first first."""

    def changes(self, cursor: str | None) -> Changes:
        """What has changed since *cursor*; ``None``: nothing yet, the cursor is to begin from."""

    def close(self) -> None:
        """Give back what this thread holds (its connection); another call opens it again."""
