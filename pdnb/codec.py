"""Runs and attempts as JSON and back: the stored format and its version.

Also the one definition of JSON in pdnb: ``None``, ``bool``, ``int``, finite ``float``, ``str``,
``list`` and ``dict[str, …]``, no subclass, no cycle, nothing else.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from typing import Any, Final, TypeVar

from pdnb.errors import NotJSON, StoreCorrupt
from pdnb.json_text import OutOfRange
from pdnb.model import JSON, Attempt, Decision, Pause, Prompt, RunRecord, Status

#: The schema of everything stored. A store with a higher number is refused.
SCHEMA: Final = 2

#: The most JSON one value may hold, in bytes; larger things belong in a file.
MAX_JSON: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 100

_MAX_BITS: Final = 13_000  # about 3,900 digits; Python reads no number of more than 4,300 back

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
    """*value* as JSON text; raises ``NotJSON`` naming the place (``steps.load.$return_value["rows"][3]``) and type."""
    _check(value, path, ())
    text = dumps(value)
    if len(text) > MAX_JSON:
        size, most = len(text) / 2**20, MAX_JSON // 2**20
        raise NotJSON(f"{path}: {size:.0f} MiB of JSON is too much (at most {most} MiB): export a file's path instead")
    return text


def _check(value: Any, path: str, above: tuple[int, ...]) -> None:
    """Raise ``NotJSON`` if *value* is not JSON; *above* holds the ids of the lists and dicts it stands in."""
    kind = type(value)
    if value is None or kind is bool:
        return
    if kind is str:
        _check_text(value, path)
    elif kind is list or kind is dict:
        _check_container(value, path, above)
    elif kind is int:
        if value.bit_length() > _MAX_BITS:
            raise NotJSON(f"{path}: a number of more than 3,900 digits is not JSON here (use a text)")
    elif kind is OutOfRange:
        raise NotJSON(f"{path}: {value} is a number out of range (use a text)")
    elif kind is float:
        if not math.isfinite(value):
            raise NotJSON(f"{path}: {value!r} is not JSON (use None, or a text)")
    else:
        raise NotJSON(f"{path}: {_named(value)} is not JSON")


def _check_container(value: list[Any] | dict[Any, Any], path: str, above: tuple[int, ...]) -> None:
    if id(value) in above:
        raise NotJSON(f"{path}: the {_named(value)} contains itself, so it is not JSON")
    if len(above) >= MAX_DEPTH:
        raise NotJSON(f"{path}: nested deeper than {MAX_DEPTH} levels")
    inside = (*above, id(value))
    if isinstance(value, list):
        for i, item in enumerate(value):
            _check(item, f"{path}[{i}]", inside)
        return
    for key, item in value.items():
        if type(key) is not str:
            raise NotJSON(f"{path}: the key {key!r} is {_named(key)}; JSON keys are text")
        _check_text(key, path)
        _check(item, f"{path}[{json.dumps(key, ensure_ascii=False)}]", inside)


def _check_text(value: Any, path: str) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotJSON(f"{path}: the text holds a lone surrogate, which is not Unicode") from None


def _named(value: object) -> str:
    return type(value).__name__


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
