"""JSON Schema keywords that pdnb checks itself.

jsonschema's own check of them is unbounded, finds things in no fixed order, or says too little. This module imports
jsonschema: it is itself imported where an answer is checked, after :func:`import_jsonschema`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError

from pdnb.forms.formats import is_decimal
from pdnb.forms.messages import MAX_SHOWN, shown
from pdnb.forms.schemas import Schema
from pdnb.model import JSON
from pdnb.text import clip

#: Characters of a text that a pattern is tried on.
MAX_MATCHED: Final = 10_000

#: Entries of a list that are compared with each other.
MAX_UNIQUE: Final = 1_000


def _required(v: Any, names: list[str], instance: JSON, _: Schema) -> Iterator[ValidationError]:
    if v.is_type(instance, "object"):
        yield from (ValidationError("is required", path=(name,)) for name in names if name not in instance)


def _properties(v: Any, asked: Schema, instance: JSON, _: Schema) -> Iterator[ValidationError]:
    for name, node in asked.items() if v.is_type(instance, "object") else ():
        if name in instance and node is False:  # jsonschema would not say where
            yield ValidationError("is not asked for", path=(name,))
        elif name in instance:
            yield from v.descend(instance[name], node, path=name, schema_path=name)


def _additional(v: Any, allowed: JSON, instance: JSON, schema: Schema) -> Iterator[ValidationError]:
    if not v.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in instance:
        if name not in known and not any(re.search(p, name) for p in patterns):
            if allowed is False:
                yield ValidationError("is not asked for", path=(name,))
            else:
                yield from v.descend(instance[name], allowed, path=name)


def _pattern(v: Any, wanted: str, instance: JSON, _: Schema) -> Iterator[ValidationError]:
    if not v.is_type(instance, "string"):
        return
    if len(instance) > MAX_MATCHED:
        yield ValidationError(f"is too long: at most {MAX_MATCHED:,} characters")
    elif not re.search(wanted, instance):
        yield ValidationError(f"{shown(instance)} does not match the pattern {clip(wanted, MAX_SHOWN)}")


def _multiple(v: Any, of: int | float, instance: JSON, _: Schema) -> Iterator[ValidationError]:
    # as people count: 0.3 is three times 0.1
    if v.is_type(instance, "number") and (Fraction(str(instance)) / Fraction(str(of))).denominator != 1:
        yield ValidationError(f"{shown(instance)} is not a multiple of {of}")


def _unique(v: Any, wanted: bool, instance: JSON, _: Schema) -> Iterator[ValidationError]:  # noqa: FBT001  # its shape
    if not wanted or not v.is_type(instance, "array"):
        return
    if len(instance) > MAX_UNIQUE:
        yield ValidationError(f"has {len(instance):,} entries, too many to compare (at most {MAX_UNIQUE:,})")
    elif len({hashable(entry) for entry in instance}) < len(instance):  # not each with each: that takes seconds
        yield ValidationError("holds the same entry twice")


def _any_of(v: Any, branches: list[Any], instance: JSON, schema: Schema) -> Iterator[ValidationError]:
    """jsonschema's own; beside it, a text that stands for a number is held against what the number has to be."""
    errors = list(Draft202012Validator.VALIDATORS["anyOf"](v, branches, instance, schema))
    yield from errors
    if errors or not isinstance(instance, str) or not is_decimal(instance):
        return
    branches = [branch for branch in branches if isinstance(branch, dict)]
    numbers = [branch for branch in branches if branch.get("type") == "number"]
    texts = [branch for branch in branches if branch.get("type") == "string"]
    if len(numbers) == 1 and texts and all({"format", "pattern"} & branch.keys() for branch in texts):
        yield from v.descend(Decimal(instance), numbers[0])


#: The checks by their keyword, in jsonschema's shape: (validator, the keyword's value, instance, schema) → errors.
CHECKS: Final[dict[str, Callable[[Any, Any, JSON, Schema], Iterator[ValidationError]]]] = {
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "pattern": _pattern,
    "multipleOf": _multiple,
    "uniqueItems": _unique,
    "anyOf": _any_of,
}


def hashable(value: JSON) -> Hashable:
    """The same for equal JSON only: ``1`` equals ``1.0``, and ``true`` does not."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return ("list", *map(hashable, value))
        case dict():
            return ("dict", frozenset((name, hashable(inner)) for name, inner in value.items()))
    plain: Hashable = value
    return plain
