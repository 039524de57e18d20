"""Older stores: each released schema has a store here that was made by its pdnb, and opens with all that is in it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pdnb.codec import SCHEMA
from pdnb.coordination.home import Home
from pdnb.errors import StoreUnavailable
from pdnb.model import Attempt, Claimed, Resumed, Status
from pdnb.store import migrations

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = sorted(path.name for path in GOLDEN.iterdir())
T0 = 1_764_000_000_000


@pytest.fixture(params=SCHEMAS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the store of that schema."""
    directory = tmp_path / "old"
    shutil.copytree(GOLDEN / request.param, directory)
    directory.chmod(0o700)
    (directory / "secret").chmod(0o600)
    return directory


def expected(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "expected.json").read_text())
    return found


def rows(path: Path) -> list[Any]:
    with sqlite3.connect(path) as con:
        found = [con.execute("PRAGMA user_version").fetchall(), con.execute("SELECT * FROM Cache").fetchall()]
    con.close()
    return found


def test_there_is_a_store_of_every_released_schema() -> None:
    assert [f"schema-{number}" for number in range(1, SCHEMA)] == SCHEMAS


def test_an_older_store_has_every_run_and_all_that_its_steps_left(old: Path) -> None:
    want = expected(old)
    with Home(old, kind="kernel", clock=lambda: T0 + 100) as home:
        for name, run_id in want["ids"].items():
            run, was = home.store.get(run_id), want["runs"][name]
            assert (run.status, run.step, run.version_id) == (was["status"], was["step"], was["hash"])
            assert run.revision == was["version"]
            assert home.store.exports(run_id) == was["exports"]
            assert home.store.workflow_version(run.version_id).names == run.steps
        assert {run.id for run in home.store.list().runs} == set(want["ids"].values())


def test_what_waits_there_goes_on(old: Path) -> None:
    want = expected(old)
    with Home(old, kind="kernel", clock=lambda: T0 + 100) as home:
        waiting = home.store.get(want["ids"]["suspended"])
        assert str(home.link("resume", waiting)).rsplit("/", 1)[1] == want["link"].rsplit("/", 1)[1]
        prompt = home.store.prompt(waiting.id, "draft", 1)
        assert prompt is not None
        assert (prompt.message, prompt.after) == ("**Publish**?", "thanks")
        event = Resumed(T0 + 100, "draft", 1, "link", None, {"body": {"n": 3}})
        assert home.store.apply(waiting.id, event).status is Status.QUEUED
        cursor = home.store.changes_cursor()
        again = home.store.apply(want["ids"]["retried"], Claimed(T0 + 101, "worker-1"))
        assert home.store.changes_since(cursor)[1] == (again,)
        assert home.store.elapse(T0 + 10_000) == 1
        sleeping: tuple[Attempt, ...] = home.store.attempts(want["ids"]["sleeping"])
        assert (sleeping[0].outcome, sleeping[0].context) == ("rerun", {"n": 1})


def test_a_backup_is_made_first_and_is_the_old_store(old: Path) -> None:
    before = rows(old / "cache.db")
    with Home(old, kind="kernel"):
        pass
    (number,) = before[0][0]
    backup = old / f"cache.db.schema-{number}"
    assert rows(backup) == before
    assert backup.stat().st_mode & 0o777 == 0o600
    assert rows(old / "cache.db")[0] == [(SCHEMA,)]


def test_an_older_store_that_another_process_uses_is_refused_and_stays(old: Path) -> None:
    with Home(old.with_name("new"), kind="kernel"):
        pass
    from pdnb.coordination.liveness import Owner

    owner = Owner(old, "server", 1)
    before = (old / "cache.db").read_bytes()
    with pytest.raises(StoreUnavailable, match=r"of an earlier pdnb .* in use by server-.*: end it, then"):
        Home(old, kind="kernel")
    assert (old / "cache.db").read_bytes() == before
    owner.leave()
    with Home(old, kind="kernel") as home:
        assert home.store.counts()[Status.FAILED] == 1


def _die_in_the_middle(directory: Path) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with mock.patch.object(migrations, "_rename", die):  # the first statements of the step have been executed
        Home(directory, kind="kernel")


def test_a_migration_that_is_killed_midway_leaves_the_old_store(old: Path) -> None:
    """An older one migrates or stays as it was, also when killed midway."""
    before = rows(old / "cache.db")
    process = multiprocessing.get_context("fork").Process(target=_die_in_the_middle, args=(old,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert rows(old / "cache.db") == before
    with Home(old, kind="kernel") as home:
        assert sum(home.store.counts().values()) == len(expected(old)["ids"])


def test_a_damaged_record_stays_damaged_and_hides_no_other(old: Path) -> None:
    want = expected(old)
    with sqlite3.connect(old / "cache.db") as con:
        con.execute("UPDATE Cache SET value = '{' WHERE key = ?", (f"run/{want['ids']['failed']}",))
    con.close()
    with Home(old, kind="kernel") as home:
        assert len(home.store.list().runs) == len(want["ids"]) - 1
