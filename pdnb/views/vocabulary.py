"""The words, signs, colours and buttons people meet: one table, for pages, cards, panels, shell, reports, JavaScript.

``python -m pdnb.views.vocabulary`` prints it as JSON; ``js/src/vocabulary.json`` is that output. What is about pauses
comes from :mod:`pdnb.pauses`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from pdnb.model import Outcome, Status
from pdnb.pauses import PAUSES, THEN

ToneName: TypeAlias = Literal["green", "blue", "amber", "violet", "red", "grey"]

Happened: TypeAlias = Literal[
    "resumed", "cancelled", "kept", "already resumed", "already cancelled", "timed out", "elapsed", "over"
]
"""``resumed``, ``cancelled``: this request did it; ``kept``: it will when the step ends; others: it came too late."""


@dataclass(frozen=True)
class Tone:
    """A colour: as text on *light* and on *dark*, as a sign on *any* background, and in rich's *terminal* style."""

    light: str
    dark: str
    any: str
    terminal: str


@dataclass(frozen=True)
class State:
    """A status of a run or a state of a step: its word, its sign, its tone."""

    word: str
    sign: str
    tone: ToneName


@dataclass(frozen=True)
class StatusEntry(State):
    """A run's status. ``phrase`` completes "The run …" and, until the run is over, "Step approve …"."""

    phrase: str
    waits: bool
    over: bool


@dataclass(frozen=True)
class OutcomeEntry:
    """How an attempt ended, and the step state whose sign and tone it has."""

    word: str
    state: str


@dataclass(frozen=True)
class Verb:
    """What people can do to a run: the ``buttons`` by the status in which they are offered, and when it is ``done``.

    ``busy`` stands on the button meanwhile. ``question``, ``confirm`` (a button) and ``warning`` ask before it is done.
    """

    buttons: dict[Status, str]
    done: dict[Status, str]
    busy: str
    question: str | None = None
    confirm: str | None = None
    warning: str | None = None


@dataclass(frozen=True)
class Result:
    """What became of a request: a mark, a title, a sentence."""

    mark: Literal["done", "stopped", "early", "late"]
    title: str
    sentence: str


#: Signs are seen at 3:1 and text is read at 4.5:1 on their backgrounds.
TONES: Final[dict[ToneName, Tone]] = {
    "green": Tone("#1a6b35", "#6fd38c", "#2e8b4f", "green"),
    "blue": Tone("#0b57b8", "#82b9ff", "#2f7de1", "blue"),
    "amber": Tone("#8a4b00", "#f2b84b", "#b9770e", "yellow"),
    "violet": Tone("#5d3fbf", "#bba6ff", "#8668e0", "magenta"),
    "red": Tone("#b3261e", "#ff9b92", "#dc4a41", "red"),
    "grey": Tone("#59616b", "#a3abb5", "#7a828c", "dim"),
}

#: The lines of a unified diff, by the sign they begin with.
DIFF_TONES: Final[dict[str, ToneName]] = {"+": "green", "-": "red", "@": "grey"}

_PAUSE_PHRASES: Final = {entry.status: entry.waits for entry in PAUSES.values()}


def _status(status: Status, sign: str, tone: ToneName, phrase: str | None = None) -> StatusEntry:
    return StatusEntry(status.value, sign, tone, phrase or _PAUSE_PHRASES[status], status.waits, status.over)


#: Every status of a run.
STATUSES: Final[dict[Status, StatusEntry]] = {
    Status.QUEUED: _status(Status.QUEUED, "◌", "grey", "waits for a worker"),
    Status.RUNNING: _status(Status.RUNNING, "▶", "blue", "is running"),
    Status.SUSPENDED: _status(Status.SUSPENDED, "◆", "amber"),
    Status.SLEEPING: _status(Status.SLEEPING, "◷", "violet"),
    Status.SUCCEEDED: _status(Status.SUCCEEDED, "✓", "green", "has finished"),
    Status.FAILED: _status(Status.FAILED, "✕", "red", "has failed"),
    Status.CANCELLED: _status(Status.CANCELLED, "⊘", "grey", "was cancelled"),
}

#: Every state of a step: before, at and behind the run's position. The step a run is at has the run's status.
STEP_STATES: Final[dict[str, State]] = {
    "done": State("done", "✓", "green"),
    **{
        status.value: State(entry.word, entry.sign, entry.tone)
        for status, entry in STATUSES.items()
        if status is not Status.SUCCEEDED
    },
    "upcoming": State("to come", "○", "grey"),
    "unreached": State("not reached", "○", "grey"),
}

#: How an attempt ended.
OUTCOMES: Final[dict[Outcome, OutcomeEntry]] = {
    "running": OutcomeEntry("running", "running"),
    "returned": OutcomeEntry("done", "done"),
    "suspended": OutcomeEntry("waited", "done"),
    "rerun": OutcomeEntry("asked to run again", "done"),
    "delay": OutcomeEntry("waited", "done"),
    "exited": OutcomeEntry("ended the run", "done"),
    "raised": OutcomeEntry("failed", "failed"),
    "lost": OutcomeEntry("interrupted", "failed"),
}

#: What people can do. ``answer`` is how ``resume`` is offered where a form has to be opened first.
VERBS: Final[dict[str, Verb]] = {
    "resume": Verb(
        buttons={entry.status: entry.button for entry in PAUSES.values()},
        done={entry.status: entry.done for entry in PAUSES.values()},
        busy="Sending…",
    ),
    "answer": Verb({Status.SUSPENDED: "Answer…"}, {Status.SUSPENDED: "Answered"}, "Sending…"),
    "cancel": Verb(
        buttons={entry.status: "Cancel" for entry in PAUSES.values()},
        done={entry.status: "Cancelled" for entry in PAUSES.values()},
        busy="Cancelling…",
        question="Cancel this run?",
        confirm="Cancel this run",
        warning="The run ends here and no further step runs. This cannot be undone.",
    ),
    "retry": Verb({Status.FAILED: "Retry"}, {Status.FAILED: "Retried"}, "Retrying…"),
}

#: How a pause ended, or that a failed run was retried; date, person and way follow.
DECISIONS: Final[dict[str, str]] = {
    "resumed": "Resumed",
    "cancelled": "Cancelled",
    "timed out": "Nobody answered in time: timed out",
    "elapsed": "Went on by itself",
    "retried": "Retried",
}

#: A request that came before the step had ended; date, person and way follow, then when it applies.
EARLY: Final[dict[str, str]] = {"resumed": "Resumed early", "cancelled": "Asked to cancel"}
EARLY_APPLIES: Final = "applies as soon as the step ends"

#: By what way a person or a service decided; the clock decides in other words.
VIA: Final[dict[str, str]] = {
    "link": "by link",
    "card": "on the card",
    "panel": "in the panel",
    "inbox": "in the inbox",
    "magic": "in a notebook",
    "python": "from Python",
    "shell": "from the shell",
    "api": "through the API",
}

#: In which kind of process an attempt ran, by the kind of its owner.
PROCESSES: Final[dict[str, str]] = {
    "kernel": "in a kernel",
    "worker": "in a worker",
    "shell": "in a shell",
    "server": "in the server",
}

#: What a request by link has brought about; ``over`` is completed by the status's phrase.
HAPPENED: Final[dict[Happened, Result]] = {
    "resumed": Result("done", "Thank you, it goes on", "Your answer was received and the run continues."),
    "cancelled": Result("stopped", "Cancelled", "The run was stopped; no further step will run."),
    "kept": Result("early", "Received", f"The step is still busy. Your answer {EARLY_APPLIES}."),
    "already resumed": Result("late", "Already resumed", "Somebody answered before; this has changed nothing."),
    "already cancelled": Result("late", "Already cancelled", "The run was cancelled before; this has changed nothing."),
    "timed out": Result("late", "Too late", "Nobody answered in time, so the run cancelled itself."),
    "elapsed": Result(
        "late", "Already under way", "The wait ended by itself and the run went on; this has changed nothing."
    ),
    "over": Result("late", "This run is over", "The run {phrase}; this has changed nothing."),
}


def step_state(status: Status | str) -> str:
    """The state of the step that a run of this *status* is at: a key of ``STEP_STATES``."""
    return "done" if status == Status.SUCCEEDED else str(status)


def as_dict() -> dict[str, Any]:
    """All tables as plain JSON, by their names in small letters."""
    return {
        "statuses": {str(key): asdict(entry) for key, entry in STATUSES.items()},
        "step_states": {key: asdict(entry) for key, entry in STEP_STATES.items()},
        "outcomes": {key: asdict(entry) for key, entry in OUTCOMES.items()},
        "pauses": {key: {**asdict(entry), "status": str(entry.status)} for key, entry in PAUSES.items()},
        "then": {key: {"subject": subject, "verb": verb} for key, (subject, verb) in THEN.items()},
        "verbs": {key: asdict(verb) for key, verb in VERBS.items()},
        "decisions": DECISIONS,
        "early": {**EARLY, "applies": EARLY_APPLIES},
        "via": VIA,
        "processes": PROCESSES,
        "happened": {key: asdict(result) for key, result in HAPPENED.items()},
        "tones": {key: asdict(tone) for key, tone in TONES.items()},
    }


def as_json() -> str:
    """The text of ``js/src/vocabulary.json``."""
    return json.dumps(as_dict(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # as the file, whatever the terminal speaks
    sys.stdout.write(as_json())
