"""What many runs cost: bytes on disk, the server that serves them, and the store with a million of them.

``python -m benchmarks.scale [--runs 1000000] [--workflows 100]``. First, stores of 1, 1,000 and 100,000 suspended
runs, each served: bytes per run, start-up, memory, threads and open files of the server after some links and lists.
Then a store of a million runs in 100 workflows, nearly all over, every thousandth suspended: changes beside the same
changes in a store that began empty, in turn, and looks. "Off the disk": the system no longer holds the file in memory.
The runs are copies of real ones, row by row. Memory is read from ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Final

from benchmarks.filling import Filling, Pattern, copy, last_row, mixed
from benchmarks.serving import begin, free_port, until_ready
from pdnb.coordination.home import Home, now_ms
from pdnb.model import Cancelled, Claimed, Raised, Resumed, Returned, RunRecord, Status, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

RUNS: Final = 1_000_000
SUSPENDED: Final = (1, 1_000, 100_000)
WORKFLOWS: Final = 100
EVERY: Final = 1_000  # every so many-th run of the million is suspended
CHANGES, COLD, LOOKS = 200, 50, 30
LOOK_TARGET_MS, CHANGE_TARGET = 50, 1.3

_DAY: Final = 86_400_000
_EVENT: Final = {"title": "A note on rivers", "words": 1_200, "author": "dana@example.org"}
_EXPORTS: Final = {"$return_value": {"draft": "Rivers move. " * 20, "score": 0.87}, "$summary": "Publish the note?"}
_REQUEST: Final = {"method": "POST", "path": "/pdnb/[link]", "query": {}, "headers": {"host": "x"}, "body": {"ok": 1}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="how many stored runs instead of a million")
    parser.add_argument("--workflows", type=int, default=WORKFLOWS, help="how many workflows these are of")
    given = parser.parse_args(None if __name__ == "__main__" else [])
    print(f"{os.cpu_count()} cores; each server with pdnb alone, max_workers=0")
    for count in SUSPENDED:
        with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
            _suspended(Path(name), count)
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        _many(Path(name), given.runs, given.workflows)


# ---- stores of suspended runs -------------------------------------------------------------------------------------


def _suspended(place: Path, count: int) -> None:
    store = _opened(place)
    bare = _size(store)
    pattern = _pattern(store, _code(0), "suspended")
    if count > 1:
        copy(store.directory, cycle([pattern]), from_ms=now_ms() - 1_000, until_ms=now_ms(), count=count - 1)
    full = _size(store)
    store.close()
    print(f"{count:>7,} suspended: {_bytes(full, bare, count)}; {_served(place)}")


def _bytes(full: int, bare: int, count: int) -> str:
    each = f"{(full - bare) / count:,.0f} bytes per run" if full > bare else "it fits into a page that is there"
    return f"{full / 1e6:.2f} MB on disk ({bare / 1e3:.0f} KB without a run), {each}"


def _served(place: Path) -> str:
    """What a server of the store in *place* takes, after 100 links' pages and 10 lists of 50."""
    port, began = free_port(), time.perf_counter()
    process = begin(place, port, "--PdnbApp.max_workers=0", "--IdentityProvider.token=bench")
    try:
        until_ready(place, port, process)
        start_s = time.perf_counter() - began
        with Home(place / "store", kind="shell") as home:
            runs = home.store.list(statuses=[Status.SUSPENDED], limit=100).runs
            for run in runs:
                _get(str(home.link("resume", run)))
        for _ in range(10):
            list_runs = _get(f"http://127.0.0.1:{port}/pdnb/api/runs?limit=50&status=suspended&token=bench")
        assert len(json.loads(list_runs)["runs"]) == min(50, len(runs))
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        files = len(os.listdir(f"/proc/{process.pid}/fd"))  # noqa: PTH208
        memory = int(status["VmRSS"].split()[0]) / 1024
        threads = status["Threads"].strip()
        return f"its server: ready in {start_s:.2f} s, {memory:.0f} MiB, {threads} threads, {files} open files"
    finally:
        process.terminate()
        process.wait(20)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: bytes = answer.read()
    return found


# ---- a million runs -----------------------------------------------------------------------------------------------


def _many(place: Path, runs: int, workflows: int) -> None:
    empty, full = _opened(place / "a"), _opened(place / "b")
    took_s = _fill(full, runs, workflows, every=EVERY)
    # the runs that the changes begin with: in the full store spread over all of it, in the other newly made
    _fill(empty, CHANGES, 1, every=1)
    kinds = ", ".join(f"{status} {n:,}" for status, n in full.counts().items() if n)
    print(f"{runs:,} runs in {workflows} workflows, filled in {took_s:.0f} s, {_size(full) / 1e9:.2f} GB: {kinds}")
    met = _changes(empty, full)
    met &= _looks(full)
    empty.close()
    full.close()
    print(f"  {_served(place / 'b')}")
    if not met:
        print("  not every target was met")


def _fill(store: Filling, runs: int, workflows: int, *, every: int) -> float:
    """*runs* more in a year, of so many workflows, every *every*-th suspended; the seconds that it took."""
    began = time.perf_counter()
    codes = [_code(n) for n in range(workflows)]
    over = [_pattern(store, code, kind) for code in codes for kind in ("succeeded",) * 4 + ("failed", "cancelled")]
    waiting = [_pattern(store, code, "suspended") for code in codes]
    until = now_ms() - 1_000
    patterns = mixed(over, waiting, every=every)
    copy(store.directory, patterns, from_ms=until - 365 * _DAY, until_ms=until, count=runs)
    return time.perf_counter() - began


def _looks(store: Filling) -> bool:
    waiting = [Status.SUSPENDED]
    cursor = store.list(limit=50).next
    looks: dict[str, Callable[[], object]] = {
        "list: 50 suspended": lambda: store.list(statuses=waiting, limit=50),
        "list: 50 suspended of one workflow": lambda: store.list(statuses=waiting, workflow="workflow 0", limit=50),
        "list: the newest 50": lambda: store.list(limit=50),
        "list: the next 50": lambda: store.list(limit=50, cursor=cursor),
        "list: the newest 50 of one workflow": lambda: store.list(workflow="workflow 0", limit=50),
        "counts": store.counts,
        "running, queued, next due (every look of the server)": lambda: (
            store.running(),
            store.queued_environments(),
            store.next_due_ms(),
        ),
    }
    met = True
    for what, look in looks.items():
        _forget(store)
        cold = _took_ms(look)
        times = [_took_ms(look) for _ in range(LOOKS)]
        median = statistics.median(times)
        met &= median <= LOOK_TARGET_MS
        print(
            f"  {what}: median {median:.1f} ms, worst {max(times):.1f} ms; first, off the disk, {cold:.0f} ms"
            f" (target {LOOK_TARGET_MS} ms: {_said(median <= LOOK_TARGET_MS)})"
        )
    return met


def _forget(store: Filling) -> None:
    """Let the system drop what it holds of the store's file, and SQLite too."""
    store.close()
    descriptor = os.open(store.directory / "cache.db", os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def _changes(empty: Filling, full: Filling) -> bool:
    """Each change in both stores, in turn; the system holds both files in memory. Then some from the disk."""
    stores = {"empty": empty, "full": full}
    waiting = {name: _spread(store) for name, store in stores.items()}
    cold = waiting["full"][CHANGES:]
    times: dict[str, dict[str, list[float]]] = {}
    code = _code(0)
    for i in range(CHANGES):
        for name in sorted(stores, reverse=bool(i % 2)):
            for what, took_ms in _change(stores[name], waiting[name][i], code):
                times.setdefault(what, {}).setdefault(name, []).append(took_ms)
    met = True
    for what, both in times.items():
        medians = {name: statistics.median(them) for name, them in both.items()}
        ratio = medians["full"] / medians["empty"]
        p95 = {name: statistics.quantiles(them, n=20)[-1] for name, them in both.items()}
        met &= ratio <= CHANGE_TARGET
        print(
            f"  {what}: median {medians['full']:.2f} ms beside {medians['empty']:.2f} ms in a small store,"
            f" p95 {p95['full']:.2f} beside {p95['empty']:.2f}: {ratio:.2f} times "
            f"(target {CHANGE_TARGET}: {_said(ratio <= CHANGE_TARGET)})"
        )
    _forget(full)
    found = [_change(full, run, code) for run in cold]
    for which, (what, _) in enumerate(found[0]):
        times_ms = [each[which][1] for each in found]
        print(f"  {what}, off the disk: median {statistics.median(times_ms):.1f} ms, worst {max(times_ms):.1f} ms")
    return met


def _change(store: Filling, waiting: RunRecord, code: WorkflowVersion) -> list[tuple[str, float]]:
    now = now_ms()
    resumed = Resumed(now, waiting.step, waiting.runs, "link", None, dict(_REQUEST))
    added: list[RunRecord] = []
    claimed: list[RunRecord | None] = []
    ends: list[tuple[str, Callable[[], object]]] = [
        ("add", lambda: added.append(store.add(code, _EVENT, at_ms=now, owner="bench"))),
        ("apply(Resumed)", lambda: store.apply(waiting.id, resumed)),
        ("claim", lambda: claimed.append(store.claim(waiting.environment, "bench", at_ms=now))),
        ("apply(Returned)", lambda: store.apply(waiting.id, Returned(now, waiting.fence + 1, dict(_EXPORTS)))),
    ]
    found = [(what, _took_ms(change)) for what, change in ends]
    store.apply(added[0].id, Raised(now, added[0].fence, error="enough"))  # else it would stay at work for ever
    assert claimed[0] is not None
    assert claimed[0].id == waiting.id
    return found


def _spread(store: Filling) -> list[RunRecord]:
    """CHANGES suspended runs from everywhere in the store, and COLD more if there are."""
    found: list[RunRecord] = []
    cursor: str | None = None
    while True:
        page = store.list(statuses=[Status.SUSPENDED], limit=1_000, cursor=cursor)
        found += page.runs
        if (cursor := page.next) is None:
            break
    if len(found) < CHANGES:
        sys.exit(f"{len(found)} suspended runs are too few: use --runs {(CHANGES + COLD) * EVERY} or more")
    chance = random.Random(1)
    return chance.sample(found, min(len(found), CHANGES + COLD))


def _took_ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


# ---- real runs to copy --------------------------------------------------------------------------------------------


def _opened(place: Path) -> Filling:
    place.mkdir(exist_ok=True)
    with Home(place / "store", kind="shell") as home:
        return Filling(home.directory, home.links)


def _code(number: int) -> WorkflowVersion:
    steps = Step("ask", "def handler(pd):\n    pd.flow.suspend()"), Step("publish", "pd.steps['ask']")
    return WorkflowVersion(f"workflow {number}", steps, (), Environment(sys.executable, "/"))


def _pattern(store: Filling, code: WorkflowVersion, kind: str) -> Pattern:
    """A run that came to *kind* through the store's own doors."""
    at_ms, after = now_ms(), last_row(store.directory)
    with store.together():
        run = store.add(code, _EVENT, at_ms=at_ms, owner="bench")
        if kind == "failed":
            store.apply(run.id, Raised(at_ms, run.fence, error="ValueError: no such river"))
        else:
            run = store.apply(run.id, Suspended(at_ms, run.fence, dict(_EXPORTS), due_ms=at_ms + 400 * _DAY))
        if kind == "cancelled":
            store.apply(run.id, Cancelled(at_ms, run.step, run.runs, "link", None, "not now"))
        if kind == "succeeded":
            store.apply(run.id, Resumed(at_ms, run.step, run.runs, "link", None, dict(_REQUEST)))
            run = store.apply(run.id, Claimed(at_ms, "bench"))
            store.apply(run.id, Returned(at_ms, run.fence, {"$return_value": "published"}))
    return Pattern(store.directory, run.id, at_ms, after=after)


def _size(store: Filling) -> int:
    return (store.directory / "cache.db").stat().st_size


def _said(met: bool) -> str:  # noqa: FBT001
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
