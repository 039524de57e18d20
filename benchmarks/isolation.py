"""What a process of its own costs a wake-up: wake-ups a second, CPU and memory, at both levels of isolation.

One worker drives runs of one step that are queued already, as after their pauses. ``fork`` and ``spawn`` are the two
ways in which executors begin. CPU is that of the worker, and of its fork server and executors together.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from pdnb.coordination.home import Home, now_ms
from pdnb.executor.executors import Executors
from pdnb.workers.worker import Worker
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

RUNS, SPAWNED = 300, 20

_PANDAS = "import pandas as pd\nimport matplotlib.pyplot as plt"


def main() -> None:
    """Measure and print."""
    print(f"one worker, {os.cpu_count()} cores, {RUNS} wake-ups of a step that returns 1 ({SPAWNED} where spawned)")
    for setup, of in ((), "nothing imported"), ((_PANDAS,), "pandas and pyplot imported"):
        measure("wake-up", "fork", setup, of)
        measure("workflow", "fork", setup, of)
        measure("wake-up", "spawn", setup, of)


def measure(isolation: Literal["wake-up", "workflow"], method: Literal["fork", "spawn"], setup: Any, of: str) -> None:
    """Measure one level, and print a line."""
    runs = RUNS if method == "fork" else SPAWNED
    os.environ["PDNB_ISOLATION"] = isolation  # as a server's setting would: a worker reads it at every wake-up
    here = Environment(sys.executable, str(Path.cwd()), tuple(filter(None, sys.path)))
    version = WorkflowVersion("isolation", (Step("one", "1"),), tuple(setup), here)
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name, Home(Path(name), kind="worker") as home:
        executors = Executors(here, home.lock, isolation=isolation, method=method)
        worker = Worker(home, here, executors)
        for _ in range(runs + 5):
            home.store.add(version, None, at_ms=now_ms())
        for _ in range(5):  # starts the fork server, lets it import what is wanted
            worker.work_once()
        others, began, took = _cpu(resource.RUSAGE_CHILDREN), _cpu(resource.RUSAGE_SELF), []
        start = time.perf_counter()
        for _ in range(runs):
            one = time.perf_counter()
            worker.work_once()
            took.append((time.perf_counter() - one) * 1000)
        whole, own = time.perf_counter() - start, _cpu(resource.RUSAGE_SELF) - began
        memory = [_private_mib(pid) for pid in (executors.server.pid, *_children(executors.server.pid)[-1:])]
        worker.close()
        others = _cpu(resource.RUSAGE_CHILDREN) - others
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    print(
        f"  {isolation}, {method}, {of}: {runs / whole:5.0f} a second, {p50:5.1f} ms p50, {p95:5.1f} ms p95; "
        f"CPU a wake-up: worker {own / runs * 1000:.1f} ms, its children {others / runs * 1000:.1f} ms; "
        f"private memory: fork server, spare: {', '.join(f'{mib:.1f}' for mib in memory)} MiB",
        flush=True,
    )


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _private_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


if __name__ == "__main__":
    main()
