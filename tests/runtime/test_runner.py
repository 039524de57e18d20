"""Claim, run, report: what a step may do, what it leaves, and that nothing is left hanging."""

from __future__ import annotations

import gc
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from pdnb.coordination.home import Home
from pdnb.errors import Fenced, NotJSON, Over, PdnbError
from pdnb.links import Target
from pdnb.model import JSON, Cancelled, Claimed, Elapsed, Lost, Resumed, Retried, RunRecord, Status
from pdnb.request import from_person
from pdnb.runtime.runner import Runner
from pdnb.store import sqlite_file
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

NOW = 1_763_763_060_000  # 21 Nov 2025, 22:11 UTC
DAY = 86_400_000


class Stage:
    """A store and a runner in this process, with a clock that stands still until it is set."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = home.store
        self.now = NOW
        home.clock = lambda: self.now
        self.runner = Runner(home, show=False)

    def add(self, event: JSON = None, *, setup: str = "", **steps: str) -> RunRecord:
        """A run of *steps*, claimed and not driven yet."""
        cells = tuple(Step(name, dedent(source).strip("\n")) for name, source in steps.items())
        version = WorkflowVersion("play", cells, (dedent(setup),) if setup else (), Environment(sys.executable, "/"))
        return self.store.add(version, event, at_ms=self.now, owner=self.home.owner)

    def play(self, event: JSON = None, **steps: str) -> RunRecord:
        """The run after its first wake-up."""
        return self.runner.drive(self.add(event, **steps))

    def fail(self, kind: type[BaseException], **steps: str) -> tuple[RunRecord, BaseException]:
        """The run that failed, and what the caller was told."""
        run = self.add(**steps)
        with pytest.raises(kind) as raised:
            self.runner.drive(run)
        return self.store.get(run.id), raised.value

    def wake(self, run: RunRecord, body: JSON = None) -> RunRecord:
        """The next wake-up, after a resume of what *run* waits for."""
        request = from_person("python", "al", body)
        run = self.store.apply(run.id, Resumed(self.now, run.step, run.runs, "python", "al", request))
        return self.claim(run)

    def elapse(self, run: RunRecord) -> RunRecord:
        """The next wake-up, after the pause has ended by itself."""
        assert run.due_ms is not None
        self.now = run.due_ms
        return self.claim(self.store.apply(run.id, Elapsed(self.now)))

    def claim(self, run: RunRecord) -> RunRecord:
        return self.runner.drive(self.store.apply(run.id, Claimed(self.now, self.home.owner)))

    def value(self, run: RunRecord, step: str = "one") -> Any:
        return self.store.exports(run.id)[step].get("$return_value")


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One store for all tests here: each looks at its own runs only."""
    with Home(tmp_path_factory.mktemp("pdnb"), kind="kernel") as home:
        yield home


@pytest.fixture
def stage(shared_home: Home) -> Stage:
    return Stage(shared_home)


@pytest.fixture
def props(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What steps of this process and the test hand each other: ``import props``."""
    props = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "props", props)
    return props


# ---- steps and what they return


@pytest.mark.parametrize(
    "source",
    [
        "def handler(pd): return pd.steps['trigger']['event'] + 1",
        "def handler(pd: 'pipedream'): return pd.steps['trigger']['event'] + 1",
        "step.steps['trigger']['event'] + 1",
        "import asyncio\nasync def handler(pd): return await asyncio.sleep(0, pd.steps['trigger']['event'] + 1)",
        "import asyncio\nawait asyncio.sleep(0, step.steps['trigger']['event'] + 1)",
        (
            "import asyncio\ndef now(f): return lambda pd: asyncio.run(f(pd))\n"
            "@now\nasync def handler(pd): return pd.steps['trigger']['event'] + 1"
        ),
    ],
)
def test_every_spelling_of_a_step_gives_its_value(stage: Stage, source: str) -> None:
    run = stage.play(41, one=source)
    assert (run.status, stage.value(run)) == (Status.SUCCEEDED, 42)


@pytest.mark.parametrize(
    "source",
    [
        "async def handler(pd):\n    import asyncio\n    await asyncio.sleep(0)\n    print('hello')\n    return 42",
        "import asyncio\nprint('hello')\nawait asyncio.sleep(0, 42)",
    ],
)
async def test_an_async_step_runs_while_this_thread_is_in_a_running_loop(stage: Stage, source: str) -> None:
    run = stage.play(one=source)
    assert (run.status, stage.value(run)) == (Status.SUCCEEDED, 42)
    assert stage.store.attempts(run.id)[0].outputs[0]["text"] == "hello\n"


async def test_an_async_step_in_a_running_loop_may_pause_and_fail_as_any_other(stage: Stage) -> None:
    assert stage.play(one="async def handler(pd): pd.flow.suspend()").status is Status.SUSPENDED
    run, error = stage.fail(ZeroDivisionError, one="async def handler(pd):\n    1 / 0")
    assert run.status is Status.FAILED
    assert frames(error)[0].startswith("<step one of play")


def test_exports_of_earlier_steps_are_there_for_later_ones(stage: Stage) -> None:
    run = stage.play(
        {"to": "al"},
        one="def handler(pd):\n    pd.export('subject', 'Launch')\n    return {'n': [1, 2.5, None, True, 'ü']}",
        two="[step.steps['trigger']['event'], step.steps['one'], sorted(step.steps)]",
    )
    first = {"subject": "Launch", "$return_value": {"n": [1, 2.5, None, True, "ü"]}}
    assert stage.value(run, "two") == [{"to": "al"}, first, ["one", "trigger"]]


def test_a_step_that_returns_nothing_exports_nothing(stage: Stage) -> None:
    run = stage.play(one="def handler(pd): pass", two="x = 1", three="None")
    assert stage.store.exports(run.id) == {"trigger": {"event": None}, "one": {}, "two": {}, "three": {}}


def test_a_named_export_may_be_none(stage: Stage) -> None:
    """`return None` exports nothing, as Pipedream's Python; what is exported by name is kept, null too."""
    run = stage.play(one="step.export('found', None)\nNone", two="'found' in step.steps['one']")
    assert stage.store.exports(run.id)["one"] == {"found": None}
    assert stage.value(run, "two") is True


def test_an_export_that_is_refused_is_refused_at_the_call(stage: Stage, props: SimpleNamespace) -> None:
    """Refused before effects where it can be known."""
    props.sent = False
    stage.fail(NotJSON, one="import props\nstep.export('rows', {1})\nprops.sent = True")
    assert props.sent is False


def test_a_pause_until_a_moment_is_counted_by_the_clock_of_the_store(stage: Stage) -> None:
    moment = datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(hours=9)
    source = f"import datetime\nstep.flow.suspend(until=datetime.datetime.fromisoformat({moment.isoformat()!r}))"
    run = stage.play(one=source, two="'on'")
    assert (run.status, run.due_ms) == (Status.SUSPENDED, NOW + 9 * 3_600_000)
    stage.now += 9 * 3_600_000
    failed, _ = stage.fail(ValueError, one=source)
    assert "which has passed" in (failed.error or "")


def test_an_export_is_as_it_was_when_it_was_made(stage: Stage) -> None:
    run = stage.play(one="rows = [1]\nstep.export('rows', rows)\nrows.append(2)\nrows")
    assert stage.store.exports(run.id)["one"] == {"rows": [1], "$return_value": [1, 2]}


def test_the_summary_shows_in_the_runs_row(stage: Stage) -> None:
    run = stage.play(one="step.export('$summary', 'Publish?')", two="step.flow.suspend()")
    assert (run.status, run.summary) == (Status.SUSPENDED, "Publish?")


def test_the_names_of_an_export_are_checked(stage: Stage) -> None:
    stage.fail(TypeError, one="step.export(1, 1)")
    stage.fail(ValueError, one="step.export('$return_value', 1)")
    run, _ = stage.fail(ValueError, one="step.export('$resume_data', 1)")
    assert run.error == "ValueError: '$resume_data' is made by pdnb: choose another name for the export"


def test_a_step_sees_the_setup_and_no_other_steps_names(stage: Stage) -> None:
    run = stage.play(setup="FACTOR = 6", one="FACTOR = FACTOR * 7\nFACTOR", two="FACTOR")
    assert (stage.value(run), stage.value(run, "two")) == (42, 6)
    failed, _ = stage.fail(NameError, one="x = 1", two="x")
    assert failed.step == "two"
    assert (failed.error or "").startswith(
        "NameError: name 'x' is not defined ('x' is a variable of step 'one', and a step"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{'rows': [1, 2, 3, {4}]}", '$return_value["rows"][3]: set is not JSON'),
        ("{'a': {'b': float('nan')}}", '$return_value["a"]["b"]: nan is not JSON'),
        ("[float('-inf')]", "$return_value[0]: -inf is not JSON"),
        ("b'raw'", "$return_value: bytes is not JSON: write x.decode()"),
        ("(1, 2, {3})", "$return_value[2]: set is not JSON: write sorted(x)"),
        ("{'x': {1: 2, '1': 3}}", "$return_value[\"x\"]: the keys 1 and '1' are one key in JSON"),
        ("datetime.timedelta(1)", "$return_value: timedelta is not JSON: write x.total_seconds()"),
        ("{'df': pandas.DataFrame()}", '$return_value["df"]: DataFrame is not JSON: write x.to_dict("records")'),
        ("itself", "$return_value[0]: the list contains itself"),
        ("deep", "nested deeper than 100 levels"),
        ("'\\ud800'", "$return_value: the text holds a lone surrogate"),
        ("'x' * 17 * 2**20", "$return_value: 17 MiB of JSON is too much (at most 16 MiB): export a file's path"),
        ("numpy.zeros(200_000)", "$return_value: ndarray: 200,000 elements are too many (at most 100,000)"),
    ],
)
@pytest.mark.parametrize("way", ["return", "export"])
def test_what_is_not_json_fails_the_step_with_its_path_and_type(stage: Stage, value: str, said: str, way: str) -> None:
    names = "import datetime, numpy, pandas\nitself = []\nitself.append(itself)\ndeep = []\n"
    names += "for _ in range(200): deep = [deep]\n"
    name = "$return_value" if way == "return" else "result"
    run, error = stage.fail(
        NotJSON, load=names + (value if way == "return" else f"step.export('result', {value})"), publish="1"
    )
    assert isinstance(error, TypeError)
    if said.startswith("$"):
        said = f"NotJSON: steps.load.{said.replace('$return_value', name)}"
    assert (run.status, run.step) == (Status.FAILED, "load")
    assert stage.store.exports(run.id) == {"trigger": {"event": None}, "load": {}}
    [attempt] = stage.store.attempts(run.id)
    assert (attempt.outcome, attempt.exports) == ("raised", {})
    assert said in (attempt.error or "")
    assert "\n" not in (attempt.error or "")
    assert (attempt.error or "").startswith((run.error or "?").removesuffix("…"))


@pytest.mark.filterwarnings("ignore:coroutine 'fetch' was never awaited")
@pytest.mark.parametrize(
    "source", ["fetch()", "def handler(pd): return fetch()", "[fetch()][0]", "step.export('x', fetch())"]
)
def test_a_coroutine_that_was_never_awaited_is_not_json(stage: Stage, source: str) -> None:
    run = stage.fail(NotJSON, one=f"async def fetch(): return 1\n{source}")[0]
    assert re.fullmatch(r"NotJSON: steps\.one\.(\$return_value|x): coroutine is not JSON.*", run.error or "")
    gc.collect()  # Python's warning about it belongs to this test


def test_a_failed_export_that_the_step_catches_leaves_no_half_of_itself(stage: Stage) -> None:
    run = stage.play(one="try:\n    step.export('rows', [1, {2}])\nexcept TypeError:\n    pass\n1")
    assert stage.store.exports(run.id)["one"] == {"$return_value": 1}


# ---- steps that fail


@pytest.mark.parametrize("ask", ["suspend()", "rerun(1000)", "delay(1000)"])
def test_a_step_that_raises_after_asking_for_a_pause_has_failed_and_its_links_are_dead(stage: Stage, ask: str) -> None:
    run, _ = stage.fail(ZeroDivisionError, one=f"step.flow.{ask}\n1 / 0", two="1")
    assert (run.status, run.pause, run.owner) == (Status.FAILED, None, None)
    assert isinstance(stage.store.would_refuse(run.id, "one", 1)[1], Over)
    for event in (Resumed(NOW, "one", 1, "link"), Cancelled(NOW, "one", 1, "link")):
        with pytest.raises(Over):
            stage.store.apply(run.id, event)
    assert stage.store.get(run.id) == run


@pytest.mark.parametrize(
    ("source", "kind", "error"),
    [
        ("raise KeyboardInterrupt", KeyboardInterrupt, "KeyboardInterrupt"),
        ("import sys\nsys.exit(3)", SystemExit, "SystemExit: 3"),
        ("exit()", SystemExit, "SystemExit: None"),
        ("async def handler(pd): raise SystemExit", SystemExit, "SystemExit"),
        ("async def handler(pd): raise KeyboardInterrupt", KeyboardInterrupt, "KeyboardInterrupt"),
        ("import asyncio\nraise asyncio.CancelledError", BaseException, "CancelledError"),
        ("raise GeneratorExit", GeneratorExit, "GeneratorExit"),
        ("raise ExceptionGroup('many', [ValueError(1)])", ExceptionGroup, "ExceptionGroup: many (1 sub-exception)"),
        ("raise ValueError('one\\ntwo\\nthree')", ValueError, "ValueError: one"),
        ("raise ValueError", ValueError, "ValueError"),
        ("def handler(pd):\n    return handler(pd)", RecursionError, "RecursionError: maximum recursion depth"),
        ("x = []\nfor _ in range(100_000): x = [x]\nstr(x)", RecursionError, "RecursionError: maximum recursion"),
    ],
)
def test_whatever_a_step_raises_fails_the_run_and_reaches_the_caller(
    stage: Stage, source: str, kind: type[BaseException], error: str
) -> None:
    run, raised = stage.fail(kind, one=source, two="1")
    assert run.status is Status.FAILED
    assert (run.error or "").startswith(error)
    assert "\n" not in (run.error or "")
    [attempt] = stage.store.attempts(run.id)
    assert (attempt.outcome, attempt.outputs[-1]["ename"]) == ("raised", type(raised).__name__)


@pytest.mark.parametrize("body", ["raise ValueError", "raise SystemExit", "return 3", "raise RecursionError"])
def test_an_exception_that_cannot_say_what_it_is_still_ends_the_run(stage: Stage, body: str) -> None:
    source = f"class Odd(Exception):\n    def __str__(self):\n        {body}\nraise Odd"
    run, _ = stage.fail(Exception, one=source)
    assert (run.status, run.error) == (Status.FAILED, "Odd: (its message cannot be shown)")


def test_the_tracebacks_first_frame_is_the_steps_own(stage: Stage) -> None:
    for source in (
        "def handler(pd):\n    1 / 0",
        "1 / 0",
        "async def handler(pd):\n    1 / 0",
        "import asyncio\n1 / 0",
    ):
        _, error = stage.fail(ZeroDivisionError, one=source)
        assert frames(error)[0].startswith("<step one of play"), source


def frames(error: BaseException) -> list[str]:
    """The files of the frames from the step's on, as they were when the runner took it."""
    names = []
    trace = error.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    start = max(i for i, name in enumerate(names) if name.endswith("runner.py"))
    return names[start + 1 :]


def test_no_token_of_a_failed_step_shows_in_its_error(stage: Stage) -> None:
    run, _ = stage.fail(RuntimeError, one="raise RuntimeError(step.flow.suspend()['resume_url'])")
    assert run.error == "RuntimeError: http://127.0.0.1:8888/pdnb/resume/…"


def test_a_failed_run_is_retried_from_its_failed_step(stage: Stage, props: SimpleNamespace) -> None:
    props.works = False
    source = "import props\nstep.flow.suspend()\nassert props.works\nstep.context['run']['runs']"
    run, _ = stage.fail(AssertionError, one="1", two=source)
    props.works = True
    run = stage.claim(stage.store.apply(run.id, Retried(NOW, run.step, run.runs, "python")))
    assert (run.status, run.step, run.runs) == (Status.SUSPENDED, "two", 2)
    assert stage.value(run, "two") == 2
    assert [a.outcome for a in stage.store.attempts(run.id)] == ["returned", "raised", "suspended"]


# ---- asking


def test_a_pause_begins_at_the_end_of_the_step(stage: Stage) -> None:
    run = stage.play(one="def handler(pd):\n    pd.flow.suspend()\n    print('after')\n    return 'kept'", two="1")
    assert (run.status, run.step, run.due_ms) == (Status.SUSPENDED, "one", NOW + DAY)
    assert stage.value(run) == "kept"
    assert stage.store.attempts(run.id)[0].outputs[0]["text"] == "after\n"


def test_the_links_work_for_this_attempt_and_no_other_purpose(stage: Stage, props: SimpleNamespace) -> None:
    run = stage.play(one="import props\nprops.links = step.flow.suspend()")
    assert props.links.keys() == {"resume_url", "cancel_url"}
    for purpose in ("resume", "cancel"):
        base, _, token = props.links[f"{purpose}_url"].rpartition("/")
        assert base == f"http://127.0.0.1:8888/pdnb/{purpose}"
        assert stage.home.links.read(purpose, token) == Target(run.id, "one", 1)


def test_of_two_asks_the_last_wins_and_both_give_the_same_links(stage: Stage, props: SimpleNamespace) -> None:
    source = "import props\nprops.links = [step.flow.suspend(), step.flow.delay(5), step.flow.rerun(7, 'again')]"
    run = stage.play(one=source)
    assert run.pause is not None
    assert (run.status, run.pause.kind, run.due_ms) == (Status.SLEEPING, "rerun", NOW + 7)
    assert props.links[0] == props.links[1] == props.links[2]
    assert stage.play(one="step.flow.rerun(5)\nstep.flow.suspend(9)").due_ms == NOW + 9


@pytest.mark.parametrize(
    "source",
    [
        "step.flow.exit()\nstep.flow.suspend()\n'all of it ran'",
        "step.flow.rerun(0)\nstep.flow.exit()\nstep.flow.delay(3)\n'all of it ran'",
        "def handler(pd):\n    pd.flow.suspend()\n    return pd.flow.exit()\n    1 / 0",
    ],
)
def test_exit_beats_all(stage: Stage, source: str) -> None:
    run = stage.play(one=source, two="1 / 0")
    assert (run.status, run.step, run.pause) == (Status.SUCCEEDED, "one", None)
    assert stage.value(run) == (None if "return" in source else "all of it ran")


def test_the_reason_of_an_exit_is_kept(stage: Stage) -> None:
    run = stage.play(one="step.flow.exit('nothing to do')", two="1")
    assert run.summary == "nothing to do"
    assert stage.store.attempts(run.id)[0].note == "nothing to do"
    stage.fail(TypeError, one="step.flow.exit(3)")


@pytest.mark.parametrize(
    ("ask", "ms"),
    [
        ("suspend(timedelta(hours=2))", 7_200_000),
        ("rerun(timedelta(seconds=1))", 1_000),
        ("delay(timedelta(microseconds=1500))", 2),
        ("delay(0.5)", 1),
        ("rerun(0)", 0),
        ("delay(ms=10)", 10),
        ("suspend(timeout=365 * 86_400_000)", 365 * DAY),
        ("rerun(delay=10, context={'a': 1}, max_retries=3)", 10),
        ("rerun(10, None, maxRetries=3)", 10),
    ],
)
def test_times_are_milliseconds_or_timedeltas(stage: Stage, ask: str, ms: int) -> None:
    assert stage.play(one=f"from datetime import timedelta\nstep.flow.{ask}").due_ms == NOW + ms


WRONG_VALUES = (
    *("-1", "float('nan')", "float('inf')", "-float('inf')", "1e18", "10**400", "365 * 86_400_000 + 1"),
    *("timedelta(days=-1)", "timedelta(days=366)", "timedelta.max"),
)
WRONG_TYPES = ("True", "False", "'5s'", "None", "[5]", "5 + 0j", "b'5'")


@pytest.mark.parametrize(
    ("call", "argument"), [("suspend({})", "timeout"), ("rerun({})", "delay"), ("delay({})", "ms")]
)
def test_a_time_that_makes_no_sense_raises_naming_the_argument_and_records_nothing(
    stage: Stage, call: str, argument: str
) -> None:
    source = f"""
        from datetime import timedelta
        said = []
        for value in step.steps["trigger"]["event"]:
            try:
                step.flow.{call.format("eval(value)")}
            except (TypeError, ValueError) as error:
                said.append([type(error).__name__, str(error)])
            else:
                said.append(["accepted", value])
        said
    """
    run = stage.play([*WRONG_VALUES, *WRONG_TYPES], one=source, two="1")
    assert run.status is Status.SUCCEEDED
    said = stage.value(run)
    assert [name for name, _ in said] == ["ValueError"] * len(WRONG_VALUES) + ["TypeError"] * len(WRONG_TYPES)
    assert all(message.startswith(f"{argument} is ") and "milliseconds" in message for _, message in said)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("suspend(0)", "ValueError: timeout is 0: use 1 to"),
        ("suspend(5, on_timeout='open')", "ValueError: on_timeout is 'open': use 'cancel' or 'resume'"),
        ("suspend(5, confirm='no')", "TypeError: confirm is 'no': use True or False"),
        ("rerun(5, None, -1)", "ValueError: max_retries is -1: use 0 or more"),
        ("rerun(5, None, True)", "TypeError: max_retries is True"),
        ("rerun(5, None, 2.5)", "TypeError: max_retries is 2.5"),
        ("rerun(5, {1, 2})", "NotJSON: context: set is not JSON"),
    ],
)
def test_other_arguments_are_checked_as_well(stage: Stage, call: str, said: str) -> None:
    run, _ = stage.fail(Exception, one=f"step.flow.{call}")
    assert (run.error or "").startswith(said)


def test_a_pause_asked_for_in_a_thread_of_the_step_counts(stage: Stage) -> None:
    source = """
        from threading import Thread
        thread = Thread(target=step.flow.suspend)
        thread.start()
        thread.join()
    """
    assert stage.play(one=source).status is Status.SUSPENDED


@pytest.mark.parametrize(
    "call",
    ["flow.suspend()", "flow.rerun(5)", "flow.delay(5)", "flow.exit()", "export('late', 1)", "send.email('late', 'x')"],
)
@pytest.mark.parametrize("ending", ["1", "step.flow.suspend()", "1 / 0"])
def test_the_step_object_is_of_no_use_once_its_step_has_ended(
    stage: Stage, props: SimpleNamespace, call: str, ending: str
) -> None:
    run = stage.add(one=f"import props\nprops.pd = step\nstep.export('early', 1)\n{ending}")
    if ending == "1 / 0":
        with pytest.raises(ZeroDivisionError):
            stage.runner.drive(run)
    else:
        stage.runner.drive(run)
    before = stage.store.get(run.id), stage.store.attempts(run.id)
    with pytest.raises(PdnbError, match="was used after its step had ended: use it while the step runs"):
        eval(f"pd.{call}", {"pd": props.pd})
    assert (stage.store.get(run.id), stage.store.attempts(run.id)) == before


def test_a_thread_that_outlives_its_step_is_told_so(stage: Stage, props: SimpleNamespace) -> None:
    props.go, props.told = threading.Event(), []
    source = """
        import threading, props
        def later(flow):
            props.go.wait(30)
            try:
                flow.suspend()
            except Exception as error:
                props.told.append(str(error))
        def handler(pd):
            props.thread = threading.Thread(target=later, args=(pd.flow,))
            props.thread.start()
    """
    run = stage.play(one=source)
    props.go.set()
    props.thread.join(30)
    assert props.told == ["pd.flow was used after its step had ended: use it while the step runs"]
    assert stage.store.get(run.id).status is Status.SUCCEEDED


# ---- the context, reruns


def test_the_context_says_where_the_step_is(stage: Stage) -> None:
    run = stage.play(one="step.context", two="step.context")
    context = stage.value(run)
    assert context == {
        "id": context["id"],
        "trace_id": run.id,
        "ts": "2025-11-21T22:11:00.000+00:00",
        "workflow_id": "play",
        "workflow_name": "play",
        "deployment_id": run.version_id,
        "deadline": None,
        "test": False,
        "JIT": False,
        "replay": False,
        "resume": False,
        "run": {"runs": 1, "key": f"{run.id}/one/1"},
    }
    assert datetime.fromisoformat(context["ts"]) == datetime.fromtimestamp(NOW / 1000, UTC)
    after = stage.value(run, "two")
    assert (after["id"], after["run"]["key"]) == (context["id"], f"{run.id}/two/1")


def test_the_id_is_new_for_every_wake_up_and_the_trace_is_not(stage: Stage) -> None:
    run = stage.play(one="step.flow.suspend()\nstep.context", two="step.flow.rerun(5)\nstep.context")
    seen = [stage.value(run)]
    run = stage.wake(run)
    seen.append(stage.value(run, "two"))
    run = stage.elapse(run)
    seen.append(stage.value(run, "two"))
    assert len({context["id"] for context in seen}) == 3
    assert {context["trace_id"] for context in seen} == {run.id}
    assert [context["resume"] for context in seen] == [False, True, True]
    assert [context["run"]["key"].split("/")[1:] for context in seen] == [["one", "1"], ["two", "1"], ["two", "2"]]


def test_an_attempt_that_was_lost_runs_again_with_the_same_key(stage: Stage) -> None:
    run = stage.add(one="step.context")
    lost = stage.store.apply(run.id, Lost(NOW, run.fence))
    again = stage.claim(lost)
    context = stage.value(again)
    assert context["run"] == {"runs": 1, "key": f"{run.id}/one/1"}


def test_a_rerun_gets_its_context_and_the_request_that_woke_it(stage: Stage) -> None:
    source = """
        run = step.context["run"]
        step.flow.rerun(60_000, {"seen": run["runs"]}, 10)
        run
    """
    run = stage.play(one=source)
    assert stage.value(run) == {"runs": 1, "key": f"{run.id}/one/1"}
    run = stage.elapse(run)
    assert stage.value(run) == {"runs": 2, "key": f"{run.id}/one/2", "context": {"seen": 1}}
    run = stage.wake(run, {"job": "done"})
    woken = stage.value(run)
    assert (woken["runs"], woken["context"], woken["callback_request"]["body"]) == (3, {"seen": 2}, {"job": "done"})
    assert woken["callback_request"]["via"] == "python"
    run = stage.wake(run)
    assert "body" not in stage.value(run)["callback_request"]
    run = stage.elapse(run)
    assert stage.value(run) == {"runs": 5, "key": f"{run.id}/one/5", "context": {"seen": 4}}


def test_a_context_of_none_is_a_context(stage: Stage) -> None:
    run = stage.elapse(stage.play(one="step.flow.rerun(5)\nstep.context['run']"))
    assert stage.value(run)["context"] is None


def test_a_context_is_as_it_was_when_it_was_given(stage: Stage) -> None:
    source = "mine = {'n': 1}\nif step.context['run']['runs'] == 1:\n    step.flow.rerun(5, mine)\nmine['n'] = 2\n"
    run = stage.elapse(stage.play(one=source + "step.context['run'].get('context')"))
    assert stage.value(run) == {"n": 1}


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_when_the_retries_are_used_up_the_workflow_goes_on_to_the_next_step(stage: Stage, retries: int) -> None:
    run = stage.play(one=f"step.flow.rerun(5, None, {retries})\nstep.context['run']['runs']", two="'reached'")
    for _ in range(retries):
        assert run.status is Status.SLEEPING
        run = stage.elapse(run)
    assert (run.status, stage.value(run), stage.value(run, "two")) == (Status.SUCCEEDED, retries + 1, "reached")
    notes = [a.note for a in stage.store.attempts(run.id)]
    assert notes == [None] * retries + ["retries used up", None]


def test_a_resumed_suspension_exports_the_request(stage: Stage) -> None:
    run = stage.wake(stage.play(one="step.flow.suspend()\n1", two="step.steps['one']"), {"ok": True})
    assert run.status is Status.SUCCEEDED
    exports = stage.value(run, "two")
    assert exports["$return_value"] == 1
    assert (exports["$resume_data"]["body"], exports["$resume_data"]["by"]) == ({"ok": True}, "al")


def test_a_suspension_that_resumes_itself_exports_no_request(stage: Stage) -> None:
    run = stage.play(one="step.flow.suspend(5, on_timeout='resume')", two="sorted(step.steps['one'])")
    assert stage.value(stage.elapse(run), "two") == ["$return_value"]


def test_what_is_printed_and_displayed_is_kept_per_attempt(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    source = "print('try', step.context['run']['runs'])\nif step.context['run']['runs'] < 3: step.flow.rerun(5)\n6 * 7"
    run = stage.elapse(stage.elapse(stage.play(one=source)))
    assert run.status is Status.SUCCEEDED
    for n, attempt in enumerate(stage.store.attempts(run.id), 1):
        printed, result = attempt.outputs
        assert (printed["name"], printed["text"]) == ("stdout", f"try {n}\n")
        assert (result["output_type"], result["data"]) == ("execute_result", {"text/plain": "42"})
    assert capsys.readouterr().out == ""


def test_a_caller_sees_what_the_steps_print_without_tokens(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    run = stage.add(one="print('go to', step.flow.suspend()['resume_url'])")
    Runner(stage.home, show=True).drive(run)
    assert capsys.readouterr().out == "go to http://127.0.0.1:8888/pdnb/resume/…\n"
    assert "pdnb1r." in stage.store.attempts(run.id)[0].outputs[0]["text"]


def test_active_time_is_counted_and_paused_time_is_not(stage: Stage, props: SimpleNamespace) -> None:
    def work() -> None:
        stage.now += 31_000

    props.work = work
    run = stage.play(one="import props\nprops.work()\nstep.flow.suspend()", two="import props\nprops.work()")
    stage.now += 3_600_000
    run = stage.wake(run)
    assert (run.active_ms, run.credits) == (62_000, 4)


# ---- the report


def test_a_store_that_is_locked_at_the_report_is_asked_again(
    pdnb_dir: Path, monkeypatch: pytest.MonkeyPatch, props: SimpleNamespace
) -> None:
    monkeypatch.setattr(sqlite_file, "_TIMEOUT_S", 0.01)
    pauses = []
    with Home(pdnb_dir, kind="kernel") as home:
        stage = Stage(home)
        props.other = sqlite3.connect(pdnb_dir / "cache.db", isolation_level=None)

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                props.other.execute("ROLLBACK")

        run = stage.add(one="import props\nprops.other.execute('BEGIN IMMEDIATE')\n'kept'", two="1")
        run = Runner(home, show=False, pause=pause).drive(run)
        assert (run.status, stage.value(run), len(pauses)) == (Status.SUCCEEDED, "kept", 3)
        assert pauses == sorted(pauses)
        assert len(stage.store.attempts(run.id)) == 2
        props.other.close()


def test_a_late_result_is_refused_and_leaves_the_exports_as_they_are(stage: Stage, props: SimpleNamespace) -> None:
    def overrule() -> None:
        props.other = stage.store.apply(run.id, Lost(NOW, run.fence, "overruled"))
        props.other = stage.store.apply(run.id, Claimed(NOW, "worker-1-other"))

    props.overrule = overrule
    run = stage.add(one="import props\nprops.overrule()\nstep.export('late', 1)\n'late'", two="1")
    with pytest.raises(Fenced):
        stage.runner.drive(run)
    assert stage.store.get(run.id) == props.other
    assert stage.store.exports(run.id) == {"trigger": {"event": None}}
    assert stage.store.attempts(run.id) == ()


def test_a_late_result_does_not_end_a_newer_claim_of_the_same_process(stage: Stage, props: SimpleNamespace) -> None:
    def overrule() -> None:
        stage.store.apply(run.id, Lost(NOW, run.fence, "overruled"))
        props.other = stage.store.apply(run.id, Claimed(NOW, stage.home.owner))

    props.overrule = overrule
    run = stage.add(one="import props\nif not hasattr(props, 'other'): props.overrule()\n'done'")
    with pytest.raises(Fenced):
        stage.runner.drive(run)
    assert stage.store.get(run.id) == props.other
    assert stage.runner.drive(props.other).status is Status.SUCCEEDED


def test_a_request_that_came_while_the_step_ran_applies_at_its_end(stage: Stage, props: SimpleNamespace) -> None:
    def call_back() -> None:
        stage.store.apply(run.id, Resumed(NOW, "one", 1, "link", None, from_person("link", None, "early")))

    props.call_back = call_back
    run = stage.add(one="import props\nstep.flow.suspend()\nprops.call_back()", two="step.steps['one']")
    run = stage.runner.drive(run)
    assert (run.status, run.step) == (Status.QUEUED, "two")
    run = stage.claim(run)
    assert stage.value(run, "two")["$resume_data"]["body"] == "early"


@pytest.mark.parametrize("moment", range(1, 5))
def test_an_interrupt_between_steps_leaves_no_claim(stage: Stage, moment: int) -> None:
    ticks = 0

    def clock() -> int:
        nonlocal ticks
        ticks += 1
        if ticks == moment:
            signal.raise_signal(signal.SIGINT)
        return NOW

    run = stage.add(one="1", two="2")
    stage.home.clock = clock
    with pytest.raises(KeyboardInterrupt):
        stage.runner.drive(run)
    after = stage.store.get(run.id)
    assert (after.status, after.owner, after.error) == (Status.FAILED, None, "KeyboardInterrupt")
    assert after.step == ("one" if moment < 3 else "two")


def test_code_that_was_changed_in_the_store_is_not_executed(stage: Stage) -> None:
    run = stage.add(one="'changed from outside'")
    with sqlite3.connect(stage.home.directory / "cache.db") as con:
        con.execute("UPDATE Cache SET value = replace(value, ?, ?) WHERE key LIKE 'version/%'", ("from outside", "!"))
    con.close()
    with pytest.raises(PdnbError, match=r"changed from outside, and nothing of it was executed"):
        stage.runner.drive(run)
    assert stage.store.get(run.id).status is Status.FAILED


def test_a_step_that_drives_another_run_keeps_its_own_outputs(stage: Stage, props: SimpleNamespace) -> None:
    props.inner = lambda: stage.play(one="print('inner')\n'inner'").id
    run = stage.play(one="import props\nprint('before')\nid = props.inner()\nprint('after')\nid")
    assert stage.store.attempts(run.id)[0].outputs[0]["text"] == "before\nafter\n"
    assert stage.store.attempts(stage.value(run))[0].outputs[0]["text"] == "inner\n"
