"""What a step may take: time and memory, kept while it executes, and not a moment longer."""

from __future__ import annotations

import resource
import signal
import sys
import threading
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from pdnb.errors import DefinitionError, TimeLimit
from pdnb.runtime.execute import Execution, HereExecutor
from pdnb.runtime.flow import Flow, URLs
from pdnb.runtime.limits import enforced
from pdnb.runtime.send import MailSettings, Send
from pdnb.runtime.step_object import Pd
from pdnb.workflow.definition import Step
from tests.support.server import code

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps memory limits")


def go(source: str, **limits: Any) -> Execution:
    sources: dict[str, Any] = {"one": dedent(source)}
    plain = code(**sources)
    version = replace(plain, steps=(replace(plain.steps[0], **limits),))
    urls = URLs(resume_url="http://x/r", cancel_url="http://x/c")
    with HereExecutor(version, show=False) as executor:
        return executor.execute("one", Pd("one", Flow(urls), Send(MailSettings()), {}, {}))


def test_a_step_that_takes_longer_than_it_may_is_ended() -> None:
    left = go("while True: pass", time_limit=0.05)
    assert isinstance(left.error, TimeLimit)
    assert str(left.error) == "step 'one' took longer than its time limit of 0.05 s"


def test_a_coroutine_that_takes_longer_than_it_may_is_ended() -> None:
    left = go("import asyncio\nawait asyncio.sleep(60)", time_limit=0.05)
    assert isinstance(left.error, TimeLimit)


def test_a_broad_except_does_not_outlive_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdnb.runtime.limits._AGAIN_S", 0.05)
    source = """
    tries = 0
    while tries < 3:
        try:
            while True:
                pass
        except TimeoutError:
            tries += 1
    raise RuntimeError(tries)
    """
    left = go(source, time_limit=0.05)
    assert isinstance(left.error, RuntimeError)
    assert left.error.args == (3,)  # it was told three times


def test_a_step_within_its_time_knows_nothing_of_it() -> None:
    handler, (rest_s, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    assert go("42", time_limit=600).exports == {"$return_value": 42}
    assert signal.getsignal(signal.SIGALRM) is handler
    assert rest_s - 5 < signal.getitimer(signal.ITIMER_REAL)[0] <= rest_s  # the alarm of this test itself


def test_a_time_limit_outside_the_main_thread_is_refused_with_what_to_do() -> None:
    errors: list[DefinitionError] = []

    def here() -> None:
        try:
            with enforced(Step("slow", "1", time_limit=1)):
                raise AssertionError("it was not refused")
        except DefinitionError as error:
            errors.append(error)

    thread = threading.Thread(target=here)
    thread.start()
    thread.join()
    assert "leave it to a worker" in str(errors[0])


@LINUX
def test_a_step_that_takes_more_memory_than_it_may_fails_and_the_process_lives() -> None:
    left = go("x = bytearray(400 * 2**20)\nlen(x)", memory_limit=100 * 2**20)
    assert isinstance(left.error, MemoryError)
    assert len(bytearray(200 * 2**20)) == 200 * 2**20  # here it may again


@LINUX
def test_a_step_within_its_memory_knows_nothing_of_it() -> None:
    assert go("len(bytearray(20 * 2**20))", memory_limit=100 * 2**20).exports == {"$return_value": 20 * 2**20}


@LINUX
def test_a_memory_limit_never_takes_a_stricter_one_away() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (2**40, hard))
    try:
        with enforced(Step("one", "1", memory_limit=2**50)):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == 2**40
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] == 2**40
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@LINUX
def test_limits_that_no_system_knows_are_none() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    assert go("42", time_limit=3.6e18, memory_limit=2**90).exports == {"$return_value": 42}
    assert signal.getsignal(signal.SIGALRM) is handler


@LINUX
def test_no_alarm_can_come_while_the_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would leave the process with the step's limit for ever."""
    handler, set_limit = signal.getsignal(signal.SIGALRM), resource.setrlimit
    then: list[object] = []

    def watched(which: int, limits: tuple[int, int]) -> None:
        then.append(signal.getsignal(signal.SIGALRM))
        set_limit(which, limits)

    monkeypatch.setattr(resource, "setrlimit", watched)
    assert go("42", time_limit=600, memory_limit=2**30).exports == {"$return_value": 42}
    assert then == [handler, handler]
