"""Waiting for a coroutine in a thread that may already run an event loop, as a kernel's does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any

from pdnb.errors import TimeLimit


def complete(coroutine: Any) -> object:
    """The coroutine's result; where this thread's loop runs already, another thread computes it."""
    return _in_thread(coroutine) if _loop_runs() else asyncio.run(coroutine)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_thread(coroutine: Coroutine[Any, Any, object]) -> object:
    """Run it on a loop of its own in another thread; an interrupt or a time limit in this one cancels it there."""
    outcome: list[object] = []
    errors: list[BaseException] = []
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[object]]] = []
    interrupted = threading.Event()
    ended = threading.Event()  # an interrupted join() takes the thread for dead, up to Python 3.12

    async def main() -> object:
        task = asyncio.ensure_future(coroutine)
        started.append((asyncio.get_running_loop(), task))
        if interrupted.is_set():
            task.cancel()
        return await task

    def body() -> None:
        try:
            outcome.append(asyncio.run(main()))
        except BaseException as error:  # noqa: BLE001  # carried over to the caller's thread
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(body,), name="pdnb-step", daemon=True)
    try:
        thread.start()
        ended.wait()
    except BaseException:
        interrupted.set()
        while not ended.is_set():
            for loop, task in started:
                with contextlib.suppress(RuntimeError):  # it has just ended, and so has its loop
                    loop.call_soon_threadsafe(task.cancel)
            with contextlib.suppress(TimeLimit):  # the alarm rings again: cancel once more, and go on waiting
                ended.wait()
        raise
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
