"""Displays that follow the store while the kernel is idle: the panel, and cards that no server's page keeps live.

The kernel's own event loop listens to the bell and looks again; no code of a step ever runs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.errors import PdnbError, StoreUnavailable

_SOON_S: Final = 0.03  # a burst of commits is one look


class Watcher:
    """Calls every watcher after a ring, and once a second. A watcher returns whether it wants to go on."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._watchers: list[Callable[[], bool]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, look: Callable[[], bool]) -> None:
        """Call *look* from now on; without a running loop (a plain terminal) never."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._watchers.append(look)
        if self._loop is not loop:
            loop.add_reader(self._home.notifier.fileno(), self._notified)
            self._loop = loop
        self._again(POLL_S)

    def stop(self) -> None:
        """Call nobody any more."""
        self._watchers.clear()
        self._rest()

    def _notified(self) -> None:
        self._home.notifier.drain()
        self._again(_SOON_S)

    def _again(self, in_s: float) -> None:
        if self._loop is None:
            return
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + in_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(in_s, self._look)

    def _look(self) -> None:
        self._timer = None
        self._watchers = [look for look in self._watchers if _goes_on(look)]
        if self._watchers:
            self._again(POLL_S)
        else:
            self._rest()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None:
            self._loop.remove_reader(self._home.notifier.fileno())
            self._loop = None


def _goes_on(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except StoreUnavailable:
        return True  # locked for a moment: the next look comes
    except PdnbError:
        return False  # its run is gone, or cannot be used
