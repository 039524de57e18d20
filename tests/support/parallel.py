"""How pytest-xdist deals the tests out to its processes (``--dist=loadfile``).

A file's tests stay in one process, because they share what is expensive to set up. The files that drive a browser make
two groups: each group has one JupyterLab and one Chromium, and more of them would starve each other on a small machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling  # type: ignore[import-untyped]  # xdist ships no types

_GROUPS: Final = 2
_BROWSER: Final = [path.name for path in sorted((Path(__file__).parents[1] / "browser").glob("test_*.py"))]


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # likewise
    """Deals out whole files, but the browser's files as groups."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder, _, name = file.rpartition("/")
        return f"{folder} {_BROWSER.index(name) % _GROUPS}" if folder == "tests/browser" else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler | None:
    """The scheduler that pytest-xdist uses; ``None``: its own for another ``--dist``."""
    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None
