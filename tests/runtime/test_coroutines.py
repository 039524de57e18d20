"""A coroutine's result, wherever it is asked for: beside a loop that runs, or where there is none."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.runtime.coroutines import complete

if TYPE_CHECKING:
    from collections.abc import Callable

WORD: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")


def alone(make: Callable[[], Any]) -> object:
    """In a thread without a loop: a plain process."""
    return complete(make())


def inside(make: Callable[[], Any]) -> object:
    """In a thread whose loop runs: a kernel's cell."""

    async def cell() -> object:
        return complete(make())

    return asyncio.run(cell())


places = pytest.mark.parametrize("place", [alone, inside])


@places
def test_it_is_awaited_to_its_end_and_gives_its_value(place: Callable[..., object]) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return sum(await asyncio.gather(part(1), part(2)))

    async def part(n: int) -> int:
        await asyncio.sleep(0)
        return n

    assert place(work) == 3


@places
@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_what_it_raises_is_raised_here_itself_and_nothing_is_logged(
    place: Callable[..., object], kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    error = kind("no such table")

    async def work() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(kind) as raised:
        place(work)
    if kind not in (asyncio.CancelledError, KeyboardInterrupt):
        assert raised.value is error
    del raised
    gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@places
def test_tasks_that_it_leaves_behind_are_cancelled(place: Callable[..., object]) -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def work() -> None:
        work.task = asyncio.ensure_future(forever())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    place(work)
    assert ended == ["cancelled"]


@places
def test_it_sees_the_callers_context(place: Callable[..., object]) -> None:
    async def work() -> str:
        return WORD.get()

    token = WORD.set("hello")
    assert place(work) == "hello"
    WORD.reset(token)


def test_the_loop_that_runs_here_is_not_its_own() -> None:
    async def work() -> object:
        return asyncio.get_running_loop()

    async def cell() -> None:
        assert complete(work()) is not asyncio.get_running_loop()

    asyncio.run(cell())


def test_no_thread_is_left_behind() -> None:
    async def work() -> None: ...

    before = set(threading.enumerate())
    inside(work)
    assert set(threading.enumerate()) == before


def test_an_interrupt_cancels_it_and_waits_for_its_end() -> None:
    """Beside a running loop; in a plain process asyncio does the same."""
    ended: list[str] = []
    main = threading.get_ident()

    async def work() -> None:
        try:
            signal.pthread_kill(main, signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # what a step does to clean up
            ended.append("cleaned up")

    async def cell() -> None:
        with pytest.raises(KeyboardInterrupt):
            complete(work())
        assert ended == ["cleaned up"]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)  # not the default one: asyncio would put its own in its place
    try:
        asyncio.run(cell())
    finally:
        signal.signal(signal.SIGINT, before)
