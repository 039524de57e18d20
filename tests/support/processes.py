"""Real processes beside a test: those that run a script for it, and those that are owners of a store."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pdnb.owner_id import OwnerId


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


def owners_in(store: Path, kind: str = "*") -> list[OwnerId]:
    """The owners of the store in *store* that have cards, of one *kind* or of all."""
    found = [OwnerId.parse(card.stem) for card in (store / "owners").glob(f"{kind}-*.json")]
    return [owner for owner in found if owner is not None]
