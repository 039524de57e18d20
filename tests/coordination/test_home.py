"""One store's directory, opened: private, on a disk whose locks can be trusted, with one secret for all."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pdnb.coordination import home as home_module
from pdnb.coordination.home import Home, now_ms
from pdnb.coordination.leader import LeaderLock
from pdnb.coordination.settings import Settings, write_settings
from pdnb.errors import BadLink, StoreCorrupt, StoreError, StoreUnavailable
from pdnb.links import Links
from pdnb.model import Cancelled, Returned, RunRecord, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

T0 = 1_700_000_000_000
CODE = WorkflowVersion("launch", (Step("approve", "1"), Step("publish", "2")), (), Environment("python", "/"))
SOON_S = 5.0


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(kind="kernel") as found:
        yield found


def working(home: Home) -> RunRecord:
    return home.store.add(CODE, None, at_ms=T0, owner=home.owner)


# ---- the directory ------------------------------------------------------------------------------------------------


def test_a_home_is_made_where_the_environment_says(home: Home, pdnb_dir: Path) -> None:
    """``PDNB_DIR`` names the directory."""
    assert home.directory == pdnb_dir
    assert {path.name for path in pdnb_dir.iterdir()} == {"cache.db", "secret", "owners"}


def test_directories_are_0700_and_files_0600_whatever_the_umask(pdnb_dir: Path) -> None:
    """Directory 0700, files 0600."""
    old = os.umask(0)
    try:
        with Home(kind="kernel") as home:
            working(home)
            paths = [pdnb_dir, *pdnb_dir.rglob("*")]
            modes = {path.relative_to(pdnb_dir): path.stat().st_mode & 0o777 for path in paths}
    finally:
        os.umask(old)
    assert len(modes) >= 6
    for path, mode in modes.items():
        assert mode == (0o700 if (pdnb_dir / path).is_dir() else 0o600), path


def test_a_home_is_made_below_directories_that_are_not_there_yet(tmp_path: Path) -> None:
    with Home(tmp_path / "a" / "b" / "c", kind="kernel") as home:
        assert home.store.list().runs == ()


@pytest.mark.parametrize("below", ["", "inside"])
def test_a_file_in_the_directorys_place_is_refused_with_what_to_do(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"^[^\n]*cannot be made[^\n]*: set PDNB_DIR to another place$"):
        Home(tmp_path / "file" / below, kind="kernel")


OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from pdnb.errors import StoreError
from pdnb.coordination.home import Home
if os.getuid() == 0:  # root writes everywhere
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Home(Path(sys.argv[1]), kind="kernel")
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("mode", "below"), [(0o555, ""), (0o555, "new"), (0o000, ""), (0o000, "new")])
def test_a_directory_that_cannot_be_written_is_refused_with_what_to_do(mode: int, below: str) -> None:
    """A store that is read-only."""
    with tempfile.TemporaryDirectory() as name:  # where others may enter: tmp_path is private
        directory = Path(name) / "store"
        directory.mkdir()
        Path(name).chmod(0o755)
        directory.chmod(mode)
        command = [sys.executable, "-c", OPEN_AS_NOBODY, str(directory / below)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        directory.chmod(0o755)
        assert list(directory.iterdir()) == []
    assert answer.stdout.startswith(f"StoreUnavailable the store's directory {directory}")
    assert answer.stdout.endswith("set PDNB_DIR to another place\n")
    assert answer.stdout.count("\n") == 1
    assert answer.stderr == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused_with_what_to_do(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with a clear remedy on network file systems."""
    monkeypatch.setattr(home_module, "_file_system", lambda directory: kind)
    with pytest.raises(StoreError, match=rf"network file system \({kind}\).*set PDNB_DIR to .* a local disk"):
        Home(tmp_path / "x", kind="kernel")
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not say")
def test_the_file_system_is_the_one_the_system_names(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/proc"), Path("/dev"), Path("/")):
        said = subprocess.run(["df", "--output=fstype", str(path)], capture_output=True, text=True, check=True).stdout
        assert home_module._file_system(path) == said.split()[-1]


# ---- the secret ---------------------------------------------------------------------------------------------------


def test_whoever_meets_in_a_directory_shares_its_secret(home: Home) -> None:
    run = working(home)
    link = home.link("resume", run)
    assert link is not None
    with Home(home.directory, kind="server") as other:
        assert other.links.read("resume", str(link).rsplit("/", 1)[1]).run == run.id


def test_another_directory_has_another_secret(home: Home, tmp_path: Path) -> None:
    token = str(home.link("resume", working(home))).rsplit("/", 1)[1]
    with Home(tmp_path / "other", kind="server") as other, pytest.raises(BadLink):
        other.links.read("resume", token)


def test_the_secret_is_not_in_the_store(home: Home) -> None:
    """The secret is a file of its own: the store alone resumes nothing."""
    working(home)
    secret = (home.directory / "secret").read_bytes()
    assert len(secret) == 64
    assert secret not in (home.directory / "cache.db").read_bytes()


def test_a_store_whose_secret_is_gone_is_refused_and_gets_no_new_one(home: Home) -> None:
    home.close()
    before = (home.directory / "cache.db").read_bytes()
    (home.directory / "secret").unlink()
    with pytest.raises(StoreCorrupt, match=r"is gone, [^\n]*: restore it from a backup, or move [^\n]* away$"):
        Home(kind="kernel")
    assert not (home.directory / "secret").exists()
    assert (home.directory / "cache.db").read_bytes() == before


@pytest.mark.parametrize("secret", [b"", b"\n" * 64, b"short"], ids=repr)
def test_a_damaged_secret_is_refused(home: Home, secret: bytes) -> None:
    home.close()
    (home.directory / "secret").write_bytes(secret)
    with pytest.raises(StoreCorrupt, match="is damaged"):
        Home(kind="kernel")


MEET = """
import sys
from pathlib import Path
from pdnb.coordination.home import Home
sys.stdin.readline()
with Home(Path(sys.argv[1]), kind="shell") as home:
    print(home.links.mac("x"), flush=True)
"""


def test_processes_that_make_the_home_at_once_share_one_secret(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEET, str(tmp_path / "x")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(5)
    ]
    answers = [process.communicate(b"go\n") for process in started]
    assert [error for _, error in answers] == [b""] * 5
    mac = Links((tmp_path / "x" / "secret").read_bytes()).mac("x")
    assert {said.strip() for said, _ in answers} == {mac.encode()}
    assert {path.name for path in (tmp_path / "x").iterdir()} == {"cache.db", "secret", "owners"}


# ---- meeting ------------------------------------------------------------------------------------------------------


def test_after_a_commit_everybody_else_is_rung(home: Home) -> None:
    """After a commit every door is rung."""
    with Home(home.directory, kind="worker") as other:
        other.notifier.drain()
        run = working(home)
        assert other.notifier.wait(SOON_S)
        home.store.get(run.id)
        assert not other.notifier.wait(0)
        assert not home.notifier.wait(0)
        other.store.apply(run.id, Cancelled(T0 + 1, "approve", 1, "panel"))
        assert home.notifier.wait(SOON_S)


def test_a_commit_is_a_commit_also_when_nobody_can_be_rung(home: Home) -> None:
    for path in (home.directory / "owners").iterdir():
        path.unlink()
    (home.directory / "owners").rmdir()
    run = working(home)
    assert home.store.get(run.id) == run


def test_a_home_is_alive_until_it_is_left(home: Home) -> None:
    assert home.owners.alive(home.owner)
    with Home(home.directory, kind="worker") as other:
        owner = other.owner
        assert home.owners.alive(owner)
        assert owner.startswith("worker-")
    assert not home.owners.alive(owner)
    other.close()  # twice is no error


def test_a_store_is_served_while_some_server_holds_the_post(home: Home) -> None:
    """Whether the store has a leader: a server that runs its scheduler and its workers."""
    lock = LeaderLock(home.directory, home.owner)
    assert [home.has_leader(), home.has_leader()] == [False, False]
    assert lock.acquire()  # asking has not taken it away
    assert home.has_leader()
    lock.release()
    assert not home.has_leader()


def test_a_link_is_there_while_the_run_waits_or_works(home: Home) -> None:
    run = working(home)
    for purpose in ("resume", "cancel"):
        assert str(home.link(purpose, run)).startswith(f"http://127.0.0.1:8888/pdnb/{purpose}/pdnb1")
    run = home.store.apply(run.id, Suspended(T0 + 1, 1, due_ms=T0 + 9))
    assert home.link("resume", run) is not None
    run = home.store.apply(run.id, Cancelled(T0 + 2, "approve", 1, "panel"))
    assert home.link("resume", run) is None
    assert home.link("cancel", run) is None


def test_a_link_belongs_to_the_present_attempt(home: Home) -> None:
    run = working(home)
    first = home.link("resume", run)
    assert first == home.link("resume", run)
    assert home.link("resume", replace(run, runs=2)) != first
    assert home.link("resume", home.store.apply(run.id, Returned(T0 + 1, 1))) != first


def test_links_follow_the_server_when_it_moves(home: Home) -> None:
    """Published URLs come from configuration or the server's own URL."""
    run = working(home)
    old = home.link("resume", run)
    write_settings(home.directory, Settings(url="http://127.0.0.1:9999/", public_url="https://hub.example.org/"))
    home.reload_settings()
    new = home.link("resume", run)
    assert str(new).startswith("https://hub.example.org/pdnb/resume/")
    assert str(new).rsplit("/", 1)[1] == str(old).rsplit("/", 1)[1]


def test_settings_that_make_no_sense_are_a_clear_error_when_a_home_is_opened(pdnb_dir: Path) -> None:
    pdnb_dir.mkdir()
    (pdnb_dir / "settings.json").write_text("{")
    with pytest.raises(StoreError, match="remove it and restart the server"):
        Home(kind="kernel")


def test_a_home_that_cannot_be_opened_leaves_no_door_open(pdnb_dir: Path) -> None:
    pdnb_dir.mkdir()
    (pdnb_dir / "secret").write_text("x" * 64)
    (pdnb_dir / "cache.db").write_bytes(b"garbage")
    with pytest.raises(StoreCorrupt):  # a socket left open would be a warning, and so an error
        Home(kind="kernel")
    assert [path for path in (pdnb_dir / "owners").iterdir() if path.suffix == ".json"] == []


def test_a_clock_is_passed_in(tmp_path: Path) -> None:
    """Time is data: a clock is passed in; tests move it, nobody sleeps."""
    with Home(tmp_path / "x", kind="kernel", clock=lambda: T0) as home:
        assert home.clock() == T0


def test_the_clock_is_whole_milliseconds() -> None:
    first, second = now_ms(), now_ms()
    assert type(first) is int
    assert first <= second < first + 60_000
    assert first > T0
