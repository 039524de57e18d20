"""The scheduler: ends pauses that are due, and notices owners that died.

The leader runs it; where there is no leader, a worker or a waiting caller does, beside its own work. Several may run at
once: every change is one transaction, and the second finds nothing to do.
"""

from __future__ import annotations

import contextlib
from typing import Final

from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.model import JSON, Lost, RunRecord

_ENDED: Final = Lost.reason


class Scheduler:
    """Does, step by step, what time and the death of owners have brought about at *home*."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def step(self) -> float:
        """End one batch of due pauses and mark the runs of dead owners lost; cheap when there is none.

        Returns how long there is nothing to do unless a notification comes, in seconds: until the next pause is due,
        at most ``POLL_S``; 0 when more pauses are due already. Raises ``StoreUnavailable``.
        """
        home = self._home
        home.store.elapse(home.clock(), batches=1)  # not all at once: others who write get their turn in between
        home.owners.reap()
        for run in home.store.running():
            if run.owner is not None and not home.owners.alive(run.owner):
                mark_lost(home, run)
        due_ms = home.store.next_due_ms()
        return POLL_S if due_ms is None else min(POLL_S, max(0.0, (due_ms - home.clock()) / 1000))


def mark_lost(
    home: Home,
    run: RunRecord,
    reason: str = _ENDED,
    *,
    again: bool = True,
    outputs: tuple[dict[str, JSON], ...] = (),
) -> None:
    """Take the claim of *run* from its owner, which has died. The step runs again unless *again* is false.

    *outputs*: what is known of what the attempt put out.

    *reason* and *again* are about the step at which *run* was read. Under the same claim its owner may have come to
    another step before it died; that one is treated as any step whose process ended.
    """
    with contextlib.suppress(Refused, RunNotFound, StoreCorrupt):  # its result was stored first, or it is damaged
        now = home.store.get(run.id)
        if (now.step, now.runs) != (run.step, run.runs):
            reason, again = _ENDED, True
        with contextlib.suppress(StoreCorrupt):  # then no step of it will run again anyway
            again = again and not home.store.workflow_version(now.version_id).step(now.step).at_most_once
        home.store.apply(run.id, Lost(home.clock(), run.fence, reason, again, outputs))
