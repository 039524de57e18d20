"""The panel: the table of runs as a widget, suspended first, with one run's card beside it.

One widget for all rows (one per row is slow at 1,000 runs). A front end gets the first rows with the widget's state
(``page``) and asks for the others; then it gets only changes. A *table* is runs as :mod:`pdnb.kernel.rows` writes
them: ``{"fields", "rows", "constants", "choices", "bases"}``.

=====================================================================  ==============================================
request of a front end                                                 answer, always with the request's ``seq``
=====================================================================  ==============================================
``{"act": "page", "cursor"}``                                          a table, with ``next`` and ``now_ms``
``{"act": "detail", "id", "seen"}``                                    ``{"run"}``, as a text of JSON; ``null`` if that
                                                                       revision was seen
``{"act": "links", "id"}``                                             ``{"resume_url", "cancel_url"}``
``{"act": "resume", "id", "step", "runs", "json"? | "fields"?}``       a table of one row: the run as it is now
``{"act": "cancel", "id", "step", "runs", "reason"?}``, ``"retry"``    likewise
any of them, when it cannot be done                                    ``{"error", "problems"?}``; after a decision
                                                                       also the table of one row, if the run exists
=====================================================================  ==============================================

Changes come without ``seq``: a table. Every front end of the widget hears every answer, so a row that went out with
one is not sent again as a change. ``step`` and ``runs`` are those that were on display; ``fields`` holds strings, as an
HTML form sends them.

What people wrote travels as text: ``json`` is a text of JSON, and so is a run by itself. A front end reads messages
into JavaScript's numbers, which would round it; the numbers in rows are pdnb's own, and small.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from pdnb import client, json_text
from pdnb.client import current_user
from pdnb.coordination.home import Home
from pdnb.decisions import answer_from_fields, decide, read_action
from pdnb.errors import BadAnswer, PdnbError
from pdnb.kernel.fallback_panel import Following
from pdnb.kernel.run_feed import RunFeed, table
from pdnb.kernel.watcher import Watcher
from pdnb.links import redact
from pdnb.model import JSON, Cancelled, Resumed, Retried, RunRecord

_STATIC: Final = Path(__file__).parent.parent / "static"
_DECISIONS: Final = ("resume", "cancel", "retry")


class Panel(Following, anywidget.AnyWidget):
    """Runs in a table; ``limit`` is how many at the most."""

    _esm = _STATIC / "pdnb.js"
    _css = _STATIC / "pdnb.css"
    page = traitlets.Dict().tag(sync=True)

    def __init__(self, home: Home, watcher: Watcher, *, workflow: str | None = None, limit: int = 10_000) -> None:
        self._home = home
        self._feed = RunFeed(home, workflow, limit)
        super().__init__()
        self.on_msg(self._receive)
        watcher.watch(self._follow)

    def look(self) -> None:
        """Send what has changed in the store; without a change this costs next to nothing."""
        if changes := self._feed.changes():
            self.send(table(changes))

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:  # noqa: FBT001, FBT002  # ipywidgets'
        """The widget's state, with the first rows as they are now."""
        state = super().get_state(key=key, drop_defaults=drop_defaults)
        if "page" in state:
            state["page"] = table(self._feed.first())
        return state

    def _receive(self, _widget: object, content: Any, _buffers: object) -> None:
        seq = content.get("seq") if isinstance(content, dict) else None
        try:
            answer = self._answer(content)
        except (PdnbError, KeyError, TypeError, ValueError) as error:
            answer = {"error": redact(str(error))}
            if isinstance(error, BadAnswer):
                answer["problems"] = [redact(problem) for problem in error.problems]
            answer |= self._present(content)
        self.send({"seq": seq, **answer})

    def _answer(self, content: dict[str, Any]) -> dict[str, JSON]:
        act, store = content["act"], self._home.store
        if act == "page":
            runs, after = self._feed.page(str(content["cursor"]))
            return {**table(runs), "next": after, "now_ms": self._home.clock()}
        run_id = str(content["id"])
        if act == "detail":
            run = store.get(run_id)
            seen = run.revision == content.get("seen")
            return {"run": None if seen else json.dumps(client.document(self._home, run))}
        if act == "links":
            return {**client.links(self._home, store.get(run_id))}
        return self._row(store.apply(run_id, self._event(act, run_id, content)))

    def _row(self, run: RunRecord) -> dict[str, JSON]:
        self._feed.delivered(run)
        return table([run])

    def _present(self, content: Any) -> dict[str, JSON]:
        """The row of a run that a refused decision was about: what was on display may be out of date."""
        if not isinstance(content, dict) or content.get("act") not in _DECISIONS or "id" not in content:
            return {}
        try:
            return self._row(self._home.store.get(str(content["id"])))
        except PdnbError:  # no such run, or the store is locked for a moment: the next look tells
            return {}

    def _event(self, act: str, run_id: str, content: dict[str, Any]) -> Resumed | Cancelled | Retried:
        action = read_action(act)
        step, runs = str(content["step"]), int(content["runs"])
        body, reason = json_text.loads(str(content.get("json") or "null")), content.get("reason")
        if action == "resume" and (fields := content.get("fields")) is not None:
            body = answer_from_fields(self._home.store.prompt(run_id, step, runs), fields)
        if action == "cancel" and not isinstance(reason, str | None):
            raise TypeError(f"the reason is {reason!r}: use a text")
        now_ms, by = self._home.clock(), current_user()
        return decide(action, step, runs, at_ms=now_ms, via="panel", by=by, body=body, reason=reason)
