"""The nouns: a run, its attempts, and the events that change it. All frozen; a changed one is a new one.

All times are integer Unix milliseconds (``…_ms``). A *run* is one passage through a workflow; an *attempt* is one go
at one step; ``runs`` counts the attempts of a step from 1 (Pipedream's spelling); a *wake-up* is a stretch of work
between pauses. A *claim* is numbered by ``fence``: a report under an older number is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

JSON: TypeAlias = Any
"""``None``, ``bool``, ``int``, finite ``float``, ``str``, ``list`` or ``dict[str, JSON]``."""


class Status(StrEnum):
    """Where a run is in its life; ``machine.py`` holds the ways between."""

    QUEUED = "queued"
    RUNNING = "running"
    SUSPENDED = "suspended"
    SLEEPING = "sleeping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def waits(self) -> bool:
        """Paused: nothing happens until a request or the time comes."""
        return self in {Status.SUSPENDED, Status.SLEEPING}

    @property
    def over(self) -> bool:
        """Nothing will happen by itself any more."""
        return self in {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}


PauseKind: TypeAlias = Literal["suspend", "rerun", "delay"]
Via: TypeAlias = Literal["link", "card", "panel", "inbox", "magic", "python", "shell", "api", "clock"]


@dataclass(frozen=True)
class Pause:
    """What a run waits for. ``due_ms``: when it ends by itself; ``on_timeout``: what a suspension does then.

    ``form``: whether an answer has to fit a form (the attempt's ``prompt`` holds it).
    """

    kind: PauseKind
    since_ms: int
    due_ms: int
    on_timeout: Literal["cancel", "resume"] = "cancel"
    confirm: bool = True
    form: bool = False


@dataclass(frozen=True)
class Prompt:
    """What people are shown where a run waits for them.

    ``message``: Markdown; ``form``: the JSON Schema that an answer has to fit; ``after``: a text or a URL for who has
    answered.
    """

    message: str | None = None
    form: dict[str, JSON] | None = None
    after: str | None = None


@dataclass(frozen=True)
class Decision:
    """How a pause ended, or who retried a failed attempt: what, when, by what way, by whom."""

    what: Literal["resumed", "cancelled", "timed out", "elapsed", "retried"]
    at_ms: int
    via: Via
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """One passage through a workflow; the row that is stored, listed, suspended and resumed.

    ``position`` is the current step's index in ``steps``; ``runs`` counts that step's attempts from 1 and
    ``retries`` the reruns among them since the step was entered or retried; ``losses`` the times this attempt's
    owner died. ``since_ms`` is when the present status or stretch began; ``awake_ms`` the active time of the
    present wake-up, ``active_ms`` of all, ``paused_ms`` the length of the ended pauses; ``credits`` those of the
    ended wake-ups. ``early`` is a request that came before the step had ended. ``by`` is who started it.
    """

    id: str
    workflow: str
    version_id: str
    environment: str
    steps: tuple[str, ...]
    status: Status
    created_ms: int
    since_ms: int
    position: int = 0
    runs: int = 1
    retries: int = 0
    losses: int = 0
    fence: int = 0
    owner: str | None = None
    pause: Pause | None = None
    early: Decision | None = None
    decision: Decision | None = None
    error: str | None = None
    summary: str | None = None
    ended_ms: int | None = None
    awake_ms: int = 0
    active_ms: int = 0
    paused_ms: int = 0
    credits: int = 0
    revision: int = 1
    by: str | None = None

    @property
    def step(self) -> str:
        """The name of the step the run is at."""
        return self.steps[self.position]

    @property
    def due_ms(self) -> int | None:
        """When the present pause ends by itself."""
        return self.pause.due_ms if self.pause else None


Outcome: TypeAlias = Literal["running", "returned", "suspended", "rerun", "delay", "exited", "raised", "lost"]


@dataclass(frozen=True)
class Attempt:
    """One go at one step, with all it left: the bulk that a run's row does not carry.

    ``context`` is what it passed to its rerun; ``request`` the HTTP event that woke or decided it; ``decision`` how
    its pause ended; ``note`` a remark for people (``"retries used up"``); ``error`` its last traceback line.
    ``outputs`` are notebook outputs (nbformat's shape); ``mails`` what it sent or put into the outbox; ``owner`` the
    process that ran it (``kernel-…``, ``worker-…``); ``version_id`` names the workflow version that ran; ``prompt`` is
    what people were shown.
    """

    step: str
    position: int
    runs: int
    started_ms: int
    ended_ms: int | None = None
    outcome: Outcome = "running"
    exports: dict[str, JSON] = field(default_factory=dict)
    outputs: tuple[dict[str, JSON], ...] = ()
    context: JSON = None
    request: dict[str, JSON] | None = None
    decision: Decision | None = None
    note: str | None = None
    error: str | None = None
    pause: Pause | None = None
    owner: str | None = None
    mails: tuple[dict[str, JSON], ...] = ()
    prompt: Prompt | None = None
    version_id: str | None = None


# ---- events: everything that can happen to a run ------------------------------------------------------------------


@dataclass(frozen=True)
class Claimed:
    """An owner takes the queued run."""

    at_ms: int
    owner: str


@dataclass(frozen=True)
class Ended:
    """What every end of an attempt reports: under which claim, and what the step left."""

    at_ms: int
    fence: int
    exports: dict[str, JSON] = field(default_factory=dict)
    outputs: tuple[dict[str, JSON], ...] = ()
    mails: tuple[dict[str, JSON], ...] = ()


@dataclass(frozen=True)
class Returned(Ended):
    """The step returned and asked for nothing: the next step begins under the same claim."""


@dataclass(frozen=True, kw_only=True)
class Suspended(Ended):
    """The step asked to wait for a person or a callback; the next step comes after."""

    due_ms: int
    on_timeout: Literal["cancel", "resume"] = "cancel"
    confirm: bool = True
    prompt: Prompt | None = None


@dataclass(frozen=True, kw_only=True)
class Slept(Ended):
    """The step asked to be rerun later, or to delay the next step. ``max_retries`` and ``context`` are a rerun's."""

    kind: Literal["rerun", "delay"]
    due_ms: int
    context: JSON = None
    max_retries: int = 10
    confirm: bool = True


@dataclass(frozen=True, kw_only=True)
class Exited(Ended):
    """The step asked to end the run here, successfully."""

    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Raised(Ended):
    """The step raised; ``error`` is one line for people."""

    error: str


@dataclass(frozen=True)
class Lost:
    """The owner of the claim died, or was overruled. ``again``: the step may run again from its start.

    ``outputs``: what the attempt had put out, where somebody knows.
    """

    at_ms: int
    fence: int
    reason: str = "its process ended"
    again: bool = True
    outputs: tuple[dict[str, JSON], ...] = ()


@dataclass(frozen=True)
class Request:
    """What a person or a service asks for: which attempt is meant, by what way, by whom."""

    at_ms: int
    step: str
    runs: int
    via: Via
    by: str | None = None


@dataclass(frozen=True)
class Resumed(Request):
    """A request to go on; ``request`` is the HTTP event that the workflow receives."""

    request: dict[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancelled(Request):
    """A request to stop."""

    reason: str | None = None


@dataclass(frozen=True)
class Elapsed:
    """The pause's time has come."""

    at_ms: int


@dataclass(frozen=True)
class Retried(Request):
    """A person wants a failed run to go on from its failed step."""


@dataclass(frozen=True)
class Upgraded:
    """A person wants the run to go on with other code: its version, the key of its environment, its steps."""

    at_ms: int
    version_id: str
    environment: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Unserved:
    """No worker can take the queued run for now: why, and what to do."""

    at_ms: int
    reason: str


End: TypeAlias = Returned | Suspended | Slept | Exited | Raised
"""What the end of an attempt may report."""

Event: TypeAlias = Claimed | End | Lost | Resumed | Cancelled | Elapsed | Retried | Upgraded | Unserved
