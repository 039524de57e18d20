"""The newest output and progress of a step at work, in a small file that others read; gone when the attempt ends.

Rules:

- It is a picture, not a record: nothing is lost with it, so nothing waits for it and no commit is made.
- It is written at most twice a second, and only when something has changed; a shorter step never writes one.
- No working link is in it, and only the user who owns the store can read it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pdnb.coordination.files import write_private
from pdnb.links import redact
from pdnb.model import JSON, RunRecord, Status

#: How often what a step does is published, in seconds.
EVERY_S: Final = 0.5


def read(directory: Path, run: RunRecord) -> dict[str, JSON] | None:
    """What the present attempt of *run* has published: ``{"outputs": […], "progress": {…} | None}``, or ``None``."""
    if run.status is not Status.RUNNING:
        return None
    try:
        found: dict[str, Any] = json.loads(_path(directory, run.id).read_text())
        present = (found["fence"], found["step"], found["runs"]) == (run.fence, run.step, run.runs)
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or not a whole one
        return None
    return {"outputs": list(found["outputs"]), "progress": found["progress"]} if present else None


class Publisher:
    """Publishes what *snapshot* returns while the present attempt of *run* is at work; *notify* is called after it."""

    def __init__(
        self, directory: Path, run: RunRecord, snapshot: Callable[[], dict[str, JSON]], notify: Callable[[], object]
    ) -> None:
        self._path = _path(directory, run.id)
        self._head = {"fence": run.fence, "step": run.step, "runs": run.runs}
        self._snapshot = snapshot
        self._notify = notify
        self._before = ""
        self._written = False

    def publish(self) -> None:
        """Publish what has changed. To be called every ``EVERY_S`` seconds."""
        text = redact(json.dumps({**self._head, **self._snapshot()}))
        if text != self._before:
            with suppress(OSError):  # a full disk is no error of the step
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                self._written = True
                write_private(self._path, text)
                self._notify()
            self._before = text

    def end(self) -> None:
        """The attempt has ended: there is nothing to see any more."""
        if self._written:
            self._path.unlink(missing_ok=True)

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Publish in a thread of its own while the block lasts."""
        over = threading.Event()

        def body() -> None:
            while not over.wait(EVERY_S):
                self.publish()

        thread = threading.Thread(target=body, name="pdnb-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.end()


def remove_stale(directory: Path, running: set[str]) -> None:
    """Remove the files that dead processes left: all but those of the runs whose ids are in *running*."""
    for path in (directory / "progress").glob("*.json"):
        if path.stem not in running:
            path.unlink(missing_ok=True)


def _path(directory: Path, run_id: str) -> Path:
    return directory / "progress" / f"{run_id}.json"
