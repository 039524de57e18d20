"""Liveness: an owner is alive exactly as long as its lock is held, however many ask."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from pdnb.coordination.leader import ProcessLock
from pdnb.coordination.liveness import Owner, Owners, owners_directory
from pdnb.owner_id import OwnerId, this_host
from tests.support.scripts import kill, process

LIVE = """
import sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
owner = Owner(Path(sys.argv[1]), "worker", 4711)
print(owner.id, flush=True)
sys.stdin.readline()
"""

COME_AND_GO = """
import sys
from pathlib import Path
from pdnb.coordination.liveness import Owner
print("ready", flush=True)
for _ in range(100):
    Owner(Path(sys.argv[1]), "worker", 4711).leave()
"""

ASK = """
import sys
from pathlib import Path
from pdnb.coordination.liveness import Owners
print(any(Owners(Path(sys.argv[1])).alive("worker-1-00000000") for _ in range(3_000)), flush=True)
"""

FORK_WHILE_ASKING = """
import fcntl, os, sys
from pathlib import Path
from pdnb.coordination.liveness import Owners
flock, children = fcntl.flock, []
def flock_and_fork(descriptor, operation):
    flock(descriptor, operation)
    if operation & fcntl.LOCK_SH and not children:
        children.append(os.fork())
        if children == [0]:
            os.read(0, 1)
            os._exit(0)
fcntl.flock = flock_and_fork
print(Owners(Path(sys.argv[1])).alive("worker-1-00000000"), *children, flush=True)
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


def test_processes_that_ask_at_once_do_not_take_each_other_for_the_owner(tmp_path: Path) -> None:
    (owners_directory(tmp_path) / "worker-1-00000000.lock").touch()  # of an owner that was killed
    with process(ASK, tmp_path) as (_, first), process(ASK, tmp_path) as (_, second):
        assert [first, second] == [["False"], ["False"]]


def test_a_child_that_is_forked_while_its_parent_asks_holds_nothing(tmp_path: Path) -> None:
    path = owners_directory(tmp_path) / "worker-1-00000000.lock"
    path.touch()
    with process(FORK_WHILE_ASKING, tmp_path) as (_, (answer, child)):
        os.kill(int(child), 0)  # it is there, and has the descriptor
        FileLock(path).acquire(timeout=0).lock.release()
        os.kill(int(child), 9)
    assert answer == "False"


def test_while_owners_come_and_go_and_are_reaped_the_living_live(tmp_path: Path) -> None:
    owners, mine = Owners(tmp_path), Owner(tmp_path, "kernel", 4711)
    with process(COME_AND_GO, tmp_path) as (first, _), process(COME_AND_GO, tmp_path) as (second, _):
        while first.poll() is None or second.poll() is None:
            owners.reap()
            assert owners.alive(mine.id)
    assert (first.returncode, second.returncode) == (0, 0)
    assert list(owners.ports()) == [4711]
    mine.leave()


def test_every_owner_has_an_id_of_its_own_that_says_what_it_is(tmp_path: Path) -> None:
    made = [Owner(tmp_path, "kernel", 4711) for _ in range(3)]
    assert len({owner.id for owner in made}) == 3
    named = [OwnerId.parse(owner.id) for owner in made]
    assert {(each.kind, each.host, each.pid) for each in named if each} == {("kernel", this_host(), os.getpid())}
    for owner in made:
        owner.leave()


def test_what_owners_write_is_private(tmp_path: Path) -> None:
    """Directory 0700, files 0600."""
    old = os.umask(0)
    try:
        owner = Owner(tmp_path, "kernel", 4711)
        lock = ProcessLock(tmp_path, "server")
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
