"""Resume, cancel, retry: what a person or a service decided, as the event that the store applies.

Every way in (link, API, card, panel, inbox, magic, Python, shell) makes its events here.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pdnb.errors import BadAnswer
from pdnb.forms.form_post import from_strings
from pdnb.forms.messages import place
from pdnb.forms.validation import MAX_PROBLEMS
from pdnb.json_text import out_of_range
from pdnb.model import JSON, Cancelled, Prompt, Resumed, Retried, Via
from pdnb.request import check_event, from_person

Action: TypeAlias = Literal["resume", "cancel", "retry"]

_ACTIONS: Final[tuple[Action, ...]] = ("resume", "cancel", "retry")


def read_action(text: str) -> Action:
    """The action that *text* names; raises ``ValueError`` when it names none."""
    for action in _ACTIONS:
        if action == text:
            return action
    raise ValueError(f"no such act: {text!r}")


def decide(  # noqa: PLR0913  # each is a field of the event
    action: Action,
    step: str,
    runs: int,
    *,
    at_ms: int,
    via: Via,
    by: str | None = None,
    body: JSON = None,
    request: dict[str, JSON] | None = None,
    reason: str | None = None,
) -> Resumed | Cancelled | Retried:
    """The event of *action* on attempt number *runs* of *step*.

    A resume carries *request*, the HTTP event of a link, or one that is made of *body*; a cancel carries *reason*.
    Its body has its last form here, and is checked here: raises ``BadAnswer`` for a number out of range, by the name
    of its field; for what else is no JSON ``NotJSON`` (*body*) or ``BadBody`` (*request*).
    """
    match action:
        case "resume":
            _refuse_out_of_range(body if request is None else request.get("body"))
            event = from_person(via, by, body) if request is None else check_event(request)
            return Resumed(at_ms, step, runs, via, by, event)
        case "cancel":
            return Cancelled(at_ms, step, runs, via, by, reason)
        case "retry":
            return Retried(at_ms, step, runs, via, by)


def _refuse_out_of_range(body: JSON) -> None:
    places = [(place(path) if path else "the answer", number) for path, number in out_of_range(body)]
    lines = [f"{name}: {number} is a number out of range" for name, number in places]
    if len(lines) > MAX_PROBLEMS:
        lines[MAX_PROBLEMS - 1 :] = [f"and {len(lines) - MAX_PROBLEMS + 1} more"]
    if lines:
        raise BadAnswer(tuple(lines), "the answer holds what cannot be kept")


def answer_from_fields(prompt: Prompt | None, fields: JSON) -> dict[str, JSON]:
    """The body that *fields*, strings as an HTML form sends them, mean as an answer to *prompt*.

    Whether it fits the form is for the store to judge. Raises ``ValueError`` when there is no form.
    """
    if not isinstance(fields, dict):
        raise ValueError('fields is an object: {"name": "text"}')  # noqa: TRY004  # a wrong request, like the next
    if prompt is None or prompt.form is None:
        raise ValueError("this step asks with no form: send a body")
    return from_strings(prompt.form, fields)
