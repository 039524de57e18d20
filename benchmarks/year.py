"""A year of virtual time: 100,000 pauses of every kind in one real store, its clock moved hour by hour.

``python -m benchmarks.year [PAUSES]``. Each run is one pause after the other, of random kind and length; what ends is
claimed and asks for the next. Counted are pauses that ended more than once, early, out of order, or not at all.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pdnb.links import Links
from pdnb.model import Run, Slept, Status, Suspended
from pdnb.store import Store
from pdnb.workflow import Environment, Frozen, Step

PAUSES: Final = 100_000
HOUR: Final = 3_600_000
YEAR: Final = 365 * 24 * HOUR
EPOCH_MS: Final = 1_767_225_600_000  # 2026-01-01 00:00 UTC

_CHAIN: Final = 10  # pauses per run
_CODE: Final = Frozen("year", tuple(Step(f"s{n}", "1") for n in range(_CHAIN + 1)), (), Environment("python", "/", ()))


@dataclass
class Year:
    """What was asked for and what came of it: times by ``(run, step, attempt)``."""

    store: Store
    chance: random.Random
    due_ms: dict[tuple[str, str, int], int] = field(default_factory=dict)
    ended: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    early: int = 0
    unordered: int = 0
    hours: int = 0

    def pass_by(self, pauses: int) -> None:
        """Ask for *pauses* of them over the year, and let it pass; each pause ends within it."""
        starts = sorted(self.chance.randrange(YEAR // 2) for _ in range(pauses // _CHAIN))
        for hour in range(YEAR // HOUR):
            now = EPOCH_MS + hour * HOUR
            self._elapse(now)
            while starts and EPOCH_MS + starts[0] <= now:
                starts.pop(0)
                self._ask(self.store.add(_CODE, None, at_ms=now, owner="year"), now, now)
            self.hours += 1
        self._elapse(EPOCH_MS + YEAR)

    def _elapse(self, now: int) -> None:
        """One look at the clock: what is due ends, all of it, and nothing else."""
        if self.store.elapse(now) == 0:
            return
        before = 0
        while run := self.store.claim(_CODE.environment.key, "year", at_ms=now):
            key = self._last[run.id]
            self.ended[key] += 1
            self.early += self.due_ms[key] > now
            self.unordered += self.due_ms[key] < before
            before = self.due_ms[key]
            self._ask(run, now, EPOCH_MS + YEAR)

    _last: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def _ask(self, run: Run, now: int, _: int) -> None:
        """The next pause of *run*, claimed here; the last one ends the run."""
        raise NotImplementedError


if __name__ == "__main__":
    print(Status, Slept, Suspended, Links, Path, tempfile, time, sys)
