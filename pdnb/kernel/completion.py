"""What ``%pdnb``, ``%%step`` and ``%%setup`` take, and what completes their lines in a notebook."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from pdnb import client
from pdnb.errors import PdnbError
from pdnb.kernel.session import Session
from pdnb.model import Status
from pdnb.workflow.options import SETUP, STEP, Options

#: The commands of ``%pdnb``.
COMMANDS: Final = {
    "run": Options("%pdnb run", values=("--workflow",), flags=("--wait", "--headless")),
    "test": Options("%pdnb test", values=("--workflow",), jsons=("--resume-with", "--event"), named=True),
    "steps": Options("%pdnb steps", values=("--workflow",), flags=("--remove", "--reset")),
    "runs": Options("%pdnb runs", values=("--status", "--workflow", "--limit")),
    "panel": Options("%pdnb panel", values=("--workflow",), flags=("--plain",)),
    "show": Options("%pdnb show"),
    "resume": Options("%pdnb resume"),
    "cancel": Options("%pdnb cancel"),
    "retry": Options("%pdnb retry", flags=("--take-over",)),
    "upgrade": Options("%pdnb upgrade"),
    "report": Options("%pdnb report"),
}

_TAKE_A_RUN: Final = ("show", "resume", "cancel", "retry", "upgrade", "report")
_TAKE_STEPS: Final = ("steps", "test")


class Completer:
    """Completes commands, options, statuses, and the names of steps, workflows and runs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def complete(self, _shell: object, event: Any) -> list[str]:
        """IPython's hook: what may stand where the cursor is; *event* holds the ``line`` up to there."""
        try:
            return self._completions(event.line.lstrip())
        except PdnbError:  # it is shown when the line is executed
            return []

    def _completions(self, line: str) -> list[str]:
        line = line[max(0, line.find("%pdnb")) :]  # also in: run = %pdnb …
        words = line.split()
        if line[-1:].isspace():
            words.append("")
        if len(words) < 2:
            return []
        if words[0] in ("%%step", "%%setup"):
            return self._options(STEP if words[0] == "%%step" else SETUP, words) or self._step_names(words)
        if len(words) == 2:
            return list(COMMANDS)
        options = COMMANDS.get(words[1])
        if options is None:
            return []
        if found := self._options(options, words):
            return found
        if words[1] in _TAKE_STEPS:
            return self._step_names(words)
        if words[1] in _TAKE_A_RUN and len(words) == 3:
            return [run.id for run in client.list_runs(self._session.home, limit=20)]
        return []

    def _options(self, options: Options, words: list[str]) -> list[str]:
        if words[-2] == "--status":
            return [str(status) for status in Status]
        if words[-2] in ("-w", "--workflow"):
            return list(self._session.workflows)
        return list(options.all) if words[-1].startswith("-") else []

    def _step_names(self, words: list[str]) -> list[str]:
        workflows = [name for option, name in pairwise(words) if option in ("-w", "--workflow")]
        return list(self._session.workflow(*workflows[:1]).names)
