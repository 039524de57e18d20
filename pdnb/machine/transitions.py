"""How a run changes: one function per event, each from the run before to the run after.

Pure, like the table that names them: an event that the run does not take now raises a ``Refused``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from pdnb.errors import Fenced, MovedOn
from pdnb.machine.outcomes import (
    MAX_LOSSES,
    decision_by_time,
    decision_of,
    is_cancel,
    lost_reason,
    pause_of,
    retries_used_up,
    shortened,
)
from pdnb.machine.refusals import explain
from pdnb.model import (
    Cancelled,
    Claimed,
    Decision,
    Elapsed,
    Ended,
    Exited,
    Lost,
    Raised,
    Request,
    Resumed,
    Retried,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
    Unserved,
    Upgraded,
)
from pdnb.pauses import PAUSES
from pdnb.text import utc

#: One credit buys this much active time of a wake-up (Pipedream's rule).
CREDIT_MS: Final = 30_000

QUEUED, RUNNING = Status.QUEUED, Status.RUNNING
SUCCEEDED, FAILED, CANCELLED = Status.SUCCEEDED, Status.FAILED, Status.CANCELLED


def claimed(run: RunRecord, event: Claimed) -> RunRecord:
    """An owner begins to work at it: the claim gets the next number."""
    return replace(run, status=RUNNING, owner=event.owner, fence=run.fence + 1, since_ms=event.at_ms, error=None)


def unserved(run: RunRecord, event: Unserved) -> RunRecord:
    """What keeps the run from going on is said; it waits all the same."""
    return replace(run, error=shortened(event.reason))


def returned(run: RunRecord, event: Returned) -> RunRecord:
    """The step asked for no pause."""
    return _finish_step(_counted(run, event), event.at_ms)


def suspended(run: RunRecord, event: Suspended) -> RunRecord:
    """The step waits for a person or a callback."""
    return _paused(_counted(run, event), event)


def slept(run: RunRecord, event: Slept) -> RunRecord:
    """The step wants to run again later, or the next one to wait; used-up retries go on at once."""
    run = _counted(run, event)
    return _finish_step(run, event.at_ms) if retries_used_up(run, event) else _paused(run, event)


def exited(run: RunRecord, event: Exited) -> RunRecord:
    """The step ended the run, successfully."""
    run = _counted(run, event)
    if is_cancel(run.early):
        return _end(_end_wake_up(run), CANCELLED, event.at_ms, decision=run.early)
    summary = run.summary if not event.reason else shortened(event.reason)
    return _end(replace(_end_wake_up(run), summary=summary), SUCCEEDED, event.at_ms)


def raised(run: RunRecord, event: Raised) -> RunRecord:
    """The step failed, and the run with it."""
    run = _end_wake_up(_counted(run, event))
    return _end(replace(run, error=shortened(event.error)), FAILED, event.at_ms)


def lost(run: RunRecord, event: Lost) -> RunRecord:
    """The owner of the claim died: the attempt runs again, unless it must not or this happened too often."""
    if event.fence != run.fence:
        raise Fenced(f"claim {event.fence} of run {run.id} is not the present one ({run.fence})")
    run = replace(run, owner=None, losses=run.losses + 1)
    if is_cancel(run.early):
        return _end(_end_wake_up(run), CANCELLED, event.at_ms, decision=run.early)
    if run.losses >= MAX_LOSSES or not event.again:
        return _end(replace(_end_wake_up(run), error=shortened(lost_reason(event))), FAILED, event.at_ms)
    return replace(run, status=QUEUED, since_ms=event.at_ms)


def resumed(run: RunRecord, event: Resumed) -> RunRecord:
    """A request ends the pause."""
    _check_target(run, event)
    return _go_on(run, event.at_ms, decision_of(event))


def cancelled(run: RunRecord, event: Cancelled) -> RunRecord:
    """A request ends the run."""
    _check_target(run, event)
    if run.early is not None:
        raise explain(run, None, event.step, event.runs)
    if run.losses:  # between two workers: the wake-up ends here
        run = _end_wake_up(run)
    return _end(replace(run, error=None), CANCELLED, event.at_ms, decision=decision_of(event))


def keep_early(run: RunRecord, event: Resumed | Cancelled) -> RunRecord:
    """A request came before the step has ended: the first is kept until then."""
    _check_target(run, event)
    if run.early is not None:
        raise explain(run, None, event.step, event.runs)
    return replace(run, early=decision_of(event))


def requested_while_queued(run: RunRecord, event: Resumed) -> RunRecord:
    """A request for an attempt that was interrupted and will run again with the same links."""
    if not run.losses:
        raise explain(run, None, event.step, event.runs)
    return keep_early(run, event)


def elapsed(run: RunRecord, event: Elapsed) -> RunRecord:
    """The pause's time has come."""
    assert run.pause is not None  # suspended and sleeping runs have one  # noqa: S101
    if event.at_ms < run.pause.due_ms:
        raise MovedOn(f"run {run.id} is due at {utc(run.pause.due_ms)}, not yet")
    decision = decision_by_time(run, event)
    if decision.what == "timed out":
        return _end(run, CANCELLED, event.at_ms, decision=decision)
    return _go_on(run, event.at_ms, decision)


def retried(run: RunRecord, event: Retried) -> RunRecord:
    """A failed run goes on with a new attempt of its failed step."""
    _check_target(run, event)
    return replace(
        run,
        status=QUEUED,
        runs=run.runs + 1,
        retries=0,
        losses=0,
        error=None,
        ended_ms=None,
        since_ms=event.at_ms,
        decision=None,
    )


def upgraded(run: RunRecord, event: Upgraded) -> RunRecord:
    """The run goes on with other code, if the steps so far are the same."""
    been = run.steps[: run.position + 1]
    if event.steps[: run.position + 1] != been:
        raise MovedOn(
            f"run {run.id} cannot go on with this code: it has come to {' → '.join(been)}, "
            f"and the new steps begin {' → '.join(event.steps[: run.position + 1])}"
        )
    error = run.error if run.status is FAILED else None  # what kept it waiting was the other environment's
    return replace(run, version_id=event.version_id, environment=event.environment, steps=event.steps, error=error)


# ---- what they share -------------------------------------------------------------------------------------------------


def _counted(run: RunRecord, event: Ended) -> RunRecord:
    """The run with the attempt's active time counted, if the report comes from the present claim."""
    if event.fence != run.fence:
        raise Fenced(f"the result of claim {event.fence} of run {run.id} came late: claim {run.fence} has it now")
    active = max(0, event.at_ms - run.since_ms)
    summary = event.exports.get("$summary", run.summary)
    return replace(
        run,
        awake_ms=run.awake_ms + active,
        active_ms=run.active_ms + active,
        losses=0,
        summary=None if summary is None else shortened(str(summary)),
    )


def _finish_step(run: RunRecord, at_ms: int) -> RunRecord:
    """The run after a step that wants no pause: the next one under the same claim, or the end."""
    if is_cancel(run.early):
        return _end(_end_wake_up(run), CANCELLED, at_ms, decision=run.early)
    if run.position + 1 < len(run.steps):  # the claim goes on: one commit a step
        return replace(_at_next_step(run), status=RUNNING, since_ms=at_ms)
    return _end(_end_wake_up(run), SUCCEEDED, at_ms)


def _paused(run: RunRecord, event: Suspended | Slept) -> RunRecord:
    """The run in the pause that the step asked for; an early request decides it at once."""
    pause, early = pause_of(event), run.early
    run = replace(_end_wake_up(run), early=None, pause=pause)
    if is_cancel(early):
        return _end(run, CANCELLED, event.at_ms, decision=early)
    if early:
        return _go_on(run, event.at_ms, early)
    return replace(run, status=PAUSES[pause.kind].status, since_ms=event.at_ms)


def _end_wake_up(run: RunRecord) -> RunRecord:
    """The run at the end of a wake-up: its credits are counted and its claim is given back."""
    credit = max(1, math.ceil(run.awake_ms / CREDIT_MS))
    return replace(run, owner=None, awake_ms=0, credits=run.credits + credit)


def _at_next_step(run: RunRecord) -> RunRecord:
    """The run at the first attempt of the step behind the present one."""
    return replace(run, position=run.position + 1, runs=1, retries=0, early=None, pause=None)


def _go_on(run: RunRecord, at_ms: int, decision: Decision) -> RunRecord:
    """The run after its pause has ended well: the same step again, the next one, or the end."""
    assert run.pause is not None  # noqa: S101
    follows = PAUSES[run.pause.kind].resumed
    run = replace(_without_pause(run, at_ms), decision=decision, since_ms=at_ms)
    if follows == "same step":
        return replace(run, status=QUEUED, runs=run.runs + 1, retries=run.retries + 1)
    if run.position + 1 < len(run.steps):
        return replace(_at_next_step(run), status=QUEUED)
    return _end(run, SUCCEEDED, at_ms, decision=decision)


def _without_pause(run: RunRecord, at_ms: int) -> RunRecord:
    """The run without its pause, if it has one; how long that was is counted."""
    paused = max(0, at_ms - run.pause.since_ms) if run.pause else 0
    return replace(run, pause=None, paused_ms=run.paused_ms + paused)


def _end(run: RunRecord, status: Status, at_ms: int, *, decision: Decision | None = None) -> RunRecord:
    return replace(
        _without_pause(run, at_ms),
        status=status,
        owner=None,
        early=None,
        since_ms=at_ms,
        ended_ms=at_ms,
        decision=decision or run.decision,
    )


def _check_target(run: RunRecord, event: Request) -> None:
    """Refuse a request that means another attempt than the present one."""
    if (event.step, event.runs) != (run.step, run.runs):
        raise MovedOn(
            f"the run has moved on: it is {run.status} at step {run.step!r} (attempt {run.runs}), "
            f"no longer at step {event.step!r} (attempt {event.runs})"
        )
