"""The SQLite backend: its rows, its indexes, what is planted in them, and several processes at one file."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pdnb.errors import (
    Refused,
    StoreCorrupt,
    StoreNewer,
    StoreUnavailable,
)
from pdnb.links import Links
from pdnb.model import (
    Cancelled,
    Claimed,
    Elapsed,
    Lost,
    Raised,
    Resumed,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
)
from pdnb.store import sqlite_file
from pdnb.store.store import Store
from tests.store.conftest import SQLitePlace
from tests.store.test_sealing import linked
from tests.support.sqlite_store import open_store, table_of
from tests.support.store_runs import DAY, HERE, LINKS, T0, cancelled, code, resumed, waiting


@pytest.fixture
def place(tmp_path: Path) -> SQLitePlace:
    """Of this backend alone."""
    return SQLitePlace(tmp_path)


@contextlib.contextmanager
def sqlite(directory: Path) -> Iterator[sqlite3.Connection]:
    con = sqlite3.connect(directory / "cache.db", isolation_level=None)
    with contextlib.closing(con):
        yield con


def dump(directory: Path) -> list[tuple[Any, ...]]:
    """Every row but the times at which it was stored."""
    with sqlite(directory) as con:
        return con.execute("SELECT key, raw, tag, mode, value FROM Cache ORDER BY key").fetchall()


def test_code_is_stored_once_per_content_hash(tmp_path: Path, store: Store) -> None:
    for _ in range(3):
        store.add(code(), None, at_ms=T0)
    store.add(code("other"), None, at_ms=T0)
    assert sum(row[0].startswith("version/") for row in dump(tmp_path)) == 2


def test_a_runs_row_holds_none_of_the_bulk(tmp_path: Path, store: Store) -> None:
    """A run's row stays under 4 KB; exports and outputs are rows per attempt, absent from lists."""
    run = store.add(code(), {"event": "x" * 100_000}, at_ms=T0, owner="worker-1")
    output = {"output_type": "stream", "text": "y" * 100_000}
    store.apply(run.id, Returned(T0 + 1, 1, {"$return_value": "z" * 100_000, "$summary": "s" * 9_000}, (output,)))
    run = store.get(run.id)
    store.apply(run.id, resumed(run, T0 + 2, request={"body": "w" * 100_000}))
    store.apply(run.id, Raised(T0 + 3, 1, {"$summary": "ä" * 9_000}, error="é" * 9_000))
    sizes = [len(row[-1]) for row in dump(tmp_path) if row[0].startswith("run/")]
    assert len(sizes) == 1
    assert sizes[0] < 4_096
    assert store.attempts(run.id)[1].error == "é" * 9_000


def test_a_run_that_changes_while_a_list_is_read_is_in_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is one read."""
    store = open_store(tmp_path, LINKS)
    ids = [store.add(code(name), None, at_ms=T0).id for name in "ab"]
    monkeypatch.setattr(sqlite_file, "_TIMEOUT_S", 0.01)
    other = open_store(tmp_path, LINKS)
    tagged = table_of(store).tagged

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        found = tagged(*args, **kwargs)
        for run_id in ids:
            with contextlib.suppress(StoreUnavailable, Refused):
                other.apply(run_id, Claimed(T0 + 1, "worker-1"))
        return found

    monkeypatch.setattr(table_of(store), "tagged", meanwhile)
    page = store.list(limit=50)
    assert [run.id for run in page.runs] == ids[::-1]
    assert {run.status for run in page.runs} == {Status.QUEUED}
    store.close()
    other.close()


def test_the_newest_50_of_20000_runs_cost_no_more_than_of_200(tmp_path: Path) -> None:
    """A million finished runs must not slow a start, a resume or a list."""
    store = open_store(tmp_path, LINKS)
    row = dict(zip(("key", "raw", "tag", "mode", "value"), run_row(tmp_path, store), strict=True))
    costs = []
    for count in (200, 20_000):
        with table_of(store).transact():
            table_of(store)._cache._con.executemany(
                "INSERT INTO Cache(key, raw, tag, mode, value) VALUES (?, 1, ?, 1, ?)",
                ((f"run/{count}-{i}", "succeeded launch" if i % 3 else "queued w", row["value"]) for i in range(count)),
            )
        newest = [store.add(code(), None, at_ms=T0) for _ in range(50)]
        con = table_of(store)._cache._con
        ticks = itertools.count()
        con.set_progress_handler(lambda ticks=ticks: next(ticks) * 0, 1)
        page = store.list(limit=50)
        con.set_progress_handler(None, 1)
        costs.append(next(ticks))
        assert page.runs == tuple(newest[::-1])
    assert costs[0] > 0
    assert costs[1] < costs[0] * 1.1
    store.close()


def run_row(directory: Path, store: Store) -> tuple[Any, ...]:
    run = store.add(code(), None, at_ms=T0)
    return next(row for row in dump(directory) if row[0] == f"run/{run.id}")


def test_a_list_reads_by_indexes_alone(store: Store) -> None:
    for name in "abc":
        store.add(code(name), None, at_ms=T0)
    run = waiting(store)
    con = table_of(store)._cache._con
    statements: list[str] = []
    con.set_trace_callback(statements.append)
    store.list(limit=2)
    store.list(statuses=[Status.QUEUED], workflow="a", cursor="99", limit=2)
    for look in (store.next_due_ms, store.queued_environments, store.running):
        look()
    for of in (store.get, store.exports, store.attempts, store.event, store.resolve_id):
        of(run.id)
    store.claim(HERE.key, "worker-1", at_ms=T0)
    store.elapse(T0)
    con.set_trace_callback(None)
    looks = [query for query in statements if query.startswith(("SELECT", "WITH"))]
    plans = {line[3] for query in looks for line in con.execute(f"EXPLAIN QUERY PLAN {query}")}
    assert any(line.startswith("SEARCH Cache USING") for line in plans)
    assert [line for line in plans if line.startswith("SCAN Cache") or "TEMP B-TREE" in line] == []


def test_no_working_token_ever_lies_in_the_store_and_its_own_run_reads_it(tmp_path: Path, store: Store) -> None:
    """Any link in what is stored is stored as a placeholder and minted again when it is read by its own run."""
    first = store.add(code("other"), None, at_ms=T0)
    run = store.add(code(), linked(first)[1], at_ms=T0, owner="worker-1")
    token, value = linked(run)
    output = {"output_type": "stream", "text": f"{value}"}
    mail = {"text": f"{value}"}
    ask = Slept(T0 + 1, 1, {"x": value}, (output,), (mail,), kind="rerun", due_ms=T0 + DAY, context=value)
    store.apply(run.id, ask)
    run = store.get(run.id)
    store.apply(run.id, resumed(run, request={"body": value}))
    store.apply(run.id, Claimed(T0 + 3, "worker-1"))
    store.apply(run.id, Suspended(T0 + 4, 2, {"$summary": f"see {value}"}, due_ms=T0 + DAY))
    run = store.get(run.id)
    store.apply(run.id, Resumed(T0 + 5, run.step, run.runs, "link", by=token, request={"body": value}))
    store.apply(run.id, Claimed(T0 + 6, "worker-1"))
    store.apply(run.id, Raised(T0 + 7, 3, error=f"ValueError: {token}"))
    third = store.add(code(), None, at_ms=T0)
    store.apply(third.id, Cancelled(T0 + 8, "draft", 1, "magic", reason=f"because of {token}"))

    content = (tmp_path / "cache.db").read_bytes()
    for found in (token, linked(first)[0]):
        assert found.encode() not in content
        assert found[-43:].encode() not in content
    assert re.search(rb"pdnb1[rc]\.[0-9a-z]{20}\.[\w-]+\.\d+\.[\w-]", content) is None  # nor most of one
    assert b"pdnb1r!" in content

    one, two, three = store.attempts(run.id)
    assert (one.exports, one.outputs, one.context, one.request) == ({"x": value}, (output,), value, {"body": value})
    assert one.mails == (mail,)
    assert two.request == {"body": value}
    assert three.error == f"ValueError: {token}"
    assert store.event(run.id) == linked(first)[1]
    assert store.exports(run.id)["draft"]["$resume_data"] == {"body": value}


def test_a_sealed_link_moved_into_another_runs_row_is_not_opened(tmp_path: Path, store: Store) -> None:
    """The store alone resumes nothing."""
    victim, thief = waiting(store), waiting(store)
    token, value = linked(victim)
    store.apply(victim.id, resumed(victim))
    store.apply(victim.id, Claimed(T0 + 3, "worker-1"))
    store.apply(victim.id, Returned(T0 + 4, 2, {"link": value}))
    rows = {row[0]: row[-1] for row in dump(tmp_path)}
    (source,) = (text for key, text in rows.items() if key.startswith(f"attempt/{victim.id}/0001/"))
    (place,) = (key for key in rows if key.startswith(f"attempt/{thief.id}/"))
    with sqlite(tmp_path) as con:
        con.execute("UPDATE Cache SET value = ? WHERE key = ?", (source, place))
    assert store.attempts(victim.id)[1].exports == {"link": value}
    stolen = json.dumps(store.attempts(thief.id)[0].exports)
    assert token not in stolen
    assert "pdnb1r!" in stolen


def tamper(directory: Path, key: str, text: str | bytes) -> None:
    with sqlite(directory) as con:
        assert con.execute("UPDATE Cache SET value = ? WHERE key = ?", (text, key)).rowcount == 1


def stored(directory: Path, key: str) -> Any:
    return json.loads(next(row[-1] for row in dump(directory) if row[0] == key))


def test_changed_code_is_refused_in_one_clear_line(tmp_path: Path, store: Store) -> None:
    """Workflow code and interpreter path carry a MAC under the secret; nothing is executed."""
    run = waiting(store)
    key = f"version/{run.version_id}"
    good = stored(tmp_path, key)
    evil = code("launch", "draft").to_json().replace("'draft'", "__import__('os').abort()")
    other = Links(b"x" * 32)
    changes: list[Any] = [
        {**good, "code": evil},
        {**good, "code": good["code"].replace("/usr/bin/python3", "/tmp/evil")},
        {"code": evil, "mac": other.mac(evil)},
        {**good, "mac": ""},
        {**good, "mac": None},
        {**good, "code": None},
        {"code": code("other").to_json(), "mac": LINKS.mac(code("other").to_json())},  # signed, but another's place
        {},
        [],
        3,
    ]
    for change in changes:
        tamper(tmp_path, key, json.dumps(change))
        with pytest.raises(StoreCorrupt, match=r"^the code [^\n]*$") as refusal:
            store.workflow_version(run.version_id)
        assert "executed" in str(refusal.value)
    for text in ("", "{", "[" * 100_000):
        tamper(tmp_path, key, text)
        with pytest.raises(StoreCorrupt, match="nothing was executed"):
            store.workflow_version(run.version_id)
    with pytest.raises(StoreCorrupt, match="is missing from the store; nothing was executed"):
        store.workflow_version("0" * 32)
    tamper(tmp_path, key, json.dumps(good))
    assert store.workflow_version(run.version_id) == code()


@pytest.mark.parametrize(
    "text", ["", "{", "null", '"x"', "{}", b"\x80\x04N.", "[" * 100_000], ids=lambda t: repr(t)[:12]
)
def test_a_damaged_row_is_refused_and_hides_no_other(tmp_path: Path, store: Store, text: str | bytes) -> None:
    """Tampered rows are refused, that run is marked corrupt, nothing is executed."""
    bad, good = waiting(store, due_ms=T0 + 10), waiting(store, due_ms=T0 + 20)
    queued = store.add(code(), None, at_ms=T0)
    store.add(code(), None, at_ms=T0 + 1)
    working = store.add(code(), None, at_ms=T0, owner="kernel-1")
    store.add(code(), None, at_ms=T0, owner="kernel-1")
    for run in (bad, queued, working):
        tamper(tmp_path, f"run/{run.id}", text)
        for call in (store.get, store.exports, lambda i: store.apply(i, Elapsed(T0 + 99))):
            with pytest.raises(StoreCorrupt, match=r"^[^\n]*$"):
                call(run.id)
    assert len(store.list().runs) == 3
    assert good in store.list().runs
    assert len(store.running()) == 1
    assert store.elapse(T0 + 30) == 1
    assert store.get(good.id).status is Status.CANCELLED
    claimed = store.claim(HERE.key, "worker-1", at_ms=T0 + 40)
    assert claimed is not None
    assert claimed.id != queued.id
    assert store.claim(HERE.key, "worker-1", at_ms=T0 + 40) is None


def test_a_damaged_attempt_or_event_is_refused(tmp_path: Path, store: Store) -> None:
    run = waiting(store)
    for key, look in ((f"attempt/{run.id}/0000/000000001", store.attempts), (f"event/{run.id}", store.event)):
        good = stored(tmp_path, key)
        for text in ("", "{", b"\x80\x04N.", "[" * 100_000):
            tamper(tmp_path, key, text)
            for call in (look, store.exports):
                with pytest.raises(StoreCorrupt, match=r"^[^\n]*$"):
                    call(run.id)
        tamper(tmp_path, key, json.dumps(good))
    with sqlite(tmp_path) as con:
        con.execute("DELETE FROM Cache WHERE key = ?", (f"event/{run.id}",))
    with pytest.raises(StoreCorrupt, match="is missing"):
        store.event(run.id)


def test_a_row_in_another_runs_place_is_refused(tmp_path: Path, store: Store) -> None:
    one, two = waiting(store), waiting(store)
    tamper(tmp_path, f"run/{one.id}", json.dumps(stored(tmp_path, f"run/{two.id}")))
    with pytest.raises(StoreCorrupt, match="names another run"):
        store.get(one.id)


def test_foreign_rows_disturb_no_list(tmp_path: Path, store: Store) -> None:
    run = waiting(store)
    with sqlite(tmp_path) as con:
        con.executemany(
            "INSERT INTO Cache(key, raw, tag, mode, value) VALUES (?, ?, ?, 1, 'x')",
            [
                ("foreign", 1, "evil" ), ("run/foreign", 1, "suspended launch"), (b"\x80\x04", 0, "suspended launch"),
                (7, 1, 7), ("other", 1, b"suspended launch"), ("third", 1, "suspended launch"),
            ],
        )  # fmt: skip
    assert store.list().runs == (run,)
    assert store.counts()[Status.SUSPENDED] >= 1
    assert store.running() == ()


def test_a_newer_store_is_refused(tmp_path: Path, store: Store) -> None:
    store.close()
    with sqlite(tmp_path) as con:
        con.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreNewer, match="upgrade pdnb"):
        open_store(tmp_path, LINKS)


class Faulty:
    """A connection whose n-th statement fails, as on a broken or full disk."""

    def __init__(self, con: sqlite3.Connection, n: int) -> None:
        self._con = con
        self.left = n

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        self.left -= 1
        if self.left == 0:
            raise sqlite3.OperationalError("disk I/O error")
        return self._con.execute(*statement)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


CALLS: dict[str, Callable[[Store, dict[str, RunRecord]], object]] = {
    "add": lambda store, runs: store.add(code("new"), {"a": 1}, at_ms=T0 + 1),
    "add and claim": lambda store, runs: store.add(code("new"), {"a": 1}, at_ms=T0 + 1, owner="kernel-1"),
    "claim": lambda store, runs: store.claim(HERE.key, "worker-1", at_ms=T0 + 5),
    "return": lambda store, runs: store.apply(runs["running"].id, Returned(T0 + 5, 1, {"$return_value": 1})),
    "suspend": lambda store, runs: store.apply(runs["running"].id, Suspended(T0 + 5, 1, due_ms=T0 + DAY)),
    "rerun": lambda store, runs: store.apply(runs["running"].id, Slept(T0 + 5, 1, kind="rerun", due_ms=T0 + 9)),
    "raise": lambda store, runs: store.apply(runs["running"].id, Raised(T0 + 5, 1, error="x")),
    "early": lambda store, runs: store.apply(runs["running"].id, resumed(runs["running"], request={"body": 1})),
    "resume": lambda store, runs: store.apply(runs["waiting"].id, resumed(runs["waiting"], request={"body": 1})),
    "cancel": lambda store, runs: store.apply(runs["waiting"].id, cancelled(runs["waiting"])),
    "lose": lambda store, runs: store.apply(runs["running"].id, Lost(T0 + 5, 1)),
    "elapse": lambda store, runs: store.elapse(T0 + 2 * DAY),
    "list": lambda store, runs: store.list(),
    "exports": lambda store, runs: store.exports(runs["waiting"].id),
    "attempts": lambda store, runs: store.attempts(runs["waiting"].id),
    "counts": lambda store, runs: store.counts(),
    "workflow_version": lambda store, runs: store.workflow_version(runs["waiting"].version_id),
}


@pytest.mark.parametrize("name", CALLS)
def test_when_the_nth_operation_fails_nothing_is_torn_and_the_same_call_succeeds_afterwards(
    tmp_path: Path, name: str
) -> None:
    """The n-th store operation fails, for every n: nothing torn; the same request succeeds once the fault is gone."""
    store = open_store(tmp_path, LINKS)
    runs = {
        "queued": store.add(code(), None, at_ms=T0),
        "running": store.add(code(), None, at_ms=T0, owner="kernel-1"),
        "waiting": waiting(store),
        "sleeping": waiting(store, due_ms=T0 + DAY),
    }
    before = dump(tmp_path)
    for n in itertools.count(1):
        faulty = Faulty(table_of(store)._cache._con, n)
        table_of(store)._cache._local.con = faulty
        try:
            CALLS[name](store, runs)
        except StoreUnavailable as error:
            line = str(error)
        else:
            if faulty.left > 0:  # no statement was left to fail
                break
            assert name == "list"  # the end of a read transaction
            CALLS[name](store, runs)
            continue
        assert "\n" not in line
        assert str(tmp_path) in line
        whole = name == "elapse" and store.counts()[Status.CANCELLED] == 2  # it failed at its look for more
        assert dump(tmp_path) == before or whole
    assert n > 1
    table_of(store)._cache._local.con = faulty._con
    looks_only = name in {"list", "exports", "attempts", "counts", "workflow_version"}
    assert (dump(tmp_path) == before) == looks_only
    assert sum(store.counts().values()) == len(runs) + name.startswith("add")
    assert {run.id for run in store.list().runs} >= {run.id for run in runs.values()}
    store.close()


def test_a_full_disk_loses_nothing_and_the_same_call_succeeds_afterwards(tmp_path: Path, store: Store) -> None:
    run = store.add(code(), None, at_ms=T0, owner="kernel-1")
    before = dump(tmp_path)
    event = Returned(T0 + 1, 1, {"$return_value": "x" * 1_000_000})
    table_of(store)._cache._sql("PRAGMA max_page_count = 30")
    with pytest.raises(StoreUnavailable, match="full"):
        store.apply(run.id, event)
    assert dump(tmp_path) == before
    assert store.apply(run.id, event).step == "approve"
