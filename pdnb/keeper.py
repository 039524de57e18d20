"""What whoever keeps the clock does: let due pauses end, and find owners that died.

The server that holds the post does it; without one, a waiting caller or a worker.
"""

from __future__ import annotations

import contextlib

from pdnb.errors import Refused, RunNotFound, StoreCorrupt
from pdnb.home import Home
from pdnb.model import Lost, Run


def tick(home: Home) -> None:
    """Settle what time and death have brought about by now; cheap when that is nothing.

    Of many pauses due at once it ends one batch: whoever keeps the clock looks again, and others get their turn.
    """
    at_ms = home.clock()
    home.store.elapse(at_ms, batches=1)
    home.owners.bury()
    for run in home.store.running():
        if run.owner is not None and not home.owners.alive(run.owner):
            lose(home, run, "its process ended")


def lose(home: Home, run: Run, reason: str, *, again: bool = True) -> None:
    """Take the claim of *run* away; its step runs again from its start, unless that is not wanted of it."""
    with contextlib.suppress(StoreCorrupt):  # then no step of it will run again anyway
        again = again and not home.store.frozen(run.hash).step(run.step).at_most_once
    with contextlib.suppress(Refused, RunNotFound):  # its result came in between
        home.store.apply(run.id, Lost(home.clock(), run.fence, reason, again))
