"""How long after a SIGKILL others go on: a worker's step in another worker, a server's clock in another server.

``python -m benchmarks.takeover [ROUNDS]``; what is asked for is at most 2 s.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.serving import begin, free_port, until_ready
from pdnb.coordination.home import Home, now_ms
from pdnb.model import Slept, Status
from pdnb.owner_id import OwnerId
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

# The first attempt waits to be killed; the second returns at once.
STEP = """
import pathlib, time
place = pathlib.Path(step.steps["trigger"]["event"]["at"])
if not place.exists():
    place.touch()
    time.sleep(600)
time.time()
"""
CODE = WorkflowVersion("hold", (Step("hold", STEP),), (), Environment(sys.executable, os.getcwd(), tuple(sys.path)))  # noqa: PTH109


def until(look: Callable[[], object]) -> None:
    """Wait until *look* is true."""
    end = time.monotonic() + 30
    while not look():
        if time.monotonic() > end:
            raise SystemExit("waited 30 s in vain")
        time.sleep(0.005)


def worker_lost(home: Home, place: Path, n: int) -> float:
    """Seconds from the SIGKILL of the worker until its step has run again."""
    mark = place / f"mark-{n}"
    run = home.store.add(CODE, {"at": str(mark)}, at_ms=now_ms())
    until(mark.exists)
    owner = OwnerId.parse(home.store.get(run.id).owner or "")
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    killed_s = time.time()
    until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)
    return float(home.store.exports(run.id)["hold"]["$return_value"]) - killed_s


def server_lost(home: Home, keeping: subprocess.Popen[bytes]) -> float:
    """Seconds from the SIGKILL of the leader until another server ends a due pause."""
    run = home.store.add(CODE, {"at": "/"}, at_ms=now_ms(), owner=home.owner)
    keeping.kill()
    keeping.wait()
    killed_ms = now_ms()
    home.store.apply(run.id, Slept(killed_ms, run.fence, kind="delay", due_ms=killed_ms))
    until(lambda: home.store.get(run.id).status.over)
    return ((home.store.get(run.id).ended_ms or 0) - killed_ms) / 1000


def main() -> None:
    """Print both."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdecimal() else 10
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        servers = [begin(place, port := free_port())]
        until_ready(place, port, servers[0])
        with Home(place / "store", kind="shell") as home:
            workers = [worker_lost(home, place, n) for n in range(rounds)]
            lost = []
            for _ in range(rounds):
                servers.append(begin(place, port := free_port()))
                time.sleep(3)  # it stands by
                lost.append(server_lost(home, servers.pop(0)))
        servers[0].terminate()
        servers[0].wait(20)
    for name, found in (("a worker's step in another", workers), ("the clock in another server", lost)):
        print(f"{name:<28} median {statistics.median(found):.2f} s, worst {max(found):.2f} s of {rounds}")


if __name__ == "__main__":
    main()
