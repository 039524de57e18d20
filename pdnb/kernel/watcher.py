"""Displays that follow the store while the kernel is idle: the panel, and cards that no server's page keeps live.

The kernel's own event loop waits for the notifier and calls them; no code of a step ever runs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pdnb.coordination.home import Home
from pdnb.coordination.notify import POLL_S
from pdnb.errors import PdnbError, StoreUnavailable

_SOON_S: Final = 0.03  # many commits at once make one call


class Watcher:
    """Calls displays after every notification, and once a second. A display returns whether it wants to go on."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._displays: list[Callable[[], bool]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, display: Callable[[], bool]) -> None:
        """Call *display* from now on; without a running loop (a plain terminal) never."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._displays.append(display)
        if self._loop is not loop:
            loop.add_reader(self._home.notifier.fileno(), self._notified)
            self._loop = loop
        self._call_in(POLL_S)

    def stop(self) -> None:
        """Call no display any more."""
        self._displays.clear()
        self._detach()

    def _notified(self) -> None:
        self._home.notifier.drain()
        self._call_in(_SOON_S)

    def _call_in(self, in_s: float) -> None:
        if self._loop is None:
            return
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + in_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(in_s, self._call)

    def _call(self) -> None:
        self._timer = None
        self._displays = [display for display in self._displays if _goes_on(display)]
        if self._displays:
            self._call_in(POLL_S)
        else:
            self._detach()

    def _detach(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None:
            self._loop.remove_reader(self._home.notifier.fileno())
            self._loop = None


def _goes_on(display: Callable[[], bool]) -> bool:
    try:
        return display()
    except StoreUnavailable:
        return True  # locked for a moment: the next call may succeed
    except PdnbError:
        return False  # its run is gone, or cannot be used
