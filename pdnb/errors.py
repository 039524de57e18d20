"""Every error pdnb raises on purpose; each message says what happened, where, and what to do next.

::

    PdnbError
    ├── DefinitionError          a workflow, step or cell cannot be used as written
    │   ├── CaptureError         a step uses a name that cannot be captured for the run
    │   └── CellSyntaxError      a cell does not parse, or holds IPython syntax
    ├── MailError                a mail cannot be sent as asked
    ├── NotJSON                  a value that a step wants stored is not JSON
    ├── TimeLimit                a step took longer than it may
    ├── Refused                  a run does not take this event now; nothing changed
    │   ├── TooLate              the pause was decided before, by a person or by the clock
    │   │   ├── AlreadyResumed   another request resumed this attempt before
    │   │   └── Over             cancelled, timed out or ended; its links are dead
    │   ├── MovedOn              the run is not where the caller saw it
    │   ├── BadAnswer            an answer does not fit the form; the run still waits for a better one
    │   └── Fenced               a late result of an owner whose claim was taken over
    ├── BadLink                  no such link: damaged, forged or for another purpose
    ├── RunNotFound              no run has this id
    └── StoreError               the store cannot be used
        ├── StoreUnavailable     locked, full or unreadable just now; try again
        ├── StoreNewer           written by a newer pdnb
        └── StoreCorrupt         a row was tampered with or damaged; it is not used

A user's own exception is never wrapped in any of these.
"""

from __future__ import annotations

__all__ = [
    "AlreadyResumed",
    "BadAnswer",
    "BadLink",
    "CaptureError",
    "CellSyntaxError",
    "DefinitionError",
    "Fenced",
    "MailError",
    "MovedOn",
    "NotJSON",
    "Over",
    "PdnbError",
    "Refused",
    "RunNotFound",
    "StoreCorrupt",
    "StoreError",
    "StoreNewer",
    "StoreUnavailable",
    "TimeLimit",
    "TooLate",
]


class PdnbError(Exception):
    """The root; catch it to catch everything pdnb raises on purpose."""


class DefinitionError(PdnbError):
    """A workflow, step or cell cannot be used as written."""


class CaptureError(DefinitionError):
    """A step uses a name that cannot be captured for the run."""


class CellSyntaxError(DefinitionError):
    """A cell does not parse, or holds IPython syntax (``%magic``, ``!command``, ``obj?``).

    ``lineno`` is the line in the cell's source, from 1; ``text`` is that line.
    """

    def __init__(self, message: str, *, lineno: int | None = None, text: str | None = None) -> None:
        super().__init__(message)
        self.lineno = lineno
        self.text = text


class MailError(PdnbError):
    """A mail cannot be sent as asked, or the SMTP server did not take it."""


class NotJSON(PdnbError, TypeError):
    """A value that a step wants stored is not JSON; the message carries its path and type."""


class TimeLimit(PdnbError, TimeoutError):
    """A step took longer than its ``--time-limit``."""


class Refused(PdnbError):
    """A run does not take this event now; nothing changed."""


class TooLate(Refused):
    """The pause was decided before: ``at_ms`` (Unix milliseconds) says when, ``via`` by what way, ``by`` by whom."""

    def __init__(
        self, message: str, *, at_ms: int | None = None, via: str | None = None, by: str | None = None
    ) -> None:
        super().__init__(message)
        self.at_ms = at_ms
        self.via = via
        self.by = by


class AlreadyResumed(TooLate):
    """Another request resumed this attempt before."""


class Over(TooLate):
    """The run, or its pause, is over; ``what`` says how: ``cancelled``, ``timed out``, ``elapsed`` or ``over``."""

    def __init__(
        self,
        message: str,
        *,
        what: str = "over",
        at_ms: int | None = None,
        via: str | None = None,
        by: str | None = None,
    ) -> None:
        super().__init__(message, at_ms=at_ms, via=via, by=by)
        self.what = what


class MovedOn(Refused):
    """The run is not at the step and attempt that the caller saw."""


class BadAnswer(Refused):
    """An answer does not fit the form; ``problems`` says what to correct, one line each. The run still waits."""

    def __init__(self, problems: tuple[str, ...], what: str = "the answer does not fit the form") -> None:
        super().__init__(f"{what}: {'; '.join(problems)}")
        self.problems = problems


class Fenced(Refused):
    """A late result: the claim under which it was produced has ended."""


class BadLink(PdnbError):
    """No such link: damaged, forged or for another purpose."""


class RunNotFound(PdnbError, LookupError):
    """No run has this id."""


class StoreError(PdnbError):
    """The store cannot be used."""


class StoreUnavailable(StoreError):
    """The store is locked, full or unreadable just now; the same call may succeed later."""


class StoreNewer(StoreError):
    """The store was written by a newer pdnb; it was left untouched."""


class StoreCorrupt(StoreError):
    """A row was tampered with or damaged; it is not used and nothing in it was executed."""
