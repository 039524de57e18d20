"""The store's service in a server: its scheduler ends pauses unasked, one thread has the store, closing always ends."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.coordination.scheduler import Scheduler
from pdnb.coordination.settings import Settings, read_settings
from pdnb.errors import StoreUnavailable
from pdnb.model import Claimed, Resumed, RunRecord, Slept, Status, Suspended
from pdnb.request import from_person
from pdnb.server.service import StoreService
from tests.support.owners import owners_in
from tests.support.server import DAY, code, eventually

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Open = Callable[..., Awaitable[StoreService]]


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


@pytest.fixture
def opened(pdnb_dir: Path, jp_asyncio_loop: AbstractEventLoop) -> Iterator[Open]:
    """Opens a service of that store; *clock* is what it goes by."""
    services: list[StoreService] = []

    async def open_(clock: Callable[[], int] = now_ms, url: str = "http://127.0.0.1:1/") -> StoreService:
        service = StoreService(pdnb_dir, logging.getLogger("service"), max_workers=0)
        service.home.clock = clock
        service.publish(Settings(url=url))
        service.open()
        services.append(service)
        return service

    yield open_
    for service in services:
        jp_asyncio_loop.run_until_complete(asyncio.wait_for(service.close(), 10))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at_ms = now_ms()

    def __call__(self) -> int:
        return self.at_ms


def working(home: Home, *steps: str) -> RunRecord:
    return home.store.add(code(*(steps or ("gate", "after"))), None, at_ms=now_ms(), owner=home.owner)


def gate(home: Home, wait_ms: int, *, resume: bool = False) -> RunRecord:
    run, now = working(home), now_ms()
    event = Suspended(now, run.fence, due_ms=now + wait_ms, on_timeout="resume" if resume else "cancel")
    return home.store.apply(run.id, event)


# ---- the clock ----------------------------------------------------------------------------------------------------


async def test_a_due_pause_ends_without_anybody_asking_and_never_early(home: Home, opened: Open) -> None:
    """Timers: never early on a clock that was not moved; once."""
    await opened()
    cancels, resumes, sleeper = gate(home, 300), gate(home, 200, resume=True), working(home)
    now = now_ms()
    sleeper = home.store.apply(sleeper.id, Slept(now, sleeper.fence, kind="rerun", due_ms=now + 100))
    runs = (cancels, resumes, sleeper)
    await eventually(lambda: not any(home.store.get(run.id).status.waits for run in runs))
    ends = [home.store.get(run.id) for run in runs]
    assert [run.status for run in ends] == [Status.CANCELLED, Status.QUEUED, Status.QUEUED]
    assert [(run.step, run.runs) for run in ends] == [("gate", 1), ("after", 1), ("gate", 2)]
    pairs = zip(runs, ends, strict=True)
    late_ms = [after.decision.at_ms - (run.due_ms or 0) for run, after in pairs if after.decision]
    assert len(late_ms) == 3
    assert 0 <= min(late_ms) < 500  # not only at the slow poll, once a second
    assert [run.revision for run in ends] == [run.revision + 1 for run in runs]


async def test_only_time_ends_a_pause(home: Home, opened: Open) -> None:
    clock = Clock()
    service = await opened(clock)
    run = gate(home, DAY)
    assert run.due_ms is not None
    clock.at_ms = run.due_ms - 1
    await service.step()
    assert home.store.get(run.id) == run
    clock.at_ms += 1
    await service.step()
    assert home.store.get(run.id).status is Status.CANCELLED


async def test_a_clock_set_back_or_far_forward_ends_nothing_twice(home: Home, opened: Open) -> None:
    """Clock set back, forward: nothing twice, no crash."""
    clock = Clock()
    service = await opened(clock)
    runs = [gate(home, wait, resume=True) for wait in (1_000, 2_000, DAY)]
    for moved in (1_500, -10 * DAY, 3_000, 400 * DAY, -400 * DAY, 400 * DAY):
        clock.at_ms = now_ms() + moved
        assert 0 <= await service.step() <= 1
    assert [home.store.get(run.id).revision for run in runs] == [run.revision + 1 for run in runs]


async def test_many_pauses_due_at_once_end_once_each(home: Home, opened: Open) -> None:
    """Due pauses elapse by the hundred, and others get their turn in between."""
    clock = Clock()
    runs = [gate(home, 1_000, resume=True) for _ in range(250)]
    clock.at_ms = now_ms() + 5_000
    service = await opened(clock)
    while await service.step() == 0:
        assert home.store.list(statuses=[Status.QUEUED], limit=1).runs
    after = [home.store.get(run.id) for run in runs]
    assert {run.status for run in after} == {Status.QUEUED}
    assert [run.revision for run in after] == [run.revision + 1 for run in runs]


async def test_pauses_that_became_due_while_no_server_ran_end_at_its_start(home: Home, opened: Open) -> None:
    """After downtime, late by the downtime; once."""
    run = gate(home, 1)
    await eventually(lambda: now_ms() > (run.due_ms or 0) + 20)
    assert home.store.get(run.id) == run
    await opened()
    await eventually(lambda: home.store.get(run.id).status is Status.CANCELLED)


async def test_a_step_returns_how_long_there_is_nothing_to_do(home: Home, opened: Open) -> None:
    clock = Clock()
    service = await opened(clock)
    assert await service.step() == 1
    run = gate(home, 60_000)
    clock.at_ms = (run.due_ms or 0) - 250
    assert await service.step() == 0.25


@pytest.fixture
def other(pdnb_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is an owner of the store, and its id."""
    script = (
        "import sys, time; from pathlib import Path; from pdnb.coordination.home import Home\n"
        f"home = Home(Path({str(pdnb_dir)!r}), kind='shell'); print(home.owner, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


async def test_the_run_of_an_owner_that_died_is_queued_again(
    home: Home, opened: Open, other: tuple[subprocess.Popen[str], str]
) -> None:
    """It is dead exactly when the lock is free … a SIGKILL is noticed at once."""
    process, owner = other
    run = home.store.add(code("work"), None, at_ms=now_ms())
    claimed = home.store.apply(run.id, Claimed(now_ms(), owner))
    service = await opened()
    await service.step()
    assert home.store.get(run.id) == claimed
    process.kill()
    await eventually(lambda: home.store.get(run.id).status is Status.QUEUED)
    assert home.store.get(run.id).losses == 1


# ---- one thread, and whatever happens to it -----------------------------------------------------------------------


async def test_one_thread_that_is_not_the_loops_has_the_store(opened: Open) -> None:
    """The event loop never waits for the disk; transactions belong to threads, so there is exactly one."""
    service = await opened()
    idents = await asyncio.gather(*(service.call(threading.get_ident) for _ in range(20)))
    assert len(set(idents)) == 1
    assert threading.get_ident() not in idents


async def test_what_goes_wrong_at_a_step_is_logged_and_the_next_step_comes(
    home: Home, opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = [StoreUnavailable("the store is locked"), ZeroDivisionError("a bug")]
    honest = Scheduler.step

    def step(scheduler: Scheduler) -> float:
        if errors:
            raise errors.pop(0)
        return honest(scheduler)

    monkeypatch.setattr(Scheduler, "step", step)
    run = gate(home, 1)
    await opened()
    await eventually(lambda: home.store.get(run.id).status is Status.CANCELLED)
    said = [record.getMessage() for record in caplog.records if record.name == "service"]
    assert said == ["pdnb: the store is locked", "pdnb: a step of the leader failed"]


async def test_closing_always_ends_whatever_comes_at_that_moment(home: Home, pdnb_dir: Path) -> None:
    for round_ in range(25):
        run = gate(home, DAY)
        service = StoreService(pdnb_dir, logging.getLogger("service"), max_workers=0)
        service.open()
        event = Resumed(now_ms(), run.step, run.runs, "api", None, from_person("api", None))
        applying = asyncio.ensure_future(service.apply(run.id, event))
        for _ in range(round_ % 7):
            await asyncio.sleep(0)
        await applying
        async with asyncio.timeout(5):
            await service.close()


async def test_nothing_is_left_of_an_office_that_was_closed(home: Home, pdnb_dir: Path) -> None:
    before = threading.active_count()
    service = StoreService(pdnb_dir, logging.getLogger("service"), max_workers=0)
    service.open()
    await service.step()
    assert home.has_leader()
    await service.close()
    assert not home.has_leader()
    assert {owner.kind for owner in owners_in(pdnb_dir)} == {"kernel"}
    assert threading.active_count() == before


async def test_an_office_that_was_never_opened_can_be_closed(pdnb_dir: Path) -> None:
    service = StoreService(pdnb_dir, logging.getLogger("service"), max_workers=0)
    await service.close()
    await service.close()


# ---- two on one store ---------------------------------------------------------------------------------------------


async def test_of_two_offices_one_keeps_the_store_and_the_other_takes_over(
    home: Home, opened: Open, pdnb_dir: Path
) -> None:
    """The holder of `server.lock` keeps clock, workers and `settings.json`; the others take over when it ends."""
    first = await opened(url="http://127.0.0.1:1/")
    await first.step()
    version = Clock()
    version.at_ms -= DAY
    second = await opened(version, url="http://127.0.0.1:2/")
    for _ in range(3):
        await second.step()
    assert read_settings(pdnb_dir).url == "http://127.0.0.1:1/"
    mine = gate(home, 50)
    await eventually(lambda: home.store.get(mine.id).status is Status.CANCELLED)  # by the first's clock
    await first.close()
    await eventually(lambda: read_settings(pdnb_dir).url == "http://127.0.0.1:2/")
    theirs = gate(home, 50)
    await second.step()
    assert home.store.get(theirs.id) == theirs  # the second's clock is a day behind
    version.at_ms = now_ms() + 60_000
    await eventually(lambda: home.store.get(theirs.id).status is Status.CANCELLED)


async def test_the_other_server_answers_too(home: Home, opened: Open) -> None:
    first, second = await opened(), await opened(url="http://127.0.0.1:2/")
    await first.step()
    run = gate(home, DAY)
    event = Resumed(now_ms(), run.step, run.runs, "api", None, from_person("api", None))
    assert (await second.apply(run.id, event)).status is Status.QUEUED
