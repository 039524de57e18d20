"""What a step at work tells of itself: seen while it works, gone when it ends, never a link, never in the way."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pdnb import client
from pdnb.coordination import progress
from pdnb.coordination.home import Home, now_ms
from pdnb.model import Returned, RunRecord
from pdnb.runtime.runner import Runner
from tests.support.processes import until
from tests.support.server import code

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "pdnb1r." + "a" * 20 + ".one.1." + "s" * 43


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.01)


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(kind="kernel") as found:
        yield found


def working(home: Home, source: str = "1") -> RunRecord:
    sources: dict[str, Any] = {"one": source}
    return home.store.add(code(**sources), None, at_ms=now_ms(), owner=home.owner)


def test_what_a_step_has_printed_and_told_is_seen_while_it_works(home: Home) -> None:
    """Progress from a long step is seen on the card while it runs."""
    source = "step.progress(3, 12, 'files')\nprint('half way')\nimport gate\ngate.seen.wait(20)"
    run = working(home, source)
    with pytest.MonkeyPatch.context() as patch:
        gate: Any = type(progress)("gate")
        gate.seen = threading.Event()
        patch.setitem(__import__("sys").modules, "gate", gate)

        def drive() -> None:
            Runner(home, show=False).drive(run)
            home.store.close()  # this thread's connection

        def shown() -> dict[str, Any] | None:
            assert thread.is_alive()
            found: dict[str, Any] | None = progress.read(home.directory, home.store.get(run.id))
            return found if found and found["outputs"] else None  # the first picture may be older than the step

        thread = threading.Thread(target=drive)
        thread.start()
        told = until(shown)
        assert told is not None
        document = client.document(home, home.store.get(run.id))
        gate.seen.set()
        thread.join()
    assert told["progress"] == {"done": 3.0, "total": 12.0, "text": "files"}
    [attempt] = document["attempts"]
    assert (attempt["outcome"], attempt["progress"]) == ("running", told["progress"])
    assert attempt["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "half way\n"}]
    assert not list((home.directory / "progress").iterdir())


def test_the_file_is_its_owners_alone_and_holds_no_link(home: Home) -> None:
    run, told = working(home), threading.Event()

    def said() -> dict[str, Any]:
        return {"outputs": [{"text": f"http://x/pdnb/resume/{TOKEN}"}], "progress": None}

    with progress.Publisher(home.directory, run, said, told.set).in_thread():
        assert told.wait(20)
        [file] = (home.directory / "progress").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert TOKEN not in file.read_text()
        assert "pdnb/resume/…" in json.loads(file.read_text())["outputs"][0]["text"]


def test_nothing_is_written_where_nothing_has_changed(home: Home) -> None:
    rings: list[int] = []
    asked = threading.Semaphore(0)

    def said() -> dict[str, Any]:
        asked.release()
        return {"outputs": [], "progress": None}

    with progress.Publisher(home.directory, working(home), said, lambda: rings.append(1)).in_thread():
        for _ in range(5):
            assert asked.acquire(timeout=20)
    assert rings == [1]


def test_a_full_disk_is_no_error_of_the_step(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def full(*_: object) -> None:
        tried.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "write_private", full)
    nothing: dict[str, Any] = {"outputs": [], "progress": None}
    with progress.Publisher(home.directory, working(home), lambda: nothing, lambda: None).in_thread():
        assert tried.wait(20)


def test_what_another_claim_or_attempt_has_told_is_not_shown(home: Home) -> None:
    run = working(home)
    folder = home.directory / "progress"
    folder.mkdir()
    mine = {"fence": run.fence, "step": run.step, "runs": run.runs, "outputs": [], "progress": None}
    for wrong in ({"fence": 9}, {"step": "other"}, {"runs": 2}):
        (folder / f"{run.id}.json").write_text(json.dumps({**mine, **wrong}))
        assert progress.read(home.directory, run) is None
    (folder / f"{run.id}.json").write_text(json.dumps(mine))
    assert progress.read(home.directory, run) == {"outputs": [], "progress": None}
    for damaged in ("", "[]", "{", '{"fence": 1}'):
        (folder / f"{run.id}.json").write_text(damaged)
        assert progress.read(home.directory, run) is None
    ended = home.store.apply(run.id, Returned(now_ms(), run.fence))
    (folder / f"{run.id}.json").write_text(json.dumps(mine))
    assert progress.read(home.directory, ended) is None


def test_what_dead_processes_left_is_swept(home: Home) -> None:
    folder = home.directory / "progress"
    folder.mkdir()
    for name in ("alive", "dead"):
        (folder / f"{name}.json").write_text("{}")
    progress.remove_stale(home.directory, {"alive"})
    assert [path.name for path in folder.iterdir()] == ["alive.json"]


@pytest.mark.parametrize("wrong", ["'a'", "None", "True", "float('nan')", "1, 'all'", "1, 2, 3"])
def test_progress_that_is_no_number_fails_the_step(home: Home, wrong: str) -> None:
    run = working(home, f"step.progress({wrong})")
    with pytest.raises((TypeError, ValueError), match=r"use a (finite number|text)"):
        Runner(home, show=False).drive(run)
