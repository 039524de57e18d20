"""Several processes at one store: one decides, and all are told the same."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from pdnb.model import (
    RunRecord,
    Status,
)
from pdnb.store.store import Store
from tests.store.conftest import SQLitePlace
from tests.support.store_runs import waiting


@pytest.fixture
def place(tmp_path: Path) -> SQLitePlace:
    """Of this backend alone."""
    return SQLitePlace(tmp_path)


DECIDE = """
import json, sys
from pathlib import Path
from pdnb.errors import Refused
from pdnb.links import Links
from pdnb.model import Cancelled, Resumed
from pdnb.store.store import Store
from tests.support.sqlite_store import open_store, table_of
directory, run_id, me, what = sys.argv[1:]
store = open_store(Path(directory), Links(b"0123456789abcdef0123456789abcdef"))
print("ready", flush=True)
sys.stdin.readline()
answers = []
for i in range(25):
    at_ms = 1_700_000_000_000 + 100 + i
    if what == "resume":
        event = Resumed(at_ms, "draft", 1, "link", None, {"body": f"{me}-{i}"})
    else:
        event = Cancelled(at_ms, "draft", 1, "link", None, f"{me}-{i}")
    try:
        store.apply(run_id, event)
        answers.append(["ok", f"{me}-{i}", at_ms])
    except Refused as error:
        answers.append([type(error).__name__, getattr(error, "what", "resumed"), error.at_ms])
print(json.dumps(answers))
store.close()
"""


def decide(directory: Path, run: RunRecord, whats: tuple[Literal["resume", "cancel"], ...]) -> list[list[Any]]:
    """What 25 requests of each of several processes at once are answered."""
    command = [sys.executable, "-c", DECIDE, str(directory), run.id]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen([*command, str(i), what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for i, what in enumerate(whats)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [answer for process in processes for answer in json.loads(process.communicate()[0])]


def test_of_100_resumes_from_four_processes_one_is_taken_and_its_body_is_what_is_stored(
    tmp_path: Path, store: Store
) -> None:
    """1,000 concurrent requests on one suspension: one 200, the rest 409. Resume data: the winner's, unchanged."""
    run = waiting(store)
    answers = decide(tmp_path, run, ("resume",) * 4)
    ((_, body, at_ms),) = [answer for answer in answers if answer[0] == "ok"]
    assert [answer for answer in answers if answer[0] != "ok"] == [["AlreadyResumed", "resumed", at_ms]] * 99
    assert store.exports(run.id)["draft"]["$resume_data"] == {"body": body}
    assert (store.get(run.id).step, store.get(run.id).revision) == ("approve", run.revision + 1)


def test_resumes_against_cancels_from_four_processes_are_all_told_the_same(tmp_path: Path, store: Store) -> None:
    """500 resumes against 500 cancels: one decision, and everybody is told the same."""
    run = waiting(store)
    answers = decide(tmp_path, run, ("resume", "cancel", "resume", "cancel"))
    ((_, said, at_ms),) = [answer for answer in answers if answer[0] == "ok"]
    refused = [answer for answer in answers if answer[0] != "ok"]
    after = store.get(run.id)
    assert after.decision is not None
    assert after.decision.at_ms == at_ms
    if after.status is Status.CANCELLED:
        assert after.decision.reason == said
        assert refused == [["Over", "cancelled", at_ms]] * 99
    else:
        assert store.exports(run.id)["draft"]["$resume_data"] == {"body": said}
        assert refused == [["AlreadyResumed", "resumed", at_ms]] * 99
