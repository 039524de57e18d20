"""What an event adds to a run's record: the decision it makes, the pause it asks for, a note for people."""

from __future__ import annotations

import json
from typing import Final, overload

from pdnb.model import (
    Cancelled,
    Decision,
    Elapsed,
    Ended,
    Exited,
    Lost,
    Pause,
    Resumed,
    RunRecord,
    Slept,
    Suspended,
)
from pdnb.pauses import when_due

#: A run whose owner dies this often at one attempt fails: the step itself is what kills.
MAX_LOSSES: Final = 3

#: Bytes of a person's name in a run's record.
MAX_PERSON: Final = 100

_TEXT: Final = 340  # bytes of an error, reason or summary in a run's record


def decision_of(event: Resumed | Cancelled) -> Decision:
    """Who decided by *event*, by what way, and why."""
    by = event.by and shortened(event.by, MAX_PERSON)
    if isinstance(event, Cancelled):
        return Decision("cancelled", event.at_ms, event.via, by, event.reason and shortened(event.reason))
    return Decision("resumed", event.at_ms, event.via, by)


def decision_by_time(run: RunRecord, event: Elapsed) -> Decision:
    """What the end of the pause's time decides: a suspension may time out, everything else goes on."""
    cancels = run.pause is not None and when_due(run.pause.kind, run.pause.on_timeout) == "cancel"
    return Decision("timed out" if cancels else "elapsed", event.at_ms, "clock")


@overload
def pause_of(event: Suspended | Slept) -> Pause: ...
@overload
def pause_of(event: Ended) -> Pause | None: ...
def pause_of(event: Ended) -> Pause | None:
    """The pause that the end of an attempt asks for; ``None``: none."""
    if isinstance(event, Suspended):
        form = event.prompt is not None and event.prompt.form is not None
        return Pause("suspend", event.at_ms, event.due_ms, event.on_timeout, event.confirm, form)
    if isinstance(event, Slept):
        return Pause(event.kind, event.at_ms, event.due_ms, confirm=event.confirm)
    return None


def retries_used_up(run: RunRecord, event: Ended) -> bool:
    """Whether a rerun is asked for that the step may not have any more."""
    return isinstance(event, Slept) and event.kind == "rerun" and run.retries >= event.max_retries


def shortened(text: str, room: int = _TEXT) -> str:
    """The beginning of *text* that takes at most *room* bytes in the row, whatever its letters."""
    for i, letter in enumerate(text):
        room -= len(json.dumps(letter)) - 2  # without the quotes
        if room < 0:
            return text[:i]
    return text


def is_cancel(decision: Decision | None) -> bool:
    """Whether *decision* ends the run."""
    return decision is not None and decision.what == "cancelled"


def lost_reason(event: Lost) -> str:
    """Why a run has failed whose owner died."""
    if not event.again:
        return f"interrupted, outcome unknown: {event.reason}"
    return f"interrupted {MAX_LOSSES} times at this step: {event.reason}"


def note_of(run: RunRecord, event: Ended) -> str | None:
    """A remark for people on how the attempt ended."""
    notes = [f"interrupted before: {run.losses}"] if run.losses else []
    if retries_used_up(run, event):
        notes.append("retries used up")
    if isinstance(event, Exited) and event.reason:
        notes.append(event.reason)
    return " · ".join(notes) or None
