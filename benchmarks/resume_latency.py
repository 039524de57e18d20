"""From just before the POST to a resume link is sent, to the first line of the next step; durable commits included.

Warm: a worker of the run's environment waits for a notification. Cold: every run has an environment of its own, so
that a worker has to be started for it; the workflow imports only the standard library. Beside them stands what one bare
commit costs on the same disk, in the same journal mode.
"""

from __future__ import annotations

import http.client
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serving import server
from pdnb.client import start
from pdnb.coordination.home import Home
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

WARM, COLD, COMMITS = 200, 40, 300

_ASK = Step("ask", "def handler(pd):\n    pd.flow.suspend()")
_NEXT = Step("next", "import time\ntime.time_ns()")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        place = Path(name)
        commits = [_bare_commits(place)]
        with server(place) as store, Home(store, kind="shell") as home:
            _one(home, place)  # starts the worker
            warm = [_one(home, place) for _ in range(WARM)]
            cold = []
            for i in range(COLD):
                (place / f"cwd-{i}").mkdir()
                cold.append(_one(home, place / f"cwd-{i}"))
        commits.append(_bare_commits(place))
    print(f"resume → first line of the next step, {os.cpu_count()} cores, SQLite {sqlite3.sqlite_version}")
    for label, times in (("warm worker", warm), ("cold worker", cold)):
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(f"  {label}: median {p50:6.1f} ms   p95 {p95:6.1f} ms   worst {max(times):6.1f} ms   ({len(times)} runs)")
    before, after = commits
    print(f"  one bare commit (rollback journal, synchronous=FULL): {before:.2f} ms before, {after:.2f} ms after")


def _one(home: Home, cwd: Path) -> float:
    """Milliseconds for one run."""
    version = WorkflowVersion(
        "latency", (_ASK, _NEXT), (), Environment(sys.executable, str(cwd), tuple(filter(None, sys.path)))
    )
    run = start(home, version, show=False)
    url = urlsplit(str(run.resume_url))
    connection = http.client.HTTPConnection(url.netloc)
    connection.connect()
    sent = time.time_ns()
    connection.request("POST", url.path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"the link answered {answer.status}")
    run.wait(30_000)
    first: int = run.exports["next"]["$return_value"]
    return (first - sent) / 1e6


def _bare_commits(place: Path) -> float:
    """Milliseconds for one commit of one row of 1 KB."""
    connection = sqlite3.connect(place / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = delete")
    connection.execute("PRAGMA synchronous = 2")
    connection.execute("CREATE TABLE IF NOT EXISTS t (value)")
    began = time.perf_counter()
    for _ in range(COMMITS):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 1_000,))
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took / COMMITS * 1_000


if __name__ == "__main__":
    main()
