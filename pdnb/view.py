"""A run as people and programs see it: the one JSON shape of API, card, panel and table. No token is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pdnb import codec
from pdnb.links import redact
from pdnb.model import JSON, Attempt, Run


def summary(run: Run) -> dict[str, JSON]:
    """A run in a list: everything but exports and attempts."""
    row: dict[str, Any] = asdict(run)
    for inner in ("hash", "environment", "fence", "owner", "retries", "losses", "awake_ms"):
        del row[inner]
    row |= {
        "status": str(run.status),
        "steps": list(run.steps),
        "step": run.step,
        "due_ms": run.due_ms,
        "deployment_id": run.hash,
    }
    return row


def detail(run: Run, exports: Mapping[str, Mapping[str, JSON]], attempts: Iterable[Attempt]) -> dict[str, JSON]:
    """A run by itself: with ``exports`` by step and every attempt."""
    document: dict[str, JSON] = shown(
        {**summary(run), "exports": dict(exports), "attempts": [_attempt(a) for a in attempts]}
    )
    return document


def shown(value: JSON) -> JSON:
    """*value* without working links: a step may have exported, printed or mailed its own."""
    text = json.dumps(value)
    clean = redact(text)
    return value if clean is text else json.loads(clean)


def shown_attempt(attempt: Attempt) -> Attempt:
    """*attempt* without working links."""
    text = codec.attempt_to_json(attempt)
    clean = redact(text)
    return attempt if clean is text else codec.attempt_from_json(clean)


def _attempt(attempt: Attempt) -> dict[str, JSON]:
    return {**codec.attempt_row(attempt), "outputs": list(attempt.outputs), "mails": list(attempt.mails)}
