"""SIGKILL for a server with 1,000 suspended runs; it starts again at the same port, and every link is still good.

``python -m benchmarks.restart [RUNS]``. Start-up is from the process's start until it answers and is the leader,
with that many runs and with none in turn; each of these servers is killed. Then every link that was given out before
the first kill is opened (a page, 200), and some of each kind are answered: those runs go on to their ends.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.filling import Filling
from benchmarks.serving import begin, free_port, until_ready
from pdnb.coordination.home import Home, now_ms
from pdnb.links import Target
from pdnb.model import RunRecord, Status, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

RUNS: Final = 1_000
ROUNDS: Final = 5
ANSWERED: Final = 10  # of each kind

_DAY: Final = 86_400_000


class Place:
    """A directory with a store of *runs* suspended runs, and the server that serves it now, if one does."""

    def __init__(self, directory: Path, runs: int) -> None:
        directory.mkdir()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        with Home(self.store, kind="shell") as home:
            self.runs = _ask(Filling(home.directory, home.links), runs)

    @property
    def store(self) -> Path:
        return self._directory / "store"

    def start(self) -> float:
        """Seconds until it answers and is the leader."""
        since_ns, began = time.time_ns(), time.perf_counter()
        self._process = begin(self._directory, self.port)
        until_ready(self._directory, self.port, self._process, since_ns=since_ns)
        return time.perf_counter() - began

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def stop(self) -> None:
        """As a person would; its workers end with it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


def _ask(store: Filling, runs: int) -> list[RunRecord]:
    where = Environment(sys.executable, "/", tuple(os.path.abspath(entry) for entry in sys.path))  # noqa: PTH100
    version = WorkflowVersion(
        "wait", (Step("ask", "def handler(pd):\n    pd.flow.suspend()"), Step("after", "7")), (), where
    )
    at_ms, found = now_ms(), []
    with store.together():
        for i in range(runs):
            run = store.add(version, {"note": i}, at_ms=at_ms, owner="bench")
            found.append(store.apply(run.id, Suspended(at_ms, run.fence, due_ms=at_ms + _DAY + i)))
    store.close()
    return found


def statuses(method: str, urls: Sequence[str]) -> Counter[int]:
    """What *method* on each URL is answered, over one connection."""
    found = Counter[int]()
    connection = http.client.HTTPConnection(urlsplit(urls[0]).netloc, timeout=30)
    for url in urls:
        connection.request(method, urlsplit(url).path, headers={"Accept": "text/html"})
        answer = connection.getresponse()
        answer.read()
        found[answer.status] += 1
    connection.close()
    return found


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        full, empty = Place(Path(name) / "full", runs), Place(Path(name) / "empty", 0)
        try:
            first = full.start()
            with Home(full.store, kind="shell") as home:
                minted = [Target(run.id, run.step, run.runs) for run in full.runs]
                resume = [home.links.url("resume", target) for target in minted]
                cancel = [home.links.url("cancel", target) for target in minted]
            full.kill()
            full_s, empty_s = [], []
            for _ in range(ROUNDS):
                empty_s.append(empty.start())
                empty.kill()
                full.kill()
                full_s.append(full.start())  # the last one stays
            print(f"SIGKILL with {runs} suspended runs, then a start at the same port, {os.cpu_count()} cores")
            for what, times in ((f"with {runs} runs", full_s), ("with none", empty_s)):
                print(f"  start-up {what}: median {statistics.median(times):.2f} s, worst {max(times):.2f} s", end="")
                print(f" ({ROUNDS} starts after a kill)")
            print(f"  the very first start, never killed before: {first:.2f} s")
            _links(full, resume, cancel)
        finally:
            full.stop()
            empty.stop()


def _links(full: Place, resume: list[str], cancel: list[str]) -> None:
    few = min(ANSWERED, len(resume) // 2)
    began = time.perf_counter()
    opened = statuses("GET", resume), statuses("GET", cancel)
    took_s = time.perf_counter() - began
    answered = statuses("POST", resume[:few]), statuses("POST", cancel[-few:])
    with Home(full.store, kind="shell") as home:
        ends = Counter(_end(home, run) for run in full.runs[:few] + full.runs[-few:])
    for what, page, act in zip(("resume", "cancel"), opened, answered, strict=True):
        print(f"  {what} links from before: opened: {_told(page)}; answered: {_told(act)}")
    print(f"  {2 * len(resume)} pages in {took_s:.1f} s; the answered runs: {_told(ends)}")
    good = all(set(counter) == {200} for counter in (*opened, *answered))
    if not good or ends != Counter({Status.SUCCEEDED: few, Status.CANCELLED: few}):
        sys.exit("not every link was good, or not every answered run came to its end")


def _end(home: Home, run: RunRecord) -> Status:
    until = time.monotonic() + 30
    while not (status := home.store.get(run.id).status).over and time.monotonic() < until:
        home.notifier.wait(0.1)
    return status


def _told(counts: Counter[int] | Counter[Status]) -> str:
    return ", ".join(f"{n} times {what}" for what, n in counts.items())


if __name__ == "__main__":
    main()
