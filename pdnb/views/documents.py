"""The run document: the one JSON shape of a run for API, card, panel, table and shell. No link's token is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from pdnb import codec
from pdnb.forms.fields import form_fields, hint_of
from pdnb.forms.form_post import default_strings
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
    progress: Mapping[str, JSON] | None = None,
) -> dict[str, JSON]:
    """A run by itself: with ``exports`` by step and every attempt.

    The attempt at work comes last, with its *progress*: ``outputs`` so far, and ``progress`` if the step reported any.
    ``prompt``: what people see while the run waits for them (``message``, a safe ``message_html``, ``fields``,
    ``after``).
    """
    attempts = tuple(attempts)
    present = next((a for a in attempts if (a.position, a.runs) == (run.position, run.runs)), None)
    listed = [_attempt_dict(a) for a in attempts if progress is None or a is not present]
    if progress is not None:
        at_work = Attempt(run.step, run.position, run.runs, run.since_ms, owner=run.owner, version_id=run.version_id)
        listed.append({**_attempt_dict(at_work), **progress})
    prompt = present.prompt if present and run.status is Status.SUSPENDED else None
    document: dict[str, JSON] = without_links(
        {
            **summary(run),
            "exports": dict(exports),
            "attempts": listed,
            "prompt": None if prompt is None else _prompt(prompt),
        }
    )
    return document


def _prompt(prompt: Prompt) -> dict[str, JSON]:
    return {
        "message": prompt.message,
        "message_html": None if prompt.message is None else markdown.to_html(redact(prompt.message)),
        "fields": None if prompt.form is None else _fields(prompt.form),
        "after": prompt.after,
    }


def _fields(form: dict[str, JSON]) -> list[JSON]:
    """A form's fields, each with the strings that an HTML form would hold to begin with, and a hint."""
    begin = default_strings(form)
    made: list[JSON] = []
    for field in form_fields(form):
        strings = begin.get(field.name, [] if field.kind in {"boolean", "choices"} else "")
        shown = strings if isinstance(strings, list) else [strings]
        made.append({**asdict(field), "strings": shown, "hint": hint_of(field)})
    return made


def without_links(value: JSON) -> JSON:
    """*value* with its links made useless: a step may have exported, printed or mailed its own."""
    text = json.dumps(value)
    clean = redact(text)
    return value if clean is text else json.loads(clean)


def redacted_attempt(attempt: Attempt) -> Attempt:
    """*attempt* with its links made useless."""
    text = codec.attempt_to_json(attempt)
    clean = redact(text)
    return attempt if clean is text else codec.attempt_from_json(clean)


def _attempt_dict(attempt: Attempt) -> dict[str, JSON]:
    return {**codec.attempt_dict(attempt), "outputs": list(attempt.outputs), "mails": list(attempt.mails)}
