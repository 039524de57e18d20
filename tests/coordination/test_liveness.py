"""Who lives: an owner is alive exactly as long as its lock is held, and a post is held by one process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdnb.coordination.liveness import LeaderLock, Owner, Owners, owners_directory, write_private

LIVE = """
import sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
owner = Owner(Path(sys.argv[1]), "worker", 4711)
print(owner.id, flush=True)
sys.stdin.readline()
"""

FORK_AND_LIVE = """
import os, sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
owner = Owner(Path(sys.argv[1]), "kernel", 4711)
here, there = os.pipe()
child = os.fork()
if child == 0:
    os.write(there, b".")
    os.read(0, 1)
    os._exit(0)
os.read(here, 1)
print(owner.id, child, flush=True)
sys.stdin.readline()
"""

FORK_AND_OUTLIVE = """
import gc, os, sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
owner = Owner(Path(sys.argv[1]), "kernel", 4711)
child = os.fork()
if child == 0:
    del owner
    gc.collect()
    sys.exit()
os.waitpid(child, 0)
print(owner.id, flush=True)
sys.stdin.readline()
"""

START_AND_LIVE = """
import subprocess, sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
owner = Owner(Path(sys.argv[1]), "kernel", 4711)
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], close_fds=False)
print(owner.id, child.pid, flush=True)
sys.stdin.readline()
"""

TAKE = """
import sys
from pathlib import Path
from pdnb.coordination.liveness import LeaderLock
post = LeaderLock(Path(sys.argv[1]))
print(post.acquire(), post.held, flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def process(script: str, directory: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A real process, and the words it says when it is ready."""
    command = [sys.executable, "-c", script, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        yield started, started.stdout.readline().split()
        started.kill()


def kill(started: subprocess.Popen[str]) -> None:
    """SIGKILL, and it is gone when this returns."""
    started.kill()
    started.wait()


# ---- owners -------------------------------------------------------------------------------------------------------


def test_a_process_is_alive_until_it_is_killed_and_dead_at_once_after(tmp_path: Path) -> None:
    """It is dead exactly when the lock is free; a SIGKILL is noticed at once."""
    owners = Owners(tmp_path)
    with process(LIVE, tmp_path) as (other, (owner,)):
        assert owners.alive(owner)
        assert owners.alive(owner)  # looking takes nothing away
        kill(other)
        assert not owners.alive(owner)
        assert not owners.alive(owner)


def test_this_process_is_alive_in_its_own_eyes_and_until_it_leaves(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    owner = Owner(tmp_path, "kernel", 4711)
    assert owners.alive(owner.id)
    owner.leave()
    assert not owners.alive(owner.id)
    assert list((tmp_path / "owners").iterdir()) == []


def test_a_forked_child_that_outlives_its_parent_does_not_keep_it_alive(tmp_path: Path) -> None:
    """A step that forks, and whose kernel is then killed, must not hold its runs for ever."""
    owners = Owners(tmp_path)
    with process(FORK_AND_LIVE, tmp_path) as (parent, (owner, child)):
        assert owners.alive(owner)
        kill(parent)
        os.kill(int(child), 0)  # it is still there
        assert not owners.alive(owner)
        os.kill(int(child), 9)


def test_a_program_that_was_started_and_outlives_its_parent_does_not_keep_it_alive(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    with process(START_AND_LIVE, tmp_path) as (parent, (owner, child)):
        assert owners.alive(owner)
        kill(parent)
        os.kill(int(child), 0)
        assert not owners.alive(owner)
        os.kill(int(child), 9)


def test_a_forked_child_that_ends_does_not_take_its_parent_along(tmp_path: Path) -> None:
    with process(FORK_AND_OUTLIVE, tmp_path) as (_, (owner,)):
        assert Owners(tmp_path).alive(owner)


def test_an_owner_outlives_the_thread_that_made_it_and_leaves_from_any(tmp_path: Path) -> None:
    made: list[Owner] = []
    thread = threading.Thread(target=lambda: made.append(Owner(tmp_path, "server", 4711)))
    thread.start()
    thread.join()
    owners = Owners(tmp_path)
    assert owners.alive(made[0].id)
    made[0].leave()
    assert not owners.alive(made[0].id)


def test_nobody_is_not_alive_and_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    assert not owners.alive("worker-1-00000000")
    assert list((tmp_path / "owners").iterdir()) == []


def test_every_owner_has_an_id_of_its_own_that_says_what_it_is(tmp_path: Path) -> None:
    made = [Owner(tmp_path, "kernel", 4711) for _ in range(3)]
    assert len({owner.id for owner in made}) == 3
    assert all(owner.id.startswith(f"kernel-{os.getpid()}-") for owner in made)
    for owner in made:
        owner.leave()


def test_what_owners_write_is_private(tmp_path: Path) -> None:
    """Directory 0700, files 0600."""
    old = os.umask(0)
    try:
        owner = Owner(tmp_path, "kernel", 4711)
        lock = LeaderLock(tmp_path)
        lock.acquire()
    finally:
        os.umask(old)
    directory = owners_directory(tmp_path)
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in (*directory.iterdir(), tmp_path / "server.lock")}
    assert modes == {".lock": 0o600, ".json": 0o600}
    lock.release()
    owner.leave()


# ---- whom to ring -------------------------------------------------------------------------------------------------


def test_every_owners_port_is_rung_until_it_leaves(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    assert list(owners.ports()) == []
    first, second = Owner(tmp_path, "kernel", 4711), Owner(tmp_path, "worker", 4712)
    assert sorted(owners.ports()) == [4711, 4712]
    first.leave()
    assert list(owners.ports()) == [4712]
    second.leave()
    assert list(owners.ports()) == []


@pytest.mark.parametrize("card", ["", "{", "[]", "null", "3", "{}", '{"port": null}', '{"port": "x"}', "\x80"])
def test_a_damaged_card_is_nobodys(tmp_path: Path, card: str) -> None:
    owner = Owner(tmp_path, "kernel", 4711)
    (tmp_path / "owners" / "worker-1-00000000.json").write_text(card, encoding="latin-1")
    assert list(Owners(tmp_path).ports()) == [4711]
    owner.leave()


def test_the_dead_are_buried_and_the_living_are_not(tmp_path: Path) -> None:
    """Remove the files of the dead, so that nobody rings them for ever."""
    owners = Owners(tmp_path)
    mine = Owner(tmp_path, "kernel", 4712)
    with process(LIVE, tmp_path) as (other, (owner,)):
        owners.reap()
        assert sorted(owners.ports()) == [4711, 4712]
        kill(other)
        owners.reap()
    assert list(owners.ports()) == [4712]
    assert {path.name for path in (tmp_path / "owners").iterdir()} == {f"{mine.id}.lock", f"{mine.id}.json"}
    assert not owners.alive(owner)
    mine.leave()


def test_what_somebody_left_who_was_killed_while_coming_in_is_removed_and_a_newcomers_is_not(tmp_path: Path) -> None:
    mine = Owner(tmp_path, "kernel", 4711)
    mine._card.unlink()  # frozen for long between its lock and its card
    place = tmp_path / "owners"
    old = ["worker-1-00000000.lock", ".worker-2-00000000.json.0123abcd"]
    new = ["worker-3-00000000.lock", ".worker-4-00000000.json.0123abcd"]
    for name in old + new:
        (place / name).touch()
    for name in [*old, f"{mine.id}.lock"]:
        os.utime(place / name, (0, 0))
    Owners(tmp_path).reap()
    assert {path.name for path in place.iterdir()} == {*new, f"{mine.id}.lock"}
    mine.leave()


# ---- the post -----------------------------------------------------------------------------------------------------


def test_a_post_is_held_by_one_process_and_free_when_that_is_killed(tmp_path: Path) -> None:
    """Two servers on one store are normal: the holder of ``server.lock`` keeps the clock; the others take over."""
    lock = LeaderLock(tmp_path)
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


def test_a_post_is_taken_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    lock, other = LeaderLock(tmp_path), LeaderLock(tmp_path)
    assert [lock.acquire(), lock.acquire(), other.acquire()] == [True, True, False]
    lock.release()
    assert not lock.held
    lock.release()  # twice is no error
    assert other.acquire()
    assert not lock.acquire()
    other.release()


def test_a_post_belongs_to_the_process_and_not_to_a_thread(tmp_path: Path) -> None:
    lock = LeaderLock(tmp_path)
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert (lock.held, lock.acquire(), LeaderLock(tmp_path).acquire()) == (True, True, False)
    lock.release()
    other = LeaderLock(tmp_path)
    assert other.acquire()
    other.release()


def test_posts_of_other_names_are_others(tmp_path: Path) -> None:
    lock, other = LeaderLock(tmp_path), LeaderLock(tmp_path, "demo")
    assert lock.acquire()
    assert other.acquire()
    lock.release()
    other.release()


# ---- files --------------------------------------------------------------------------------------------------------


def test_a_private_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    write_private(path, "one")
    with path.open() as reader:
        write_private(path, json.dumps({"two": 2}))
        assert reader.read() == "one"
    assert json.loads(path.read_text()) == {"two": 2}
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\udc80")
    assert json.loads(path.read_text()) == {"two": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
