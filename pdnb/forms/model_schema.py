"""What a pydantic model says of itself, with the one thing that JSON Schema has no word for: a ``Decimal``."""

from __future__ import annotations

from inspect import signature
from typing import Any


def model_schema(model: Any) -> Any:
    """The JSON Schema of *model*, a class with ``model_json_schema()``. Raises what that raises.

    pydantic lets a ``Decimal`` be any text; here it is a number, or a text of the format ``decimal`` (so that no digit
    is lost), and both are held against the model's bounds and places.
    """
    generator = signature(model.model_json_schema).parameters.get("schema_generator")
    if generator is None or not hasattr(generator.default, "decimal_schema"):
        return model.model_json_schema()

    class WithDecimals(generator.default):  # type: ignore[misc,name-defined]  # pydantic's own, which is never imported
        def decimal_schema(self, schema: Any) -> dict[str, Any]:
            return {"anyOf": [{"type": "number", **_bounds(schema)}, {"type": "string", "format": "decimal"}]}

    return model.model_json_schema(schema_generator=WithDecimals)


def _bounds(schema: Any) -> dict[str, Any]:
    """The words of JSON Schema for what pydantic knows of a ``Decimal``."""
    words = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
    found = {word: _plain(schema[name]) for name, word in words.items() if schema.get(name) is not None}
    places, digits = schema.get("decimal_places"), schema.get("max_digits")
    if schema.get("multiple_of") is not None:
        found["multipleOf"] = _plain(schema["multiple_of"])
    elif places is not None:
        found["multipleOf"] = 1 if places == 0 else float(f"1e-{places}")
    if places is not None and digits is not None:
        beyond = 10 ** max(0, digits - places)
        if not found.keys() & {"minimum", "exclusiveMinimum"}:
            found["exclusiveMinimum"] = -beyond
        if not found.keys() & {"maximum", "exclusiveMaximum"}:
            found["exclusiveMaximum"] = beyond
    return found


def _plain(bound: Any) -> int | float:
    return int(bound) if bound == int(bound) else float(bound)
