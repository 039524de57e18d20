"""1,000 POSTs from 20 processes on one suspension, through a real server: one is 200, 999 are 409, in every round.

``python -m benchmarks.one_winner [ROUNDS]`` prints a row per round; any other outcome ends it with an error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.serving import server
from pdnb.coordination.home import Home, now_ms
from pdnb.model import Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

PROCESSES: Final = 20
REQUESTS: Final = 1_000

#: One caller: connect for every request, report that, wait for the moment, send all, then read every reply.
_CALLER: Final = """
import json, socket, sys, time
requests = json.loads(sys.stdin.readline())
sockets = []
for port, _ in requests:
    sockets.append(socket.create_connection(("127.0.0.1", port), timeout=60))
print("ready", flush=True)
time.sleep(max(0.0, float(sys.stdin.readline()) - time.time()))
for one, (_, text) in zip(sockets, requests):
    one.sendall(text.encode())
answers = []
for one in sockets:
    heard = b""
    while piece := one.recv(65536):
        heard += piece
    answers.append(heard.decode())
    one.close()
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Reply:
    """One caller's reply: HTTP status, and the JSON that came with it."""

    status: int
    document: dict[str, Any]


def storm(requests: Sequence[tuple[int, str, bytes]], *, at_s: float | None = None) -> list[Reply]:
    """The reply to each ``(port, path, body)``, all POSTed at Unix time *at_s* or as soon as all are connected."""
    callers = []
    for i in range(PROCESSES):
        process = subprocess.Popen([sys.executable, "-Sc", _CALLER], stdin=-1, stdout=-1, text=True)
        assert process.stdin is not None
        mine = [(port, _request(path, body)) for port, path, body in requests[i::PROCESSES]]
        process.stdin.write(json.dumps(mine) + "\n")
        process.stdin.flush()
        callers.append(process)
    for process in callers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "a caller could not connect"
    replies: list[Reply] = [Reply(0, {})] * len(requests)
    moment = f"{at_s or time.time() + 0.05}\n"
    for process in callers:
        assert process.stdin is not None
        process.stdin.write(moment)
        process.stdin.flush()
    for i, process in enumerate(callers):
        heard, _ = process.communicate(timeout=60)
        replies[i::PROCESSES] = [_reply(answer) for answer in json.loads(heard)]
    return replies


def _request(path: str, body: bytes) -> str:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body.decode()}"


def _reply(answer: str) -> Reply:
    head, _, body = answer.partition("\r\n\r\n")
    return Reply(int(head.split(" ")[1]), json.loads(body))


def main(rounds: int = 20) -> None:
    """Run and print."""
    version = WorkflowVersion("one winner", (Step("ask", ""), Step("after", "")), (), Environment(sys.executable, "/"))
    print(f"{REQUESTS:,} POSTs from {PROCESSES} processes on one suspension, {os.cpu_count()} cores")
    print(f"{'round':>5} {'200':>5} {'409':>5} {'other':>5} {'seconds':>8}  winner")
    with (
        tempfile.TemporaryDirectory(prefix="pdnb-bench-") as place,
        server(Path(place), "--PdnbApp.max_workers=0") as store,
        Home(store, kind="shell") as home,
    ):
        for number in range(1, rounds + 1):
            run = home.store.add(version, None, at_ms=now_ms(), owner=home.owner)
            run = home.store.apply(run.id, Suspended(now_ms(), run.fence, due_ms=now_ms() + 3_600_000))
            url = urlsplit(str(home.link("resume", run)))
            began = time.perf_counter()
            replies = storm([(url.port or 0, url.path, b"%d" % i) for i in range(REQUESTS)])
            took_s = time.perf_counter() - began
            counts = Counter(one.status for one in replies)
            other = REQUESTS - counts[200] - counts[409]
            kept = home.store.exports(run.id)["ask"]["$resume_data"]["body"]
            print(f"{number:>5} {counts[200]:>5} {counts[409]:>5} {other:>5} {took_s:>8.2f}  {kept}")
            if (counts[200], other) != (1, 0) or replies[kept].status != 200:
                sys.exit("not exactly one winner, or another body than the winner's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
