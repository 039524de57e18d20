"""10,000 pauses that fell due while no server ran: each ends once and in order, and the event loop never stands still.

``python -m benchmarks.overdue [PAUSES]``. Measured from outside, from the server's first answer to the last pause's
end: ``/api`` is answered by the event loop alone, a link's page also waits for its turn with the store. With
``max_workers=0``: what the runs would do next takes no part. In which order the pauses ended is read from the times
that the store's rows carry. The same two questions are put to the server at rest, for comparison.
"""

from __future__ import annotations

import http.client
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.filling import Filling
from benchmarks.serving import begin, free_port
from pdnb.coordination.home import Home, now_ms
from pdnb.model import End, RunRecord, Slept, Status, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

PAUSES: Final = 10_000
WORKFLOWS: Final = 5
TARGET_MS: Final = 100

_HOUR: Final = 3_600_000
_BREATH_S: Final = 0.002  # between an answer and the next question
_REST_S: Final = 5.0
_KINDS: Final = ("suspend, cancel", "suspend, resume", "rerun", "delay")


@dataclass(frozen=True)
class Asked:
    """One overdue pause: its kind and the run as it waited."""

    kind: str
    run: RunRecord


@dataclass
class Probe:
    """Who asks the server for *path* again and again; ``answers``: when each was asked for, and its seconds."""

    port: int
    path: str
    answers: list[tuple[float, float]] = field(default_factory=list)
    other: int = 0  # answers that were not 200

    def ask(self, stop: threading.Event) -> None:
        while not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                while not stop.is_set():
                    began = time.time()
                    connection.request("GET", self.path)
                    answer = connection.getresponse()
                    answer.read()
                    self.answers.append((began, time.time() - began))
                    self.other += answer.status != 200
                    time.sleep(_BREATH_S)
            except OSError:  # it does not listen yet
                time.sleep(_BREATH_S)
            finally:
                connection.close()

    def times_ms(self, from_s: float, until_s: float) -> list[float]:
        """Milliseconds of those asked for in that time."""
        return [took * 1e3 for began, took in self.answers if from_s <= began <= until_s]


@contextmanager
def asking(*probes: Probe) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=probe.ask, args=(stop,)) for probe in probes]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def ask(store: Filling, pauses: int, seed: int = 1) -> list[Asked]:
    """*pauses* of every kind in several workflows, due at random moments of the past hour; in the order of these."""
    chance, since = random.Random(seed), now_ms() - 2 * _HOUR
    codes = [_code(f"workflow {n}") for n in range(WORKFLOWS)]
    asked = []
    with store.together():
        for _ in range(pauses):
            kind, due = chance.choice(_KINDS), since + _HOUR + chance.randrange(_HOUR)
            run = store.add(chance.choice(codes), None, at_ms=since, owner="bench")
            asked.append(Asked(kind, store.apply(run.id, _pause(kind, run, since, due))))
    return sorted(asked, key=lambda one: (one.run.due_ms, one.run.id))


def _code(name: str) -> WorkflowVersion:
    return WorkflowVersion(name, (Step("ask", "1"), Step("after", "2")), (), Environment(sys.executable, "/"))


def _pause(kind: str, run: RunRecord, at_ms: int, due_ms: int) -> End:
    if kind == "rerun":
        return Slept(at_ms, run.fence, kind="rerun", due_ms=due_ms)
    if kind == "delay":
        return Slept(at_ms, run.fence, kind="delay", due_ms=due_ms)
    return Suspended(at_ms, run.fence, due_ms=due_ms, on_timeout="cancel" if kind.endswith("cancel") else "resume")


def faults(store: Filling, asked: list[Asked]) -> dict[str, int]:
    """How many pauses did not end as they should; all 0. *asked* in the order of their times."""
    found = Counter[str]()
    moments = list(_moments(store, asked))
    for one in asked:
        run, attempts = store.get(one.run.id), store.attempts(one.run.id)
        decisions = [attempt.decision for attempt in attempts if attempt.decision]
        cancels = one.kind.endswith("cancel")
        found["never"] += not decisions
        found["twice"] += len(decisions) > 1 or run.revision > one.run.revision + 1
        found["early"] += any(decision.at_ms < (one.run.due_ms or 0) for decision in decisions)
        found["otherwise"] += [d.what for d in decisions] != ["timed out" if cancels else "elapsed"]
        found["otherwise"] += run.status is not (Status.CANCELLED if cancels else Status.QUEUED)
    found["out of order"] += sum(before > after for before, after in pairwise(moments))
    return dict(found)


def _moments(store: Filling, asked: list[Asked]) -> Iterator[float]:
    """When each one's decision was written, in Unix seconds."""
    with closing(sqlite3.connect(f"file:{store.directory / 'cache.db'}?mode=ro", uri=True)) as connection:
        for one in asked:
            key = f"attempt/{one.run.id}/"
            query = "SELECT max(store_time) FROM Cache WHERE key > ? AND key < ?"
            yield connection.execute(query, (key, f"{key}~")).fetchone()[0]


def main() -> None:
    """Measure and print."""
    pauses = int(sys.argv[1]) if len(sys.argv) > 1 else PAUSES
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        place, port = Path(name), free_port()
        with Home(place / "store", kind="shell") as home:
            store = Filling(home.directory, home.links)
            asked = ask(store, pauses)
            waits = store.add(_code("waits"), None, at_ms=now_ms(), owner="bench")
            waits = store.apply(waits.id, Suspended(now_ms(), waits.fence, due_ms=now_ms() + 24 * _HOUR))
            path = urlsplit(str(home.link("resume", waits))).path
        probes = Probe(port, "/api"), Probe(port, path)
        began = time.time()
        process = begin(place, port, "--PdnbApp.max_workers=0")
        try:
            with asking(*probes):
                while (store.next_due_ms() or 0) < now_ms():
                    if process.poll() is not None or time.time() > began + 300:
                        raise SystemExit("the server did not come to the end")
                    time.sleep(0.1)
                rests = time.time()
                time.sleep(_REST_S)
        finally:
            process.terminate()
            process.wait(20)
        moments = list(_moments(store, asked))
        _print(probes, asked, began, moments, rests)
        wrong = faults(store, asked)
        store.close()
    print("  ended: " + ", ".join(f"{fault} {n}" for fault, n in wrong.items()))
    if any(wrong.values()) or any(probe.other for probe in probes):
        sys.exit("not every pause ended once, as it should and in order, or not every question was answered with 200")


def _print(probes: tuple[Probe, Probe], asked: list[Asked], began: float, moments: list[float], rests: float) -> None:
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(Counter(one.kind for one in asked).items()))
    first = sum(probes[0].answers[0])
    print(f"{len(asked)} pauses due before the server starts, {os.cpu_count()} cores: {kinds}")
    print(
        f"  from the server's start: first answer {first - began:.2f} s, "
        f"first pause ended {min(moments) - began:.2f} s, last {max(moments) - began:.2f} s"
    )
    for what, probe in zip(("the event loop (/api)", "a link's page (with the store)"), probes, strict=True):
        busy, rest = probe.times_ms(first, max(moments)), probe.times_ms(rests, rests + _REST_S)
        p99 = statistics.quantiles(busy, n=100, method="inclusive")[-1]
        print(
            f"  {what}: longest {max(busy):.1f} ms, p99 {p99:.1f} ms, "
            f"median {statistics.median(busy):.1f} ms ({len(busy)} answers); "
            f"at rest longest {max(rest):.1f} ms, median {statistics.median(rest):.1f} ms"
        )
    blocked = max(probes[0].times_ms(first, max(moments)))
    print(f"  target: the loop never blocked for {TARGET_MS} ms: {'met' if blocked < TARGET_MS else 'MISSED'}")


if __name__ == "__main__":
    main()
