"""What ``pdnb run`` shows while a run goes on: a live table of the steps on a terminal, else a line per event.

Rules:

- What a step prints in this process is seen as it prints; what it prints in a worker, when its attempt ends.
- After a commit of this process the display is updated before the next step begins, so that lines come in order; for
  the commits of others it is updated several times a second.
- An error of the display ends no run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.live import Live

from pdnb import codec
from pdnb.cli import display
from pdnb.coordination import progress
from pdnb.coordination.home import Home
from pdnb.errors import PdnbError
from pdnb.text import relative
from pdnb.views import documents
from pdnb.views.phrases import attempt_name, attempt_state, attempt_word, output_text
from pdnb.views.vocabulary import STATUSES, STEP_STATES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pdnb.model import Attempt, RunRecord

_EVERY_S: Final = 0.2


class WatchedHome(Home):
    """A home that also calls ``on_commit`` when the thread that opened it has committed something."""

    def __init__(self, directory: Path) -> None:
        self.on_commit: Callable[[], object] = lambda: None
        self._thread = threading.get_ident()
        super().__init__(directory, kind="shell")

    def notify(self) -> None:
        """Notify the other processes, then call ``on_commit``."""
        super().notify()
        if threading.get_ident() == self._thread:
            self.on_commit()


class Follower:
    """Shows one run on *console* from :meth:`begin` on."""

    def __init__(self, home: Home, console: Console) -> None:
        self._home = home
        self._console = console
        self._lock = threading.Lock()
        self._run: RunRecord | None = None
        self._revision = 0
        self._shown: set[tuple[int, int]] = set()
        self._begun: tuple[int, int] | None = None
        self._took: dict[str, int] = {}  # milliseconds, by step
        self._kept_by: str | None = None
        self._published: dict[str, Any] | None = None
        self._progress = ("", -1.0)  # text and share that were shown last

    def begin(self, run_id: str) -> None:
        """Show this run from now on."""
        self._run = self._home.store.get(run_id)
        self.update()

    def update(self) -> None:
        """Read the run and show what is new."""
        with self._lock, suppress(PdnbError):
            if self._run is None:
                return
            run = self._home.store.get(self._run.id)
            published = progress.read(self._home.directory, run)
            if run.revision != self._revision:
                for attempt in self._home.store.attempts(run.id):
                    if attempt.ended_ms is not None and (attempt.position, attempt.runs) not in self._shown:
                        self._shown.add((attempt.position, attempt.runs))
                        self._show_end(documents.redacted_attempt(attempt), run)
                self._show_begin(run)
            self._run, self._revision, self._published = run, run.revision, published
            if published and published["progress"] and not self._live:
                self._show_progress(published["progress"])

    def draw(self) -> Table | str:
        """The steps as they were at the last update."""
        run, published = self._run, self._published
        if run is None:
            return ""
        times = {step: display.seconds(ms) for step, ms in self._took.items()}
        if run.status == "running":
            parts = [display.seconds(self._home.clock() - run.since_ms)]
            if published and published["progress"]:
                parts.append(display.far(published["progress"]))
            if published and run.owner != self._home.owner and (line := _last_line(published["outputs"])):
                parts.append(line)
            times[run.step] = " · ".join(parts)
        elif run.due_ms is not None:
            times[run.step] = f"due {relative(run.due_ms, self._home.clock())}"
        return display.steps(documents.summary(run), times)

    @property
    def _live(self) -> bool:
        return self._console.is_terminal

    def _show_begin(self, run: RunRecord) -> None:
        if run.status == "queued" and run.error is not None and run.error != self._kept_by:
            self._console.print(display.text_of(run.error), soft_wrap=True)  # what keeps it from going on
        self._kept_by = run.error if run.status == "queued" else None
        if run.status == "running" and self._begun != (run.position, run.runs) and not self._live:
            self._begun = (run.position, run.runs)
            self._console.print(display.text_of(f"{STATUSES[run.status].sign} {attempt_name(run.step, run.runs)}"))

    def _show_end(self, attempt: Attempt, run: RunRecord) -> None:
        """Show the outputs of an attempt; what it printed in this process is on the screen already."""
        here = attempt.owner == self._home.owner
        for output in attempt.outputs:
            if not here or output.get("output_type") == "error":
                self._console.print(display.text_of(output_text(output).rstrip("\n")), soft_wrap=True)
        ms = (attempt.ended_ms or attempt.started_ms) - attempt.started_ms
        self._took[attempt.step] = self._took.get(attempt.step, 0) + ms
        if not self._live:
            self._console.print(display.text_of(self._line(attempt, run, ms)))

    def _line(self, attempt: Attempt, run: RunRecord, ms: int) -> str:
        ended, now = codec.attempt_dict(attempt), documents.summary(run)
        state, word = STEP_STATES[attempt_state(ended, now)], attempt_word(ended, now)
        took = f", {display.seconds(ms)}" if word != run.status else ""  # while it waits, its time is no news
        return f"{state.sign} {attempt.step}: {word}{took}"

    def _show_progress(self, now: dict[str, Any]) -> None:
        """A line of its own, but not for less than a tenth."""
        text, share = now["text"] or "", now["done"] / (now["total"] or 1)
        if text != self._progress[0] or share >= self._progress[1] + 0.1 or share < self._progress[1]:
            self._progress = (text, share)
            self._console.print(display.text_of(f"  {display.far(now)}"))


@contextmanager
def following(home: WatchedHome, console: Console) -> Iterator[Follower]:
    """While the block lasts, show the run that is given to :meth:`Follower.begin`."""
    over, follower = threading.Event(), Follower(home, console)

    def watch() -> None:
        while not over.wait(_EVERY_S):
            follower.update()
        home.store.close()  # this thread's connection

    watcher = threading.Thread(target=watch, name="pdnb-follow", daemon=True)
    live = Live(console=console, get_renderable=follower.draw, refresh_per_second=8, redirect_stderr=False)
    home.on_commit = follower.update
    watcher.start()
    try:
        if console.is_terminal:
            live.start()
        yield follower
    finally:
        home.on_commit = lambda: None
        over.set()
        watcher.join()
        follower.update()
        live.stop()


def until_it_pauses(home: Home, run_id: str) -> None:
    """Block while a server's workers work on the run; without a server, return at once if it is queued."""
    while True:
        row = home.store.get(run_id)
        if row.status.waits or row.status.over or (row.status == "queued" and not home.has_leader()):
            return
        home.notifier.wait(_EVERY_S)


def _last_line(outputs: list[dict[str, Any]]) -> str:
    lines = "\n".join(output_text(output) for output in outputs[-1:]).strip().splitlines()
    return lines[-1][:200] if lines else ""
