"""Whether an answer fits the form that a step asked with.

Checking may take its time (see ``forms/validation.py``), so it is done before the lock is taken, and the verdict is
passed in. It counts if form and answer are still the same there; else they are checked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pdnb import codec
from pdnb.errors import BadAnswer
from pdnb.forms.validation import problems
from pdnb.model import JSON, Attempt, Resumed


@dataclass(frozen=True)
class Verdict:
    """What is wrong with *answer* to *form*, both as JSON text; no *problems*: it fits."""

    form: str
    answer: str
    problems: tuple[str, ...]


def judge(form: dict[str, JSON], request: Mapping[str, JSON] | None, known: Verdict | None = None) -> Verdict:
    """The verdict on the body of *request*; *known* is one from before, perhaps on the same."""
    answer = (request or {}).get("body")
    form_text, answer_text = codec.dumps(form), codec.dumps(answer)
    if known is not None and (known.form, known.answer) == (form_text, answer_text):
        return known
    return Verdict(form_text, answer_text, problems(form, answer))


def check(attempt: Attempt | None, event: Resumed, known: Verdict | None = None) -> Verdict | None:
    """Refuse a resume whose body does not fit the form of *attempt*: raises ``BadAnswer``; ``None``: no form."""
    form = attempt.prompt.form if attempt and attempt.prompt else None
    if form is None:
        return None
    verdict = judge(form, event.request, known)
    if verdict.problems:
        raise BadAnswer(verdict.problems)
    return verdict
