"""The life of a run, as one table: ``(status, event) → the statuses that may follow``.

Rules:

- Pure: no I/O, no clock, no randomness. Events carry their time.
- A pair that is not in ``TABLE`` is illegal; :func:`advance` refuses it and nothing changes.
- Whoever reports the end of an attempt names its claim (``fence``); an older number is refused.
- A request names the attempt it means (step and ``runs``); any other attempt is refused.
- A request that comes before the step has ended is kept, the first one wins, and it applies when the step ends.
- A due pause ends before anything else happens: :func:`settle` comes before :func:`advance`.

The diagram in the README is drawn from ``TABLE``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from pdnb.errors import AlreadyResumed, Fenced, MovedOn, Over, Refused
from pdnb.model import (
    Attempt,
    Cancelled,
    Claimed,
    Decision,
    Elapsed,
    Ended,
    Event,
    Exited,
    Lost,
    Outcome,
    Pause,
    Raised,
    Request,
    Resumed,
    Retried,
    Returned,
    RunRecord,
    Slept,
    Status,
    Suspended,
    Upgraded,
)
from pdnb.text import utc

#: A run whose owner dies this often at one attempt fails: the step itself is what kills.
MAX_LOSSES: Final = 3

#: One credit buys this much active time of a wake-up (Pipedream's rule).
CREDIT_MS: Final = 30_000

_TEXT: Final = 340  # bytes of an error, reason or summary in a run's row
_NAME: Final = 100  # of a person's name there

QUEUED, RUNNING, SUSPENDED, SLEEPING = Status.QUEUED, Status.RUNNING, Status.SUSPENDED, Status.SLEEPING
SUCCEEDED, FAILED, CANCELLED = Status.SUCCEEDED, Status.FAILED, Status.CANCELLED


def advance(run: RunRecord, event: Event) -> RunRecord:
    """The run after *event*; raises a ``Refused`` when the run does not take it now."""
    rule = TABLE.get((run.status, type(event)))
    if rule is None:
        raise _illegal(run, event)
    after = rule.apply(run, event)
    if after.status not in rule.to:  # the table is the truth, not the functions
        raise AssertionError(f"{run.status} --{type(event).__name__}--> {after.status} is not in the table")
    return replace(after, revision=run.revision + 1)


def settle(run: RunRecord, at_ms: int) -> RunRecord:
    """The run with its pause ended if that was due at *at_ms*; else the same object."""
    if run.pause is not None and run.pause.due_ms <= at_ms:
        return advance(run, Elapsed(at_ms))
    return run


def record(run: RunRecord, event: Event, attempt: Attempt | None) -> Attempt | None:
    """What the present attempt's record becomes when *run* takes *event*; ``None``: nothing to write.

    *attempt* is the record so far, if there is one: a running attempt has none before a request comes early.
    """
    if isinstance(event, Ended):
        attempt = attempt or Attempt(run.step, run.position, run.runs, run.since_ms)
        pause = None if _used_up(run, event) else _pause(event)
        return replace(
            attempt,
            started_ms=run.since_ms,
            ended_ms=event.at_ms,
            outcome=pause.kind if pause and pause.kind != "suspend" else _OUTCOMES[type(event)],
            exports=dict(event.exports),
            outputs=tuple(event.outputs),
            mails=tuple(event.mails),
            context=event.context if isinstance(event, Slept) and pause else None,
            decision=run.early if pause or (_is_cancel(run.early) and not isinstance(event, Raised)) else None,
            note=_note(run, event),
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
        return replace(attempt, request=request, decision=_decision(event) if decides else attempt.decision)
    if isinstance(event, Elapsed) and attempt is not None:
        return replace(attempt, decision=_decision_by_time(run, event))
    if isinstance(event, Lost) and (after := advance(run, event)).status.over:
        attempt = attempt or Attempt(run.step, run.position, run.runs, run.since_ms)
        attempt = replace(attempt, ended_ms=event.at_ms, outcome="lost", owner=run.owner, version_id=run.version_id)
        failed = after.status is FAILED
        return replace(attempt, error=_lost_text(event)) if failed else replace(attempt, decision=run.early)
    if isinstance(event, Retried) and attempt is not None:
        by = event.by and _short(event.by, _NAME)
        return replace(attempt, decision=Decision("retried", event.at_ms, event.via, by))
    return None


def explain(run: RunRecord, meant: Attempt | None, step: str, runs: int) -> Refused:
    """Why a request that meant attempt *runs* of *step* comes too late (or too soon); ``meant`` is its record."""
    decision = meant.decision if meant else None
    if run.early and (run.step, run.runs) == (step, runs):
        decision = run.early
    if decision and decision.what == "resumed":
        text = f"step {step!r} was already resumed at {utc(decision.at_ms)}"
        return AlreadyResumed(text, at_ms=decision.at_ms, via=decision.via, by=decision.by)
    if decision and decision.what == "cancelled":
        text = f"the run was cancelled at {utc(decision.at_ms)}"
        return Over(text, what="cancelled", at_ms=decision.at_ms, via=decision.via, by=decision.by)
    if decision and decision.what == "timed out":
        text = f"the time to answer ended at {utc(decision.at_ms)} and the run was cancelled"
        return Over(text, what="timed out", at_ms=decision.at_ms)
    if decision and decision.what == "elapsed":
        text = f"the wait of step {step!r} ended by itself at {utc(decision.at_ms)}"
        return Over(text, what="elapsed", at_ms=decision.at_ms)
    if run.status.over:
        at = run.ended_ms or run.since_ms
        return Over(f"the run {_ENDS[run.status]} at {utc(at)}", at_ms=at)
    if meant is not None and meant.ended_ms is not None:
        return Over(f"step {step!r} ended at {utc(meant.ended_ms)} without waiting", at_ms=meant.ended_ms)
    return MovedOn(f"the run is {run.status} at step {run.step!r}, not waiting at step {step!r}: look again")


# ---- how a run changes: one function per event --------------------------------------------------------------------


def _claimed(run: RunRecord, event: Claimed) -> RunRecord:
    return replace(run, status=RUNNING, owner=event.owner, fence=run.fence + 1, since_ms=event.at_ms)


def _returned(run: RunRecord, event: Returned) -> RunRecord:
    return _done(_checked(run, event), event.at_ms)


def _suspended(run: RunRecord, event: Suspended) -> RunRecord:
    run = _checked(run, event)
    early, run = run.early, replace(_asleep(run), early=None, pause=_pause(event))
    if _is_cancel(early):
        return _over(run, CANCELLED, event.at_ms, decision=early)
    if early:
        return _onward(run, event.at_ms, early)
    return replace(run, status=SUSPENDED, since_ms=event.at_ms)


def _slept(run: RunRecord, event: Slept) -> RunRecord:
    run = _checked(run, event)
    if _used_up(run, event):
        return _done(run, event.at_ms)
    early, run = run.early, replace(_asleep(run), early=None, pause=_pause(event))
    if _is_cancel(early):
        return _over(run, CANCELLED, event.at_ms, decision=early)
    if early:
        return _onward(run, event.at_ms, early)
    return replace(run, status=SLEEPING, since_ms=event.at_ms)


def _exited(run: RunRecord, event: Exited) -> RunRecord:
    run = _checked(run, event)
    if _is_cancel(run.early):
        return _over(_asleep(run), CANCELLED, event.at_ms, decision=run.early)
    summary = run.summary if not event.reason else _short(event.reason)
    return _over(replace(_asleep(run), summary=summary), SUCCEEDED, event.at_ms)


def _raised(run: RunRecord, event: Raised) -> RunRecord:
    run = _asleep(_checked(run, event))
    return _over(replace(run, error=_short(event.error)), FAILED, event.at_ms)


def _lost(run: RunRecord, event: Lost) -> RunRecord:
    if event.fence != run.fence:
        raise Fenced(f"claim {event.fence} of run {run.id} is not the present one ({run.fence})")
    run = replace(run, owner=None, losses=run.losses + 1)
    if _is_cancel(run.early):
        return _over(_asleep(run), CANCELLED, event.at_ms, decision=run.early)
    if run.losses >= MAX_LOSSES or not event.again:
        return _over(replace(_asleep(run), error=_short(_lost_text(event))), FAILED, event.at_ms)
    return replace(run, status=QUEUED, since_ms=event.at_ms)


def _resumed(run: RunRecord, event: Resumed) -> RunRecord:
    _aimed(run, event)
    return _onward(run, event.at_ms, _decision(event))


def _cancelled(run: RunRecord, event: Cancelled) -> RunRecord:
    _aimed(run, event)
    if run.early is not None:
        raise explain(run, None, event.step, event.runs)
    if run.losses:  # between two workers: the wake-up ends here
        run = _asleep(run)
    return _over(run, CANCELLED, event.at_ms, decision=_decision(event))


def _early(run: RunRecord, event: Resumed | Cancelled) -> RunRecord:
    _aimed(run, event)
    if run.early is not None:
        raise explain(run, None, event.step, event.runs)
    return replace(run, early=_decision(event))


def _requested_in_queue(run: RunRecord, event: Resumed) -> RunRecord:
    if not run.losses:
        raise explain(run, None, event.step, event.runs)
    return _early(run, event)  # an interrupted attempt will run again with the same links


def _elapsed(run: RunRecord, event: Elapsed) -> RunRecord:
    assert run.pause is not None  # suspended and sleeping runs have one  # noqa: S101
    if event.at_ms < run.pause.due_ms:
        raise MovedOn(f"run {run.id} is due at {utc(run.pause.due_ms)}, not yet")
    decision = _decision_by_time(run, event)
    if decision.what == "timed out":
        return _over(run, CANCELLED, event.at_ms, decision=decision)
    return _onward(run, event.at_ms, decision)


def _retried(run: RunRecord, event: Retried) -> RunRecord:
    _aimed(run, event)
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


def _upgraded(run: RunRecord, event: Upgraded) -> RunRecord:
    been = run.steps[: run.position + 1]
    if event.steps[: run.position + 1] != been:
        raise MovedOn(
            f"run {run.id} cannot go on with this code: it has come to {' → '.join(been)}, "
            f"and the new steps begin {' → '.join(event.steps[: run.position + 1])}"
        )
    return replace(run, version_id=event.version_id, environment=event.environment, steps=event.steps)


# ---- the parts they share -----------------------------------------------------------------------------------------


def _checked(run: RunRecord, event: Ended) -> RunRecord:
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
        summary=None if summary is None else _short(str(summary)),
    )


def _done(run: RunRecord, at_ms: int) -> RunRecord:
    """The run after a step that wants no pause: the next one under the same claim, or the end."""
    if _is_cancel(run.early):
        return _over(_asleep(run), CANCELLED, at_ms, decision=run.early)
    if run.position + 1 < len(run.steps):  # the claim goes on: one commit a step
        return replace(_next(run), status=RUNNING, since_ms=at_ms)
    return _over(_asleep(run), SUCCEEDED, at_ms)


def _asleep(run: RunRecord) -> RunRecord:
    """The run at the end of a wake-up: its credits are counted and its claim is given back."""
    credit = max(1, math.ceil(run.awake_ms / CREDIT_MS))
    return replace(run, owner=None, awake_ms=0, credits=run.credits + credit)


def _next(run: RunRecord) -> RunRecord:
    return replace(run, position=run.position + 1, runs=1, retries=0, early=None, pause=None)


def _onward(run: RunRecord, at_ms: int, decision: Decision) -> RunRecord:
    """The run after its pause has ended well: the same step again, the next one, or the end."""
    assert run.pause is not None  # noqa: S101
    kind, run = run.pause.kind, replace(_awake(run, at_ms), decision=decision, since_ms=at_ms)
    if kind == "rerun":
        return replace(run, status=QUEUED, runs=run.runs + 1, retries=run.retries + 1)
    if run.position + 1 < len(run.steps):
        return replace(_next(run), status=QUEUED)
    return _over(run, SUCCEEDED, at_ms, decision=decision)


def _awake(run: RunRecord, at_ms: int) -> RunRecord:
    """The run without its pause, if it has one; how long that was is counted."""
    paused = max(0, at_ms - run.pause.since_ms) if run.pause else 0
    return replace(run, pause=None, paused_ms=run.paused_ms + paused)


def _over(run: RunRecord, status: Status, at_ms: int, *, decision: Decision | None = None) -> RunRecord:
    return replace(
        _awake(run, at_ms),
        status=status,
        owner=None,
        early=None,
        since_ms=at_ms,
        ended_ms=at_ms,
        decision=decision or run.decision,
    )


def _aimed(run: RunRecord, event: Request) -> None:
    if (event.step, event.runs) != (run.step, run.runs):
        raise MovedOn(
            f"the run has moved on: it is {run.status} at step {run.step!r} (attempt {run.runs}), "
            f"no longer at step {event.step!r} (attempt {event.runs})"
        )


def _decision(event: Resumed | Cancelled) -> Decision:
    by = event.by and _short(event.by, _NAME)
    if isinstance(event, Cancelled):
        return Decision("cancelled", event.at_ms, event.via, by, event.reason and _short(event.reason))
    return Decision("resumed", event.at_ms, event.via, by)


def _decision_by_time(run: RunRecord, event: Elapsed) -> Decision:
    gate = run.pause is not None and run.pause.kind == "suspend" and run.pause.on_timeout == "cancel"
    return Decision("timed out" if gate else "elapsed", event.at_ms, "clock")


def _pause(event: Ended) -> Pause | None:
    if isinstance(event, Suspended):
        form = event.prompt is not None and event.prompt.form is not None
        return Pause("suspend", event.at_ms, event.due_ms, event.on_timeout, event.confirm, form)
    if isinstance(event, Slept):
        return Pause(event.kind, event.at_ms, event.due_ms, confirm=event.confirm)
    return None


def _used_up(run: RunRecord, event: Ended) -> bool:
    return isinstance(event, Slept) and event.kind == "rerun" and run.retries >= event.max_retries


def _note(run: RunRecord, event: Ended) -> str | None:
    notes = [f"interrupted before: {run.losses}"] if run.losses else []
    if _used_up(run, event):
        notes.append("retries used up")
    if isinstance(event, Exited) and event.reason:
        notes.append(event.reason)
    return " · ".join(notes) or None


def _short(text: str, room: int = _TEXT) -> str:
    """The beginning of *text* that takes at most *room* bytes in the row, whatever its letters."""
    for i, letter in enumerate(text):
        room -= len(json.dumps(letter)) - 2  # without the quotes
        if room < 0:
            return text[:i]
    return text


def _is_cancel(decision: Decision | None) -> bool:
    return decision is not None and decision.what == "cancelled"


def _lost_text(event: Lost) -> str:
    if not event.again:
        return f"interrupted, outcome unknown: {event.reason}"
    return f"interrupted {MAX_LOSSES} times at this step: {event.reason}"


def _illegal(run: RunRecord, event: Event) -> Refused:
    if isinstance(event, Upgraded):
        return MovedOn(f"run {run.id} is {run.status}: only a run that waits or has failed can take other code")
    if isinstance(event, Retried) and not run.status.over:
        return MovedOn(f"run {run.id} is {run.status} at step {run.step!r}: only a failed run can be retried")
    if isinstance(event, Request):
        return explain(run, None, event.step, event.runs)
    if isinstance(event, Ended | Lost):
        return Fenced(f"run {run.id} is {run.status}: the result of claim {event.fence} came late")
    return MovedOn(f"run {run.id} is {run.status}: it takes no {type(event).__name__.lower()} now")


_OUTCOMES: Final[dict[type[Ended], Outcome]] = {
    Returned: "returned",
    Suspended: "suspended",
    Slept: "returned",  # a rerun whose retries are used up
    Exited: "exited",
    Raised: "raised",
}
_ENDS: Final = {SUCCEEDED: "succeeded", FAILED: "failed", CANCELLED: "was cancelled"}


@dataclass(frozen=True)
class Rule:
    """Where an event may lead from one status, and the function that decides."""

    to: tuple[Status, ...]
    apply: Callable[[RunRecord, Any], RunRecord]


#: The whole life of a run. An absent pair is illegal.
TABLE: Final[dict[tuple[Status, type[Any]], Rule]] = {
    (QUEUED, Claimed): Rule((RUNNING,), _claimed),
    (QUEUED, Resumed): Rule((QUEUED,), _requested_in_queue),
    (QUEUED, Cancelled): Rule((CANCELLED,), _cancelled),
    (RUNNING, Returned): Rule((RUNNING, SUCCEEDED, CANCELLED), _returned),
    (RUNNING, Suspended): Rule((SUSPENDED, QUEUED, SUCCEEDED, CANCELLED), _suspended),
    (RUNNING, Slept): Rule((SLEEPING, QUEUED, RUNNING, SUCCEEDED, CANCELLED), _slept),
    (RUNNING, Exited): Rule((SUCCEEDED, CANCELLED), _exited),
    (RUNNING, Raised): Rule((FAILED,), _raised),
    (RUNNING, Lost): Rule((QUEUED, FAILED, CANCELLED), _lost),
    (RUNNING, Resumed): Rule((RUNNING,), _early),
    (RUNNING, Cancelled): Rule((RUNNING,), _early),
    (SUSPENDED, Resumed): Rule((QUEUED, SUCCEEDED), _resumed),
    (SUSPENDED, Cancelled): Rule((CANCELLED,), _cancelled),
    (SUSPENDED, Elapsed): Rule((CANCELLED, QUEUED, SUCCEEDED), _elapsed),
    (SLEEPING, Resumed): Rule((QUEUED, SUCCEEDED), _resumed),
    (SLEEPING, Cancelled): Rule((CANCELLED,), _cancelled),
    (SLEEPING, Elapsed): Rule((QUEUED, SUCCEEDED), _elapsed),
    (FAILED, Retried): Rule((QUEUED,), _retried),
    (QUEUED, Upgraded): Rule((QUEUED,), _upgraded),
    (SUSPENDED, Upgraded): Rule((SUSPENDED,), _upgraded),
    (SLEEPING, Upgraded): Rule((SLEEPING,), _upgraded),
    (FAILED, Upgraded): Rule((FAILED,), _upgraded),
}


def diagram() -> str:
    """``TABLE`` as a Mermaid state diagram: one line per pair of statuses, with the events that lead there."""
    ways: dict[tuple[Status, Status], list[str]] = {}
    for (status, event), rule in TABLE.items():
        for to in rule.to:
            ways.setdefault((status, to), []).append(event.__name__)
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    lines += [f"    {status} --> {to}: {', '.join(events)}" for (status, to), events in ways.items()]
    lines += [f"    {status} --> [*]" for status in Status if status.over]
    return "\n".join(lines)
