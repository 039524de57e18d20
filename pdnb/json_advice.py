"""Why a value is not JSON, and the line to write instead.

Values are known by the names and attributes of their types: nothing is imported, and nothing of theirs is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

_FILE: Final = "save it to a file, and leave its path"
_FIGURE: Final = "display it, and end the step with another value, or None"
_CALL: Final = "call it, and leave what it returns"

#: By the first module and the name of the value's type, or of a base of it.
_BY_NAME: Final = {
    ("builtins", "bytes"): f"write x.decode() if it is a text, else {_FILE}",
    ("builtins", "bytearray"): f"write x.decode() if it is a text, else {_FILE}",
    ("builtins", "memoryview"): _FILE,
    ("builtins", "complex"): "write [x.real, x.imag]",
    ("builtins", "function"): _CALL,
    ("builtins", "method"): _CALL,
    ("builtins", "builtin_function_or_method"): _CALL,
    ("builtins", "type"): "write x.__name__",
    ("builtins", "BaseException"): "write str(x)",
    ("datetime", "timedelta"): "write x.total_seconds()",
    ("decimal", "Decimal"): "write str(x), which keeps every digit, or float(x), which rounds",
    ("fractions", "Fraction"): "write str(x), which is exact, or float(x), which rounds",
    ("matplotlib", "Artist"): _FIGURE,
    ("pandas", "DataFrame"): (
        'write x.to_dict("records"); where values are missing, '
        'x.astype(object).where(x.notna(), None).to_dict("records")'
    ),
    ("pandas", "NAType"): "write None",
    ("pandas", "Period"): "write str(x)",
    ("pandas", "Series"): "write x.to_dict(), or x.tolist() without its index",
    ("plotly", "BaseFigure"): _FIGURE,
    ("requests", "Response"): "write x.json(), or x.text",
}

#: By an attribute of the value's type; the first that it has.
_BY_ATTRIBUTE: Final = {
    "__await__": "write await x",
    "_asdict": "write x._asdict(), or list(x)",
    "n_sequence_fields": "write list(x)",
    "model_dump": 'write x.model_dump(mode="json")',
    "__dataclass_fields__": "write dataclasses.asdict(x)",
    "readlines": "write x.read(), or leave its path",
    "to_dict": "write x.to_dict()",
    "tolist": "write x.tolist()",
}

#: Of numpy, by the kind of the type, for an array and for a scalar.
_BY_DTYPE: Final = {
    "S": ("write x.astype(str).tolist()", "write x.decode()"),
    "c": ("write [x.real, x.imag]", "write [x.real, x.imag]"),
    "f": ("write x.astype(float).tolist(), which rounds", "write float(x), which rounds, or str(x)"),
    "m": ('write x / numpy.timedelta64(1, "s")', 'write x / numpy.timedelta64(1, "s")'),
    "V": ("write [dict(zip(x.dtype.names, row)) for row in x.tolist()]", "write dict(zip(x.dtype.names, x.item()))"),
}


def named(value: object) -> str:
    """The name of its type."""
    return type(value).__name__


def advice(value: Any, dtype: str | None = None) -> str:
    """``set is not JSON: write sorted(x)``: what *value* is, and what to write, where it is called ``x``.

    *dtype*: the kind of a numpy type, for an array or a scalar of that.
    """
    if dtype in _BY_DTYPE:
        is_array = hasattr(type(value), "__array_finalize__")
        line = _BY_DTYPE[dtype][0 if is_array else 1]
        return f"{named(value)}{f' of {value.dtype}' if is_array else ''} is not JSON: {line}"
    return f"{named(value)} is not JSON: {_line(type(value))}"


def _line(kind: type) -> str:
    for base in kind.__mro__:
        line = _BY_NAME.get((base.__module__.partition(".")[0], base.__name__))
        if line is not None:
            return line
    for attribute, line in _BY_ATTRIBUTE.items():
        if hasattr(kind, attribute):
            return line
    if issubclass(kind, AbstractSet):
        return "write sorted(x)"
    if issubclass(kind, Mapping):
        return "write dict(x)"
    if hasattr(kind, "__iter__"):
        return "write list(x)"
    return "leave what later steps need of it, as numbers, texts, lists and dicts"
