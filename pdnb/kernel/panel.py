"""The panel: the table of runs as a widget, suspended first, with one run's card beside it.

One widget for all rows (one per row is slow at 1,000 runs). A front end gets the first rows with the widget's state
(``page``) and asks for the others; then it gets only news. Rows are packed as :mod:`pdnb.kernel.run_feed` says.

=====================================================================  ==============================================
it asks                                                                it is answered, always with its ``seq``
=====================================================================  ==============================================
``{"act": "page", "cursor"}``                                          ``{"kinds", "rows", "next"}``
``{"act": "detail", "id", "seen"}``                                    ``{"run"}``, ``null`` if that version was seen
``{"act": "links", "id"}``                                             ``{"resume_url", "cancel_url"}``
``{"act": "resume", "id", "step", "runs", "body"? | "fields"?}``       ``{"run"}``
``{"act": "cancel", "id", "step", "runs", "reason"?}``, ``"retry"``    ``{"run"}``
any of them, when it cannot be done                                    ``{"error", "problems"?}``
=====================================================================  ==============================================

News come without ``seq``: ``{"kinds", "rows"}``. ``step`` and ``runs`` are those that were on display; ``fields`` holds
strings, as an HTML form sends them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from pdnb import client
from pdnb.client import current_user
from pdnb.coordination.home import Home
from pdnb.decisions import answer_from_fields, decide, read_action
from pdnb.errors import BadAnswer, PdnbError
from pdnb.kernel.fallback_panel import Following
from pdnb.kernel.run_feed import RunFeed
from pdnb.kernel.watcher import Watcher
from pdnb.links import redact
from pdnb.model import JSON, Cancelled, Resumed, Retried
from pdnb.views import documents

_STATIC: Final = Path(__file__).parent.parent / "static"
_SOON_S: Final = 0.05  # many decisions at once are one look


class Panel(Following, anywidget.AnyWidget):
    """Runs in a table; ``limit`` is how many at the most."""

    _esm = _STATIC / "pdnb.js"
    _css = _STATIC / "pdnb.css"
    page = traitlets.Dict().tag(sync=True)

    def __init__(self, home: Home, watcher: Watcher, *, workflow: str | None = None, limit: int = 10_000) -> None:
        self._home = home
        self._feed = RunFeed(home, workflow, limit)
        self._timer: asyncio.TimerHandle | None = None
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # nobody runs a loop here
            self._loop = None
        super().__init__()
        self.on_msg(self._asked)
        watcher.watch(self._follow)

    def look(self) -> None:
        """Tell the front end what has changed in the store; without news this costs next to nothing."""
        self._timer = None
        if news := self._feed.news():
            self.send(self._feed.packed(news))

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:  # noqa: FBT001, FBT002  # ipywidgets'
        """The widget's state, with the first rows as they are now."""
        state = super().get_state(key=key, drop_defaults=drop_defaults)
        if "page" in state:
            state["page"] = self._feed.packed(self._feed.first())
        return state

    def _asked(self, _widget: object, content: Any, _buffers: object) -> None:
        seq = content.get("seq") if isinstance(content, dict) else None
        try:
            answer = self._answer(content)
        except BadAnswer as error:
            answer = {"error": redact(str(error)), "problems": [redact(problem) for problem in error.problems]}
        except (PdnbError, KeyError, TypeError, ValueError) as error:
            answer = {"error": redact(str(error))}
        self.send({"seq": seq, **answer})
        if "run" in answer or "error" in answer:
            self._look_soon()

    def _look_soon(self) -> None:
        if self._loop is None:
            self.look()
        else:  # a front end may ask in a thread of its own (a subshell), also while the kernel is busy
            self._loop.call_soon_threadsafe(self._schedule, self._loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is None:
            self._timer = loop.call_later(_SOON_S, self.look)

    def _answer(self, content: dict[str, Any]) -> dict[str, JSON]:
        act, store = content["act"], self._home.store
        if act == "page":
            runs, after = self._feed.page(str(content["cursor"]))
            return {**self._feed.packed(runs), "next": after, "now_ms": self._home.clock()}
        run_id = str(content["id"])
        if act == "detail":
            run = store.get(run_id)
            return {"run": None if run.revision == content.get("seen") else client.document(self._home, run)}
        if act == "links":
            return {**client.links(self._home, store.get(run_id))}
        return {"run": documents.summary(store.apply(run_id, self._event(act, run_id, content)))}

    def _event(self, act: str, run_id: str, content: dict[str, Any]) -> Resumed | Cancelled | Retried:
        action = read_action(act)
        step, runs = str(content["step"]), int(content["runs"])
        body, reason = content.get("body"), content.get("reason")
        if action == "resume" and (fields := content.get("fields")) is not None:
            body = answer_from_fields(self._home.store.prompt(run_id, step, runs), fields)
        if action == "cancel" and not isinstance(reason, str | None):
            raise TypeError(f"the reason is {reason!r}: use a text")
        now_ms, by = self._home.clock(), current_user()
        return decide(action, step, runs, at_ms=now_ms, via="panel", by=by, body=body, reason=reason)
