"""The panel: the table of runs as a widget, suspended first, each with Approve and Cancel.

One widget for all rows (one per row is slow at 1,000 runs). A front end gets all ``rows`` once, with the widget's
state, and then only news: ``{"changed": […rows…], "gone": […ids…]}``. It asks with
``{"act": "resume" | "cancel", "id", "step", "runs", "body"?, "reason"?, "seq"}`` and is answered with
``{"seq", "run"}`` or ``{"seq", "error"}``; ``step`` and ``runs`` are those that were on display. With
``{"act": "look", "seen": "<count> <sum of versions>"}`` it asks for all rows again if it has missed news.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from pdnb import view
from pdnb.errors import PdnbError
from pdnb.handles import who
from pdnb.home import Home
from pdnb.kernel.live import Live
from pdnb.links import redact
from pdnb.model import JSON, Cancelled, Resumed, Run, Status
from pdnb.request import from_person

_STATIC: Final = Path(__file__).parent.parent / "static"
_AT_WORK: Final = (Status.SLEEPING, Status.RUNNING, Status.QUEUED)
_OVER: Final = (Status.FAILED, Status.SUCCEEDED, Status.CANCELLED)


class Panel(anywidget.AnyWidget):
    """Runs in a table; ``limit`` is how many of those at work and, apart from them, of those that are over."""

    _esm = _STATIC / "pdnb.js"
    _css = _STATIC / "pdnb.css"
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, home: Home, live: Live, *, workflow: str | None = None, limit: int = 1_000) -> None:
        self._home = home
        self._workflow = workflow
        self._limit = limit
        self._versions: dict[str, int] = {}
        super().__init__(rows=[view.summary(run) for run in self._found()])  # one message to the front end
        self.on_msg(self._asked)
        live.watch(self._follow)

    def look(self) -> None:
        """Read the store, and tell the front end what changed."""
        before, found = self._versions, self._found()
        if self._versions == before:
            return
        changed = {run.id: view.summary(run) for run in found if before.get(run.id) != run.version}
        known = {row["id"]: row for row in self.rows} | changed
        self.rows = [known[run.id] for run in found]
        self.send({"changed": [*changed.values()], "gone": [id_ for id_ in before if id_ not in self._versions]})

    def _should_send_property(self, key: str, value: object) -> bool:
        """All rows go only to who asks for the state: at 1,000 runs they are half a megabyte."""
        return key != "rows" and bool(super()._should_send_property(key, value))

    def _found(self) -> list[Run]:
        """The runs on display: suspended ones, the others at work, those that are over."""
        found = [*self._listed((Status.SUSPENDED,), self._limit)]
        if room := self._limit - len(found):
            found += self._listed(_AT_WORK, room)
        found += self._listed(_OVER, min(self._limit, 50))
        self._versions = {run.id: run.version for run in found}
        return found

    def _listed(self, statuses: tuple[Status, ...], limit: int) -> tuple[Run, ...]:
        return self._home.store.list(statuses=statuses, workflow=self._workflow, limit=limit).runs

    def _follow(self) -> bool:
        if self.comm is None:  # closed
            return False
        self.look()
        return True

    def _asked(self, _widget: object, content: Any, _buffers: object) -> None:
        seq = content.get("seq") if isinstance(content, dict) else None
        if isinstance(content, dict) and content.get("act") == "look":
            if content.get("seen") != f"{len(self._versions)} {sum(self._versions.values())}":
                self.send_state("rows")
            return
        try:
            run = self._decide(content)
        except (PdnbError, KeyError, TypeError, ValueError) as error:
            self.send({"seq": seq, "error": redact(str(error))})
        else:
            self.send({"seq": seq, "run": run})
        self.look()

    def _decide(self, content: dict[str, Any]) -> dict[str, JSON]:
        now, by = self._home.clock(), who()
        step, runs = str(content["step"]), int(content["runs"])
        event: Resumed | Cancelled
        if content["act"] == "resume":
            event = Resumed(now, step, runs, "panel", by, from_person("panel", by, content.get("body")))
        elif content["act"] == "cancel":
            reason = content.get("reason")
            if not isinstance(reason, str | None):
                raise TypeError(f"the reason is {reason!r}: use a text")
            event = Cancelled(now, step, runs, "panel", by, reason)
        else:
            raise ValueError(f"no such act: {content['act']!r}")
        return view.summary(self._home.store.apply(str(content["id"]), event))
