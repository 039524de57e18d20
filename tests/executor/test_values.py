"""What a step leaves, asks for and does not find is the same in an executor's process as in a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from textwrap import dedent

import pytest

from pdnb.coordination.home import Home
from pdnb.executor.executors import Executors
from pdnb.model import JSON, RunRecord
from pdnb.runtime.foreground import start
from pdnb.workers.worker import Worker
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("pdnb"), kind="worker") as found:
        yield found


@pytest.fixture(scope="module")
def worker(home: Home) -> Iterator[Worker]:
    here = Environment.here()
    found = Worker(home, here, Executors(here, home.lock))
    yield found
    found.close()


def play(home: Home, worker: Worker, source: str, event: JSON = None) -> RunRecord:
    """The run of one step after its first wake-up in a process of its own."""
    version = WorkflowVersion("w", (Step("one", dedent(source).strip("\n")),), (), Environment.here())
    run = start(home, version, event, headless=True)
    assert worker.work_once()
    return home.store.get(run.id)


def test_what_means_json_is_taken(home: Home, worker: Worker) -> None:
    source = """
    import collections, datetime, numpy
    step.export("none", None)
    {1: (collections.Counter("aab"), numpy.float64(0.1), datetime.date(2026, 3, 29))}
    """
    run = play(home, worker, source)
    left = {"none": None, "$return_value": {"1": [{"a": 2, "b": 1}, 0.1, "2026-03-29"]}}
    assert home.store.exports(run.id)["one"] == left


def test_what_is_not_json_is_refused_with_the_line_to_write(home: Home, worker: Worker) -> None:
    run = play(home, worker, "import pandas\npandas.DataFrame({'a': [1]})")
    assert (run.error or "").startswith(
        'NotJSON: steps.one.$return_value: DataFrame is not JSON: write x.to_dict("records")'
    )


def test_what_is_missing_is_explained(home: Home, worker: Worker) -> None:
    run = play(home, worker, 'def handler(pd):\n    return pd.steps["trigger"]["event"]["to"]')
    assert (run.error or "").endswith('(this run was started without an event: %pdnb run {"to": …} gives it one)')


def test_a_moment_is_the_moment_even_if_it_passes_before_the_step_ends(home: Home, worker: Worker) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    run = play(home, worker, f"import datetime\nstep.flow.suspend(until=datetime.datetime.fromisoformat('{moment}'))")
    assert run.due_ms == moment.timestamp() * 1000
    source = """
    import datetime, time
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(milliseconds=300)
    step.flow.delay(until=soon)
    while datetime.datetime.now(datetime.timezone.utc) < soon: time.sleep(0.05)
    """
    run = play(home, worker, source)
    assert (run.status, run.error) == ("sleeping", None)
    assert run.pause is not None
    assert run.pause.due_ms == run.pause.since_ms
