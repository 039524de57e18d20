"""How an attempt's stored record changes when its run takes an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pdnb.machine.outcomes import (
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
from pdnb.pauses import PAUSES

#: How an attempt ended that asked for no pause (a rerun whose retries are used up asks for none).
_OUTCOMES: Final[dict[type[Ended], Outcome]] = {
    Returned: "returned",
    Slept: "returned",
    Exited: "exited",
    Raised: "raised",
}


def record(run: RunRecord, event: Event, attempt: Attempt | None) -> Attempt | None:
    """What the present attempt's record becomes when *run* takes *event*; ``None``: nothing to write.

    *attempt* is the record so far, if there is one: a running attempt has none before a request comes early.
    """
    match event:
        case Ended():
            return _ended(run, event, attempt or _begun(run))
        case Resumed() | Cancelled():
            return _requested(run, event, attempt)
        case Lost():
            return _lost(run, event, attempt or _begun(run))
        case Elapsed() if attempt is not None:
            return replace(attempt, decision=decision_by_time(run, event))
        case Retried() if attempt is not None:
            by = event.by and shortened(event.by, MAX_PERSON)
            return replace(attempt, decision=Decision("retried", event.at_ms, event.via, by))
    return None


def _begun(run: RunRecord) -> Attempt:
    return Attempt(run.step, run.position, run.runs, run.since_ms)


def _ended(run: RunRecord, event: Ended, attempt: Attempt) -> Attempt:
    """The whole record: what the step left, and the pause it asked for."""
    pause = None if retries_used_up(run, event) else pause_of(event)
    return replace(
        attempt,
        started_ms=run.since_ms,
        ended_ms=event.at_ms,
        outcome=PAUSES[pause.kind].outcome if pause else _OUTCOMES[type(event)],
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


def _requested(run: RunRecord, event: Resumed | Cancelled, attempt: Attempt | None) -> Attempt | None:
    """The request, and whether it decides: one that is early only waits."""
    if run.status is Status.QUEUED and not run.losses:  # nothing of this attempt has happened yet
        return None
    attempt = attempt or _begun(run)
    request = event.request if isinstance(event, Resumed) else attempt.request
    decides = run.pause is not None or (run.status is Status.QUEUED and isinstance(event, Cancelled))
    return replace(attempt, request=request, decision=decision_of(event) if decides else attempt.decision)


def _lost(run: RunRecord, event: Lost, attempt: Attempt) -> Attempt | None:
    """The record of an attempt that will not run again; the one that does keeps what it has, and what it put out."""
    after = advance(run, event)
    if event.outputs:
        attempt = replace(attempt, outputs=tuple(event.outputs))
    if not after.status.over:
        return attempt if event.outputs else None
    attempt = replace(attempt, ended_ms=event.at_ms, outcome="lost", owner=run.owner, version_id=run.version_id)
    if after.status is Status.FAILED:
        return replace(attempt, error=lost_reason(event))
    return replace(attempt, decision=run.early)
