"""The panel: the table of runs as a widget, suspended first, each with Approve and Cancel.

One widget for all rows (one per row is slow at 1,000 runs). The front end asks with
``{"act": "resume" | "cancel", "id", "step", "runs", "body"?, "reason"?, "seq"}`` and is answered with
``{"seq", "run"}`` or ``{"seq", "error"}``; ``step`` and ``runs`` are those that were on display.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from pdnb import view
from pdnb.errors import PdnbError
from pdnb.handles import who
from pdnb.home import Home, now_ms
from pdnb.kernel.live import Live
from pdnb.links import redact
from pdnb.model import JSON, Cancelled, Resumed, Status
from pdnb.request import from_person

_STATIC: Final = Path(__file__).parent.parent / "static"
_WAITING: Final = (Status.SUSPENDED, Status.SLEEPING, Status.RUNNING, Status.QUEUED)
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
        super().__init__()
        self.on_msg(self._asked)
        self.look()
        live.watch(self._follow)

    def look(self) -> None:
        """Read the store, and tell the front end if something changed."""
        listed = [self._listed(_WAITING, self._limit), self._listed(_OVER, min(self._limit, 50))]
        found = [run for page in listed for run in page]
        versions = {run.id: run.version for run in found}
        if versions != self._versions:
            self._versions = versions
            self.rows = [view.summary(run) for run in found]

    def _listed(self, statuses: tuple[Status, ...], limit: int) -> tuple[Any, ...]:
        return self._home.store.list(statuses=statuses, workflow=self._workflow, limit=limit).runs

    def _follow(self) -> bool:
        if self.comm is None:  # closed
            return False
        self.look()
        return True

    def _asked(self, _widget: object, content: Any, _buffers: object) -> None:
        seq = content.get("seq") if isinstance(content, dict) else None
        try:
            run = self._decide(content)
        except (PdnbError, KeyError, TypeError, ValueError) as error:
            self.send({"seq": seq, "error": redact(str(error))})
        else:
            self.send({"seq": seq, "run": run})
        self.look()

    def _decide(self, content: dict[str, Any]) -> dict[str, JSON]:
        now, by = now_ms(), who()
        step, runs = str(content["step"]), int(content["runs"])
        event: Resumed | Cancelled
        if content["act"] == "resume":
            event = Resumed(now, step, runs, "panel", by, from_person("panel", by, content.get("body")))
        elif content["act"] == "cancel":
            event = Cancelled(now, step, runs, "panel", by, content.get("reason"))
        else:
            raise ValueError(f"no such act: {content['act']!r}")
        return view.summary(self._home.store.apply(str(content["id"]), event))
