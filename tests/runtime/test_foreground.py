"""Runs driven in the caller's process: a run whose commit seemed to fail is found by its id, and is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdnb.coordination.home import Home
from pdnb.errors import StoreUnavailable
from pdnb.model import RunRecord, Status
from pdnb.runtime import foreground
from pdnb.workflow.version import WorkflowVersion
from tests.support.server import code


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


@pytest.fixture
def version() -> WorkflowVersion:
    return code(one="'done'")


def fails(home: Home, monkeypatch: pytest.MonkeyPatch, *, stored: bool) -> None:
    """Let the next ``add`` fail, before or after its commit."""
    real = home.store.add

    def add(*args: Any, **options: Any) -> RunRecord:
        monkeypatch.setattr(home.store, "add", real)
        if stored:
            real(*args, **options)
        raise StoreUnavailable("the disk failed")

    monkeypatch.setattr(home.store, "add", add)


@pytest.mark.parametrize("headless", [False, True])
def test_a_start_that_was_stored_and_seemed_to_fail_goes_on(
    home: Home, version: WorkflowVersion, monkeypatch: pytest.MonkeyPatch, headless: bool
) -> None:
    fails(home, monkeypatch, stored=True)
    started: list[RunRecord] = []
    run = foreground.start(home, version, headless=headless, on_start=started.append)
    assert run.status is (Status.QUEUED if headless else Status.SUCCEEDED)
    assert [each.id for each in started] == [run.id]
    assert [each.id for each in home.store.list().runs] == [run.id]


@pytest.mark.parametrize("headless", [False, True])
def test_a_start_that_was_not_stored_says_so_and_leaves_nothing(
    home: Home, version: WorkflowVersion, monkeypatch: pytest.MonkeyPatch, headless: bool
) -> None:
    fails(home, monkeypatch, stored=False)
    with pytest.raises(StoreUnavailable, match="the disk failed"):
        foreground.start(home, version, headless=headless)
    assert home.store.list().runs == ()


def test_a_start_of_which_nothing_can_be_known_raises_what_happened_first(
    home: Home, version: WorkflowVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(home, monkeypatch, stored=True)

    def locked(_run_id: str) -> RunRecord:
        raise StoreUnavailable("locked")

    with monkeypatch.context() as patch:
        patch.setattr(home.store, "get", locked)
        with pytest.raises(StoreUnavailable, match="the disk failed"):
            foreground.start(home, version)
