"""Workers and callers by fork: everything is imported once, so that one more costs milliseconds.

``python -m tests.chaos.zygote DIRECTORY HISTORY`` reads a job a line and answers with what became of it. The child is
what ``python -m pdnb.workers.worker`` is from its ``main()`` on, or a caller as ``pdnb.run()`` is one; the first is
killed as soon as its time has come, at its store operation, or when it has nothing to do it ends by itself.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from pdnb import client
from pdnb.coordination.home import Home
from pdnb.runtime import smtp
from pdnb.workers import worker
from tests.chaos import bodies, strike
from tests.chaos.history import History

_STARTS = 12  # runs that a caller starts, if it is let


def play(job: dict[str, Any], directory: Path, history: History) -> dict[str, Any]:
    """One child's life: ``{"pid", "killed", "place", "operations", "seconds", "code"}``."""
    board, began = strike.Board(), time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be(job, directory, history, board)
    descriptor = os.pidfd_open(pid)
    if not select.select([descriptor], [], [], job["after_s"])[0]:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(descriptor)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    code = None if killed else os.waitstatus_to_exitcode(status)
    left = {"place": board.place, "operations": board.operations, "seconds": time.monotonic() - began}
    return {"pid": pid, "killed": killed, "code": code, **left}


def _be(job: dict[str, Any], directory: Path, history: History, board: strike.Board) -> None:
    code = 1
    try:
        random.seed(job["seed"])
        strike.arm(str(directory), board, **job["strike"])
        if job["kind"] == "worker":
            worker.main(["--directory", str(directory), "--run", job["run"], "--idle", "0.5"])
        else:
            call(directory, history, random.Random(job["seed"]))
        code = 0
    except SystemExit as error:
        print(error, file=sys.stderr)
    except BaseException:  # noqa: BLE001  # whatever it is: the child must not go on as the zygote
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def call(directory: Path, history: History, rng: random.Random) -> None:
    """Start runs, one after the other, and drive each to its first pause or end."""
    with Home(directory, kind="kernel") as home:
        for _ in range(_STARTS):
            begin(home, history, rng, headless=False)


def begin(home: Home, history: History, rng: random.Random, *, headless: bool) -> None:
    """One more run; acknowledged as soon as the caller has its id."""
    name, number = rng.choice(list(bodies.WORKFLOWS)), rng.getrandbits(48)
    event = {"n": number, "history": str(history.path)}

    def started(run: client.Run) -> None:
        history.add("started", run=run.id, n=number)

    run = client.start(home, bodies.version(name), event, headless=headless, show=False, on_start=started)
    seen = run._seen
    history.add("seen", run=seen.id, step=seen.step, runs=seen.runs, status=seen.status, revision=seen.revision)


def main() -> None:
    sys.modules.setdefault(smtp.__name__, smtp)  # a worker imports it late: once for all children
    directory, history = Path(sys.argv[1]), History(sys.argv[2])
    for line in sys.stdin:
        print(json.dumps(play(json.loads(line), directory, history)), flush=True)


if __name__ == "__main__":
    main()
