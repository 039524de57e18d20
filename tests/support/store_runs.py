"""What the store's tests share: a secret, some code, a run that waits, and requests that mean its attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdnb.links import Links
from pdnb.model import Cancelled, Resumed, RunRecord, Suspended
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

if TYPE_CHECKING:
    from pdnb.store.store import Store

T0 = 1_700_000_000_000
DAY = 86_400_000
SECRET = b"0123456789abcdef0123456789abcdef"
LINKS = Links(SECRET, "https://example.org/")
HERE = Environment("/usr/bin/python3", "/home/ann")
THERE = Environment("/usr/bin/python3", "/home/bob")


def code(name: str = "launch", *steps: str, environment: Environment = HERE) -> WorkflowVersion:
    names = steps or ("draft", "approve", "publish")
    return WorkflowVersion(name, tuple(Step(step, f"'{step}'") for step in names), (), environment)


def waiting(store: Store, *, due_ms: int = T0 + DAY, **how: Any) -> RunRecord:
    """A run whose first step has suspended."""
    run = store.add(code(), {"to": "team"}, at_ms=T0, owner="kernel-1")
    return store.apply(run.id, Suspended(T0 + 1, 1, {"$return_value": "a draft"}, due_ms=due_ms, **how))


def resumed(run: RunRecord, at_ms: int = T0 + 2, **how: Any) -> Resumed:
    return Resumed(at_ms, run.step, run.runs, "link", **how)


def cancelled(run: RunRecord, at_ms: int = T0 + 2) -> Cancelled:
    return Cancelled(at_ms, run.step, run.runs, "link")
