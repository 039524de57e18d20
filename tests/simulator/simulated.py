"""What a plain program remembers of a run: the rules of pausing and resuming a second time, as simple as can be.

The simulator compares every row of the store with this. Nothing here imports pdnb's machine, store or codec; what may
not happen is an ``assert`` here, and what the store is to refuse is the error that a call returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pdnb.errors import AlreadyResumed, BadAnswer, Fenced, MovedOn, Over, Refused
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
    Slept,
    Suspended,
    Upgraded,
)

if TYPE_CHECKING:
    from pdnb.workflow.version import WorkflowVersion

#: How often an owner may die at one attempt.
LOSSES = 3

Expected: TypeAlias = type[Refused] | None
Place: TypeAlias = tuple[int, int]


@dataclass
class Gone:
    """What is known of one attempt. ``outcome`` is ``None`` as long as it has not ended."""

    outcome: str | None = None
    exports: dict[str, Any] = field(default_factory=dict)
    context: Any = None
    request: dict[str, Any] | None = None
    decision: str | None = None


@dataclass
class Known:
    """What was acknowledged of one run. *taken_over*: attempts that were retried by hand.

    *ways*: which events it took in which status, and what refused the others.
    """

    id: str
    workflow: str
    steps: tuple[str, ...]
    version_id: str
    event: Any
    since_ms: int
    status: str = "queued"
    position: int = 0
    runs: int = 1
    retries: int = 0
    losses: int = 0
    fence: int = 0
    owner: str | None = None
    kind: str | None = None
    due_ms: int | None = None
    on_timeout: str = "cancel"
    form: bool = False
    early: str | None = None
    decided: str | None = None
    attempts: dict[Place, Gone] = field(default_factory=dict)
    taken_over: set[Place] = field(default_factory=set)
    ways: set[tuple[str, str]] = field(default_factory=set)

    @property
    def here(self) -> Place:
        return self.position, self.runs

    @property
    def step(self) -> str:
        return self.steps[self.position]

    @property
    def over(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}

    def take(self, event: Event) -> Expected:
        """What *event* makes of the run; the error with which it is to be refused."""
        if not isinstance(event, Elapsed):
            self.settle(event.at_ms)
        status = self.status
        expected = self._take(event)
        self._went(status, type(event), expected)
        return expected

    def _take(self, event: Event) -> Expected:
        match event:
            case Claimed():
                return self._claimed(event)
            case Ended():
                return self._ended(event)
            case Lost():
                return self._lost(event)
            case Elapsed():
                return self._elapsed(event.at_ms)
            case Retried():
                return self._retried(event)
            case Resumed() | Cancelled():
                return self._requested(event)
        raise AssertionError(f"the simulator knows no {event}")

    def settle(self, at_ms: int) -> None:
        """A due pause ends before anything else happens."""
        if self.due_ms is not None and self.due_ms <= at_ms:
            status = self.status
            self._went(status, Elapsed, self._elapsed(at_ms))

    def upgraded(self, version: WorkflowVersion, at_ms: int) -> Expected:
        """What other code makes of the run."""
        self.settle(at_ms)
        if self.status not in {"queued", "suspended", "sleeping", "failed"}:
            return MovedOn
        if version.names[: self.position + 1] != self.steps[: self.position + 1]:
            return MovedOn
        self._went(self.status, Upgraded, None)
        self.steps, self.version_id = version.names, version.id
        return None

    def exports(self) -> dict[str, dict[str, Any]]:
        """What the steps have left."""
        found: dict[str, dict[str, Any]] = {"trigger": {"event": self.event}}
        for position in range(self.position + 1):
            gone = [self.attempts[place] for place in sorted(self.attempts) if place[0] == position]
            gone = [attempt for attempt in gone if attempt.outcome is not None]
            if gone:
                found[self.steps[position]] = dict(gone[-1].exports)
                if (gone[-1].outcome, gone[-1].decision) == ("suspended", "resumed"):
                    found[self.steps[position]]["$resume_data"] = gone[-1].request
        return found

    def rerun_input(self) -> Gone | None:
        """The attempt that asked for the present one."""
        gone = [self.attempts.get((self.position, runs)) for runs in range(1, self.runs)]
        return next((a for a in reversed(gone) if a is not None and a.outcome == "rerun"), None)

    # ---- one event each ----

    def _claimed(self, event: Claimed) -> Expected:
        if self.status != "queued":
            return MovedOn
        self.status, self.owner, self.fence, self.since_ms = "running", event.owner, self.fence + 1, event.at_ms
        return None

    def _ended(self, event: Ended) -> Expected:
        if self.status != "running" or event.fence != self.fence:
            return Fenced
        value = event.exports.get("$return_value")
        assert value is None or value.startswith(f"{self.id}/{self.step}/{self.runs}#"), f"{value} is stored elsewhere"
        gone = self.attempts.setdefault(self.here, Gone())
        assert gone.outcome is None, f"attempt {self.here} of {self.id} ends a second time"
        gone.exports, gone.outcome, self.losses = dict(event.exports), "returned", 0
        early, self.early = self.early, None
        if isinstance(event, Raised):
            gone.outcome = "raised"
            self._end("failed", event.at_ms)
        elif isinstance(event, Suspended | Slept) and not self._used_up(event):
            self._paused(event, gone, early)
        else:
            gone.outcome = "exited" if isinstance(event, Exited) else "returned"
            assert isinstance(event, Exited | Returned | Slept)
            if early == "cancelled":
                gone.decision = early
                self._end("cancelled", event.at_ms)
            elif isinstance(event, Exited) or self.position + 1 == len(self.steps):
                self._end("succeeded", event.at_ms)
            else:
                self._next("running", event.at_ms)
        return None

    def _used_up(self, event: Suspended | Slept) -> bool:
        return isinstance(event, Slept) and event.kind == "rerun" and self.retries >= event.max_retries

    def _paused(self, event: Suspended | Slept, gone: Gone, early: str | None) -> None:
        if isinstance(event, Slept):
            gone.outcome, gone.context, self.kind = event.kind, event.context, event.kind
        else:
            gone.outcome, self.kind, self.on_timeout = "suspended", "suspend", event.on_timeout
            self.form = event.prompt is not None and event.prompt.form is not None
            if self.form and early == "resumed" and not _fits(gone.request):
                early = gone.request = None
        self.status = "suspended" if self.kind == "suspend" else "sleeping"
        self.due_ms, self.since_ms, self.owner = event.due_ms, event.at_ms, None
        if early is not None:
            self._decide(early, event.at_ms)

    def _lost(self, event: Lost) -> Expected:
        if self.status != "running" or event.fence != self.fence:
            return Fenced
        self.losses += 1
        if self.early == "cancelled":
            self.attempts[self.here].outcome, self.attempts[self.here].decision = "lost", self.early
            self._end("cancelled", event.at_ms)
        elif self.losses >= LOSSES or not event.again:
            self.attempts.setdefault(self.here, Gone()).outcome = "lost"
            self._end("failed", event.at_ms)
        else:
            self._queue(event.at_ms)
        return None

    def _elapsed(self, at_ms: int) -> Expected:
        if self.due_ms is None or self.due_ms > at_ms:
            return MovedOn
        gate = self.kind == "suspend" and self.on_timeout == "cancel"
        self._decide("timed out" if gate else "elapsed", at_ms)
        return None

    def _retried(self, event: Retried) -> Expected:
        if self.status != "failed":
            return Refused
        if (event.step, event.runs) != (self.step, self.runs):
            return MovedOn
        if self.here in self.attempts:
            self.attempts[self.here].decision = "retried"
        self.runs, self.retries, self.losses, self.decided = self.runs + 1, 0, 0, None
        self._queue(event.at_ms)
        return None

    def _requested(self, event: Resumed | Cancelled) -> Expected:
        what = "resumed" if isinstance(event, Resumed) else "cancelled"
        if (event.step, event.runs) != (self.step, self.runs) or self.early is not None or self.over:
            return self._late(event)
        if self.due_ms is not None:
            if isinstance(event, Resumed):
                if self.form and not _fits(event.request):
                    return BadAnswer
                self.attempts[self.here].request = event.request
            self._decide(what, event.at_ms)
        elif self.status == "running" or (self.losses and what == "resumed"):
            self.early = what
            gone = self.attempts.setdefault(self.here, Gone())
            gone.request = event.request if isinstance(event, Resumed) else gone.request
        elif what == "resumed":
            return self._late(event)
        else:
            if self.losses:
                self.attempts.setdefault(self.here, Gone()).decision = what
            self.decided = what
            self._end("cancelled", event.at_ms)
        return None

    def _late(self, event: Request) -> type[Refused]:
        gone = self.attempts.get((self.steps.index(event.step), event.runs)) if event.step in self.steps else None
        decision = gone.decision if gone else None
        if self.early and (event.step, event.runs) == (self.step, self.runs):
            decision = self.early
        if decision == "resumed":
            return AlreadyResumed
        if decision in {"cancelled", "timed out", "elapsed"} or self.over or (gone and gone.outcome):
            return Over
        return MovedOn

    # ---- the parts they share ----

    def _went(self, status: str, event: type[Any], expected: Expected) -> None:
        self.ways.add((status, event.__name__) if expected is None else ("refused", expected.__name__))

    def _decide(self, what: str, at_ms: int) -> None:
        """The pause ends: this is the one place where a pause is decided."""
        gone, kind = self.attempts[self.here], self.kind
        assert gone.decision is None, f"the pause {self.here} of {self.id} is decided twice: {gone.decision}, {what}"
        assert self.due_ms is not None
        assert what not in {"timed out", "elapsed"} or at_ms >= self.due_ms, f"{self.id} wakes early"
        gone.decision = self.decided = what
        if what in {"cancelled", "timed out"}:
            self._end("cancelled", at_ms)
        elif kind == "rerun":
            self.runs, self.retries = self.runs + 1, self.retries + 1
            self._queue(at_ms)
        elif self.position + 1 < len(self.steps):
            self._next("queued", at_ms)
        else:
            self._end("succeeded", at_ms)

    def _next(self, status: str, at_ms: int) -> None:
        self.position, self.runs, self.retries = self.position + 1, 1, 0
        self.status, self.since_ms, self.early = status, at_ms, None
        self._no_pause()

    def _queue(self, at_ms: int) -> None:
        self.status, self.owner, self.since_ms = "queued", None, at_ms
        self._no_pause()

    def _end(self, status: str, at_ms: int) -> None:
        self.status, self.owner, self.since_ms, self.early = status, None, at_ms, None
        self._no_pause()

    def _no_pause(self) -> None:
        self.kind, self.due_ms, self.form = None, None, False


def _fits(request: dict[str, Any] | None) -> bool:
    """Whether the answer fits the only form that the simulator's steps ask with."""
    body = (request or {}).get("body")
    return isinstance(body, dict) and type(body.get("ok")) is bool
