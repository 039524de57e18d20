"""A year of virtual time: 100,000 pauses of every kind in one real store, its clock moved hour by hour.

``python -m benchmarks.year [PAUSES]``. Every hour the clock is also set back for a moment. What ends is claimed and
asks for its next pause. Nothing sleeps: the time taken is what the store takes.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from pdnb.codec import SCHEMA
from pdnb.links import Links
from pdnb.model import Claimed, Elapsed, End, Returned, RunRecord, Slept, Status, Suspended
from pdnb.store.backend import Transaction
from pdnb.store.reads import decoded
from pdnb.store.sqlite_backend import SQLiteBackend
from pdnb.store.store import Store
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

PAUSES: Final = 100_000
HOUR: Final = 3_600_000
HOURS: Final = 365 * 24
EPOCH_MS: Final = 1_767_225_600_000  # 2026-01-01 00:00 UTC
END_MS: Final = EPOCH_MS + HOURS * HOUR

_CODE: Final = WorkflowVersion("year", tuple(Step(f"s{n}", "1") for n in range(4)), (), Environment("python", "/"))
_KINDS: Final[tuple[Literal["rerun", "delay", "resume", "cancel"], ...]] = ("rerun", "delay", "resume", "cancel")
_LONGEST: Final = (60_000, HOUR, 24 * HOUR, 30 * 24 * HOUR, 200 * 24 * HOUR)


class Watched(Store):
    """A store that notes which pauses it let end, in its own order: ``(due, run, clock)``."""

    def __init__(self, directory: Path) -> None:
        super().__init__(SQLiteBackend(directory, SCHEMA), Links(b"s" * 32))
        self.ended: list[tuple[int, str, int]] = []

    def _taken(self, transaction: Transaction, run_id: str, event: Elapsed | Claimed) -> RunRecord | None:
        due_ms = decoded(run_id, transaction.run(run_id)).due_ms
        run = super()._taken(transaction, run_id, event)
        if run is not None and isinstance(event, Elapsed):
            self.ended.append((due_ms or 0, run_id, event.at_ms))
        return run


class Year:
    """*pauses* of them in the store in *directory*; ``asked`` counts ``(due, run)``, ``kinds`` their kinds."""

    def __init__(self, directory: Path, pauses: int, seed: int = 1) -> None:
        self.store = Watched(directory)
        self.pauses = pauses
        self.asked: Counter[tuple[int, str]] = Counter()
        self.kinds: Counter[str] = Counter()
        self._made = 0
        self._chance = random.Random(seed)

    def pass_by(self) -> None:
        """Let it pass; new runs begin until enough pauses were asked for."""
        for hour in range(HOURS + 1):
            now = EPOCH_MS + hour * HOUR
            self.store.elapse(now)
            self.store.elapse(now - HOUR)  # the clock is set back
            while run := self.store.claim(_CODE.environment.key, "year", at_ms=now):
                self._ask(run, now)
            while self._made < min(self.pauses, self.pauses * hour // (HOURS - 24)):
                self._ask(self.store.add(_CODE, None, at_ms=now, owner="year"), now)

    def faults(self) -> dict[str, int]:
        """How many pauses did not end as promised; all 0."""
        ended = Counter((due, run) for due, run, _ in self.store.ended)
        return {
            "never": sum((self.asked - ended).values()),
            "twice": sum((ended - self.asked).values()),
            "early": sum(due > at for due, _, at in self.store.ended),
            "late": sum(at - due >= HOUR for due, _, at in self.store.ended),
            "out of order": sum(a > b for a, b in pairwise(self.store.ended) if a[2] == b[2]),
        }

    def _ask(self, run: RunRecord, now: int) -> None:
        """The next pause of *run*; once there are enough, its end."""
        while run.status is Status.RUNNING:
            if self._made == self.pauses:
                run = self.store.apply(run.id, Returned(now, run.fence))
                continue
            kind = self._chance.choice(_KINDS)
            due = min(now + self._chance.randrange(1, self._chance.choice(_LONGEST)), END_MS)
            event: End = Slept(now, run.fence, kind="delay", due_ms=due)
            if kind == "rerun":
                event = Slept(now, run.fence, kind="rerun", due_ms=due, max_retries=5)
            elif kind != "delay":
                event = Suspended(now, run.fence, due_ms=due, on_timeout=kind)
            run = self.store.apply(run.id, event)
            if run.pause is not None:  # else its retries are used up, and it goes on
                self._made += 1
                self.asked[due, run.id] += 1
                self.kinds[kind] += 1


def main() -> None:
    """Measure and print."""
    pauses = int(sys.argv[1]) if len(sys.argv) > 1 else PAUSES
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="pdnb-year-", dir=memory if memory.is_dir() else None) as name:
        year = Year(Path(name), pauses)
        began = time.monotonic()
        year.pass_by()
        took_s = time.monotonic() - began
        print(f"{pauses} pauses in a year of {HOURS} looks at the clock: {took_s:.1f} s")
        print("  asked for: " + ", ".join(f"{kind} {n}" for kind, n in sorted(year.kinds.items())))
        print(
            f"  ended:     {len(year.store.ended)}; " + ", ".join(f"{fault} {n}" for fault, n in year.faults().items())
        )
        print("  runs:      " + ", ".join(f"{status} {n}" for status, n in year.store.counts().items() if n))
        year.store.close()


if __name__ == "__main__":
    main()
