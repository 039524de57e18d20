"""A form's fields: what a page, a card or a panel shows for each property of a schema."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pdnb.forms.schemas import Schema, resolved
from pdnb.model import JSON
from pdnb.text import clip

Kind: TypeAlias = Literal["text", "multiline", "number", "integer", "boolean", "choice", "choices", "date", "json"]


@dataclass(frozen=True)
class Choice:
    """One of several answers: its ``value``, what a person reads, and the string that a form post sends for it."""

    value: JSON
    label: str
    key: str


@dataclass(frozen=True)
class Field:
    """One property of a form, as a person sees it. ``None``: the schema does not say.

    ``minimum``, ``maximum``, ``max_length`` and ``pattern`` are hints for an input; :func:`problems` decides.
    ``pattern`` is a search, not a whole match, in Python's spelling. ``step`` is ``None`` where any number will do.
    ``nullable``: the answer may be ``null``.
    """

    name: str
    title: str
    description: str
    kind: Kind
    required: bool
    default: JSON = None
    choices: tuple[Choice, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    step: int | float | None = None
    max_length: int | None = None
    pattern: str | None = None
    placeholder: str | None = None
    nullable: bool = False


def form_fields(schema: Schema) -> tuple[Field, ...]:
    """The fields of the form that :func:`form_schema` returned, in the order of its properties."""
    top = resolved(schema, schema)
    required = top.get("required", ())
    return tuple(_field(schema, name, node, name in required) for name, node in top.get("properties", {}).items())


def default_answer(schema: Schema) -> dict[str, JSON]:
    """What an answer begins with: the properties that have a default, copied."""
    properties = resolved(schema, schema).get("properties", {})
    nodes = {name: merged(schema, node)[0] for name, node in properties.items()}
    return {name: copy.deepcopy(node["default"]) for name, node in nodes.items() if "default" in node}


def _field(root: Schema, name: str, node: JSON, required: bool) -> Field:  # noqa: FBT001
    own = node.get("title") if isinstance(node, dict) else None  # a model's class gives its name to what refers to it
    node, nullable = merged(root, node)
    kind, choices = _kind(root, node, nullable=nullable)
    number = kind in {"number", "integer"}
    low, high = _bounds(node, whole=kind == "integer") if number else (None, None)
    example = next((e for e in node.get("examples", ()) if isinstance(e, (str, int, float))), None)
    return Field(
        name=name,
        title=own or _title_from(name),
        description=node.get("description", ""),
        kind=kind,
        required=required,
        default=copy.deepcopy(node.get("default")),
        choices=choices,
        minimum=low,
        maximum=high,
        step=node.get("multipleOf", 1 if kind == "integer" else None) if number else None,
        max_length=node.get("maxLength") if kind in {"text", "multiline"} else None,
        pattern=node.get("pattern") if kind in {"text", "multiline"} else None,
        placeholder=None if example is None else str(example),
        nullable=nullable,
    )


def _kind(root: Schema, node: Schema, *, nullable: bool) -> tuple[Kind, tuple[Choice, ...]]:
    values = _values(root, node)
    if values:
        return "choice", _choices(values)
    match node.get("type"):
        case "boolean" if nullable:  # a checkbox has no third state
            return "choice", _choices([(True, "Yes"), (False, "No")])
        case "boolean":
            return "boolean", ()
        case "integer":
            return "integer", ()
        case "number":
            return "number", ()
        case "string":
            return _kind_of_text(node), ()
        case "array":
            entries = _values(root, merged(root, node.get("items", {}))[0])
            if entries and "prefixItems" not in node and all(value is not None for value, _ in entries):
                return "choices", _choices(entries)
    return "json", ()


def _kind_of_text(node: Schema) -> Kind:
    if node.get("format") == "date":
        return "date"
    return "multiline" if _is_long(node) else "text"


def _is_long(node: Schema) -> bool:
    if node.get("format") in {"multiline", "textarea"} or str(node.get("contentMediaType", "")).startswith("text/"):
        return True
    return node.get("maxLength", 0) > 200 and not {"pattern", "format"} & node.keys()


def _bounds(node: Schema, *, whole: bool) -> tuple[int | float | None, int | float | None]:
    """The least and the most value; for whole numbers an exclusive bound becomes the next number."""
    lows = [node[word] for word in ("minimum", "exclusiveMinimum") if word in node]
    highs = [node[word] for word in ("maximum", "exclusiveMaximum") if word in node]
    if whole:
        lows = [math.floor(low) + 1 if low == node.get("exclusiveMinimum") else math.ceil(low) for low in lows]
        highs = [math.ceil(high) - 1 if high == node.get("exclusiveMaximum") else math.floor(high) for high in highs]
    return max(lows, default=None), min(highs, default=None)


def _values(root: Schema, node: JSON, depth: int = 0) -> list[tuple[JSON, str]] | None:
    """The values and labels *node* allows if it names them all, without ``null``; otherwise ``None``."""
    node = resolved(root, node)
    if "const" in node:
        value = node["const"]
        return [] if value is None else [(value, node.get("title") or _label(value))]
    if "enum" in node:
        return [(value, _label(value)) for value in node["enum"] if value is not None]
    branches = node.get("oneOf") or node.get("anyOf")
    if not branches or depth > 4:
        return [] if node.get("type") == "null" else None
    found: list[tuple[JSON, str]] = []
    for branch in branches:
        values = _values(root, branch, depth + 1)
        if values is None:
            return None
        found += values
    return found


def _choices(values: Iterable[tuple[JSON, str]]) -> tuple[Choice, ...]:
    """A key for each value: a text is its own; another value's is its JSON, with ``=`` before it if that is taken."""
    unique: dict[str, tuple[JSON, str]] = {}
    for value, label in values:
        unique.setdefault(json.dumps(value, sort_keys=True), (value, label))
    taken = {value for value, _ in unique.values() if isinstance(value, str)}
    choices = []
    for text, (value, label) in unique.items():
        key = value if isinstance(value, str) else text
        while key in taken and not isinstance(value, str):
            key = f"={key}"
        choices.append(Choice(value, label, key))
    return tuple(choices)


def _label(value: JSON) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else clip(json.dumps(value, ensure_ascii=False), 80)


def _title_from(name: str) -> str:
    words = " ".join(name.replace("_", " ").split()) or name
    return words[:1].upper() + words[1:]


def merged(root: Schema, node: JSON) -> tuple[Schema, bool]:
    """*node* resolved, as what it is besides ``null``, and whether it may be ``null``."""
    node = resolved(root, node)
    nullable = False
    for word in ("anyOf", "oneOf"):
        branches = [resolved(root, branch) for branch in node.get(word, ())]
        others = [branch for branch in branches if branch.get("type") != "null"]
        if len(others) < len(branches):
            nullable = True
            if len(others) == 1:
                node = {**others[0], **{key: value for key, value in node.items() if key != word}}
    types = node.get("type")
    if isinstance(types, list):
        others = [name for name in types if name != "null"]
        nullable = nullable or len(others) < len(types)
        node = {**node, "type": others[0] if len(others) == 1 else others}
    return node, nullable or None in node.get("enum", ())
