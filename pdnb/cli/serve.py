"""``pdnb serve`` and ``pdnb worker``: run a store's scheduler and workers, with a server or without one."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from pdnb.cli.messages import put
from pdnb.coordination.home import Home
from pdnb.coordination.leader import ProcessLock
from pdnb.coordination.notify import POLL_S
from pdnb.coordination.scheduler import Scheduler
from pdnb.errors import PdnbError
from pdnb.links import redact
from pdnb.model import Status
from pdnb.workers import background
from pdnb.workers.supervisor import Supervisor

_PORT: Final = 8888  # as Jupyter's own


def serve(
    directory: Path,
    port: int | None,
    ip: str,
    idle: float | None,
    options: Sequence[str],
    *,
    browser: bool,
    detached: bool,
) -> None:
    """A server in the foreground; *detached*: it is the background server that ``pdnb.workers.background`` started."""
    lock = ProcessLock(directory, background.LOCK)
    with Home(directory, kind="shell") as home:  # a store that cannot be used is reported before anything starts
        has_leader = home.has_leader()
        if port is None:
            port = _last_port(home) or (0 if detached else _PORT)
    if detached and not lock.acquire():
        return
    from pdnb.server.standalone import serve as alone

    def ready(address: str) -> None:
        if detached:
            return
        other = f"another server leads the store {directory}: this one stands by"
        click.echo(other if has_leader else f"pdnb serves the store {directory}")
        click.echo(f"  open  {address}")
        click.echo("  (Control-C ends it; runs that wait go on waiting)")

    browser = browser and sys.stdout.isatty()
    alone(directory, port=port, ip=ip, browser=browser, quiet=True, idle_s=idle, options=options, ready=ready)


def in_background(directory: Path, idle: float | None, *, as_json: bool) -> None:
    """Start a server in the background unless the store has a leader already."""
    with Home(directory, kind="shell") as home:
        line = background.ensure(home, idle_s=idle or background.IDLE_S)
        served = home.has_leader()
        url = home.settings.url
    if as_json:
        put({"directory": str(directory), "started": served and line is not None, "served": served, "url": url})
    else:
        click.echo(line or f"a server serves {directory} already: {url}")
    if not served:
        raise click.exceptions.Exit(1)


def _last_port(home: Home) -> int | None:
    """The previous server's port: at the same address, links that were sent before work again."""
    with suppress(ValueError):
        where = urlsplit(home.settings.url)
        if (home.directory / "settings.json").exists() and where.hostname in ("localhost", "127.0.0.1"):
            return where.port
    return None


class _Stop:
    """Requested by SIGINT or SIGTERM; a second signal ends everything at once."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def _signalled(self, _number: int, _frame: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def work(directory: Path, max_workers: int, idle: float | None) -> None:
    """Run the scheduler and the workers until a signal, or until *idle* seconds with nothing to do."""
    with Home(directory, kind="shell") as home:
        log = logging.getLogger("pdnb.workers.worker")
        log.addHandler(logging.StreamHandler())
        log.propagate = False
        _WorkerLoop(home, log, max_workers=max_workers).work(_Stop(), idle)
        _await_workers()


_LEADS: Final = "runs the scheduler and the workers; Control-C ends it after the steps at hand"


class _WorkerLoop:
    """``pdnb worker``: scheduler and supervisor without a server; idle while a server or another one runs them."""

    def __init__(self, home: Home, log: logging.Logger, *, max_workers: int) -> None:
        self._home = home
        self._log = log
        self._lock = ProcessLock(home.directory, "worker")
        self._scheduler = Scheduler(home)
        self._supervisor = Supervisor(home, log, max_workers=max_workers)
        self._role = ""

    def work(self, stop: _Stop, idle_s: float | None) -> None:
        """Step after step until *stop* or *idle_s* seconds with nothing to do; workers finish their wake-ups."""
        busy_s = time.monotonic()
        try:
            while not stop.requested:
                self._show_role()
                busy, rest_s = True, POLL_S
                if self._role == _LEADS:
                    busy, rest_s = self._step()
                if busy:
                    busy_s = time.monotonic()
                elif idle_s is not None and time.monotonic() - busy_s >= idle_s:
                    break
                if idle_s is not None:
                    rest_s = min(rest_s, max(0.05, idle_s / 4))
                self._home.notifier.wait(rest_s)
        finally:
            self._supervisor.close()
            self._lock.release()

    def _show_role(self) -> None:
        """Find out which process runs the scheduler, and print this one's role when it has changed."""
        if self._home.has_leader():
            role = "stands by: a server runs them"
        else:
            role = _LEADS if self._lock.acquire() else "stands by: another pdnb worker runs them"
        if role != self._role:
            self._role = role
            click.echo(f"pdnb worker: {role}")
            if role != _LEADS:
                self._supervisor.close()  # its workers finish their wake-ups

    def _step(self) -> tuple[bool, float]:
        """One step: whether any run is queued or running, and how long the loop may wait, in seconds."""
        try:
            rest_s = self._scheduler.step()
            self._supervisor.step()
            counts = self._home.store.counts()
        except PdnbError as error:  # the next step comes
            self._log.warning("pdnb: %s", redact(str(error)))
            return True, POLL_S
        return counts[Status.QUEUED] + counts[Status.RUNNING] > 0, rest_s


def _await_workers() -> None:
    """Wait until every worker has finished its wake-up; they are all the children that this process has."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
