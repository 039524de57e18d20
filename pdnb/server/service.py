"""The store as the server uses it: one thread for all operations, and beside it the scheduler and the workers.

Rules:

- The event loop never waits for the disk.
- Transactions belong to threads, so there is exactly one store thread.
- Of several servers on one store, one is the leader: it runs the scheduler and the workers. The others answer requests
  and take over when it ends.
- The leader takes a step after every change that is made here, after every notification, and once a second.
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

from pdnb.coordination import progress
from pdnb.coordination.home import Home
from pdnb.coordination.leader import LeaderLock
from pdnb.coordination.notify import POLL_S
from pdnb.coordination.scheduler import Scheduler
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

#: A file that was written to within so many seconds may still be coming in, to another server of this store.
_UPLOAD_REST_S: Final = 60

_WARM_WORKER_S: Final = 0.05  # an idle worker, notified too, claims a run long before that: leave it to it


class StoreService:
    """Serves the handlers from the store in *directory*, and leads that store while no other server does.

    *max_upload* is in bytes. Raises ``StoreError`` when the store cannot be used.
    """

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
        self._scheduler = Scheduler(self.home)
        self._supervisor = Supervisor(self.home, log, max_workers=max_workers)
        self._leader_lock = LeaderLock(self.home.directory, self.home.owner)
        self._settings: Settings | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def call(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The result of a store operation, run in the store thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def apply(self, run_id: str, event: Event) -> RunRecord:
        """The run after *event*, durably; then the leader takes a step. Raises as :meth:`Store.apply`."""
        try:
            return await self.call(self.home.store.apply, run_id, event)
        finally:
            self._changed.set()

    def publish(self, settings: Settings) -> None:
        """Use *settings* from now on; they are written to ``settings.json`` when this server becomes the leader."""
        self._settings = settings
        self.home.settings = settings
        self.home.links.base_url = settings.link_url

    def open(self) -> None:
        """Begin to lead the store, as soon as no other server does."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.home.notifier.fileno(), self._notified)
        self._task = loop.create_task(self._lead())

    async def close(self) -> None:
        """Stop leading and close the store; workers finish the wake-up at hand. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            asyncio.get_running_loop().remove_reader(self.home.notifier.fileno())
            self._task = None
        await self.call(self._close_store)
        self._thread.shutdown()

    async def step(self) -> float:
        """One step as the leader, if this server is it; how long there is nothing to do, in seconds."""
        return await self.call(self._step)

    async def _lead(self) -> None:
        while True:
            rest_s = POLL_S
            try:
                rest_s = await self.step()
            except PdnbError as error:
                self._log.error("pdnb: %s", redact(str(error)))
            except Exception:  # noqa: BLE001  # the leader must outlive any one step; the next comes in a second
                self._log.exception("pdnb: a step of the leader failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):  # Python 3.11's wait_for may swallow the cancellation of close()
                    await self._changed.wait()
                if self._supervisor.expects_idle():
                    await asyncio.sleep(_WARM_WORKER_S)
            self._changed.clear()

    # ---- in the store thread ----

    def _step(self) -> float:
        if not self._leader_lock.held:
            if not self._leader_lock.acquire(self._write_settings):  # another server leads
                return POLL_S
            self._remove_leftovers()
        rest_s = self._scheduler.step()
        self._supervisor.step()
        return rest_s

    def _write_settings(self) -> None:
        if self._settings is not None:
            write_settings(self.home.directory, self._settings)

    def _remove_leftovers(self) -> None:
        """Remove the files that processes left which died."""
        progress.remove_stale(self.home.directory, {run.id for run in self.home.store.running()})
        uploads.remove_unnamed(self.home.directory, self._named_files, before_s=time.time() - _UPLOAD_REST_S)

    def _named_files(self, run_id: str) -> set[str] | None:
        """The uploaded files that the requests of a run name; ``None`` when they cannot be read."""
        try:
            requests = [attempt.request for attempt in self.home.store.attempts(run_id)]
        except StoreError:
            return None
        return {path for request in requests if request for path in uploads.paths(request.get("body"))}

    def _close_store(self) -> None:
        self._supervisor.close()
        self._leader_lock.release()
        with contextlib.suppress(StoreError):
            self.home.close()

    # ---- in the event loop ----

    def _notified(self) -> None:
        self.home.notifier.drain()
        self._changed.set()
