"""Why a request comes too late, or too soon: the error that says what happened, when and by whom."""

from __future__ import annotations

from typing import Final

from pdnb.errors import AlreadyResumed, MovedOn, Over, Refused
from pdnb.model import Attempt, RunRecord, Status
from pdnb.text import utc

_ENDS: Final = {Status.SUCCEEDED: "succeeded", Status.FAILED: "failed", Status.CANCELLED: "was cancelled"}


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
