"""Messages about what is wrong with an answer: one line each, with a few values in it, clipped.

Rules: what a person sent is shown as JSON and never whole; of several ways to answer, what the only likely one lacks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pdnb.errors import NotJSON
from pdnb.forms.formats import FORMATS
from pdnb.model import JSON
from pdnb.text import clip, plain

if TYPE_CHECKING:
    from jsonschema import ValidationError

Path: TypeAlias = tuple[str | int, ...]

#: Characters of a value, a name or a pattern in a line.
MAX_SHOWN: Final = 80


def explained(error: ValidationError) -> Iterator[tuple[Path, str, ValidationError]]:
    """Where an error is and what it says; of several ways to be right, what the only likely one says."""
    branches: dict[object, list[ValidationError]] = {}
    for inner in (error.context or ()) if error.validator in {"anyOf", "oneOf"} else ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    wrong = ("type", "const", "enum")
    likely = [b for b in branches.values() if not any(e.validator in wrong and not e.path for e in b)]
    if len(likely) == 1:
        for inner in likely[0]:
            yield from explained(inner)
    else:
        yield tuple(error.absolute_path), _message(error, branches, likely), error


#: What a keyword says of an answer: *value* is the answer as it is shown, *size* its length, *wanted* what is allowed.
_SENTENCES: Final[dict[str | None, str]] = {
    "minimum": "{value} is less than the minimum of {wanted}",
    "maximum": "{value} is more than the maximum of {wanted}",
    "exclusiveMinimum": "{value} is not more than {wanted}",
    "exclusiveMaximum": "{value} is not less than {wanted}",
    "minLength": "is too short: {size:,} of at least {wanted:,} characters",
    "maxLength": "is too long: {size:,} characters, at most {wanted:,}",
    "minItems": "has {size:,} entries, at least {wanted:,} are needed",
    "maxItems": "has {size:,} entries, at most {wanted:,} may be there",
    "minProperties": "has {size:,} fields, at least {wanted:,} are needed",
    "maxProperties": "has {size:,} fields, at most {wanted:,} may be there",
    "not": "{value} is not allowed",
    None: "{value} is not allowed",  # a schema that is just ``false``
}


def _message(error: ValidationError, branches: Mapping[object, list[ValidationError]], likely: list[Any]) -> str:
    word, wanted, given = error.validator, error.validator_value, error.instance
    size = len(given) if isinstance(given, (str, list, dict)) else 0
    value = shown(given)
    match word:
        case "type":
            return f"{value} is not {_either(wanted if isinstance(wanted, list) else [wanted])}"
        case "format":
            return f"{value} is not {FORMATS[wanted][0]}"
        case "enum":
            return f"{value} is not one of {_several(wanted)}"
        case "const":
            return f"{value} is not {shown(wanted)}"
        case "minLength" if size == 0:
            return "must not be empty"
        case "anyOf" | "oneOf":
            return f"{value} {_fits_no_way(len(wanted), branches, likely)}"
        case _ if word in _SENTENCES:
            return _SENTENCES[word].format(value=value, size=size, wanted=wanted)
    return line(error.message, 2 * MAX_SHOWN)  # our own words, or those of a keyword that is seldom in a form


def _fits_no_way(ways: int, branches: Mapping[object, list[ValidationError]], likely: list[Any]) -> str:
    if not branches:
        return f"fits more than one of the {ways} ways to answer"
    return f"fits none of the {ways} ways to answer" if likely else f"is not {_alternatives(branches)}"


def _alternatives(branches: Mapping[object, list[ValidationError]]) -> str:
    values: list[JSON] = []
    types: list[str] = []
    for error in (e for errors in branches.values() for e in errors if not e.path):
        wanted = error.validator_value
        match error.validator:
            case "const":
                values.append(wanted)
            case "enum":
                values += wanted
            case "type":
                types += wanted if isinstance(wanted, list) else [wanted]
    parts = [f"one of {_several(values)}"] * bool(values) + [_either(list(dict.fromkeys(types)))] * bool(types)
    return " or ".join(parts)


_TYPES: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no (true or false)",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _either(types: list[str]) -> str:
    return " or ".join(_TYPES.get(name, name) for name in types)


def _several(values: list[JSON]) -> str:
    return ", ".join(map(shown, values[:10])) + (f" and {len(values) - 10} more" if len(values) > 10 else "")


def shown(value: JSON) -> str:
    """A value in a line: as JSON, clipped; of what holds other values only its kind."""
    match value:
        case list():
            return "a list"
        case dict():
            return "an object"
        case Decimal():  # a text that is one
            return clip(str(value), MAX_SHOWN)
        case str():
            return json.dumps(clip(plain(value[: 2 * MAX_SHOWN]), MAX_SHOWN), ensure_ascii=False)
        case bool() | int() | float() | None:
            return clip(json.dumps(value), MAX_SHOWN)
    return type(value).__name__


def place(path: Path) -> str:
    """A path in a line: ``items[2].name``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{clip(part, MAX_SHOWN)}" for part in path)
    return clip("".join(parts).removeprefix("."), 2 * MAX_SHOWN) or '""'


def not_json(error: NotJSON) -> str:
    """Why something is not JSON, in one line, also if the path to it is long."""
    path, _, reason = str(error).partition(": ")
    return line(f"{clip(path, 2 * MAX_SHOWN)}: {reason}")


def line(text: object, length: int = 300) -> str:
    """Any text as one line of at most *length* characters."""
    return clip(" ".join(plain(str(text)[: 2 * length]).split()), length)
