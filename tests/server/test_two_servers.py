"""Two real servers on one store: one keeps clock and workers; when it is killed the other does, and nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pdnb.coordination.home import Home, now_ms
from pdnb.model import Status
from tests.support.processes import Server, post, until
from tests.support.server import code

MARK = "import os\nfd = os.open({file!r}, os.O_CREAT | os.O_APPEND | os.O_WRONLY)\nos.write(fd, b'{word}\\n')\n"


def test_when_the_server_that_keeps_the_store_is_killed_the_other_goes_on_and_nothing_comes_twice(
    tmp_path: Path, pdnb_dir: Path
) -> None:
    """Two servers on one store, the first killed: clock and workers move to the second, nothing twice."""
    file = str(tmp_path / "effects")
    nap = MARK.format(file=file, word="nap") + "step.flow.delay(1)"
    gate = MARK.format(file=file, word="gate") + "step.flow.suspend()"
    last = MARK.format(file=file, word="last")
    sources: dict[str, Any] = {"nap": nap, "gate": gate, "last": last}
    with Server(tmp_path / "one", pdnb_dir) as one:
        until((pdnb_dir / "settings.json").exists)
        assert str(one.port) in (pdnb_dir / "settings.json").read_text()
        with Server(tmp_path / "two", pdnb_dir) as two, Home(pdnb_dir, kind="shell") as home:
            before = home.store.add(code(**sources), None, at_ms=now_ms())
            until(lambda: home.store.get(before.id).status is Status.SUSPENDED)
            link = str(home.link("resume", home.store.get(before.id)))
            assert f":{one.port}/" in link
            one.kill()
            after = home.store.add(code(**sources), None, at_ms=now_ms())
            until(lambda: home.store.get(after.id).status is Status.SUSPENDED)  # its clock and its workers
            home.reload_settings()
            for run in (before, after):
                moved = str(home.link("resume", home.store.get(run.id)))
                assert moved.partition("/pdnb/")[0] == two.url.rstrip("/")
                assert [post(moved), post(moved)] == [200, 409]
            assert moved.rpartition("/")[2] != link.rpartition("/")[2]  # each run has its own
            for run in (before, after):
                until(lambda run=run: home.store.get(run.id).status.over)  # type: ignore[misc]  # bound at once
                assert home.store.get(run.id).status is Status.SUCCEEDED
                assert [(a.step, a.runs, a.outcome) for a in home.store.attempts(run.id)] == [
                    ("nap", 1, "delay"), ("gate", 1, "suspended"), ("last", 1, "returned"),
                ]  # fmt: skip
    assert sorted((tmp_path / "effects").read_text().split()) == ["gate"] * 2 + ["last"] * 2 + ["nap"] * 2
