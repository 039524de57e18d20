"""One go at one step: its own names, its own frames, its own record; whatever it raises is an outcome."""

from __future__ import annotations

import asyncio
import traceback
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.runtime import execute as module
from pdnb.runtime.execute import Execution, HereExecutor, one_line
from pdnb.runtime.flow import Flow, URLs
from pdnb.runtime.send import MailSettings, Send
from pdnb.runtime.step_object import Pd
from pdnb.workflow.version import WorkflowVersion
from tests.support.server import code

if TYPE_CHECKING:
    from collections.abc import Callable

LINK = "http://x/pdnb/resume/pdnb1r." + "a" * 20 + ".one.1." + "s" * 43


def go(source: str, *, setup: str = "", version: WorkflowVersion | None = None) -> Execution:
    if version is None:
        steps: dict[str, Any] = {"one": dedent(source).strip("\n")}
        plain = code(**steps)
        version = WorkflowVersion(plain.name, plain.steps, (dedent(setup),) if setup else (), plain.environment)
    pd = Pd("one", Flow(URLs(resume_url=LINK, cancel_url=LINK)), Send(MailSettings()), {}, {})
    with HereExecutor(version, show=False) as executor:
        return executor.execute("one", pd)


def frames(outcome: Execution) -> list[str]:
    """The names of the functions in the error's traceback."""
    assert outcome.error is not None
    return [frame.name for frame in traceback.extract_tb(outcome.error.__traceback__)]


def here(source: str) -> Execution:
    return go(source)


def in_a_loop(source: str) -> Execution:
    """As in a cell of a kernel."""

    async def cell() -> Execution:
        return go(source)

    return asyncio.run(cell())


places = pytest.mark.parametrize("place", [here, in_a_loop])

WORKS = {
    "a body": "await asyncio.sleep(0)\n42",
    "a handler": "async def handler(pd):\n    await asyncio.sleep(0)\n    return 42",
    "a handler without await": "def handler(pd):\n    return 42",
    "a body with await in a comprehension": "sum([await asyncio.sleep(0, n) for n in (40, 2)])",
    "tasks": "async def handler(pd):\n    return sum(await asyncio.gather(asyncio.sleep(0, 40), asyncio.sleep(0, 2)))",
}


@places
@pytest.mark.parametrize("law", WORKS)
def test_every_spelling_gives_its_value_also_inside_a_running_loop(place: Callable[[str], Execution], law: str) -> None:
    """Top-level `await` works."""
    outcome = place("import asyncio\n" + WORKS[law])
    assert (outcome.error, outcome.exports) == (None, {"$return_value": 42})


RAISES = {
    "body": "def deep():\n    raise {}\ndeep()",
    "handler": "def deep():\n    raise {}\ndef handler(pd):\n    deep()",
    "async body": "import asyncio\nasync def deep():\n    await asyncio.sleep(0)\n    raise {}\nawait deep()",
    "async handler": (
        "import asyncio\nasync def deep():\n    await asyncio.sleep(0)\n    raise {}\n"
        "async def handler(pd):\n    await deep()"
    ),
}


@places
@pytest.mark.parametrize("law", RAISES)
@pytest.mark.parametrize("error", ["ValueError('x')", "SystemExit(3)", "KeyboardInterrupt()"])
def test_what_a_step_raises_is_its_outcome_with_its_own_frames_only(
    place: Callable[[str], Execution], law: str, error: str
) -> None:
    """Interrupt or `SystemExit` in a step: the run fails."""
    outcome = place(RAISES[law].format(error))
    assert type(outcome.error).__name__ == error.partition("(")[0]
    if error != "KeyboardInterrupt()" or not law.startswith("async"):  # asyncio.run raises a new one
        assert frames(outcome) == ["handler" if law.endswith("handler") else "<module>", "deep"]
    assert outcome.outputs[-1]["ename"] == error.partition("(")[0]


def test_two_attempts_of_one_step_do_not_see_each_others_names() -> None:
    steps: dict[str, Any] = {"one": "seen = 'left' in globals()\nleft = LIST.append(1)\n[seen, len(LIST), helper()]"}
    plain = code(**steps)
    setup = "LIST = []\ndef helper():\n    return 'left' in globals()"
    version = WorkflowVersion(plain.name, plain.steps, (setup,), plain.environment)
    results = [go("", version=version).exports["$return_value"] for _ in range(2)]
    assert results == [[False, 1, True]] * 2  # a helper of the setup sees what the step binds, as in a notebook


def test_what_it_printed_before_it_failed_is_kept_and_its_exports_too() -> None:
    outcome = go("print('before')\nstep.export('half', 1)\n1 / 0")
    assert outcome.outputs[0]["text"] == "before\n"
    assert outcome.outputs[-1]["ename"] == "ZeroDivisionError"
    assert outcome.exports == {"half": 1}


def test_a_setup_that_raises_is_the_steps_outcome_and_runs_again_the_next_time() -> None:
    for _ in range(2):
        outcome = go("1", setup="import math\nmath.sqrt(-1)")
        assert isinstance(outcome.error, ValueError)
        assert outcome.exports == {}


def test_a_value_that_is_no_json_is_the_outcome() -> None:
    """Anything else fails the step with the path and type."""
    outcome = go("{'rows': [1, {2}]}")
    assert outcome.error is not None
    assert one_line(outcome.error) == 'NotJSON: steps.one.$return_value["rows"][1]: set is not JSON: write sorted(x)'
    assert outcome.exports == {}


def test_a_coroutine_that_nobody_awaited_is_a_value_like_any_other() -> None:
    """Exports that are … coroutines."""
    outcome = go("async def later():\n    return 1\nx = later()\nx.close()\nx")
    assert outcome.error is not None
    assert "coroutine is not JSON" in one_line(outcome.error)


def test_recursion_without_end_is_an_outcome() -> None:
    """Handlers that … recurse for ever."""
    assert isinstance(go("def handler(pd):\n    return handler(pd)").error, RecursionError)


def test_a_line_is_said_whatever_the_exceptions_own_str_does() -> None:
    """Objects with a broken `__str__`."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert one_line(Broken()) == "Broken: (its message cannot be shown)"
    assert one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert one_line(ValueError()) == "ValueError"
    assert "s" * 43 not in one_line(ValueError(f"cannot post to {LINK}"))


def test_a_traceback_without_a_step_in_it_is_left_whole() -> None:
    assert module._own_frames(None) is None
    assert frames(Execution({}, (), go("def handler(pd, more): pass").error)) != []
