"""What a person has to correct in an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pdnb.codec import checked
from pdnb.errors import NotJSON
from pdnb.forms.formats import format_checker
from pdnb.forms.jsonschema_import import import_jsonschema
from pdnb.forms.messages import MAX_SHOWN, MAX_UNIQUE, Path, explained, line, not_json, place, shown
from pdnb.forms.schemas import Schema, resolved
from pdnb.model import JSON
from pdnb.text import clip

if TYPE_CHECKING:
    from jsonschema import ValidationError

MAX_ANSWER: Final = 1024 * 1024  # bytes of JSON
MAX_MATCHED: Final = 10_000  # characters of a text that a pattern is tried on
MAX_PROBLEMS: Final = 20

_MAX_NAME: Final = 1_000  # characters of a name in an answer
_BUDGET: Final = 100_000  # keywords checked for one answer: about a second
_MOST_ERRORS: Final = 1_000


class _OverBudget(Exception):
    """The budget is spent."""


def problems(schema: Schema, body: JSON) -> tuple[str, ...]:
    """What a person has to correct in *body*, one line each and at most 20; empty when it answers the form.

    *schema* is what :func:`form_schema` returned. ``None``, a plain click, is an empty answer. In the order of the
    properties, then of the alphabet. Never raises.
    """
    body = {} if body is None else body
    if not isinstance(body, dict):
        return (f"the answer must be an object with the form's fields, not {shown(body)}",)
    try:
        if len(checked(body, "the answer")) > MAX_ANSWER:
            return (f"the answer is too long: at most {MAX_ANSWER:,} bytes of JSON",)
        if any(len(name) > _MAX_NAME for name in _names(body)):
            return (f"the answer holds a name of more than {_MAX_NAME:,} characters",)
        return _ordered(schema, _errors(schema, body))
    except NotJSON as error:
        return (not_json(error),)
    except RecursionError:
        return ("the answer is nested too deeply to be checked",)
    except _OverBudget:
        return ("the answer is too much work to be checked: send less",)
    except Exception as error:  # noqa: BLE001  # a damaged form accepts no answer, and breaks no server
        return (f"the answer cannot be checked against this form ({type(error).__name__}: {line(error)})",)


def _errors(schema: Schema, body: Schema) -> list[ValidationError]:
    import_jsonschema()
    from jsonschema import Draft202012Validator as Draft
    from jsonschema.validators import extend
    from referencing import Registry

    left = _BUDGET

    def within_budget(check: Callable[..., Any]) -> Callable[..., Any]:
        def run(validator: Any, value: JSON, instance: JSON, schema: Schema) -> Any:
            nonlocal left
            left -= 1 + (len(value) // 10 if isinstance(value, (list, dict)) else 0)
            if left < 0:
                raise _OverBudget
            return check(validator, value, instance, schema)

        return run

    checks = {word: within_budget(check) for word, check in {**Draft.VALIDATORS, **_own_checks()}.items()}
    nothing_else: Registry[Any] = Registry()  # jsonschema's own would fetch what a $ref names
    validator = extend(Draft, checks)(schema, format_checker=format_checker(), registry=nothing_else)
    found: list[ValidationError] = []
    for error in validator.iter_errors(body):
        found.append(error)
        if len(found) == _MOST_ERRORS:
            break
    return found


def _own_checks() -> dict[str, Callable[..., Iterable[ValidationError]]]:
    """Keywords whose check in jsonschema is unbounded, in no fixed order, or says too little."""
    from fractions import Fraction

    from jsonschema import ValidationError

    def required(v: Any, names: list[str], instance: JSON, _: Schema) -> Iterable[ValidationError]:
        missing = [name for name in names if name not in instance] if v.is_type(instance, "object") else []
        return [ValidationError("is required", path=(name,)) for name in missing]

    def properties(v: Any, asked: Schema, instance: JSON, _: Schema) -> Iterable[ValidationError]:
        for name, node in asked.items() if v.is_type(instance, "object") else ():
            if name in instance and node is False:  # jsonschema would not say where
                yield ValidationError("is not asked for", path=(name,))
            elif name in instance:
                yield from v.descend(instance[name], node, path=name, schema_path=name)

    def additional(v: Any, allowed: JSON, instance: JSON, schema: Schema) -> Iterable[ValidationError]:
        if not v.is_type(instance, "object"):
            return
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name in instance:
            if name not in known and not any(re.search(p, name) for p in patterns):
                if allowed is False:
                    yield ValidationError("is not asked for", path=(name,))
                else:
                    yield from v.descend(instance[name], allowed, path=name)

    def pattern(v: Any, wanted: str, instance: JSON, _: Schema) -> Iterable[ValidationError]:
        if not v.is_type(instance, "string"):
            return
        if len(instance) > MAX_MATCHED:
            yield ValidationError(f"is too long: at most {MAX_MATCHED:,} characters")
        elif not re.search(wanted, instance):
            yield ValidationError(f"{shown(instance)} does not match the pattern {clip(wanted, MAX_SHOWN)}")

    def multiple(v: Any, of: int | float, instance: JSON, _: Schema) -> Iterable[ValidationError]:
        # as people count: 0.3 is three times 0.1
        if v.is_type(instance, "number") and (Fraction(str(instance)) / Fraction(str(of))).denominator != 1:
            yield ValidationError(f"{shown(instance)} is not a multiple of {of}")

    def unique(v: Any, wanted: bool, instance: JSON, _: Schema) -> Iterable[ValidationError]:  # noqa: FBT001
        if not wanted or not v.is_type(instance, "array"):
            return
        if len(instance) > MAX_UNIQUE:
            yield ValidationError(f"has {len(instance):,} entries, too many to compare (at most {MAX_UNIQUE:,})")
        elif len({_stand_in(entry) for entry in instance}) < len(instance):  # not each with each: that takes seconds
            yield ValidationError("holds the same entry twice")

    return {
        "required": required,
        "properties": properties,
        "additionalProperties": additional,
        "pattern": pattern,
        "multipleOf": multiple,
        "uniqueItems": unique,
    }


def _stand_in(value: JSON) -> Hashable:
    """The same for equal JSON only: ``1`` equals ``1.0``, and ``true`` does not."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return ("list", *map(_stand_in, value))
        case dict():
            return ("dict", frozenset((name, _stand_in(inner)) for name, inner in value.items()))
    plain: Hashable = value
    return plain


def _ordered(schema: Schema, errors: list[ValidationError]) -> tuple[str, ...]:
    found = [(path, message, error.validator) for error in errors for path, message, error in explained(error)]
    chosen = {path for path, _, word in found if word in {"enum", "const"}}  # says more than the type
    order = {name: number for number, name in enumerate(resolved(schema, schema).get("properties", ()))}
    lines = {
        line(f"{place(path)}: {message}" if path else f"the answer: {message}", 400): (_rank(path, order), message)
        for path, message, word in found
        if word != "type" or path not in chosen
    }
    ordered = sorted(lines, key=lines.__getitem__)
    if len(ordered) > MAX_PROBLEMS:
        more = "many" if len(errors) == _MOST_ERRORS else len(ordered) - MAX_PROBLEMS + 1
        ordered[MAX_PROBLEMS - 1 :] = [f"and {more} more"]
    return tuple(ordered)


def _rank(path: Path, order: dict[str, int]) -> tuple[tuple[int, str], ...]:
    """What sorts paths: a property by its place, what is no property after them, the whole answer last."""
    if not path:
        return ((len(order) + 1, ""),)
    first, *rest = path
    inner = ((part, "") if isinstance(part, int) else (0, part) for part in rest)
    return ((order.get(str(first), len(order)), str(first)), *inner)


def _names(value: JSON) -> Iterator[str]:
    todo = [value]
    while todo:
        match todo.pop():
            case dict() as inside:
                yield from inside
                todo += inside.values()
            case list() as inside:
                todo += inside
