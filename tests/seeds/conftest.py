"""What the seeds' tests share: a stage with a clock that is moved, one beside a real server, and a service."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pdnb.coordination.home import Home
from tests.seeds.service import Service
from tests.seeds.stage import Clock, Stage
from tests.support.server import Rig, eventually

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_server.serverapp import ServerApp
    from traitlets.config import Config


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage(pdnb_dir: Path, clock: Clock) -> Iterator[Stage]:
    with Home(pdnb_dir, kind="kernel", clock=clock) as home:
        yield Stage(home, clock)


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """No workers: a test calls :meth:`Stage.work` when it is their turn."""
    jp_server_config.PdnbApp.max_workers = 0
    return jp_server_config


@pytest.fixture
def served(pdnb_server: ServerApp, pdnb_dir: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Stage]:
    """A stage beside a real server: same store, links that lead to the server, and the real clock."""
    jp_asyncio_loop.run_until_complete(eventually((pdnb_dir / "settings.json").exists))
    with Home(pdnb_dir, kind="kernel") as home:
        yield Stage(home)


@pytest.fixture
def rig(pdnb_server: ServerApp, served: Stage) -> Rig:
    """Asks the server over HTTP."""
    return Rig(pdnb_server, served.home)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def props(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What steps of this process and the test hand each other: ``import props``."""
    props = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "props", props)
    return props
