"""What a run costs: credits, in the pages' words; a credit is 30 seconds of a wake-up, and at least one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pdnb.client import Run
from pdnb.model import Status
from tests.seeds.stage import DAY, HOUR, SECOND, Clock, Stage

#: Works for so many seconds, by the moved clock.
WORK = "import props\nprops.work({})"


@pytest.fixture(autouse=True)
def work(props: SimpleNamespace, clock: Clock) -> None:
    def work(seconds: int) -> None:
        clock.ms += seconds * SECOND

    props.work = work


def cost(stage: Stage, run: Run) -> tuple[int, int]:
    """Credits, and active milliseconds."""
    row = stage.row(run)
    return row.credits, row.active_ms


@pytest.mark.parametrize(
    ("call", "worked_s"), [("suspend(2_592_000_000)", 2 + 1), ("rerun(2_592_000_000, None, 1)", 2 + 2 + 1)]
)
def test_waiting_costs_nothing_however_long_it_takes(stage: Stage, call: str, worked_s: int) -> None:
    """python: You are not charged for the time your workflow is suspended during a pd.flow.suspend or pd.flow.rerun.
    node: You are not charged for the time your workflow is suspended during a $.flow.rerun or $.flow.suspend.
    """
    run = stage.start(gate=f"{WORK.format(2)}\nstep.flow.{call}", after=WORK.format(1))
    before = cost(stage, run)
    assert before == (1, 2 * SECOND)
    stage.later(29 * DAY)
    assert cost(stage, run) == before
    run.resume()
    stage.work()
    assert (run.status, cost(stage, run)) == (Status.SUCCEEDED, (2, worked_s * SECOND))


def test_after_a_resume_compute_time_counts_again(stage: Stage) -> None:
    """python: Only when workflows are resumed will compute time count toward credit usage.
    node: Only when workflows are resumed will compute time count toward credit usage.
    """
    run = stage.start(gate=f"{WORK.format(10)}\nstep.flow.suspend()", one=WORK.format(40), two=WORK.format(25))
    stage.later(HOUR)
    assert cost(stage, run) == (1, 10 * SECOND)
    run.resume()
    stage.queue_for(HOUR)  # no worker is free: that is no compute time either
    assert cost(stage, run) == (1, 10 * SECOND)
    stage.work()
    assert cost(stage, run) == (1 + 3, 75 * SECOND)  # 65 s after the resume: three credits


def test_the_counter_begins_anew_after_a_pause(stage: Stage) -> None:
    """python: When a suspended workflow reawakens, it will reset the credit counter.
    node: When a suspended workflow reawakens, it will reset the credit counter.
    """
    at_once = stage.start(one=WORK.format(35), two=WORK.format(35))
    assert cost(stage, at_once) == (3, 70 * SECOND)  # one wake-up: the second step goes on with the second credit
    paused = stage.start(one=f"{WORK.format(35)}\nstep.flow.suspend()", two=WORK.format(35))
    paused.resume()
    stage.work()
    assert cost(stage, paused) == (2 + 2, 70 * SECOND)  # what was left of the second one is gone


@pytest.mark.parametrize("pauses", [1, 2, 5])
def test_every_wake_up_is_a_credit_of_its_own(stage: Stage, pauses: int) -> None:
    """python: Each rerun or reawakening from a suspension will count as a new fresh credit.
    node: Each rerun or reawakening from a suspension will count as a new fresh credit.
    """
    reruns = stage.start(again=f"step.flow.rerun(1000, None, {pauses})")
    for _ in range(pauses):
        stage.later(SECOND)
    gates = stage.start(**{f"gate{n}": "step.flow.suspend()" for n in range(pauses)}, after="1")
    for _ in range(pauses):
        gates.resume()
        stage.work()
    for run in (reruns, gates):
        assert (run.status, cost(stage, run)) == (Status.SUCCEEDED, (1 + pauses, 0))
