"""Time limits kill a worker of this machine that lives, and no other process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.model import Status
from pdnb.owner_id import OwnerId, this_host
from pdnb.workers import time_limits
from pdnb.workers.time_limits import TimeLimits
from tests.support.server import code


@pytest.fixture
def home(pdnb_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(time_limits, "_GRACE_S", -2)
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


def overdue(home: Home, owner: str) -> str:
    """A run past its time limit, claimed by *owner*."""
    plain = code(slow="1")
    version = replace(plain, steps=(replace(plain.steps[0], time_limit=1),))
    return home.store.add(version, None, at_ms=now_ms(), owner=owner).id


@pytest.mark.parametrize(
    "owner",
    [
        OwnerId("worker", "elsewhere", os.getpid(), "00000000"),  # another machine's process of that number
        OwnerId("worker", this_host(), os.getpid(), "00000000"),  # dead: its number was given again
        "worker-slow",
        "kernel",  # alive: a person's own process, who may interrupt it
    ],
)
def test_no_process_but_a_living_worker_of_this_machine_is_killed(
    home: Home, monkeypatch: pytest.MonkeyPatch, owner: OwnerId | str
) -> None:
    run_id = overdue(home, home.owner if owner == "kernel" else str(owner))

    def kill(pid: int, number: int) -> None:
        raise AssertionError(f"{pid} was killed")

    monkeypatch.setattr(os, "kill", kill)
    TimeLimits(home).enforce(home.store.running())
    assert home.store.get(run_id).status is Status.RUNNING


def test_a_worker_past_its_limit_is_killed_and_its_run_fails(
    home: Home, pdnb_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Home(pdnb_dir, kind="worker") as worker:
        run_id, killed = overdue(home, worker.owner), list[tuple[int, int]]()

        def kill(pid: int, number: int) -> None:
            killed.append((pid, number))
            worker.close()  # as the system does

        monkeypatch.setattr(os, "kill", kill)
        TimeLimits(home).enforce(home.store.running())
    assert killed == [(os.getpid(), signal.SIGKILL)]
    assert home.store.get(run_id).status is Status.FAILED
