"""The world outside: starts runs, answers links over HTTP, retries what was interrupted too often, notes all it saw."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from pdnb.client import Run
from pdnb.coordination.home import Home
from pdnb.errors import PdnbError
from pdnb.links import Purpose
from pdnb.model import RunRecord, Status
from tests.chaos import bodies, zygote
from tests.chaos.players import Place

#: Of 100 attempts that wait so, how many are resumed and how many resumed or cancelled.
_WILL: Final = {"gate": (88, 100), "early": (95, 100), "soon": (30, 36), "again": (12, 14), "nap": (12, 14)}
_BUSY: Final = (4, 6)  # the same of those at work

_OPEN: Final = (Status.QUEUED, Status.RUNNING, Status.SUSPENDED, Status.SLEEPING, Status.FAILED)


class Person:
    """Looks and acts in one thread, with a store connection of its own. ``target``: how many runs are kept going."""

    def __init__(self, place: Place, seed: int, target: int) -> None:
        self._place = place
        self._seed = seed
        self._target = target
        self._rng = random.Random(f"{seed} person")
        self._seen: dict[str, int] = {}
        self._asked: set[tuple[str, str, int, bool]] = set()

    def live(self, stopping: Callable[[], bool]) -> None:
        """Until stopped."""
        with Home(self._place.store, kind="shell") as home:
            while not stopping():
                try:
                    self.look(home)
                except PdnbError as error:
                    self._place.history.add("trouble", error=str(error))
                time.sleep(0.03)

    def look(self, home: Home) -> None:
        """One look, and what follows from it."""
        rows = home.store.list(statuses=_OPEN, limit=2_000).runs
        for row in rows:
            if self._seen.get(row.id) != row.revision:
                self._seen[row.id] = row.revision
                self.note(row)
            self._act(home, row)
        for _ in range(min(10, self._target - sum(row.status is not Status.FAILED for row in rows))):
            zygote.begin(home, self._place.history, self._rng, headless=True)

    def open(self, home: Home) -> tuple[RunRecord, ...]:
        """The runs that have not come to their end."""
        return home.store.list(statuses=_OPEN, limit=100_000).runs

    def stop_starting(self) -> None:
        self._target = 0

    def note(self, row: RunRecord) -> None:
        """What was seen, in the history."""
        self._place.history.add(
            "seen", run=row.id, step=row.step, runs=row.runs, status=row.status, revision=row.revision
        )

    def _act(self, home: Home, row: RunRecord) -> None:
        if row.status is Status.FAILED:
            self._place.history.add("retry", run=row.id, step=row.step, runs=row.runs, error=row.error)
            Run(home, row).retry()
            return
        which = (row.id, row.step, row.runs)
        if (*which, row.status.waits) in self._asked:
            return
        if row.status is Status.RUNNING:
            resumed, either = _BUSY
        elif row.status.waits:
            resumed, either = _WILL.get(row.step.partition("_")[0], (0, 0))  # another does not wait
        else:
            return
        will = bodies.chance(self._seed, *which, row.status.waits)
        if will >= either:
            return
        purpose: Purpose = "resume" if will < resumed else "cancel"
        home.reload_settings()
        url = home.links.url(purpose, bodies.target(row))
        if bodies.ask(self._place.history, purpose, url, which) in {200, 202, 409, 410}:
            self._asked.add((*which, row.status.waits))
