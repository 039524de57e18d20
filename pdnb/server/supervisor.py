"""Workers: plain processes, started when a run waits for one, kept warm, at most ``max_workers`` at a time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from logging import Logger
from typing import IO, Final

from pdnb.errors import RunNotFound, StoreError
from pdnb.home import Home
from pdnb.links import redact
from pdnb.workflow import Environment

_LAST_WORDS: Final = 2_000  # characters of a dead worker's stderr that are logged


@dataclass
class _Worker:
    environment: str
    process: subprocess.Popen[bytes]
    stderr: IO[bytes]
    ending: bool = False


class Supervisor:
    """Starts, counts and ends the workers of one server. Lives in the store thread."""

    def __init__(self, home: Home, log: Logger, *, max_workers: int) -> None:
        self._home = home
        self._log = log
        self._max = max_workers
        self._workers: list[_Worker] = []
        self._failed: set[str] = set()
        self._idle = 0

    def expects_idle(self) -> bool:
        """Whether some worker was idle at the last look and may take the next run by itself."""
        return self._idle > 0

    def look(self) -> None:
        """Bury who ended, then start a worker for every environment whose queue no idle worker serves."""
        self._bury()
        busy = {int(run.owner.split("-")[1]) for run in self._home.store.running() if run.owner}
        idle = Counter(w.environment for w in self._workers if w.process.pid not in busy and not w.ending)
        self._idle = idle.total()
        for environment, run_id in self._home.store.queued_environments().items():
            if idle[environment] or environment in self._failed:
                continue
            if sum(not w.ending for w in self._workers) >= self._max and not self._make_room(busy):
                return
            self._start(environment, run_id)

    def close(self) -> None:
        """Ask every worker to end after the stretch at hand; none is killed."""
        for worker in self._workers:
            worker.process.terminate()
            worker.stderr.close()
        self._workers.clear()

    def _start(self, environment: str, run_id: str) -> None:
        try:
            place = self._home.store.frozen(self._home.store.get(run_id).hash).environment
        except (StoreError, RunNotFound) as error:
            self._failed.add(environment)  # tampered or gone: nothing of it is executed
            self._log.error("pdnb: run %s: %s", run_id, error)
            return
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        try:
            process = subprocess.Popen(  # the interpreter stands under the MAC of the run's code
                [
                    place.executable,
                    "-P",
                    "-m",
                    "pdnb.worker",
                    "--directory",
                    str(self._home.directory),
                    "--run",
                    run_id,
                ],
                cwd=place.cwd,
                env=_environ(place),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,  # the terminal's Interrupt is for the server
            )
        except OSError as error:
            stderr.close()
            self._failed.add(environment)
            self._log.error(
                "pdnb: no worker for run %s: %s cannot be started in %s (%s): "
                "restore that interpreter or directory and restart the server",
                run_id, place.executable, place.cwd, error.strerror,
            )  # fmt: skip
            return
        self._workers.append(_Worker(environment, process, stderr))

    def _make_room(self, busy: set[int]) -> bool:
        """Let one idle worker of another environment end; whether there was one."""
        for worker in self._workers:
            if worker.process.pid not in busy and not worker.ending:
                worker.process.terminate()
                worker.ending = True
                return True
        return False

    def _bury(self) -> None:
        for worker in [w for w in self._workers if w.process.poll() is not None]:
            self._workers.remove(worker)
            if worker.process.returncode > 0:
                worker.stderr.seek(0)
                words = worker.stderr.read()[-_LAST_WORDS:].decode(errors="replace").strip()
                self._log.error("pdnb: a worker ended with code %s: %s", worker.process.returncode, redact(words))
            with contextlib.suppress(OSError):
                worker.stderr.close()


def _environ(place: Environment) -> dict[str, str]:
    """The server's environment, and the run's ``sys.path``: the worker finds pdnb and the run's modules alike."""
    return {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as in a kernel: figures are outputs, not windows
        **os.environ,
        "PYTHONPATH": os.pathsep.join(entry or place.cwd for entry in place.path),
    }
