"""Locks that one process holds at a time, and the leader, whom others find without touching its lock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pdnb.coordination.home import Home
from pdnb.coordination.leader import LeaderLock, ProcessLock, find_leader
from pdnb.coordination.liveness import Owner, Owners
from pdnb.errors import StoreUnavailable
from tests.support.scripts import kill, process

TAKE = """
import sys
from pathlib import Path
from pdnb.coordination.leader import ProcessLock
lock = ProcessLock(Path(sys.argv[1]), "server")
print(lock.acquire(), lock.held, flush=True)
sys.stdin.readline()
"""

LEAD = """
import sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
from pdnb.coordination.leader import LeaderLock
owner = Owner(Path(sys.argv[1]), "server", 4711)
lock = LeaderLock(Path(sys.argv[1]), owner.id)
print(owner.id, lock.acquire(), flush=True)
sys.stdin.readline()
"""

ASK = """
import sys
from pathlib import Path
from pdnb.coordination.home import Home
with Home(Path(sys.argv[1]), kind="shell") as home:
    print("ready", flush=True)
    sys.stdin.readline()
    print(*{home.has_leader() for _ in range(2_000)}, flush=True)
"""

# ---- locks --------------------------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_process_and_free_when_that_is_killed(tmp_path: Path) -> None:
    """Two servers on one store are normal: the holder of ``server.lock`` leads; the others take over."""
    lock = ProcessLock(tmp_path, "server")
    with process(TAKE, tmp_path) as (other, said):
        assert said == ["True", "True"]
        assert (lock.acquire(), lock.held) == (False, False)
        kill(other)
        assert (lock.acquire(), lock.held) == (True, True)
    with process(TAKE, tmp_path) as (_, said):
        assert said == ["False", "False"]
    lock.release()
    with process(TAKE, tmp_path) as (_, said):
        assert said == ["True", "True"]


def test_a_lock_is_taken_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    lock, other = ProcessLock(tmp_path, "server"), ProcessLock(tmp_path, "server")
    assert [lock.acquire(), lock.acquire(), other.acquire()] == [True, True, False]
    lock.release()
    assert not lock.held
    lock.release()  # twice is no error
    assert other.acquire()
    assert not lock.acquire()
    other.release()


def test_a_lock_belongs_to_the_process_and_not_to_a_thread(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path, "server")
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert (lock.held, lock.acquire(), ProcessLock(tmp_path, "server").acquire()) == (True, True, False)
    lock.release()
    other = ProcessLock(tmp_path, "server")
    assert other.acquire()
    other.release()


def test_locks_of_other_names_are_others(tmp_path: Path) -> None:
    lock, other = ProcessLock(tmp_path, "server"), ProcessLock(tmp_path, "demo")
    assert lock.acquire()
    assert other.acquire()
    lock.release()
    other.release()


# ---- the leader ---------------------------------------------------------------------------------------------------


def ask_at_once(directory: Path, count: int) -> list[str]:
    """What that many processes answer that all ask at the same time, very often, whether there is a leader."""
    command = [sys.executable, "-c", ASK, str(directory)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    asking = [subprocess.Popen(command, text=True, **pipes) for _ in range(count)]  # type: ignore[call-overload]
    for each in asking:
        assert each.stdout.readline() == "ready\n"
    for each in asking:
        each.stdin.write("\n")
        each.stdin.flush()
    return [each.communicate()[0].strip() for each in asking]


def test_processes_that_ask_at_once_do_not_see_each_other(pdnb_dir: Path) -> None:
    Home(pdnb_dir, kind="shell").close()
    assert ask_at_once(pdnb_dir, 3) == ["False"] * 3
    with process(LEAD, pdnb_dir) as (leader, (_, leads)):
        assert leads == "True"
        assert ask_at_once(pdnb_dir, 3) == ["True"] * 3
        kill(leader)
    assert (pdnb_dir / "leader.json").exists()  # left behind, and believed by nobody
    assert ask_at_once(pdnb_dir, 3) == ["False"] * 3


def test_a_leader_is_found_until_it_stops_or_is_killed(tmp_path: Path) -> None:
    owners, mine = Owners(tmp_path), Owner(tmp_path, "server", 4712)
    lock = LeaderLock(tmp_path, mine.id)
    assert find_leader(tmp_path, owners) is None
    with process(LEAD, tmp_path) as (leader, (owner, _)):
        assert find_leader(tmp_path, owners) == owner
        assert not lock.acquire()
        assert find_leader(tmp_path, owners) == owner  # who cannot lead changes nothing
        kill(leader)
        assert find_leader(tmp_path, owners) is None
    owners.reap()
    assert lock.acquire()  # a file left behind is in no way
    assert find_leader(tmp_path, owners) == mine.id
    lock.release()
    assert find_leader(tmp_path, owners) is None
    assert not (tmp_path / "leader.json").exists()
    mine.leave()


def test_whoever_asks_keeps_no_process_from_leading(tmp_path: Path) -> None:
    owners, mine = Owners(tmp_path), Owner(tmp_path, "server", 4711)
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            find_leader(tmp_path, owners)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    for _ in range(200):
        lock = LeaderLock(tmp_path, mine.id)
        assert lock.acquire()
        assert find_leader(tmp_path, owners) == mine.id
        lock.release()
    over.set()
    for thread in asking:
        thread.join()
    mine.leave()


def test_a_release_does_not_take_the_next_leader_its_file(tmp_path: Path) -> None:
    owners, first, second = Owners(tmp_path), Owner(tmp_path, "server", 1), Owner(tmp_path, "server", 2)
    old, new = LeaderLock(tmp_path, first.id), LeaderLock(tmp_path, second.id)
    assert old.acquire()
    old.release()
    assert new.acquire()
    old.release()
    assert find_leader(tmp_path, owners) == second.id
    new.release()
    first.leave()
    second.leave()


def test_what_a_leader_prepares_is_there_when_others_find_it(tmp_path: Path) -> None:
    owners, mine = Owners(tmp_path), Owner(tmp_path, "server", 4711)
    lock, seen = LeaderLock(tmp_path, mine.id), list[object]()
    assert lock.acquire(lambda: seen.append(find_leader(tmp_path, owners)))
    assert lock.acquire(lambda: seen.append("again"))
    assert (seen, find_leader(tmp_path, owners)) == ([None], mine.id)
    lock.release()
    mine.leave()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ZeroDivisionError()])
def test_a_leader_that_cannot_write_does_not_lead(tmp_path: Path, error: Exception) -> None:
    owners, mine = Owners(tmp_path), Owner(tmp_path, "server", 4711)
    lock = LeaderLock(tmp_path, mine.id)

    def fail() -> None:
        raise error

    with pytest.raises(StoreUnavailable if isinstance(error, OSError) else type(error)):
        lock.acquire(fail)
    assert (lock.held, find_leader(tmp_path, owners)) == (False, None)
    assert lock.acquire()
    lock.release()
    mine.leave()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '{"owner": null}', '{"owner": 3}', "\x80"])
def test_a_damaged_leader_file_names_no_leader(tmp_path: Path, text: str) -> None:
    (tmp_path / "leader.json").write_text(text, encoding="latin-1")
    assert find_leader(tmp_path, Owners(tmp_path)) is None


def test_the_leader_file_is_private(tmp_path: Path) -> None:
    mine = Owner(tmp_path, "server", 4711)
    lock = LeaderLock(tmp_path, mine.id)
    lock.acquire()
    path = tmp_path / "leader.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"owner": mine.id}
    lock.release()
    mine.leave()
