"""Cards that follow their run: shown in a cell's output, drawn again while the run goes on.

A server's page is live by itself, and an update makes the host draw its frame anew. So where there is a server, a card
is updated only at the end of its cell, when the run is suspended, and when it is over: that is what a saved notebook
should hold. Without a server it is updated at every change, with buttons below it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from pdnb import client
from pdnb.errors import PdnbError
from pdnb.kernel.card import Card
from pdnb.kernel.session import Session
from pdnb.kernel.watcher import Watcher
from pdnb.model import Status

if TYPE_CHECKING:
    from pdnb.kernel.fallback_buttons import Buttons


class LiveCards:
    """The cards of one kernel. *watcher* gives what calls them when the store has changed."""

    def __init__(self, shell: InteractiveShell, session: Session, watcher: Callable[[], Watcher]) -> None:
        self._shell = shell
        self._session = session
        self._watcher = watcher
        self._last: tuple[str, int] | None = None  # the run shown last, and the number of the cell that did

    def show(self, run: client.Run) -> None:
        """Show the card of *run* and let it follow the run until that is over."""
        base_path = os.environ.get("PDNB_BASE_URL")
        document = run.document()
        handle = display(Card(document, base_path), display_id=True)
        self._last = (run.id, self._shell.execution_count)
        revision: int = document["revision"]

        def follow(*, now: bool = False) -> bool:
            nonlocal revision
            row = self._session.home.store.get(run.id)
            wanted = now or base_path is None or row.status is Status.SUSPENDED or row.status.over
            if wanted and row.revision != revision and handle is not None:
                handle.update(Card(run.document(), base_path))
                revision = row.revision
                if buttons is not None:
                    buttons.look()
            return not row.status.over

        buttons = self._buttons(run, lambda: follow(now=True)) if base_path is None else None
        self._watcher().watch(follow)
        self._shell.events.register("post_run_cell", _once(self._shell, lambda: follow(now=True)))

    def show_value(self, run: client.Run) -> None:
        """Show a ``Run`` that is a cell's value, unless this cell has just shown its card."""
        if self._last != (run.id, self._shell.execution_count):
            self.show(run)

    def _buttons(self, run: client.Run, on_decision: Callable[[], object]) -> Buttons | None:
        """Buttons below the card, if a person may click them: hosts that only execute notebooks name no notebook."""
        if "JPY_SESSION_NAME" not in os.environ and "__vsc_ipynb_file__" not in self._shell.user_ns:
            return None
        from pdnb.kernel.fallback_buttons import Buttons  # noqa: PLC0415  # widgets cost a quarter of a second

        home = self._session.home
        buttons = Buttons(client.Run(home, run.record), on_decision, home.has_leader)
        display(buttons)
        return buttons


def _once(shell: InteractiveShell, call: Callable[[], object]) -> Callable[[object], None]:
    """*call* after this cell, and never again."""

    def after(_result: object) -> None:
        shell.events.unregister("post_run_cell", after)
        with suppress(PdnbError):  # a card that cannot be drawn now is no error of the cell
            call()

    return after
