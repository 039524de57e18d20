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

_EVERY_S: Final = 0.5


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


@contextmanager
def publishing(
    directory: Path, run: RunRecord, snapshot: Callable[[], dict[str, JSON]], notify: Callable[[], object]
) -> Iterator[None]:
    """While the block lasts, publish what *snapshot* returns, and call *notify* whenever it has changed.

    *snapshot* and *notify* are called in a thread of their own.
    """
    path, over = _path(directory, run.id), threading.Event()
    head = {"fence": run.fence, "step": run.step, "runs": run.runs}
    written = False

    def publish() -> None:
        nonlocal written
        before = ""
        while not over.wait(_EVERY_S):
            text = redact(json.dumps({**head, **snapshot()}))
            if text != before:
                with suppress(OSError):  # a full disk is no error of the step
                    path.parent.mkdir(mode=0o700, exist_ok=True)
                    written = True
                    write_private(path, text)
                    notify()
                before = text

    publisher = threading.Thread(target=publish, name="pdnb-progress", daemon=True)
    publisher.start()
    try:
        yield
    finally:
        over.set()
        publisher.join()
        if written:
            path.unlink(missing_ok=True)


def remove_stale(directory: Path, running: set[str]) -> None:
    """Remove the files that dead processes left: all but those of the runs whose ids are in *running*."""
    for path in (directory / "progress").glob("*.json"):
        if path.stem not in running:
            path.unlink(missing_ok=True)


def _path(directory: Path, run_id: str) -> Path:
    return directory / "progress" / f"{run_id}.json"
