"""What a step at work has said so far, where others can see it: a small file, gone when the attempt ends.

Rules:

- It is a picture, not a record: nothing is lost with it, so it is never waited for, and no commit is made.
- At most two are made a second, and none where nothing has changed; a step shorter than that never makes one.
- No working link is in it; the file is its owner's alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pdnb.coordination.liveness import write_private
from pdnb.links import redact
from pdnb.model import JSON, RunRecord, Status

_EVERY_S: Final = 0.5


def told(directory: Path, run: RunRecord) -> dict[str, JSON] | None:
    """What the present attempt of *run* has told of itself: ``{"outputs": […], "progress": {…} | None}``."""
    if run.status is not Status.RUNNING:
        return None
    try:
        found: dict[str, Any] = json.loads(_path(directory, run.id).read_text())
        mine = (found["fence"], found["step"], found["runs"]) == (run.fence, run.step, run.runs)
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or not for us
        return None
    return {"outputs": list(found["outputs"]), "progress": found["progress"]} if mine else None


@contextmanager
def telling(
    directory: Path, run: RunRecord, said: Callable[[], dict[str, JSON]], notify: Callable[[], object]
) -> Iterator[None]:
    """While the block lasts, put what *said* gives where :func:`told` finds it, and *ring*."""
    path, over = _path(directory, run.id), threading.Event()
    head = {"fence": run.fence, "step": run.step, "runs": run.runs}
    made = False

    def tell() -> None:
        nonlocal made
        before = ""
        while not over.wait(_EVERY_S):
            text = redact(json.dumps({**head, **said()}))
            if text != before:
                with suppress(OSError):  # a full disk is no error of the step
                    path.parent.mkdir(mode=0o700, exist_ok=True)
                    made = True
                    write_private(path, text)
                    notify()
                before = text

    teller = threading.Thread(target=tell, name="pdnb-progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        if made:
            path.unlink(missing_ok=True)


def sweep(directory: Path, running: set[str]) -> None:
    """Remove what dead processes left: all but the files of the runs *running*."""
    for path in (directory / "progress").glob("*.json"):
        if path.stem not in running:
            path.unlink(missing_ok=True)


def _path(directory: Path, run_id: str) -> Path:
    return directory / "progress" / f"{run_id}.json"
