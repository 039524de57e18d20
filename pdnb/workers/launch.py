"""Worker processes: starting one for a run's environment, and reading why it ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Final

from pdnb.executor.starting import BOOT
from pdnb.links import redact
from pdnb.workflow.version import Environment

_MAX_STDERR: Final = 2_000  # characters of a failed worker's stderr that are logged


class WorkerProcess:
    """A worker of one environment, as its supervisor holds it. ``ending``: it was asked to end."""

    def __init__(self, environment: str, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        self.environment = environment
        self.ending = False
        self._process = process
        self._stderr = stderr

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with; negative: the signal that ended it; ``None`` while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Ask it to end; it finishes the wake-up at hand first."""
        self._process.terminate()
        self.ending = True

    def wait(self, timeout_s: float) -> None:
        """Wait for its end, *timeout_s* seconds at the most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, timeout_s))

    def last_words(self) -> str:
        """The end of what it wrote to stderr, without working links."""
        self._stderr.seek(0)
        return redact(self._stderr.read()[-_MAX_STDERR:].decode(errors="replace").strip())

    def close(self) -> None:
        """Close what this process holds of it."""
        with contextlib.suppress(OSError):
            self._stderr.close()


def launch(directory: Path, run_id: str, key: str, environment: Environment) -> WorkerProcess:
    """Start a worker of the store in *directory* for *environment* (its key is *key*), that of the run *run_id*.

    Raises ``OSError`` when its interpreter or its working directory is gone.
    """
    # fmt: off
    command = [  # the interpreter stands under the MAC of the run's code
        environment.executable, "-P", "-c", BOOT.format(module="pdnb.workers.boot"), json.dumps(environment.path),
        "--directory", str(directory), "--run", run_id, "--server", str(os.getpid()),
    ]
    # fmt: on
    stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
    try:
        process = subprocess.Popen(
            command,
            cwd=environment.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,  # the terminal's Interrupt is for the server
        )
    except OSError:
        stderr.close()
        raise
    return WorkerProcess(key, process, stderr)
