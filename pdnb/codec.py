"""Runs and attempts as JSON and back: the stored format and its version; and any value as JSON text."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, Final, TypeVar

from pdnb.errors import NotJSON, StoreCorrupt
from pdnb.json_values import plain
from pdnb.model import JSON, Attempt, Decision, Pause, Prompt, RunRecord, Status

#: The schema of everything stored. A store with a higher number is refused.
SCHEMA: Final = 2

#: The most JSON one value may hold, in bytes; larger things belong in a file.
MAX_JSON: Final = 16 * 1024 * 1024

_NONE: Final = type(None)
_PLAIN: Final = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "str | None": (str, _NONE),
    "int | None": (int, _NONE),
    "dict[str, JSON]": (dict,),
    "dict[str, JSON] | None": (dict, _NONE),
}

_T = TypeVar("_T")


def dumps(value: JSON) -> str:
    """Compact ASCII JSON of a value already known to be JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def checked(value: object, path: str) -> str:
    """*value* as JSON text, also where it only means JSON: see :mod:`pdnb.json_values`.

    Raises ``NotJSON`` naming the place (``steps.load.$return_value["rows"][3]``), the type and what to write instead.
    """
    text = dumps(plain(value, path))
    if len(text) > MAX_JSON:
        size, most = len(text) / 2**20, MAX_JSON // 2**20
        raise NotJSON(f"{path}: {size:.0f} MiB of JSON is too much (at most {most} MiB): export a file's path instead")
    return text


# ---- what is stored -----------------------------------------------------------------------------------------------


def run_to_json(run: RunRecord) -> str:
    """A run as stored; it has no exports and outputs, so it stays under 4 KB."""
    return dumps(asdict(run))


def run_from_json(text: str) -> RunRecord:
    """The inverse of :func:`run_to_json`; raises ``StoreCorrupt`` for anything else."""
    raw = _object(text)
    try:
        raw["status"] = Status(raw["status"])
        raw["steps"] = tuple(raw["steps"])
        raw["pause"] = _build(Pause, raw["pause"])
        raw["early"] = _build(Decision, raw["early"])
        raw["decision"] = _build(Decision, raw["decision"])
        run = _typed(RunRecord(**raw))
        run.step  # noqa: B018  # the position must exist
        if run.position < 0 or run.status.waits != (run.pause is not None) or {*map(type, run.steps)} - {str}:
            raise ValueError("its parts contradict each other")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise StoreCorrupt(f"a stored run is damaged ({type(error).__name__}: {error}); it is not used") from error
    return run


def attempt_to_json(attempt: Attempt) -> str:
    """An attempt as stored, with its exports and outputs."""
    return dumps(attempt_dict(attempt))


def attempt_dict(attempt: Attempt) -> dict[str, Any]:
    """An attempt as a dict; its exports and outputs are not copied (``asdict`` would, by the megabyte)."""
    row = {f.name: getattr(attempt, f.name) for f in fields(attempt)}
    row["decision"] = attempt.decision and asdict(attempt.decision)
    row["pause"] = attempt.pause and asdict(attempt.pause)
    row["prompt"] = attempt.prompt and asdict(attempt.prompt)
    return row


def attempt_from_json(text: str) -> Attempt:
    """The inverse of :func:`attempt_to_json`; raises ``StoreCorrupt`` for anything else."""
    raw = _object(text)
    try:
        raw["outputs"] = tuple(raw["outputs"])
        raw["mails"] = tuple(raw["mails"])
        raw["decision"] = _build(Decision, raw["decision"])
        raw["pause"] = _build(Pause, raw["pause"])
        raw["prompt"] = _build(Prompt, raw.get("prompt"))
        return _typed(Attempt(**raw))
    except (KeyError, TypeError) as error:
        raise StoreCorrupt(f"a stored attempt is damaged ({type(error).__name__}: {error}); it is not used") from error


def _object(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreCorrupt(f"a stored row is not JSON ({error}); it is not used") from error
    if not isinstance(raw, dict):
        raise StoreCorrupt("a stored row is not a JSON object; it is not used")
    return raw


def _build(kind: type[_T], raw: Any) -> _T | None:
    return None if raw is None else _typed(kind(**raw))


def _typed(made: _T) -> _T:
    """*made*, if its plain fields hold what their annotations say."""
    for f in fields(made):  # type: ignore[arg-type]  # all of these are dataclasses
        kinds = _PLAIN.get(str(f.type))
        if kinds is not None and type(getattr(made, f.name)) not in kinds:
            raise TypeError(f"{f.name} is no {f.type}")
    return made
