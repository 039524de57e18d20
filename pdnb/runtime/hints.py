"""What pdnb knows about an exception of a step: what the step looked for is not there, and why.

A hint becomes a note of the exception (``add_note``), which tracebacks show below it. The exception itself stays as the
step raised it.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable
from itertools import islice
from types import TracebackType
from typing import Any, Final

from pdnb.runtime.step_object import Pd
from pdnb.workflow.missing_names import elsewhere
from pdnb.workflow.version import WorkflowVersion

_READS_EVENT: Final = re.compile(r"""\bevent\b.*?(?:\[|\.get\()\s*["'](\w+)["']""", re.DOTALL)
_READS_STEPS: Final = re.compile(r"\bsteps\s*\[[^\]]*\]\s*$")
_OPTIONAL: Final = {
    "callback_request": "callback_request is there only when a request woke the step",
    "context": "context is there only after a rerun",
}


def add_hint(error: BaseException, pd: Pd, version: WorkflowVersion, step: str) -> None:
    """Add what :func:`hint_for` knows to *error*, as a note, once."""
    try:
        hint = hint_for(error, pd, version, step)
        if hint is not None and hint not in getattr(error, "__notes__", ()):
            error.add_note(hint)
    except Exception:  # noqa: BLE001  # the step can have changed its object and its exception to anything
        return


def hint_for(error: BaseException, pd: Pd, version: WorkflowVersion, step: str) -> str | None:
    """Why *step* of *version*, executed with *pd*, has not found what it looked for, and what to write instead."""
    if type(error) is NameError and type(error.name) is str:
        where = elsewhere(error.name, version.steps, step)
        return where and f"{error.name!r} {where}"
    code, line, cell = _source(error.__traceback__)
    said = error.args[0] if error.args else None
    if type(error) in (TypeError, AttributeError) and type(said) is str:
        without_event = _event(pd) is None and "NoneType" in said and "event" in cell
        return f"this run was started without an event: {_start(pd, line)} gives it one" if without_event else None
    if type(error) is KeyError and type(said) is int:
        return _whole_number(said, pd)
    if type(error) is KeyError and type(said) is str:
        key = said
        return _left_out(key, code, pd) or _no_step(key, code, pd, version, step) or _not_in_event(key, code, line, pd)
    return None


def _left_out(key: object, code: str, pd: Pd) -> str | None:
    """Keys that are there at times only; *code* is the expression that reads *key*."""
    read = f'read it with .get("{key}")'
    lacking = [name for name, left in pd.steps.items() if name != "trigger" and key not in left]
    named = [name for name in lacking if f"[{name!r}]" in code.replace('"', "'")] or lacking
    steps = f"step{'s' * (len(named) > 1)} {_listed(named)}"
    if key == "$return_value" and named:
        return f"{steps} returned None, which leaves no $return_value: return a value there, or {read}"
    if key == "$resume_data" and named:
        return f"no request resumed {steps}: {read}"
    if key in _OPTIONAL and re.search(r"\brun\b", code):  # of pd.context["run"]
        return f"{_OPTIONAL[str(key)]}: {read}"
    requests = [left["$resume_data"] for left in pd.steps.values() if "$resume_data" in left]
    if key == "body" and any("body" not in request for request in [*requests, *_callback(pd)]):
        return f"a plain click has no body: {read}"
    return None


def _no_step(key: object, code: str, pd: Pd, version: WorkflowVersion, step: str) -> str | None:
    if key in pd.steps or not _READS_STEPS.search(code):
        return None
    if key in version.names:
        return f"step {key!r} has not come yet: step {step!r} sees what those before it left"
    return f"there is no step {key!r}: pd.steps holds {_listed(pd.steps)}"


def _not_in_event(key: object, code: str, line: str, pd: Pd) -> str | None:
    event = _event(pd)
    if not isinstance(event, dict) or key in event or not re.search(r"\bevent\b", code):
        return None
    has = f"it has {_listed(event)}" if event else "it is empty"
    return f"the event has no {key!r} ({has}): {_start(pd, line)} gives it one"


def _whole_number(key: int, pd: Pd) -> str | None:
    values = [value for left in pd.steps.values() for value in left.values()]
    if any(isinstance(value, dict) and str(key) in value for value in values):
        return f'what steps leave is JSON, whose keys are text: write ["{key}"]'
    return None


def _event(pd: Pd) -> Any:
    return pd.steps.get("trigger", {}).get("event")


def _callback(pd: Pd) -> list[Any]:
    run = pd.context.get("run", {})
    return [run["callback_request"]] if "callback_request" in run else []


def _start(pd: Pd, line: str) -> str:
    """The magic that gives the event what *line* reads of it."""
    found = _READS_EVENT.search(line.replace('["event"]', " event ").replace("['event']", " event "))
    magic = "%pdnb test --event" if pd.context.get("test") else "%pdnb run"
    return f'{magic} {{"{found[1]}": …}}' if found else f"{magic} {{…}}"


def _source(trace: TracebackType | None) -> tuple[str, str, str]:
    """The innermost expression that was executed, its line, and the cell (or file) that it stands in."""
    if trace is None:
        return "", "", ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    lines = linecache.getlines(code.co_filename)
    first, last, start, end = next(islice(code.co_positions(), trace.tb_lasti // 2, None))
    if first is None or last is None or start is None or end is None:  # Python was told to keep no positions
        first, last, start, end = trace.tb_lineno, trace.tb_lineno, 0, None
    text = [line.encode() for line in lines[first - 1 : last]] or [b""]  # positions count bytes
    whole = b"".join(text).decode()
    text[-1] = text[-1][:end]
    text[0] = text[0][start:]
    return b"".join(text).decode(errors="replace"), whole, "".join(lines)


def _listed(names: Iterable[str], most: int = 8) -> str:
    found = [repr(name) for name in names]
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")
