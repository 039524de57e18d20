"""The life of a run, as one table: ``(status, event) → the statuses that may follow``.

Rules:

- Pure: no I/O, no clock, no randomness. Events carry their time.
- A pair that is not in ``TABLE`` is illegal; :func:`advance` refuses it and nothing changes.
- The end of an attempt is reported under the number of its claim (``fence``); an older number is refused.
- A request names the attempt it means (step and ``runs``); any other attempt is refused.
- A request that comes before the step has ended is kept, the first one wins, and it applies when the step ends.
- A due pause ends before anything else happens: ask :func:`due` before :func:`advance`.

What an event does stands in ``transitions.py``, what an attempt's record becomes in ``record.py``, why a request is
refused in ``refusals.py``. The diagram in the README is drawn from ``TABLE``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from pdnb.errors import Fenced, MovedOn, Refused
from pdnb.machine import transitions
from pdnb.machine.refusals import explain
from pdnb.model import (
    Cancelled,
    Claimed,
    Elapsed,
    Ended,
    Event,
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


def due(run: RunRecord, at_ms: int) -> Elapsed | None:
    """The event that the run's pause is due for at *at_ms*: it comes before any other."""
    return Elapsed(at_ms) if run.pause is not None and run.pause.due_ms <= at_ms else None


@dataclass(frozen=True)
class Rule:
    """Where an event may lead from one status, and the function that decides."""

    to: tuple[Status, ...]
    apply: Callable[[RunRecord, Any], RunRecord]


#: The whole life of a run. An absent pair is illegal.
TABLE: Final[dict[tuple[Status, type[Any]], Rule]] = {
    (QUEUED, Claimed): Rule((RUNNING,), transitions.claimed),
    (QUEUED, Resumed): Rule((QUEUED,), transitions.requested_while_queued),
    (QUEUED, Cancelled): Rule((CANCELLED,), transitions.cancelled),
    (QUEUED, Unserved): Rule((QUEUED,), transitions.unserved),
    (RUNNING, Returned): Rule((RUNNING, SUCCEEDED, CANCELLED), transitions.returned),
    (RUNNING, Suspended): Rule((SUSPENDED, QUEUED, SUCCEEDED, CANCELLED), transitions.suspended),
    (RUNNING, Slept): Rule((SLEEPING, QUEUED, RUNNING, SUCCEEDED, CANCELLED), transitions.slept),
    (RUNNING, Exited): Rule((SUCCEEDED, CANCELLED), transitions.exited),
    (RUNNING, Raised): Rule((FAILED,), transitions.raised),
    (RUNNING, Lost): Rule((QUEUED, FAILED, CANCELLED), transitions.lost),
    (RUNNING, Resumed): Rule((RUNNING,), transitions.keep_early),
    (RUNNING, Cancelled): Rule((RUNNING,), transitions.keep_early),
    (SUSPENDED, Resumed): Rule((QUEUED, SUCCEEDED), transitions.resumed),
    (SUSPENDED, Cancelled): Rule((CANCELLED,), transitions.cancelled),
    (SUSPENDED, Elapsed): Rule((CANCELLED, QUEUED, SUCCEEDED), transitions.elapsed),
    (SLEEPING, Resumed): Rule((QUEUED, SUCCEEDED), transitions.resumed),
    (SLEEPING, Cancelled): Rule((CANCELLED,), transitions.cancelled),
    (SLEEPING, Elapsed): Rule((QUEUED, SUCCEEDED), transitions.elapsed),
    (FAILED, Retried): Rule((QUEUED,), transitions.retried),
    (QUEUED, Upgraded): Rule((QUEUED,), transitions.upgraded),
    (SUSPENDED, Upgraded): Rule((SUSPENDED,), transitions.upgraded),
    (SLEEPING, Upgraded): Rule((SLEEPING,), transitions.upgraded),
    (FAILED, Upgraded): Rule((FAILED,), transitions.upgraded),
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
