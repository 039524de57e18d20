"""What a step sees: ``pd.flow``, ``pd.steps``, ``pd.context``, ``pd.send``, ``pd.export``.

``pd.flow`` is a recorder. Nothing pauses inside a step and nothing is thrown: a call notes what was asked and returns
the links; when the step has returned, the note becomes the one event that the run takes (:meth:`Flow.event`).
The last of ``suspend``, ``rerun`` and ``delay`` wins, ``exit`` beats all, and every call in one attempt returns the
same links, because links belong to the attempt.

Follows Pipedream's ``pd.flow`` (Python) and ``$.flow`` (Node.js); all times are integer milliseconds or a
``datetime.timedelta``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypedDict

from pdnb.codec import checked
from pdnb.errors import PdnbError
from pdnb.forms.schemas import form_schema
from pdnb.model import JSON, End, Exited, Prompt, Returned, Slept, Suspended
from pdnb.runtime.send import Send

#: The longest pause: 365 days.
MAX_MS: Final = 365 * 86_400_000

#: The longest ``message=`` and ``after=`` of a suspension, in characters.
MAX_MESSAGE: Final = 10_000
MAX_AFTER: Final = 2_000

_DAY_MS: Final = 86_400_000

_Rows: TypeAlias = tuple[dict[str, Any], ...]


class URLs(TypedDict):
    """The two links of an attempt."""

    resume_url: str
    cancel_url: str


@dataclass(frozen=True)
class _Wish:
    """The pause that was asked for last."""

    kind: Literal["suspend", "rerun", "delay"]
    ms: int
    confirm: bool
    on_timeout: Literal["cancel", "resume"] = "cancel"
    context: JSON = None
    max_retries: int = 10
    prompt: Prompt | None = None


class Progress(NamedTuple):
    """How far a step has come."""

    done: float
    total: float
    text: str | None


class Flow:
    """``pd.flow`` of one attempt."""

    def __init__(self, urls: URLs, *, on_timeout: Literal["cancel", "resume"] = "cancel", confirm: bool = True) -> None:
        self._urls = urls
        self._on_timeout = on_timeout
        self._confirm = confirm
        self._wish: _Wish | None = None
        self._exit = False
        self._reason: str | None = None
        self._over = False

    def suspend(
        self,
        timeout: int | float | timedelta = _DAY_MS,
        *,
        on_timeout: Literal["cancel", "resume"] | None = None,
        confirm: bool | None = None,
        form: object = None,
        message: str | None = None,
        after: str | None = None,
    ) -> URLs:
        """Pause at the end of this step; go on with the **next** step when resumed.

        ``timeout``: how long to wait, 1 ms to 365 days. ``on_timeout``: ``"cancel"`` the run then (the default, which
        the configuration can change) or ``"resume"`` it without ``$resume_data``. ``confirm=False``: a GET on a link
        acts at once instead of asking. ``form``: a JSON Schema (or a pydantic model) of an object: people fill it in,
        and an answer that does not fit is refused, by whatever way it comes. ``message``: what they read, in Markdown.
        ``after``: a text or a URL that they get once they have answered. Returns ``{"resume_url", "cancel_url"}``.
        Raises ``TypeError`` or ``ValueError`` for an argument that makes no sense; nothing is recorded then.
        """
        ms = milliseconds("timeout", timeout, least=1)
        if on_timeout not in (None, "cancel", "resume"):
            raise ValueError(f"on_timeout is {on_timeout!r}: use 'cancel' or 'resume'")
        prompt = Prompt(
            _text("message", message, MAX_MESSAGE),
            None if form is None else form_schema(form),
            _text("after", after, MAX_AFTER),
        )
        wish = _Wish("suspend", ms, self._asks(confirm), on_timeout or self._on_timeout)
        return self._asked(wish if prompt == Prompt() else replace(wish, prompt=prompt))

    def rerun(
        self,
        delay: int | float | timedelta,
        context: JSON = None,
        max_retries: int = 10,
        *,
        confirm: bool | None = None,
        maxRetries: int | None = None,  # noqa: N803  # the spelling of Pipedream's documentation
    ) -> URLs:
        """Pause for ``delay`` at the end of this step, then run the **same** step again.

        ``context``: JSON for the next attempt, in ``pd.context["run"]["context"]``. ``max_retries``: how often the
        step runs again at the most; a rerun asked for after that is ignored and the workflow goes on to the next
        step. A request to ``resume_url`` wakes the step at once, with ``pd.context["run"]["callback_request"]``.
        Returns ``{"resume_url", "cancel_url"}``.
        """
        ms = milliseconds("delay", delay, least=0)
        retries = max_retries if maxRetries is None else maxRetries
        if type(retries) is not int:
            raise TypeError(f"max_retries is {retries!r}: use a whole number")
        if retries < 0:
            raise ValueError(f"max_retries is {retries}: use 0 or more")
        kept = json.loads(checked(context, "context"))  # as it is now, whatever the step does to it later
        return self._asked(_Wish("rerun", ms, self._asks(confirm), context=kept, max_retries=retries))

    def delay(self, ms: int | float | timedelta, *, confirm: bool | None = None) -> URLs:
        """Pause for ``ms`` at the end of this step, then the **next** step; ``resume_url`` skips the rest."""
        return self._asked(_Wish("delay", milliseconds("ms", ms, least=0), self._asks(confirm)))

    def exit(self, reason: str | None = None) -> None:
        """End the run successfully at the end of this step; ``return pd.flow.exit()`` skips the rest of its code."""
        if reason is not None and not isinstance(reason, str):
            raise TypeError(f"reason is {reason!r}: use a text")
        self.check_open("pd.flow")
        self._exit, self._reason = True, reason

    @property
    def asked(self) -> Literal["suspend", "rerun", "delay"] | None:
        """The pause that would be made if the step ended now."""
        return None if self._exit or self._wish is None else self._wish.kind

    @property
    def context(self) -> JSON:
        """What the rerun asked for hands to the next attempt."""
        return None if self._wish is None else self._wish.context

    def event(self, at_ms: int, fence: int, exports: dict[str, JSON], outputs: _Rows, mails: _Rows = ()) -> End:
        """What was asked for, as the event that ends the attempt. After this, asking is an error."""
        self._over = True
        if self._exit:
            return Exited(at_ms, fence, exports, outputs, mails, reason=self._reason)
        wish = self._wish
        if wish is None:
            return Returned(at_ms, fence, exports, outputs, mails)
        due_ms = at_ms + wish.ms
        if wish.kind == "suspend":
            return Suspended(
                at_ms,
                fence,
                exports,
                outputs,
                mails,
                due_ms=due_ms,
                on_timeout=wish.on_timeout,
                confirm=wish.confirm,
                prompt=wish.prompt,
            )
        return Slept(
            at_ms,
            fence,
            exports,
            outputs,
            mails,
            kind=wish.kind,
            due_ms=due_ms,
            context=wish.context,
            max_retries=wish.max_retries,
            confirm=wish.confirm,
        )

    def _asks(self, confirm: bool | None) -> bool:  # noqa: FBT001  # what the caller gave, to be checked
        if confirm is not None and type(confirm) is not bool:
            raise TypeError(f"confirm is {confirm!r}: use True or False")
        return self._confirm if confirm is None else confirm

    def _asked(self, wish: _Wish) -> URLs:
        self.check_open("pd.flow")
        self._wish = wish
        return URLs(resume_url=self._urls["resume_url"], cancel_url=self._urls["cancel_url"])

    def check_open(self, what: str) -> None:
        """Raise ``PdnbError`` if the step that *what* belongs to has ended."""
        if self._over:
            raise PdnbError(f"{what} was used after its step had ended: use it while the step runs")

    def __repr__(self) -> str:
        return "<pd.flow: suspend, rerun, delay, exit>"


class Pd:
    """The step object: ``handler(pd)``'s argument, and ``step`` in a body.

    ``steps``: exports of earlier steps, ``pd.steps["name"]["$return_value"]``, ``pd.steps["trigger"]["event"]``.
    ``context``: ``id, trace_id, ts, workflow_id, workflow_name, deployment_id, deadline, test, JIT, replay, resume``
    and ``run`` (``runs``, ``key``, and after a rerun ``context`` and ``callback_request``).
    """

    def __init__(
        self, step: str, flow: Flow, send: Send, steps: dict[str, dict[str, JSON]], context: dict[str, JSON]
    ) -> None:
        self.flow = flow
        self.send = send
        self.steps = steps
        self.context = context
        self._step = step
        self._exports: dict[str, JSON] = {}
        self.told: Progress | None = None

    def export(self, name: str, value: JSON) -> None:
        """Leave *value* (JSON) for later steps as ``pd.steps[<this step>][name]``; ``$summary`` shows in views.

        Raises ``NotJSON`` with the path and type of what is not JSON.
        """
        self.flow.check_open("pd.export")
        if type(name) is not str or not name:
            raise TypeError(f"the export's name is {name!r}: use a text")
        if name in ("$return_value", "$resume_data"):
            raise ValueError(f"{name!r} is made by pdnb: choose another name for the export")
        self._exports[name] = json.loads(checked(value, f"steps.{self._step}.{name}"))

    def progress(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Tell how far a long step has come: *done* of *total* (or a share from 0 to 1), and a few words.

        People see it while the step executes; it is not kept. Raises ``TypeError`` for what is no number.
        """
        self.flow.check_open("pd.progress")
        whole = 1.0 if total is None else _number("total", total)
        self.told = Progress(_number("done", done), whole, _text("text", text, MAX_AFTER))

    def exports(self, value: object) -> dict[str, JSON]:
        """All exports once the step has returned *value*; ``None`` makes no ``$return_value``."""
        if value is None:
            return dict(self._exports)
        return {**self._exports, "$return_value": json.loads(checked(value, f"steps.{self._step}.$return_value"))}

    def __repr__(self) -> str:
        return f"<pd of step {self._step!r}: flow, steps, context, send, export(), progress()>"


def make_context(
    name: str,
    version_id: str,
    *,
    wake_up: str,
    trace_id: str,
    at_ms: int,
    test: bool,
    resume: bool,
    run: dict[str, JSON],
) -> dict[str, JSON]:
    """``pd.context`` of one attempt: of workflow *name* with the code *code_hash*, at *at_ms* (Unix milliseconds)."""
    return {
        "id": wake_up,
        "trace_id": trace_id,
        "ts": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "workflow_id": name,
        "workflow_name": name,
        "deployment_id": version_id,
        "deadline": None,
        "test": test,
        "JIT": test,
        "replay": False,
        "resume": resume,
        "run": run,
    }


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{name} is {value!r}: use a finite number")
    return float(value)


def _text(name: str, value: object, most: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}: use a text")
    if len(value) > most:
        raise ValueError(f"{name} has {len(value)} characters: use at most {most}")
    text: str = json.loads(checked(value, name))  # a plain str, without lone surrogates
    return text or None


def milliseconds(name: str, value: object, *, least: int) -> int:
    """*value*, a number or a ``timedelta``, as milliseconds; raises naming the argument."""
    if isinstance(value, timedelta):
        value = value / timedelta(milliseconds=1)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}: use milliseconds (a number) or a datetime.timedelta")
    if not least <= value <= MAX_MS:  # neither NaN nor infinity is
        raise ValueError(f"{name} is {value!r}: use {least} to {MAX_MS} milliseconds (365 days)")
    return math.ceil(value)
