"""The store as the server uses it: one thread for every operation, a clock, and a bell that wakes both.

Rules: the event loop never waits for the disk; transactions belong to threads, so there is exactly one store thread;
whoever changes something here looks at once, others ring.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from logging import Logger
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from pdnb.coordination import progress, scheduler
from pdnb.coordination.home import Home
from pdnb.coordination.liveness import LeaderLock
from pdnb.coordination.notify import POLL_S
from pdnb.coordination.settings import Settings, write_settings
from pdnb.errors import PdnbError, StoreError
from pdnb.links import Target, redact
from pdnb.model import Event, RunRecord
from pdnb.server import uploads
from pdnb.workers.supervisor import Supervisor

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: The largest upload, in bytes (Pipedream's limit).
MAX_UPLOAD: Final = 5 * 1024**3

#: A file that was written to this recently may still be coming in, to another server of this store.
_UPLOAD_REST_S: Final = 60

_LAG_S: Final = 0.05  # a warm worker takes what was rung for long before that; the supervisor need not compete


class StoreService:
    """The server's side of one store."""

    def __init__(
        self,
        directory: Path | None,
        log: Logger,
        *,
        max_workers: int,
        max_upload: int = MAX_UPLOAD,
    ) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pdnb-store")
        self.home: Home = self._thread.submit(lambda: Home(directory, kind="server")).result()
        self.max_upload = max_upload
        self.uploading: set[Target] = set()
        self._log = log
        self._supervisor = Supervisor(self.home, log, max_workers=max_workers)
        self._leader_lock = LeaderLock(self.home.directory)
        self._published: Settings | None = None
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def call(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The result of a store operation, run in the store thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def apply(self, run_id: str, event: Event) -> RunRecord:
        """Apply *event*, then let the clock and the workers look."""
        try:
            return await self.call(self.home.store.apply, run_id, event)
        finally:
            self._look.set()

    def publish(self, settings: Settings) -> None:
        """Say what is in force; written to ``settings.json`` while this server keeps the store."""
        self._published = settings
        self.home.settings = settings
        self.home.links.base_url = settings.link_url

    def open(self) -> None:
        """Start to keep the store: the clock, the bell, the workers."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.home.notifier.fileno(), self._notified)
        self._task = loop.create_task(self._keep())

    async def close(self) -> None:
        """Stop keeping it; workers finish the stretch at hand and end. Once more does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            asyncio.get_running_loop().remove_reader(self.home.notifier.fileno())
            self._task = None
        await self.call(self._leave)
        self._thread.shutdown()

    async def look(self) -> float:
        """One look: settle what is due, see to the workers; how long there is nothing to do, in seconds."""
        return await self.call(self._settle)

    async def _keep(self) -> None:
        while True:
            rest_s = POLL_S
            try:
                rest_s = await self.look()
            except PdnbError as error:
                self._log.error("pdnb: %s", redact(str(error)))
            except Exception:  # noqa: BLE001  # the keeper must outlive any one look; the next comes in a second
                self._log.exception("pdnb: a look at the store failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):  # Python 3.11's wait_for may swallow the cancellation of close()
                    await self._look.wait()
                if self._supervisor.expects_idle():
                    await asyncio.sleep(_LAG_S)
            self._look.clear()

    def _settle(self) -> float:
        if not self._leader_lock.held and self._leader_lock.acquire():
            self._begin()
        if not self._leader_lock.held:  # another server keeps this store: only answer links
            return POLL_S
        scheduler.tick(self.home)
        self._supervisor.look()
        due_ms = self.home.store.next_due_ms()
        return POLL_S if due_ms is None else min(POLL_S, max(0.0, (due_ms - self.home.clock()) / 1000))

    def _begin(self) -> None:
        """What the server that keeps the store does first."""
        if self._published is not None:
            write_settings(self.home.directory, self._published)
        progress.sweep(self.home.directory, {run.id for run in self.home.store.running()})
        uploads.sweep(self.home.directory, self._named_files, before_s=time.time() - _UPLOAD_REST_S)

    def _named_files(self, run_id: str) -> set[str] | None:
        try:
            requests = [attempt.request for attempt in self.home.store.attempts(run_id)]
        except StoreError:
            return None
        return {path for request in requests if request for path in uploads.paths(request.get("body"))}

    def _notified(self) -> None:
        self.home.notifier.quiet()
        self._look.set()

    def _leave(self) -> None:
        self._supervisor.close()
        self._leader_lock.release()
        with contextlib.suppress(StoreError):
            self.home.close()
