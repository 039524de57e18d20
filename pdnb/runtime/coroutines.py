"""Event loops of steps in a thread whose own loop is at work, as a kernel's is.

That loop is hidden while the step executes: it waits for the step anyway, and so ``asyncio.run`` works in a kernel as
it does in a worker.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


def complete(coroutine: Coroutine[Any, Any, object]) -> object:
    """The coroutine's result, from an event loop of its own."""
    import asyncio  # noqa: PLC0415  # a third of a process's start, and most steps need none

    with no_running_loop():
        return asyncio.run(coroutine)


@contextmanager
def no_running_loop() -> Iterator[None]:
    """Within the block this thread has no running event loop, nor a task of one; afterwards as before."""
    asyncio: Any = sys.modules.get("asyncio")
    loop = asyncio._get_running_loop() if asyncio is not None else None  # noqa: SLF001  # public, and never raises
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)  # noqa: SLF001  # what asyncio's own steps do
    asyncio._set_running_loop(None)  # noqa: SLF001
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)  # what asyncio.get_event_loop() gives, as in a plain process
    try:
        yield
    finally:
        own.close()
        asyncio.set_event_loop(loop)  # asyncio.run() leaves none
        asyncio._set_running_loop(loop)  # noqa: SLF001
        if task is not None:
            asyncio.tasks._enter_task(loop, task)  # noqa: SLF001
