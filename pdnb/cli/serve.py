"""``pdnb serve`` and ``pdnb worker``: keep the store, with a server or without one."""

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
from pdnb.coordination import scheduler
from pdnb.coordination.home import Home
from pdnb.coordination.liveness import LeaderLock
from pdnb.coordination.notify import POLL_S
from pdnb.errors import PdnbError, StoreUnavailable
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
    """A server in the foreground; *detached*: the one that :mod:`pdnb.workers.background` has started."""
    lock = LeaderLock(directory, background.POST)
    with Home(directory, kind="shell") as home:  # a store that cannot be used is told before anything starts
        kept = background.kept(home)
        if port is None:
            port = _last_port(home) or (0 if detached else _PORT)
    if detached and not lock.acquire():
        return
    from pdnb.server.standalone import serve as alone

    def ready(address: str) -> None:
        if detached:
            return
        click.echo(f"pdnb keeps {directory}" if not kept else f"another server keeps {directory}: this one stands by")
        click.echo(f"  open  {address}")
        click.echo("  (Control-C ends it; runs that wait go on waiting)")

    browser = browser and sys.stdout.isatty()
    alone(directory, port=port, ip=ip, browser=browser, quiet=True, idle_s=idle, options=options, ready=ready)


def in_background(directory: Path, idle: float | None, *, as_json: bool) -> None:
    """See to it that a server keeps the store."""
    with Home(directory, kind="shell") as home:
        line = background.ensure(home, idle_s=idle or background.IDLE_S)
        served = background.kept(home)
        url = home.settings.url
    if as_json:
        put({"directory": str(directory), "started": served and line is not None, "served": served, "url": url})
    else:
        click.echo(line or f"a server keeps {directory} already: {url}")
    if not served:
        raise click.exceptions.Exit(1)


def _last_port(home: Home) -> int | None:
    """The port of the server before: at the same address its links work again."""
    with suppress(ValueError):
        where = urlsplit(home.settings.url)
        if (home.directory / "settings.json").exists() and where.hostname in ("localhost", "127.0.0.1"):
            return where.port
    return None


class _Stop:
    """Set by SIGINT and SIGTERM; a second one ends everything at once."""

    def __init__(self) -> None:
        self.said = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def _signalled(self, _number: int, _frame: object) -> None:
        if self.said:
            raise KeyboardInterrupt
        self.said = True


def work(directory: Path, max_workers: int, idle: float | None) -> None:
    """Keep the clock and the workers until a signal, or *idle* seconds with nothing to do."""
    with Home(directory, kind="shell") as home:
        log = logging.getLogger("pdnb.workers.worker")
        log.addHandler(logging.StreamHandler())
        log.propagate = False
        stop = _Stop()
        lock = LeaderLock(home.directory, "worker")
        supervisor = Supervisor(home, log, max_workers=max_workers)
        said, busy_at = "", time.monotonic()
        try:
            while not stop.said:
                others = _others(home, lock)
                if others != said:
                    said = others
                    click.echo(f"pdnb worker: {others}")
                    if others != _KEEPS:
                        supervisor.close()  # those at work finish their stretch
                if others != _KEEPS:
                    busy_at = time.monotonic()
                    home.notifier.wait(POLL_S)
                    continue
                if _look(home, supervisor, log):
                    busy_at = time.monotonic()
                elif idle is not None and time.monotonic() - busy_at >= idle:
                    break
                home.notifier.wait(_rest_s(home, idle))
        finally:
            supervisor.close()
            lock.release()
        _await_workers()


_KEEPS: Final = "keeps the store; Control-C ends it after the steps at hand"


def _others(home: Home, lock: LeaderLock) -> str:
    if home.has_leader():
        return "stands by: a server keeps the store"
    return _KEEPS if lock.acquire() else "stands by: another pdnb worker keeps the store"


def _look(home: Home, supervisor: Supervisor, log: logging.Logger) -> bool:
    """One look; whether anything is queued or at work."""
    try:
        scheduler.tick(home)
        supervisor.look()
        counts = home.store.counts()
    except PdnbError as error:  # the next look comes
        log.warning("pdnb: %s", redact(str(error)))
        return True
    return counts[Status.QUEUED] + counts[Status.RUNNING] > 0


def _rest_s(home: Home, idle: float | None) -> float:
    rest_s = POLL_S if idle is None else min(POLL_S, max(0.05, idle / 4))
    with suppress(StoreUnavailable):
        due_ms = home.store.next_due_ms()
        if due_ms is not None:
            rest_s = min(rest_s, max(0.0, (due_ms - home.clock()) / 1000))
    return rest_s


def _await_workers() -> None:
    """Until every worker process has finished its stretch; they are all the children this process has."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
