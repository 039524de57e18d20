"""``pd.flow``: what a step may ask of its run.

It is a recorder. Nothing pauses inside a step and nothing is raised for it: a call notes what is wanted and returns the
links; when the step has returned, the note becomes the one event that the run takes (:meth:`Flow.event`).
The last of ``suspend``, ``rerun`` and ``delay`` wins, ``exit`` beats all, and every call in one attempt returns the
same links, because links belong to the attempt.

Follows Pipedream's ``pd.flow`` (Python) and ``$.flow`` (Node.js); all times are integer milliseconds or a
``datetime.timedelta``. Every pause may also last ``until=`` a moment: an aware ``datetime``, which is absolute. A
difference of two datetimes of one zone is no length of time: Python subtracts the clocks' hands, also across a change
between summer and winter time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, TypedDict

from pdnb.codec import checked
from pdnb.errors import PdnbError
from pdnb.forms.schemas import form_schema
from pdnb.model import JSON, End, Exited, Prompt, Returned, Slept, Suspended
from pdnb.runtime.times import MAX_MS, check_length, milliseconds, unix_milliseconds

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
class _WantedPause:
    """The pause that was asked for last."""

    kind: Literal["suspend", "rerun", "delay"]
    ms: int
    until_ms: int | None
    confirm: bool
    on_timeout: Literal["cancel", "resume"] = "cancel"
    context: JSON = None
    max_retries: int = 10
    prompt: Prompt | None = None

    def arguments(self) -> dict[str, JSON]:
        """The arguments of the method of :class:`Flow` that asks for it, and ``until_ms``, if it ends at a moment."""
        until: dict[str, JSON] = {} if self.until_ms is None else {"until_ms": self.until_ms}
        if self.kind == "suspend":
            prompt = self.prompt or Prompt()
            told: dict[str, JSON] = {"message": prompt.message, "form": prompt.form, "after": prompt.after}
            return {"timeout": self.ms, "on_timeout": self.on_timeout, "confirm": self.confirm, **told, **until}
        if self.kind == "rerun":
            kept: dict[str, JSON] = {"context": self.context, "max_retries": self.max_retries}
            return {"delay": self.ms, "confirm": self.confirm, **kept, **until}
        return {"ms": self.ms, "confirm": self.confirm, **until}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Flow:
    """``pd.flow`` of one attempt. *clock* gives the time in Unix milliseconds."""

    def __init__(
        self,
        urls: URLs,
        *,
        on_timeout: Literal["cancel", "resume"] = "cancel",
        confirm: bool = True,
        clock: Callable[[], int] = _now_ms,
    ) -> None:
        self._urls = urls
        self._clock = clock
        self._on_timeout = on_timeout
        self._confirm = confirm
        self._wanted: _WantedPause | None = None
        self._exit = False
        self._reason: str | None = None
        self._over = False

    def suspend(
        self,
        timeout: int | float | timedelta = _DAY_MS,
        *,
        until: datetime | None = None,
        on_timeout: Literal["cancel", "resume"] | None = None,
        confirm: bool | None = None,
        form: object = None,
        message: str | None = None,
        after: str | None = None,
    ) -> URLs:
        """Pause at the end of this step; go on with the **next** step when resumed.

        ``timeout``: how long to wait, 1 ms to 365 days; or ``until`` when, an aware ``datetime``. ``on_timeout``:
        ``"cancel"`` the run then (the default, which the configuration can change) or ``"resume"`` it without
        ``$resume_data``. ``confirm=False``: a GET on a link acts at once instead of asking. ``form``: a JSON Schema (or
        a pydantic model) of an object: people fill it in, and an answer that does not fit is refused, by whatever way
        it comes. ``message``: what they read, in Markdown. ``after``: a text or a URL that they get once they have
        answered. Returns ``{"resume_url", "cancel_url"}``.
        Raises ``TypeError`` or ``ValueError`` for an argument that makes no sense; nothing is recorded then.
        """
        ms, until_ms = self._length("timeout", timeout, until, least=1, default=_DAY_MS)
        if on_timeout not in (None, "cancel", "resume"):
            raise ValueError(f"on_timeout is {on_timeout!r}: use 'cancel' or 'resume'")
        prompt = Prompt(
            checked_text("message", message, MAX_MESSAGE),
            None if form is None else form_schema(form),
            checked_text("after", after, MAX_AFTER),
        )
        wanted = _WantedPause("suspend", ms, until_ms, self._checked_confirm(confirm), on_timeout or self._on_timeout)
        return self._want(wanted if prompt == Prompt() else replace(wanted, prompt=prompt))

    def rerun(
        self,
        delay: int | float | timedelta | None = None,
        context: JSON = None,
        max_retries: int = 10,
        *,
        until: datetime | None = None,
        confirm: bool | None = None,
        maxRetries: int | None = None,  # noqa: N803  # the spelling of Pipedream's documentation
    ) -> URLs:
        """Pause for ``delay`` (or ``until`` a moment) at the end of this step, then run the **same** step again.

        ``context``: JSON for the next attempt, in ``pd.context["run"]["context"]``. ``max_retries``: how often the
        step runs again at the most; a rerun asked for after that is ignored and the workflow goes on to the next
        step. A request to ``resume_url`` wakes the step at once, with ``pd.context["run"]["callback_request"]``.
        Returns ``{"resume_url", "cancel_url"}``.
        """
        ms, until_ms = self._length("delay", delay, until, least=0)
        retries = max_retries if maxRetries is None else maxRetries
        if type(retries) is not int:
            raise TypeError(f"max_retries is {retries!r}: use a whole number")
        if retries < 0:
            raise ValueError(f"max_retries is {retries}: use 0 or more")
        kept = json.loads(checked(context, "context"))  # as it is now, whatever the step does to it later
        wanted = _WantedPause("rerun", ms, until_ms, self._checked_confirm(confirm))
        return self._want(replace(wanted, context=kept, max_retries=retries))

    def delay(
        self,
        ms: int | float | timedelta | None = None,
        *,
        until: datetime | None = None,
        confirm: bool | None = None,
    ) -> URLs:
        """Pause for ``ms`` (or ``until`` a moment) at the end of this step, then the **next** step.

        ``resume_url`` skips the rest. Returns ``{"resume_url", "cancel_url"}``.
        """
        return self._want(
            _WantedPause("delay", *self._length("ms", ms, until, least=0), self._checked_confirm(confirm))
        )

    def exit(self, reason: str | None = None) -> None:
        """End the run successfully at the end of this step; ``return pd.flow.exit()`` skips the rest of its code."""
        if reason is not None and not isinstance(reason, str):
            raise TypeError(f"reason is {reason!r}: use a text")
        self.check_open("pd.flow")
        self._exit, self._reason = True, reason

    @property
    def wanted(self) -> Literal["suspend", "rerun", "delay"] | None:
        """The pause that would be made if the step ended now."""
        return None if self._exit or self._wanted is None else self._wanted.kind

    @property
    def context(self) -> JSON:
        """What the rerun asked for hands to the next attempt."""
        return None if self._wanted is None else self._wanted.context

    def settings(self) -> dict[str, JSON]:
        """What another process needs to have the same flow, as JSON; the keys are those of ``__init__``."""
        return {"urls": dict(self._urls), "on_timeout": self._on_timeout, "confirm": self._confirm}

    def calls(self) -> list[tuple[str, dict[str, JSON]]]:
        """What was asked for, as the calls that ask for it: a method's name and its arguments, all JSON."""
        found: list[tuple[str, dict[str, JSON]]] = []
        if (wanted := self._wanted) is not None:
            found.append((wanted.kind, wanted.arguments()))
        return [*found, ("exit", {"reason": self._reason})] if self._exit else found

    def repeat(self, calls: Iterable[tuple[str, dict[str, JSON]]]) -> None:
        """Ask for what the flow of another process was asked for: *calls* are its :meth:`calls`.

        A moment that has passed meanwhile is none that the step named wrongly. Raises as those methods do.
        """
        for name, arguments in calls:
            given = dict(arguments)
            until_ms = given.pop("until_ms", None)
            getattr(self, name)(**given)
            if until_ms is not None and self._wanted is not None:
                if type(until_ms) is not int or until_ms > self._clock() + MAX_MS:
                    raise ValueError(f"until_ms is {until_ms!r}: use Unix milliseconds within 365 days")
                self._wanted = replace(self._wanted, until_ms=until_ms)

    def close(self) -> None:
        """The step has ended: from now on asking is an error."""
        self._over = True

    def event(self, at_ms: int, fence: int, exports: dict[str, JSON], outputs: _Rows, mails: _Rows = ()) -> End:
        """What was asked for, as the event that ends the attempt. After this, asking is an error."""
        self.close()
        if self._exit:
            return Exited(at_ms, fence, exports, outputs, mails, reason=self._reason)
        wanted = self._wanted
        if wanted is None:
            return Returned(at_ms, fence, exports, outputs, mails)
        due_ms = at_ms + wanted.ms if wanted.until_ms is None else max(at_ms, wanted.until_ms)
        if wanted.kind == "suspend":
            return Suspended(
                at_ms,
                fence,
                exports,
                outputs,
                mails,
                due_ms=due_ms,
                on_timeout=wanted.on_timeout,
                confirm=wanted.confirm,
                prompt=wanted.prompt,
            )
        return Slept(
            at_ms,
            fence,
            exports,
            outputs,
            mails,
            kind=wanted.kind,
            due_ms=due_ms,
            context=wanted.context,
            max_retries=wanted.max_retries,
            confirm=wanted.confirm,
        )

    def _length(
        self, name: str, length: object, until: object, *, least: int, default: int | None = None
    ) -> tuple[int, int | None]:
        """How long in milliseconds, and until when in Unix milliseconds; raises naming the argument."""
        check_length(name, length)
        if until is None:
            return milliseconds(name, length, least=least), None
        if length != default:
            raise TypeError(f"{name} and until say when the pause ends: give one of them")
        return least, unix_milliseconds("until", until, now_ms=self._clock())

    def _checked_confirm(self, confirm: bool | None) -> bool:  # noqa: FBT001  # what the caller gave, to be checked
        if confirm is not None and type(confirm) is not bool:
            raise TypeError(f"confirm is {confirm!r}: use True or False")
        return self._confirm if confirm is None else confirm

    def _want(self, pause: _WantedPause) -> URLs:
        self.check_open("pd.flow")
        self._wanted = pause
        return URLs(resume_url=self._urls["resume_url"], cancel_url=self._urls["cancel_url"])

    def check_open(self, what: str) -> None:
        """Raise ``PdnbError`` if the step that *what* belongs to has ended."""
        if self._over:
            raise PdnbError(f"{what} was used after its step had ended: use it while the step runs")

    def __repr__(self) -> str:
        return "<pd.flow: suspend, rerun, delay, exit>"


def checked_text(name: str, value: object, most: int) -> str | None:
    """*value*, at most *most* characters; ``None`` for nothing or an empty text. Raises naming the argument *name*."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}: use a text")
    if len(value) > most:
        raise ValueError(f"{name} has {len(value)} characters: use at most {most}")
    text: str = json.loads(checked(value, name))  # a plain str, without lone surrogates
    return text or None
