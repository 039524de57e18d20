"""What whoever keeps the clock does: let due pauses end, and find owners that died.

The server that holds the post does it; without one, a waiting caller or a worker.
"""

from __future__ import annotations

import contextlib

from pdnb.coordination.home import Home
from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.model import Lost, RunRecord


def tick(home: Home) -> None:
    """Settle what time and death have brought about by now; cheap when that is nothing.

    Of many pauses due at once it ends one batch: whoever keeps the clock looks again, and others get their turn.
    """
    at_ms = home.clock()
    home.store.elapse(at_ms, batches=1)
    home.owners.reap()
    for run in home.store.running():
        if run.owner is not None and not home.owners.alive(run.owner):
            lose(home, run)


def lose(home: Home, run: RunRecord, reason: str = Lost.reason, *, again: bool = True) -> None:
    """Take the claim of *run* away, whose owner has died; its step runs again, unless that is not wanted of it.

    *reason* and *again* are about the step that *run* was seen at; it may have come to another one before its owner
    died, under the same claim.
    """
    with contextlib.suppress(Refused, RunNotFound, StoreCorrupt):  # its result came in between, or it cannot be used
        now = home.store.get(run.id)
        if (now.step, now.runs) != (run.step, run.runs):
            reason, again = Lost.reason, True
        with contextlib.suppress(StoreCorrupt):  # then no step of it will run again anyway
            again = again and not home.store.workflow_version(now.version_id).step(now.step).at_most_once
        home.store.apply(run.id, Lost(home.clock(), run.fence, reason, again))
