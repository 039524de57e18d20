"""Every kind of pause has one entry, and what the entry promises is what the machine does."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal, get_args

import pytest

from pdnb.machine.record import record
from pdnb.machine.table import advance
from pdnb.model import Claimed, Elapsed, End, PauseKind, Resumed, RunRecord, Slept, Status, Suspended
from pdnb.pauses import PAUSES, THEN, Follows, PauseEntry, when_due

NOW, DUE = 1_763_763_065_000, 1_763_763_065_000 + 60_000
QUEUED = RunRecord("r1", "launch", "h", "e", ("draft", "approve", "send"), Status.QUEUED, NOW, NOW, position=1)
RUNNING = advance(QUEUED, Claimed(NOW, "worker-1"))
ENDS: Final[dict[PauseKind, End]] = {
    "suspend": Suspended(NOW, 1, due_ms=DUE),
    "rerun": Slept(NOW, 1, kind="rerun", due_ms=DUE),
    "delay": Slept(NOW, 1, kind="delay", due_ms=DUE),
}
KINDS: Final[tuple[PauseKind, ...]] = get_args(PauseKind)


def follows(run: RunRecord) -> Follows:
    """What *run*, whose pause in step 1 has just ended, does next."""
    if run.status is Status.CANCELLED:
        return "cancel"
    return "same step" if (run.position, run.runs) == (1, 2) else "next step"


def test_every_kind_of_pause_has_an_entry_and_every_consequence_its_words() -> None:
    assert PAUSES.keys() == ENDS.keys() == set(KINDS)
    assert THEN.keys() == set(get_args(Follows))


@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_names_the_run_s_status_and_the_attempt_s_outcome(kind: PauseKind) -> None:
    attempt = record(RUNNING, ENDS[kind], None)
    assert advance(RUNNING, ENDS[kind]).status is PAUSES[kind].status
    assert attempt is not None
    assert attempt.outcome == PAUSES[kind].outcome


@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_says_what_follows_when_somebody_resumes(kind: PauseKind) -> None:
    paused = advance(RUNNING, ENDS[kind])
    assert follows(advance(paused, Resumed(NOW, "approve", 1, "api"))) == PAUSES[kind].resumed


@pytest.mark.parametrize("on_timeout", ["cancel", "resume"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_says_what_follows_by_itself(kind: PauseKind, on_timeout: Literal["cancel", "resume"]) -> None:
    paused = advance(RUNNING, ENDS[kind])
    assert paused.pause is not None
    pause = replace(paused.pause, on_timeout=on_timeout)
    assert follows(advance(replace(paused, pause=pause), Elapsed(DUE))) == when_due(kind, on_timeout)


@pytest.mark.parametrize("entry", PAUSES.values(), ids=PAUSES)
def test_pauses_of_one_status_look_alike_where_only_the_status_is_known(entry: PauseEntry) -> None:
    """A list knows a run's status before its pause: words that stand there depend on the status alone."""
    same = [other for other in PAUSES.values() if other.status == entry.status]
    assert len({(other.waits, other.title, other.button, other.done) for other in same}) == 1
