"""What a person has to correct in an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pdnb.codec import checked
from pdnb.errors import NotJSON
from pdnb.forms.formats import format_checker
from pdnb.forms.lazy_jsonschema import import_jsonschema
from pdnb.forms.messages import Path, explained, line, not_json, place, shown
from pdnb.forms.schemas import Schema, resolved
from pdnb.model import JSON

if TYPE_CHECKING:
    from jsonschema import ValidationError

MAX_ANSWER: Final = 1024 * 1024  # bytes of JSON
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
        text = checked(body, "the answer")
        if len(text) > MAX_ANSWER:
            return (f"the answer is too long: at most {MAX_ANSWER:,} bytes of JSON",)
        body = json.loads(text)
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

    from pdnb.forms.keywords import CHECKS

    left = _BUDGET

    def within_budget(check: Callable[..., Any]) -> Callable[..., Any]:
        def run(validator: Any, value: JSON, instance: JSON, schema: Schema) -> Any:
            nonlocal left
            left -= 1 + (len(value) // 10 if isinstance(value, (list, dict)) else 0)
            if left < 0:
                raise _OverBudget
            return check(validator, value, instance, schema)

        return run

    checks = {word: within_budget(check) for word, check in {**Draft.VALIDATORS, **CHECKS}.items()}
    nothing_else: Registry[Any] = Registry()  # jsonschema's own would fetch what a $ref names
    validator = extend(Draft, checks)(schema, format_checker=format_checker(), registry=nothing_else)
    found: list[ValidationError] = []
    for error in validator.iter_errors(body):
        found.append(error)
        if len(found) == _MOST_ERRORS:
            break
    return found


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
