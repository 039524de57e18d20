"""diskcache, tamed: nothing foreign runs, no file is touched, nothing is torn, and every look uses an index."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import diskcache
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdnb.errors import StoreCorrupt, StoreError, StoreNewer, StoreUnavailable
from pdnb.store import sqlite_file
from pdnb.store.sqlite_file import TextTable

SCHEMA = 1


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    path.mkdir()
    return path


@pytest.fixture
def rows(directory: Path) -> Iterator[TextTable]:
    found = TextTable(directory, SCHEMA)
    yield found
    found.close()


@contextlib.contextmanager
def sqlite(directory: Path) -> Iterator[sqlite3.Connection]:
    """The same file without diskcache, every statement its own transaction."""
    con = sqlite3.connect(directory / "cache.db", isolation_level=None)
    with contextlib.closing(con):
        yield con


def dump(directory: Path) -> list[tuple[Any, ...]]:
    with sqlite(directory) as con:
        return con.execute("SELECT key, raw, tag, mode, filename, value FROM Cache ORDER BY key").fetchall()


# ---- text in, text out --------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), max_size=5))
def test_texts_come_back_as_they_were(new_dir: Callable[[], Path], texts: dict[str, str]) -> None:
    found = TextTable(new_dir(), SCHEMA)
    with found.transact():
        for key, text in texts.items():
            found.set(key, text)
    assert {key: found.get(key) for key in texts} == texts
    found.close()


def test_a_large_text_lies_in_sqlite_too(rows: TextTable, directory: Path) -> None:
    """Everything inside SQLite: rollbacks lose file-backed values."""
    text = "x" * 3_000_000
    rows.set("a", text)
    assert rows.get("a") == text
    assert [path.name for path in directory.iterdir()] == ["cache.db"]


@pytest.mark.parametrize("key", [1, 1.0, b"a", None, ("a",)])
def test_keys_are_text(rows: TextTable, key: Any) -> None:
    for call in (rows.get, rows.delete, lambda k: rows.set(k, "x")):
        with pytest.raises(TypeError, match="keys are text"):
            call(key)


@pytest.mark.parametrize("value", [1, 1.0, b"a", None, ["a"], object()], ids=lambda value: type(value).__name__)
def test_values_are_text(rows: TextTable, value: Any) -> None:
    with pytest.raises(TypeError, match="values are text"):
        rows.set("a", value)
    assert rows.get("a") is None


def test_nothing_expires_and_nothing_is_evicted(rows: TextTable) -> None:
    """Eviction and expiry silently drop the oldest runs, the longest-suspended ones."""
    cache = rows._cache
    assert (cache.eviction_policy, cache.cull_limit, cache.statistics) == ("none", 0, 0)
    cache.reset("size_limit", 1)
    for i in range(50):
        rows.set(f"{i:02d}", "x" * 1_000)
    assert len(rows.keys("", limit=100)) == 50
    assert cache._sql("SELECT count(*) FROM Cache WHERE expire_time IS NOT NULL").fetchone() == (0,)


def test_a_commit_is_on_the_disk_when_it_returns(rows: TextTable) -> None:
    """``sqlite_synchronous=2``; a rollback journal, and the mode belongs to the file."""

    def modes() -> list[Any]:
        return [
            rows._cache._sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "mmap_size")
        ]

    assert modes() == ["delete", 2, 0]
    with ThreadPoolExecutor(1) as other:  # each thread has its own connection
        assert other.submit(modes).result() == ["delete", 2, 0]


def test_a_store_in_wal_mode_is_brought_back_to_a_rollback_journal(directory: Path) -> None:
    TextTable(directory, SCHEMA).close()
    with sqlite(directory) as con:
        con.execute("PRAGMA journal_mode = wal")
    found = TextTable(directory, SCHEMA)
    assert found._cache._sql("PRAGMA journal_mode").fetchone() == ("delete",)
    found.close()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """Files 0600."""
    old = os.umask(0)
    try:
        found = TextTable(tmp_path, SCHEMA)
        with found.transact():
            found.set("a", "x")
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(old)
    found.close()
    assert modes == {"cache.db": 0o600, "cache.db-journal": 0o600}


# ---- transactions -------------------------------------------------------------------------------------------------


class Boom(Exception):
    """What goes wrong in a block."""


def test_a_transaction_is_all_or_nothing(rows: TextTable, directory: Path) -> None:
    rows.set("a", "1")
    with pytest.raises(Boom), rows.transact():  # noqa: PT012
        rows.set("a", "2")
        rows.set("b", "2")
        rows.delete("a")
        raise Boom
    assert [row[0] for row in dump(directory)] == ["a"]
    assert rows.get("a") == "1"
    with rows.transact():
        rows.set("a", "2")
    assert rows.get("a") == "2"


def test_another_process_sees_nothing_of_a_transaction_before_its_end(rows: TextTable, directory: Path) -> None:
    with rows.transact():
        rows.set("a", "1")
        assert dump(directory) == []
    assert [row[0] for row in dump(directory)] == ["a"]


def test_threads_take_turns(rows: TextTable) -> None:
    rows.set("n", "0")

    def count(_: int) -> None:
        with rows.transact():
            rows.set("n", str(int(rows.get("n") or "") + 1))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(40)))
    assert rows.get("n") == "40"


def test_an_interrupt_waits_until_the_transaction_has_ended(rows: TextTable) -> None:
    """One between BEGIN and COMMIT would keep the lock."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), rows.transact():  # noqa: PT012
        rows.set("a", "1")
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        rows.set("b", "2")
    assert (rows.get("a"), rows.get("b")) == ("1", "2")
    assert signal.getsignal(signal.SIGINT) is before
    rows.set("c", "3")


def test_an_interrupt_is_not_forgotten_when_the_transaction_fails(rows: TextTable) -> None:
    with pytest.raises(KeyboardInterrupt) as interrupt, rows.transact():  # noqa: PT012
        rows.set("a", "1")
        signal.raise_signal(signal.SIGINT)
        raise Boom
    assert isinstance(interrupt.value.__context__, Boom)
    assert rows.get("a") is None


def test_an_interrupt_while_another_process_holds_the_lock_is_not_forgotten(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_TIMEOUT_S", 0.05)
    found = TextTable(directory, SCHEMA)
    with sqlite(directory) as con:
        con.execute("BEGIN EXCLUSIVE")
        held = sqlite_file._interrupts_held
        monkeypatch.setattr(sqlite_file, "_interrupts_held", lambda: pressing(held()))
        with pytest.raises(KeyboardInterrupt), found.transact():
            pass
        con.execute("ROLLBACK")
    found.close()


@contextlib.contextmanager
def pressing(inner: contextlib.AbstractContextManager[None]) -> Iterator[None]:
    """Press Interrupt as soon as *inner* holds it back."""
    with inner:
        signal.raise_signal(signal.SIGINT)
        yield


def test_in_a_thread_that_is_never_interrupted_nothing_is_held_back(rows: TextTable) -> None:
    def write() -> object:
        with rows.transact():
            rows.set("a", "1")
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as other:
        assert other.submit(write).result() is signal.getsignal(signal.SIGINT)


# ---- what was planted ---------------------------------------------------------------------------------------------


class Bomb:
    """Unpickling it makes a directory."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("in_file", [False, True])
def test_a_planted_pickle_never_runs(rows: TextTable, directory: Path, tmp_path: Path, in_file: bool) -> None:
    """A row of any other kind is refused as corrupt, so a planted pickle never runs (CVE-2025-69872)."""
    mark = tmp_path / "executed"
    with diskcache.Cache(str(directory), disk_min_file_size=0 if in_file else 2**20) as plain:
        plain["run/x"] = Bomb(mark)
        plain["run/bytes"] = b"x" * 10
        plain["run/number"] = 7
    for key in ("run/x", "run/bytes", "run/number"):
        with pytest.raises(StoreCorrupt, match="nothing was executed"):
            rows.get(key)
    assert not mark.exists()
    again = TextTable(directory, SCHEMA)  # and not when the store is opened either
    with pytest.raises(StoreCorrupt, match="nothing was executed"):
        again.get("run/x")
    again.close()
    assert not mark.exists()
    with diskcache.Cache(str(directory)) as plain:
        plain["run/x"]  # the proof that it would
    assert mark.exists()


def test_a_planted_key_of_another_kind_is_never_seen(rows: TextTable, directory: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    rows.set("run/a", "1", tag="queued w")
    with diskcache.Cache(str(directory)) as plain:
        plain.set((Bomb(mark),), "x", tag="queued w")
        plain.set(7, "x", tag="queued w")
        plain.set(b"run/b", "x", tag=b"queued w")
        plain.set("run/c", "x", tag=7)
    assert [tag for _, tag in rows.tags("")] == ["queued w"]
    assert {rows.key(rowid) for rowid in rows.tagged("queued w")} == {"run/a", None}
    assert rows.keys("run/") == ["run/a", "run/c"]
    assert rows.counts([""]) == [len(rows.tagged("queued w"))]
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../victim", "victim", "{absolute}"])
@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_a_planted_file_name_reads_and_removes_no_file(
    rows: TextTable, directory: Path, tmp_path: Path, name: str, mode: int
) -> None:
    """No file outside the directory is touched."""
    victims = [tmp_path / "victim", directory / "victim"]
    for victim in victims:
        victim.write_text("precious")
    for key in ("overwritten", "deleted"):
        rows.set(key, "x")
    with sqlite(directory) as con:
        con.execute("UPDATE Cache SET mode = ?, filename = ?", (mode, name.format(absolute=victims[0])))
    with pytest.raises(StoreCorrupt):
        rows.get("overwritten")
    rows.set("overwritten", "new")
    with rows.transact():
        rows.delete("deleted")
    assert rows.get("overwritten") == "new"
    assert rows.get("deleted") is None
    assert [victim.read_text() for victim in victims] == ["precious", "precious"]


# ---- opening ------------------------------------------------------------------------------------------------------


def refused(directory: Path, error: type[StoreError]) -> str:
    with pytest.raises(error) as refusal:
        TextTable(directory, SCHEMA)
    line = str(refusal.value)
    assert "\n" not in line
    assert str(directory) in line
    return line


def test_a_newer_store_is_refused_and_stays_byte_for_byte(rows: TextTable, directory: Path) -> None:
    """A newer store is refused and stays byte for byte."""
    rows.set("a", "1")
    rows.close()
    with sqlite(directory) as con:
        con.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    path = directory / "cache.db"
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    assert "upgrade pdnb" in refused(directory, StoreNewer)
    assert f"schema {SCHEMA + 1}, this pdnb knows up to {SCHEMA}" in refused(directory, StoreNewer)
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == changed
    assert [p.name for p in directory.iterdir()] == ["cache.db"]


def test_a_store_says_its_schema(rows: TextTable, directory: Path) -> None:
    with sqlite(directory) as con:
        assert con.execute("PRAGMA user_version").fetchone() == (SCHEMA,)


def test_an_empty_file_becomes_a_store(directory: Path) -> None:
    (directory / "cache.db").touch()
    found = TextTable(directory, SCHEMA)
    found.set("a", "1")
    assert found.get("a") == "1"
    found.close()


@pytest.mark.parametrize("garbage", [b"garbage", b"\x00" * 8192, b"SQLite format 3\x00" + b"\xff" * 4096], ids=len)
def test_garbage_is_refused_and_left_as_it_is(directory: Path, garbage: bytes) -> None:
    path = directory / "cache.db"
    path.write_bytes(garbage)
    assert "restore it from a backup, or move it away" in refused(directory, StoreCorrupt)
    assert path.read_bytes() == garbage


@pytest.mark.parametrize("part", [0.03, 0.2, 0.5, 0.8, 0.97])
def test_a_truncated_store_is_never_taken_for_a_good_one(rows: TextTable, directory: Path, part: float) -> None:
    """A store that is truncated."""
    with rows.transact():
        for i in range(500):
            rows.set(f"run/{i:03d}", "x" * 300, tag="queued w")
    rows.close()
    path = directory / "cache.db"
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(StoreCorrupt, match=r"is damaged or no store of pdnb \(.*\): restore it from a backup"):
        read_all(directory)


def read_all(directory: Path) -> None:
    found = TextTable(directory, SCHEMA)
    try:
        assert [found.get(f"run/{i:03d}") for i in range(500)] == ["x" * 300] * 500
    finally:
        found.close()


def test_a_directory_in_the_files_place_is_refused(directory: Path) -> None:
    (directory / "cache.db").mkdir()
    refused(directory, StoreUnavailable)


def test_a_directory_that_is_not_there_is_refused(directory: Path) -> None:
    refused(directory / "nowhere", StoreUnavailable)


OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from pdnb.errors import StoreError
from pdnb.store.sqlite_file import TextTable
if os.getuid() == 0:  # root writes everywhere
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    TextTable(Path(sys.argv[1]), 1)
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("directory_mode", "file_mode"), [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444), (0o777, 0o000), (0o000, 0o666)]
)
def test_a_store_that_cannot_be_written_is_refused_and_left_as_it_is(directory_mode: int, file_mode: int) -> None:
    """A store that is read-only: a one-line error that says what to do, nothing lost, nothing half done."""
    with tempfile.TemporaryDirectory() as name:  # where others may enter: tmp_path is private
        directory = Path(name) / "store"
        directory.mkdir()
        TextTable(directory, SCHEMA).close()
        path = directory / "cache.db"
        before = path.read_bytes()
        Path(name).chmod(0o755)
        path.chmod(file_mode)
        directory.chmod(directory_mode)
        answer = subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, str(directory)], capture_output=True, text=True, check=True
        )
        directory.chmod(0o755)
        path.chmod(0o600)
        assert path.read_bytes() == before
        assert [p.name for p in directory.iterdir()] == ["cache.db"]
    assert answer.stdout.startswith(f"StoreUnavailable the store {directory} ")
    assert answer.stdout.count("\n") == 1
    assert answer.stderr == ""


HOLD_THE_LOCK = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute(f"BEGIN {sys.argv[2]}")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def locked(directory: Path, how: str) -> Iterator[None]:
    """Another process holds the store's lock: ``EXCLUSIVE``, or ``IMMEDIATE``, with which others may still read."""
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(directory / "cache.db"), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield
        process.kill()


def test_a_store_locked_by_another_process_is_not_available_and_works_afterwards(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short timeout and an error, never ``retry=True`` for ever."""
    monkeypatch.setattr(sqlite_file, "_TIMEOUT_S", 0.05)
    rows = TextTable(directory, SCHEMA)
    rows.set("a", "1")
    reached: list[str] = []

    def change() -> None:
        with rows.transact():
            reached.append("in the block")

    calls: list[Callable[[], object]] = [
        change, lambda: rows.set("b", "2"), lambda: rows.delete("a"), lambda: rows.get("a"), lambda: rows.keys(""),
        lambda: rows.tags(""), lambda: rows.counts([""]), lambda: rows.tagged("x"), lambda: rows.key(1),
    ]  # fmt: skip
    with locked(directory, "IMMEDIATE"):
        started = time.monotonic()
        refused(directory, StoreUnavailable)
        assert time.monotonic() - started < 20  # diskcache itself would try for a minute
        with pytest.raises(StoreUnavailable):
            change()
        assert rows.get("a") == "1"
    with locked(directory, "EXCLUSIVE"):
        refused(directory, StoreUnavailable)
        for call in calls:
            with pytest.raises(StoreUnavailable, match=r"^the store .*$"):
                call()
    assert reached == []
    assert rows.get("a") == "1"
    rows.set("b", "2")
    change()
    rows.close()
    TextTable(directory, SCHEMA).close()


def test_a_full_disk_tears_nothing_and_the_same_call_succeeds_afterwards(rows: TextTable, directory: Path) -> None:
    rows.set("a", "1")
    before = dump(directory)

    def fill() -> None:
        with rows.transact():
            rows.set("a", "2")
            rows.set("b", "x" * 1_000_000)

    rows._cache._sql("PRAGMA max_page_count = 20")
    with pytest.raises(StoreUnavailable, match=r"full"):
        fill()
    assert dump(directory) == before
    fill()  # trouble ended the connection, and with it the limit
    assert rows.get("a") == "2"


def test_a_failing_commit_tears_nothing(rows: TextTable, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that reads while we commit keeps the commit back: nothing half done is left open."""
    rows.set("a", "1")
    rows._cache._sql("PRAGMA busy_timeout = 20")
    with sqlite(directory) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM Cache").fetchall()
        with pytest.raises(StoreUnavailable, match="locked"), rows.transact():  # the COMMIT
            rows.set("a", "2")
        reader.execute("ROLLBACK")
    assert rows.get("a") == "1"
    with sqlite(directory) as other:
        other.execute("BEGIN IMMEDIATE")  # the lock is free
        other.execute("ROLLBACK")
    with rows.transact():
        rows.set("a", "2")
    assert rows.get("a") == "2"


def test_a_store_deleted_while_open_is_a_clear_error(rows: TextTable, directory: Path) -> None:
    """A store that is deleted while open."""
    rows.set("a", "1")
    (directory / "cache.db").unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"^[^\n]*$"), rows.transact():
            rows.set("a", "2")


OPEN_AND_WRITE = """
import sys
from pathlib import Path
from pdnb.store.sqlite_file import TextTable
rows = TextTable(Path(sys.argv[1]), 1)
with rows.transact():
    rows.set(sys.argv[2], "x")
rows.close()
"""


def test_processes_that_make_the_store_at_once_make_one_store(directory: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_WRITE, str(directory), str(i)], stderr=subprocess.PIPE)
        for i in range(5)
    ]
    assert [process.communicate()[1] for process in started] == [b""] * 5
    rows = TextTable(directory, SCHEMA)
    assert rows.keys("") == ["0", "1", "2", "3", "4"]
    rows.close()


# ---- looks --------------------------------------------------------------------------------------------------------

parts = st.text("ab/", max_size=3)


@settings(max_examples=15)
@given(
    present=st.sets(st.text("ab/", min_size=1, max_size=5), max_size=20),
    prefix=parts,
    after=parts,
    before=st.none() | parts,
    limit=st.integers(1, 5),
)
def test_keys_come_in_order_with_their_prefix_between_after_and_before(
    new_dir: Callable[[], Path], *, present: set[str], prefix: str, after: str, before: str | None, limit: int
) -> None:
    after, before = prefix + after, None if before is None else prefix + before
    wanted = sorted(k for k in present if k.startswith(prefix) and k > after and (before is None or k < before))
    rows = TextTable(new_dir(), SCHEMA)
    with rows.transact():
        for key in present:
            rows.set(key, "")
    assert rows.keys(prefix, after=after, before=before, limit=limit) == wanted[:limit]
    below = [k for k in sorted(present) if k.startswith(prefix) and k > prefix and (before is None or k < before)]
    assert rows.last(prefix, before=before) == (below[-1] if below else None)
    rows.close()


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.text("ab", min_size=1, max_size=2), st.sampled_from(["x", "x y", "y", None])), max_size=15)
)
def test_tags_file_rows_newest_first(new_dir: Callable[[], Path], changes: list[tuple[str, str | None]]) -> None:
    rows, filed = TextTable(new_dir(), SCHEMA), dict[str, str | None]()
    with rows.transact():
        for key, tag in changes:
            rows.set(key, "", tag)
            filed[key] = tag  # a dict keeps the order in which keys came first, as rowids do
    present = {tag for tag in filed.values() if tag}
    assert [tag for _, tag in rows.tags("")] == sorted(present)
    assert [tag for _, tag in rows.tags("x")] == sorted(tag for tag in present if tag.startswith("x"))
    tags = [tag for tag in filed.values() if tag]
    assert rows.counts(["x", "y"]) == [sum(tag.startswith(first) for tag in tags) for first in "xy"]
    for newest_row, tag in rows.tags(""):
        newest = [key for key in reversed(filed) if filed[key] == tag]
        found = rows.tagged(tag)
        assert [rows.key(rowid) for rowid in found] == newest
        assert newest_row == found[0]
        assert rows.tagged(tag, before=found[0], limit=1) == found[1:2]
        assert [row for row, other in rows.tags("", before=newest_row) if other == tag] == found[1:2]
    rows.close()


def test_a_snapshot_shows_one_moment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "_TIMEOUT_S", 0.01)
    rows, other = TextTable(directory, SCHEMA), TextTable(directory, SCHEMA)
    rows.set("a", "1")
    with rows.snapshot():
        assert rows.get("a") == "1"
        with pytest.raises(StoreUnavailable):
            other.set("a", "2")
        assert rows.get("a") == "1"
    other.set("a", "2")
    assert rows.get("a") == "2"
    with pytest.raises(Boom), rows.snapshot():
        raise Boom
    rows.set("a", "3")
    rows.close()
    other.close()


# ---- what is taken for granted of diskcache -----------------------------------------------------------------------


def test_the_table_has_the_columns_and_indexes_that_the_queries_need(rows: TextTable, directory: Path) -> None:
    """A contract test on diskcache's schema."""
    with sqlite(directory) as con:
        columns = [row[1] for row in con.execute("PRAGMA table_info(Cache)")]
        indexes = {row[1]: bool(row[2]) for row in con.execute("PRAGMA index_list(Cache)")}
        parts = {name: [row[2] for row in con.execute(f"PRAGMA index_info({name})")] for name in indexes}
    assert columns == [
        "rowid", "key", "raw", "store_time", "expire_time", "access_time", "access_count", "tag", "size", "mode",
        "filename", "value",
    ]  # fmt: skip
    assert parts["Cache_key_raw"] == ["key", "raw"]
    assert indexes["Cache_key_raw"], "keys must be unique"
    assert parts["Cache_tag_rowid"] == ["tag", "rowid"]


def test_the_inner_parts_that_are_used_are_there(rows: TextTable) -> None:
    cache = rows._cache
    assert diskcache.__version__.split(".")[:2] == ["5", "6"]
    holders = [cache._txn_id]
    with cache._transact() as (sql, _):
        holders.append(cache._txn_id)
        assert sql("SELECT 1").fetchone() == (1,)
    assert [*holders, cache._txn_id] == [None, threading.get_ident(), None]
    assert cache._sql("SELECT count(*) FROM Cache").fetchone() == (0,)
    assert not cache._con.in_transaction


def plans(rows: TextTable, look: Callable[[], object]) -> list[str]:
    """How SQLite answers every statement of *look*."""
    con = rows._cache._con
    statements: list[str] = []
    con.set_trace_callback(statements.append)
    look()
    con.set_trace_callback(None)
    return [row[3] for query in statements for row in con.execute(f"EXPLAIN QUERY PLAN {query}")]


LOOKS: dict[str, Callable[[TextTable], object]] = {
    "get": lambda rows: rows.get("run/00007"),
    "keys": lambda rows: rows.keys("run/", after="run/00003", before="run/9", limit=3),
    "last": lambda rows: rows.last("run/", before="run/9"),
    "tags": lambda rows: rows.tags("queued ", before=40),
    "key": lambda rows: rows.key(3),
    "tagged": lambda rows: rows.tagged("queued w", before=40, limit=5),
}


@pytest.mark.parametrize("name", LOOKS)
def test_every_look_uses_an_index(rows: TextTable, name: str) -> None:
    """Listings use indexed queries: key iteration of diskcache itself is quadratic."""
    with rows.transact():
        for i in range(50):
            rows.set(f"run/{i:05d}", "", tag="queued w")
    found = plans(rows, lambda: LOOKS[name](rows))
    assert any(line.startswith("SEARCH Cache USING") for line in found)
    assert [line for line in found if "TEMP B-TREE" in line or line.startswith("SCAN Cache")] == []


def steps(rows: TextTable, look: Callable[[], object]) -> int:
    """How many of its machine's instructions SQLite needs for *look*."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    con = rows._cache._con
    con.set_progress_handler(tick, 1)
    look()
    con.set_progress_handler(None, 1)
    return count


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_does_not_cost_more_with_20000_rows_than_with_200(directory: Path, name: str) -> None:
    """A million finished runs must not slow a start, a resume or a list."""
    rows = TextTable(directory, SCHEMA)
    costs = []
    for first, last in ((0, 200), (200, 20_000)):
        with rows.transact():
            rows._cache._con.executemany(
                "INSERT INTO Cache(key, raw, tag, mode, value) VALUES (?, 1, ?, 1, '')",
                ((f"run/{i:05d}", "succeeded w" if i % 2 else "queued w") for i in range(first, last)),
            )
        costs.append(steps(rows, lambda: LOOKS[name](rows)))
    assert costs[0] > 0
    assert costs[1] == costs[0]
    rows.close()


def test_a_store_that_refuses_at_once_while_another_reads_a_dead_ones_journal_is_opened_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    real = diskcache.Cache.create_tag_index

    def busy(cache: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database is locked")
        real(cache)

    monkeypatch.setattr(diskcache.Cache, "create_tag_index", busy)
    rows = TextTable(tmp_path, 1)
    rows.set("a", "1")
    assert (rows.get("a"), len(tries)) == ("1", 3)
    rows.close()
