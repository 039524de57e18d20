"""The record of an attempt: what it becomes when its run takes an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pdnb.machine.decisions import (
    MAX_PERSON,
    decision_by_time,
    decision_of,
    is_cancel,
    lost_reason,
    note_of,
    pause_of,
    retries_used_up,
    shortened,
)
from pdnb.machine.table import advance
from pdnb.model import (
    Attempt,
    Cancelled,
    Decision,
    Elapsed,
    Ended,
    Event,
    Exited,
    Lost,
    Outcome,
    Raised,
    Resumed,
    Retried,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
)

_OUTCOMES: Final[dict[type[Ended], Outcome]] = {
    Returned: "returned",
    Suspended: "suspended",
    Slept: "returned",  # a rerun whose retries are used up
    Exited: "exited",
    Raised: "raised",
}


def record(run: RunRecord, event: Event, attempt: Attempt | None) -> Attempt | None:
    """What the present attempt's record becomes when *run* takes *event*; ``None``: nothing to write.

    *attempt* is the record so far, if there is one: a running attempt has none before a request comes early.
    """
    if isinstance(event, Ended):
        attempt = attempt or Attempt(run.step, run.position, run.runs, run.since_ms)
        pause = None if retries_used_up(run, event) else pause_of(event)
        return replace(
            attempt,
            started_ms=run.since_ms,
            ended_ms=event.at_ms,
            outcome=pause.kind if pause and pause.kind != "suspend" else _OUTCOMES[type(event)],
            exports=dict(event.exports),
            outputs=tuple(event.outputs),
            mails=tuple(event.mails),
            context=event.context if isinstance(event, Slept) and pause else None,
            decision=run.early if pause or (is_cancel(run.early) and not isinstance(event, Raised)) else None,
            note=note_of(run, event),
            error=event.error if isinstance(event, Raised) else None,
            pause=pause,
            owner=run.owner,
            prompt=event.prompt if isinstance(event, Suspended) else None,
            version_id=run.version_id,
        )
    if isinstance(event, Resumed | Cancelled):
        if run.status is QUEUED and not run.losses:  # nothing of this attempt has happened yet
            return None
        attempt = attempt or Attempt(run.step, run.position, run.runs, run.since_ms)
        request = event.request if isinstance(event, Resumed) else attempt.request
        decides = run.pause is not None or (run.status is QUEUED and isinstance(event, Cancelled))
        return replace(attempt, request=request, decision=decision_of(event) if decides else attempt.decision)
    if isinstance(event, Elapsed) and attempt is not None:
        return replace(attempt, decision=decision_by_time(run, event))
    if isinstance(event, Lost) and (after := advance(run, event)).status.over:
        attempt = attempt or Attempt(run.step, run.position, run.runs, run.since_ms)
        attempt = replace(attempt, ended_ms=event.at_ms, outcome="lost", owner=run.owner, version_id=run.version_id)
        failed = after.status is FAILED
        return replace(attempt, error=lost_reason(event)) if failed else replace(attempt, decision=run.early)
    if isinstance(event, Retried) and attempt is not None:
        by = event.by and shortened(event.by, _NAME)
        return replace(attempt, decision=Decision("retried", event.at_ms, event.via, by))
    return None
