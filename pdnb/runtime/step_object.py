"""The step object: ``handler(pd)``'s argument, and ``step`` in a cell without a handler."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from pdnb.codec import checked
from pdnb.model import JSON
from pdnb.runtime.flow import MAX_AFTER, Flow, checked_text
from pdnb.runtime.send import Send


class Progress(NamedTuple):
    """How far a step has come."""

    done: float
    total: float
    text: str | None


class Pd:
    """The step object: ``handler(pd)``'s argument, and ``step`` in a body.

    The argument may have any name: ``def handler(step)`` leaves ``pd`` to pandas.
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
        self.latest_progress: Progress | None = None

    def export(self, name: str, value: object) -> None:
        """Leave *value* for later steps as ``pd.steps[<this step>][name]``; ``$summary`` shows in views.

        *value* is JSON, or has one obvious meaning in JSON (``pdnb.json_values`` lists them), and is taken as it is
        now; ``None`` is left as ``None``. Raises ``NotJSON`` with the path, the type and what to write instead.
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
        self.latest_progress = Progress(_number("done", done), whole, checked_text("text", text, MAX_AFTER))

    def exports(self, value: object) -> dict[str, JSON]:
        """All exports once the step has returned *value*; ``None``, as in Pipedream, leaves no ``$return_value``."""
        if value is None:
            return dict(self._exports)
        return {**self._exports, "$return_value": json.loads(checked(value, f"steps.{self._step}.$return_value"))}

    if not TYPE_CHECKING:  # a type checker knows what there is

        def __getattr__(self, name: str) -> object:
            raise AttributeError(
                f"the step object has no {name!r} (it has flow, steps, context, send, export and progress): where "
                "pandas is meant, give the handler's parameter another name, as in def handler(step)",
                name=name,
                obj=self,
            )

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
