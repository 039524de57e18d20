"""The panel for hosts without its front end: as text for a terminal, as plain widgets where ipywidgets are drawn.

What users wrote is escaped and loses working links.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final, Literal

import ipywidgets

from pdnb.client import current_user
from pdnb.coordination.home import Home
from pdnb.decisions import decide
from pdnb.errors import PdnbError
from pdnb.kernel.run_feed import PAGE, RunFeed
from pdnb.kernel.watcher import Watcher
from pdnb.links import redact
from pdnb.model import RunRecord, Status
from pdnb.text import clip, relative, span
from pdnb.views.phrases import harmless
from pdnb.views.vocabulary import VERBS

_SHOWN: Final = 50
_CANCEL: Final = VERBS["cancel"]
_CELL: Final = 'style="padding:3px 12px 3px 0;text-align:left;vertical-align:top"'


def as_text(runs: Iterable[RunRecord], counts: Mapping[Status, int], now_ms: int) -> str:
    """The runs as lines, below one that counts all of them."""
    head = ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "no runs yet"
    return "\n".join([f"Runs: {head}", *(f"  {'  '.join(_cells(run, now_ms))}".rstrip() for run in runs)])


class Following:
    """What all panels share: they are text in a terminal, and follow the store until they are closed."""

    comm: Any
    _home: Home
    _feed: RunFeed

    def look(self) -> None:
        """Draw what has changed."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """The first rows as text: what a terminal shows."""
        return as_text(self._feed.page(size=20)[0], self._home.store.counts(), self._home.clock())

    def _follow(self) -> bool:
        if self.comm is None:  # closed
            return False
        self.look()
        return True


class PlainPanel(Following, ipywidgets.VBox):
    """A table as HTML, a list of the suspended runs, and Approve and Cancel for the one picked there."""

    def __init__(self, home: Home, watcher: Watcher, *, workflow: str | None = None) -> None:
        self._home, self._workflow = home, workflow
        self._feed = RunFeed(home, workflow, PAGE)
        self._table = ipywidgets.HTML()
        self._picked = ipywidgets.Dropdown(description="Run")
        self._reason = ipywidgets.Text(description="Comment", placeholder="goes along, as the reason when cancelled")
        self._notice = ipywidgets.HTML()
        approve = ipywidgets.Button(description=VERBS["resume"].buttons[Status.SUSPENDED], button_style="primary")
        cancel = ipywidgets.Button(description=_CANCEL.buttons[Status.SUSPENDED], tooltip=_CANCEL.warning)
        approve.on_click(lambda _: self._decide("resume"))
        cancel.on_click(lambda _: self._decide("cancel"))
        buttons = ipywidgets.HBox([approve, cancel])
        super().__init__([self._table, self._picked, self._reason, buttons, self._notice])
        self._draw()
        watcher.watch(self._follow)

    def look(self) -> None:
        """Draw again if something has changed."""
        if self._feed.changes():
            self._draw()

    def _draw(self) -> None:
        runs, now_ms = self._feed.page()[0], self._home.clock()
        rows = "".join(
            f"<tr>{''.join(f'<td {_CELL}>{escape(cell)}</td>' for cell in _cells(run, now_ms))}</tr>"
            for run in runs[:_SHOWN]
        )
        more = f"<p>and {len(runs) - _SHOWN} more</p>" if len(runs) > _SHOWN else ""
        self._table.value = f"<table>{rows}</table>{more}" if runs else "<p>No runs yet. Start one with %pdnb run.</p>"
        before = self._picked.value
        waiting = [run for run in runs if run.status is Status.SUSPENDED]
        self._picked.options = [(f"{run.id[-5:]}  {'  '.join(_cells(run, now_ms)[:3])}", _key(run)) for run in waiting]
        if before in [_key(run) for run in waiting]:
            self._picked.value = before

    def _decide(self, action: Literal["resume", "cancel"]) -> None:
        if self._picked.value is None:
            return
        (run_id, step, runs), text = self._picked.value, self._reason.value.strip()
        now_ms, by = self._home.clock(), current_user()
        body, reason = {"comment": text} if text else None, text or None
        event = decide(action, step, runs, at_ms=now_ms, via="panel", by=by, body=body, reason=reason)
        try:
            run = self._home.store.apply(run_id, event)
        except PdnbError as error:
            self._notice.value = escape(redact(str(error)))
        else:
            self._notice.value = escape(f"{harmless(run.workflow)}: {VERBS[action].done[Status.SUSPENDED]} by you")
            self._reason.value = ""
        self.look()


def _key(run: RunRecord) -> tuple[str, str, int]:
    return run.id, run.step, run.runs


def _cells(run: RunRecord, now_ms: int) -> tuple[str, str, str, str]:
    summary = (run.error if run.status in (Status.FAILED, Status.QUEUED) else run.summary) or run.summary or ""
    when = relative(run.since_ms, now_ms) if run.status.over else f"for {span(now_ms - run.since_ms)}"
    lines = (f"{run.workflow} · {run.step}", str(run.status), when, summary)
    return tuple(harmless(clip(" ".join(text.split()), 80)) for text in lines)  # type: ignore[return-value]  # four of them
