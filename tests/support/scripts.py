"""Real processes that run a script beside a test, and are killed when it ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


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
