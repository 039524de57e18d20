"""The table of pauses: what each does to a run, and the words people read about it. A new kind is one entry here.

Rules: pure. ``machine`` obeys the first half of an entry, ``views`` and every page, card, panel and command show the
second; :mod:`pdnb.views.vocabulary` hands both to JavaScript.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pdnb.model import Outcome, PauseKind, Status

Follows: TypeAlias = Literal["next step", "same step", "cancel"]
"""What comes after a pause: the next step (after the last one, the end), the same step again, or no further step."""


@dataclass(frozen=True)
class PauseEntry:
    """One kind of pause.

    ``status`` is the run's while the pause lasts, ``outcome`` that of the attempt that asked for it. ``resumed``
    follows a request to go on, ``due`` follows when the time comes (``"on_timeout"``: what the pause itself says).

    The words: "Step approve ``waits`` since …"; "``waited`` since …" once it is over; ``title`` of the page behind the
    resume link; the ``button`` that resumes, there and everywhere; ``done``: it was used.
    """

    status: Status
    outcome: Outcome
    resumed: Literal["next step", "same step"]
    due: Follows | Literal["on_timeout"]
    waits: str
    waited: str
    title: str
    button: str
    done: str


PAUSES: Final[dict[PauseKind, PauseEntry]] = {
    "suspend": PauseEntry(
        status=Status.SUSPENDED,
        outcome="suspended",
        resumed="next step",
        due="on_timeout",
        waits="waits for a person",
        waited="Waited for a person or a callback",
        title="Your approval is needed",
        button="Approve",
        done="Approved",
    ),
    "rerun": PauseEntry(
        status=Status.SLEEPING,
        outcome="rerun",
        resumed="same step",
        due="same step",
        waits="sleeps",
        waited="Slept",
        title="Resume now?",
        button="Resume now",
        done="Resumed",
    ),
    "delay": PauseEntry(
        status=Status.SLEEPING,
        outcome="delay",
        resumed="next step",
        due="next step",
        waits="sleeps",
        waited="Slept",
        title="Resume now?",
        button="Resume now",
        done="Resumed",
    ),
}

#: What a pause does by itself when it is due: who does it, and what.
THEN: Final[dict[Follows, tuple[str, str]]] = {
    "next step": ("the run", "goes on by itself"),
    "same step": ("the step", "runs again"),
    "cancel": ("the run", "cancels itself"),
}


def when_due(kind: PauseKind, on_timeout: Literal["cancel", "resume"] = "cancel") -> Follows:
    """What follows a pause that no request ended before it was due."""
    due = PAUSES[kind].due
    if due == "on_timeout":
        return "cancel" if on_timeout == "cancel" else PAUSES[kind].resumed
    return due
