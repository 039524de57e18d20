"""A run as people and programs see it: the one JSON shape of API, card, panel and table. No token is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from pdnb import codec, forms
from pdnb.links import redact
from pdnb.model import JSON, Attempt, Prompt, RunRecord, Status
from pdnb.views import markdown

#: What only the store needs.
_INNER: Final = frozenset({"version_id", "environment", "fence", "owner", "retries", "losses", "awake_ms"})


def summary(run: RunRecord) -> dict[str, JSON]:
    """A run in a list: everything but exports and attempts."""
    row: dict[str, Any] = {name: value for name, value in vars(run).items() if name not in _INNER}
    for name in ("pause", "early", "decision"):  # flat records; asdict would copy deeply, slow for thousands of runs
        if (record := row[name]) is not None:
            row[name] = dict(vars(record))
    row |= {
        "status": str(run.status),
        "steps": list(run.steps),
        "step": run.step,
        "due_ms": run.due_ms,
        "deployment_id": run.version_id,
    }
    return row


def detail(
    run: RunRecord,
    exports: Mapping[str, Mapping[str, JSON]],
    attempts: Iterable[Attempt],
    told: Mapping[str, JSON] | None = None,
) -> dict[str, JSON]:
    """A run by itself: with ``exports`` by step and every attempt.

    The one at work comes last, with what it has *told* of itself so far: ``outputs``, and ``progress`` if it said.
    ``prompt``: what people are asked where the run waits: ``message``, ``message_html`` (safe), ``fields``, ``after``.
    """
    attempts = tuple(attempts)
    present = next((a for a in attempts if (a.position, a.runs) == (run.position, run.runs)), None)
    shown_attempts = [_attempt(a) for a in attempts if told is None or a is not present]
    if told is not None:
        at_work = Attempt(run.step, run.position, run.runs, run.since_ms, owner=run.owner, version_id=run.version_id)
        shown_attempts.append({**_attempt(at_work), **told})
    asked = present.prompt if present and run.status is Status.SUSPENDED else None
    document: dict[str, JSON] = shown(
        {
            **summary(run),
            "exports": dict(exports),
            "attempts": shown_attempts,
            "prompt": None if asked is None else _ask(asked),
        }
    )
    return document


def _ask(prompt: Prompt) -> dict[str, JSON]:
    return {
        "message": prompt.message,
        "message_html": None if prompt.message is None else markdown.to_html(redact(prompt.message)),
        "fields": None if prompt.form is None else [asdict(field) for field in forms.fields(prompt.form)],
        "after": prompt.after,
    }


def shown(value: JSON) -> JSON:
    """*value* without working links: a step may have exported, printed or mailed its own."""
    text = json.dumps(value)
    clean = redact(text)
    return value if clean is text else json.loads(clean)


def redacted_attempt(attempt: Attempt) -> Attempt:
    """*attempt* without working links."""
    text = codec.attempt_to_json(attempt)
    clean = redact(text)
    return attempt if clean is text else codec.attempt_from_json(clean)


def _attempt(attempt: Attempt) -> dict[str, JSON]:
    return {**codec.attempt_dict(attempt), "outputs": list(attempt.outputs), "mails": list(attempt.mails)}
