"""The smallest backend there is: dicts in this process. It passes the store's laws, so the seam is all they need."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

from pdnb.model import RunRecord, Status
from pdnb.store.backend import Changes, Filter, Stored, StoredPage, TextKind

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Records:
    """What several backends of one place share, as several processes share a file."""

    runs: dict[str, tuple[RunRecord, str]] = field(default_factory=dict)
    attempts: dict[tuple[str, int, int], str] = field(default_factory=dict)
    texts: dict[tuple[TextKind, str], str] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    lock: RLock = field(default_factory=RLock)

    def dicts(self) -> list[dict[object, object] | set[str]]:
        return [self.runs, self.attempts, self.texts, self.changed, self.withdrawn]  # type: ignore[list-item]


class MemoryBackend:
    """See ``pdnb.store.backend.Backend``."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @contextlib.contextmanager
    def transaction(self) -> Iterator[MemoryBackend]:
        with self._records.lock:
            before = [kept.copy() for kept in self._records.dicts()]
            try:
                yield self
            except BaseException:
                for kept, was in zip(self._records.dicts(), before, strict=True):
                    kept.clear()
                    kept.update(was)  # type: ignore[arg-type]
                raise

    # ---- inside a transaction ----

    def save(self, before: RunRecord | None, after: RunRecord, text: str) -> None:
        self._records.runs[after.id] = after, text
        number = max(self._records.changed.values(), default=0) + 1
        self._records.changed.pop(after.id, None)
        self._records.changed[after.id] = number
        self._records.withdrawn.discard(after.id)

    def save_attempt(self, run_id: str, position: int, runs: int, text: str) -> None:
        self._records.attempts[run_id, position, runs] = text

    def put(self, kind: TextKind, key: str, text: str) -> None:
        self._records.texts.setdefault((kind, key), text)

    def due(self, until_ms: int, limit: int) -> list[str]:
        return [run.id for run in self._paused() if (run.due_ms or 0) <= until_ms][:limit]

    def next_queued(self, environment: str, after: str | None) -> str | None:
        from pdnb.store.sqlite_backend import _lane

        queued = [run for run in self._queued() if run.environment == environment]
        turn = "" if after is None else _lane(after)
        lanes = sorted({_lane(run.workflow) for run in queued}, key=lambda lane: (lane <= turn, lane))
        mine = [run for run in queued if lanes and _lane(run.workflow) == lanes[0]]
        return min(mine, key=lambda run: (run.since_ms, run.id)).id if mine else None

    def withdraw(self, run_id: str) -> None:
        self._records.withdrawn.add(run_id)

    # ---- looks ----

    def run(self, run_id: str) -> str | None:
        return self._records.runs[run_id][1] if run_id in self._records.runs else None

    def runs(self, where: Filter, limit: int, cursor: str | None = None) -> StoredPage:
        if cursor is not None and not cursor.startswith("before "):
            raise ValueError(f"{cursor!r} is no cursor: pass the 'next' of the page before")
        newest = list(self._records.runs)[::-1]
        if cursor is not None:
            newest = newest[newest.index(cursor.removeprefix("before ")) + 1 :]
        found = [
            Stored(run.id, text)
            for run, text in (self._records.runs[run_id] for run_id in newest)
            if (where.statuses is None or run.status in where.statuses) and where.workflow in (None, run.workflow)
        ]
        return StoredPage(tuple(found[:limit]), f"before {found[limit - 1].run_id}" if len(found) > limit else None)

    def resolve(self, beginning: str) -> list[str]:
        return sorted(run_id for run_id in self._records.runs if run_id.startswith(beginning))[:2]

    def attempt(self, run_id: str, position: int, runs: int) -> str | None:
        return self._records.attempts.get((run_id, position, runs))

    def attempts(self, run_id: str) -> list[str]:
        return [text for (of, _, _), text in sorted(self._records.attempts.items()) if of == run_id]

    def attempt_before(self, run_id: str, position: int, runs: int | None = None) -> tuple[int, str] | None:
        mine = [key for key in self._records.attempts if key[:2] == (run_id, position)]
        last = max((key for key in mine if runs is None or key[2] < runs), default=None)
        return None if last is None else (last[2], self._records.attempts[last])

    def text(self, kind: TextKind, key: str) -> str | None:
        return self._records.texts.get((kind, key))

    def counts(self) -> dict[Status, int]:
        present = [run.status for run, _ in self._records.runs.values()]
        return {status: present.count(status) for status in Status}

    def queued(self) -> dict[str, str]:
        return {run.environment: run.id for run in self._queued()}

    def has_queued(self, environment: str) -> bool:
        return environment in self.queued()

    def next_due_ms(self) -> int | None:
        return next((run.due_ms for run in self._paused()), None)

    def soonest(self, limit: int) -> tuple[Stored, ...]:
        return tuple(Stored(run.id, self._records.runs[run.id][1]) for run in self._paused()[:limit])

    def changes(self, cursor: str | None) -> Changes:
        newest = str(max(self._records.changed.values(), default=0))
        if cursor is None:
            return Changes(newest, ())
        changed = [run_id for run_id, number in self._records.changed.items() if number > int(cursor)]
        return Changes(newest, tuple(Stored(run_id, self._records.runs[run_id][1]) for run_id in changed))

    def close(self) -> None:
        """There is no connection."""

    def _paused(self) -> list[RunRecord]:
        paused = [run for run, _ in self._records.runs.values() if run.pause and run.id not in self._records.withdrawn]
        return sorted(paused, key=lambda run: (run.due_ms or 0, run.id))

    def _queued(self) -> list[RunRecord]:
        runs = (run for run, _ in self._records.runs.values() if run.id not in self._records.withdrawn)
        return [run for run in runs if run.status is Status.QUEUED]
