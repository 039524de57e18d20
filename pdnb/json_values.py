"""What counts as JSON, and what a value that a person wrote becomes as JSON.

Taken as they are: ``None``, ``bool``, ``int``, finite ``float``, ``str``, ``list``, ``dict``. Taken because they have
one obvious meaning in JSON:

- subclasses of ``int``, ``float`` and ``str``, and any ``Enum``: the plain number or text, the member's value;
- ``tuple`` and subclasses of ``list``: a list; subclasses of ``dict`` (``Counter``, ``OrderedDict``): an object;
- ``date``, ``time``, ``datetime`` (also pandas' ``Timestamp`` and numpy's ``datetime64``): their ISO 8601 text;
- ``UUID`` and paths: their text;
- numpy's numbers and texts, and arrays of up to 100,000 elements: a number, a text, lists.

An object's keys are text. Whole numbers, dates, UUIDs and paths become keys as their text; two keys that become the
same text are refused. No number is ever rounded. Whatever could mean several things (``set``, ``bytes``, ``Decimal``,
a DataFrame, a named tuple) or nothing (NaN, an object, a generator) is refused, with the line to write instead.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from pdnb.errors import NotJSON
from pdnb.json_advice import advice, named
from pdnb.json_text import OutOfRange

MAX_DEPTH: Final = 100

#: The most elements of a numpy array; more belong in a file.
MAX_ELEMENTS: Final = 100_000

_MAX_BITS: Final = 13_000  # about 3,900 digits; Python reads no number of more than 4,300 back

_EXACT: Final = "biufUTO"  # kinds of numpy's types whose tolist() is plain Python, without rounding
_NAMED_TUPLES: Final = ("_fields", "n_sequence_fields")  # of typing.NamedTuple, of time.struct_time


class _Unfit(Exception):
    """A value is not JSON. ``reason`` says why; ``path`` leads to it, from the inside out."""

    def __init__(self, reason: str, *path: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = [*path]


def plain(value: object, path: str) -> Any:
    """*value* as ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and ``dict``, and nothing of it shared.

    Raises ``NotJSON`` naming the place below *path*, the type, and what to write:
    ``steps.load.$return_value["rows"][3]: set is not JSON: write sorted(x)``.
    """
    try:
        return _plain(value, ())
    except _Unfit as unfit:
        raise NotJSON(f"{path}{''.join(reversed(unfit.path))}: {unfit.reason}") from None


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """*value* as JSON; *above* holds the ids of the containers that it stands in."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return _text(value)
    if kind is int:
        return _whole(value)
    if kind is float:
        return _finite(value)
    if kind is list or kind is tuple:
        return _list(value, value, above)
    if kind is dict:
        return _object(value, above)
    return _converted(value, above)


def _converted(value: Any, above: tuple[int, ...]) -> Any:
    """What is JSON only by its meaning. The order counts: an ``IntEnum`` is an ``int``, a ``datetime`` a ``date``."""
    kind = type(value)  # not isinstance, which asks a proxy for its __class__
    made: Any
    if issubclass(kind, Enum):
        made = _inside(value, value.value, above)
    elif issubclass(kind, str):
        made = _text(str.__str__(value))
    elif issubclass(kind, int):
        made = _whole(int.__int__(value))
    elif kind is OutOfRange:
        raise _Unfit(f"{value} is a number out of range (use a text)")
    elif issubclass(kind, float):
        made = _finite(float.__float__(value))
    elif issubclass(kind, dict):
        made = _object(value, above)
    elif issubclass(kind, list) or (issubclass(kind, tuple) and not any(hasattr(kind, it) for it in _NAMED_TUPLES)):
        made = _list(value, value, above)
    elif issubclass(kind, date | time):
        made = _moment(value, value.isoformat())
    elif issubclass(kind, UUID | PurePath):
        made = _text(str(value))
    else:
        made = _of_numpy(value, above)
    return made


def _of_numpy(value: Any, above: tuple[int, ...]) -> Any:
    """A scalar or an array of numpy, if *value* is one: then numpy is loaded."""
    numpy: Any = sys.modules.get("numpy")
    is_array = numpy is not None and issubclass(type(value), numpy.ndarray)
    if not is_array and (numpy is None or not issubclass(type(value), numpy.generic)):
        raise _Unfit(advice(value))
    dtype = value.dtype
    if is_array and value.size > MAX_ELEMENTS:
        count = f"{value.size:,} elements are too many (at most {MAX_ELEMENTS:,})"
        raise _Unfit(f"{named(value)}: {count}: write numpy.save(path, x), and leave the path")
    if dtype.kind == "M":  # tolist() would make plain numbers of nanoseconds
        if not is_array:
            return _moment(value, str(value))
        return _list(value, value, above) if value.ndim else _inside(value, value[()], above)
    if dtype.kind not in _EXACT or (dtype.kind == "f" and dtype.itemsize > 8):
        raise _Unfit(advice(value, dtype.kind))
    return _inside(value, value.tolist(), above)


def _inside(outer: object, value: Any, above: tuple[int, ...]) -> Any:
    """*value*, which *outer* stands for; an array of objects may hold itself."""
    _check_place(outer, above)
    return _plain(value, (*above, id(outer)))


def _check_place(container: object, above: tuple[int, ...]) -> None:
    if id(container) in above:
        raise _Unfit(f"the {named(container)} contains itself, so it is not JSON")
    if len(above) >= MAX_DEPTH:
        raise _Unfit(f"nested deeper than {MAX_DEPTH} levels")


def _list(container: object, items: Iterable[Any], above: tuple[int, ...]) -> list[Any]:
    _check_place(container, above)
    inside = (*above, id(container))
    found: list[Any] = []
    try:
        for item in items:
            found.append(_plain(item, inside))  # noqa: PERF401  # how many there are says where it failed
    except _Unfit as unfit:
        unfit.path.append(f"[{len(found)}]")
        raise
    return found


def _object(container: dict[Any, Any], above: tuple[int, ...]) -> dict[str, Any]:
    _check_place(container, above)
    inside = (*above, id(container))
    found: dict[str, Any] = {}
    key: Any = None
    for key, item in container.items():
        name = _text(key) if type(key) is str else _key(key)
        if name in found:
            other = next(it for it in container if _key(it) == name)
            raise _Unfit(f"the keys {other!r} and {key!r} are one key in JSON, {json.dumps(name)}: rename one")
        try:
            found[name] = _plain(item, inside)
        except _Unfit as unfit:
            unfit.path.append(f"[{json.dumps(name, ensure_ascii=False)}]")
            raise
    return found


def _key(key: Any) -> str:
    """A key as text: what is text as JSON, and whole numbers."""
    made: Any = None
    try:
        made = _plain(key, ())
    except _Unfit:
        if issubclass(type(key), str | int):  # a text that is not Unicode says so itself
            raise
    if type(made) is str:
        return made
    if type(made) is int:
        return str(made)
    shown = " ".join(repr(key).split())[:80]
    line = "{str(key): value for key, value in x.items()}"
    raise _Unfit(f"the key {shown} is {named(key)}; JSON keys are text: write {line}")


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Unfit("the text holds a lone surrogate, which is not Unicode") from None
    return value


def _whole(value: int) -> int:
    if value.bit_length() > _MAX_BITS:
        raise _Unfit("a number of more than 3,900 digits is not JSON here (use a text)")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _Unfit(f"{value!r} is not JSON (use None, or a text)")
    return value


def _moment(value: Any, text: str) -> str:
    if value != value:  # noqa: PLR0124  # NaT of pandas and numpy, which is no moment
        raise _Unfit("NaT is not JSON (use None, or a text)")
    return text
