"""Those who are killed: the server, its workers, kernels, and the children of zygotes; all real processes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jupyter_client.manager import KernelManager

from tests.chaos import bodies, strike
from tests.chaos.history import History
from tests.support.owners import owners_in

_PATIENCE_S: Final = 40.0
_WORKER: Final = b"pdnb.workers.boot"
_FORK_SERVER: Final = b"pdnb.executor.fork_server"


@dataclass(frozen=True)
class Place:
    """Where it all happens: *directory* is the harness's own, ``store`` pdnb's."""

    directory: Path

    @property
    def store(self) -> Path:
        return self.directory / "store"

    @property
    def history(self) -> History:
        return History(self.directory / "history.jsonl")

    def environ(self) -> dict[str, str]:
        """For everybody: one store, and nothing of the person's own settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PDNB_") and k != "JPY_SESSION_NAME"}
        own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
        own["TMPDIR"] = "tmp"  # a server that is killed leaves files there
        (self.directory / "tmp").mkdir(exist_ok=True)
        places = {name: str(self.directory / path) for name, path in {**own, "IPYTHONDIR": "ipython"}.items()}
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)
        return {**kept, **places, "PDNB_DIR": str(self.store), "JUPYTER_NO_CONFIG": "1", "PYTHONPATH": path}

    def log(self, name: str) -> Any:
        """A player's output goes here."""
        return (self.directory / f"{name}.log").open("ab")


class Zygote:
    """A process that forks players, one at a time."""

    def __init__(self, place: Place) -> None:
        command = [sys.executable, "-m", "tests.chaos.zygote", str(place.store), str(place.history.path)]
        with place.log("forked") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=place.environ(), text=True
            )

    def play(self, **job: object) -> dict[str, Any]:
        """One child's life, to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Server:
    """A Jupyter server with pdnb, always at the same port, with two workers at the most."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        (place.directory / "root").mkdir(exist_ok=True)

    def start(self, *, operation: int | None = None, when: str = "before") -> None:
        """As a process; *operation*: where it dies by itself."""
        # fmt: off
        command = [
            sys.executable, "-m", "tests.chaos.serve", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            f"--port={self._port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self._place.directory}/root",
            "--IdentityProvider.token=t0ken", "--ServerApp.jpserver_extensions={'pdnb': True, 'jupyterlab': False}",
            "--Application.log_level=ERROR",
        ]
        # fmt: on
        env = self._place.environ()
        if operation is not None:
            env |= {"PDNB_CHAOS_OPERATION": str(operation), "PDNB_CHAOS_WHEN": when}
        with self._place.log("server") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=self._place.directory)

    def ready(self) -> bool:
        """Wait until it answers; ``False``: it died before."""
        assert self._process is not None
        until = time.monotonic() + _PATIENCE_S
        while self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api", timeout=5):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.02)
        return False

    def wait(self, seconds: float) -> bool:
        """Whether it ended by itself within that time."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def end(self, number: signal.Signals) -> int:
        """Send it *number*, and what it ended with."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(_PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL, if it has not died of one already."""
        assert self.end(signal.SIGKILL) == -signal.SIGKILL, "the server ended in another way: see server.log"


def kill_worker(store: Path, rng: random.Random) -> str | None:
    """SIGKILL one of the workers that a server has started, or its fork server, or an executor; which it was."""
    pids = [owner.pid for owner in owners_in(store, "worker")]
    rng.shuffle(pids)
    for pid in pids:
        kind, victim = rng.choice([("worker", [pid]), ("fork server", children(pid)), ("executor", grandchildren(pid))])
        sign = _WORKER if kind == "worker" else _FORK_SERVER
        for number in rng.sample(victim, min(1, len(victim))):
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(number)
                try:
                    if sign in Path(f"/proc/{number}/cmdline").read_bytes():  # no child of a zygote, and no zombie
                        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                        return kind
                finally:
                    os.close(descriptor)
    return None


def children(pid: int) -> list[int]:
    """The process ids of its children."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def grandchildren(pid: int) -> list[int]:
    """Those of a worker's children: the executors, the spare one too."""
    return [found for child in children(pid) for found in children(child)]


_CELLS: Final = """
%load_ext pdnb
from pathlib import Path
from IPython import get_ipython
from tests.chaos import bodies, strike
from tests.chaos.history import History
history, board = History({history!r}), strike.Board()
ip = get_ipython()
ip.run_cell_magic("setup", "-w {name}", bodies.SETUP)
for step in bodies.WORKFLOWS[{name!r}]:
    ip.run_cell_magic("step", f"{{step}} -w {name}", bodies.source(step))
Path({ready!r}).touch()
strike.arm({store!r}, board, operation={operation!r}, when={when!r})
for n in range({numbers!r}, {numbers!r} + 100):
    event = {{"n": n, "history": {history!r}}}
    run = ip.run_line_magic("pdnb", "run -w {name} event")
    history.add("started", run=run.id, n=n)
"""


def play_kernel(place: Place, number: int, rng: random.Random, stopping: Callable[[], bool]) -> str | None:
    """An ipykernel that executes ``%pdnb run`` over and over, killed: how; ``None``: it came to nothing."""
    ready = place.directory / f"kernel-{number}.ready"
    operation = rng.randrange(1, 300) if number % 2 else None
    code = _CELLS.format(
        history=str(place.history.path),
        name=rng.choice(list(bodies.WORKFLOWS)),
        ready=str(ready),
        store=str(place.store),
        operation=operation,
        when=rng.choice(strike.WHENS),
        numbers=rng.getrandbits(48),
    )
    manager = KernelManager(kernel_name="python3")
    with place.log("kernels") as log:
        manager.start_kernel(env=place.environ(), cwd=str(place.directory), stdout=log, stderr=log)
    pid: int = manager.provisioner.pid  # type: ignore[union-attr]
    process: subprocess.Popen[bytes] = manager.provisioner.process  # type: ignore[union-attr]
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_PATIENCE_S)
        client.execute(code, store_history=False)
        until = time.monotonic() + _PATIENCE_S
        while not ready.exists() and process.poll() is None and time.monotonic() < until and not stopping():
            time.sleep(0.01)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 0.5) if operation is None else 3)
    finally:
        how = "at a random time" if process.poll() is None else "at an operation"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ended = process.wait(_PATIENCE_S)
        client.stop_channels()
        manager.cleanup_resources()
    if not ready.exists():
        return None
    ready.unlink()
    return how if ended == -signal.SIGKILL else None
