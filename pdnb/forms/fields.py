"""A form's fields: what a page, a card or a panel shows for each property of a schema."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pdnb.forms.schemas import Schema, resolved
from pdnb.model import JSON
from pdnb.text import clip

Kind: TypeAlias = Literal[
    "text", "multiline", "number", "integer", "decimal", "boolean", "choice", "choices", "date", "time", "datetime",
    "list", "mixed", "json",
]  # fmt: skip

#: What an entry of a list may be, so that a line holds it.
_ENTRIES: Final = frozenset({"text", "number", "integer", "decimal", "date", "time", "datetime", "mixed"})
_MAX_DEPTH: Final = 3
#: Words of an object's schema that its fields alone do not say.
_MORE_THAN_FIELDS: Final = frozenset(
    {"patternProperties", "anyOf", "oneOf", "allOf", "not", "if", "dependentSchemas", "propertyNames", "enum", "const"}
)


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
    ``nullable``: the answer may be ``null``. ``name`` is its ``path`` from the top of the answer, with points between
    the names; the properties of an object inside are fields of their own.

    Kinds beside those of HTML: ``decimal`` is a number that is kept as text, so that no digit is lost. ``datetime`` is
    a moment with its offset. ``list`` is one entry a line, each an ``entry``. ``mixed`` is a text, a number, ``true``
    or ``false``, as far as the schema ``takes`` these types.
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
    path: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    entry: Field | None = None
    min_items: int = 0


@dataclass(frozen=True)
class Group:
    """An object in the answer whose properties are fields of their own; *needed*: without it there is no answer."""

    path: tuple[str, ...]
    needed: bool
    required: bool
    nullable: bool
    default: JSON

    @property
    def name(self) -> str:
        """As that of a field."""
        return ".".join(self.path)


def hint_of(field: Field) -> str:
    """What helps people to fill in *field*, besides what the form's author wrote; ``""``: nothing."""
    if field.kind == "mixed" and {"number", "integer"} & set(field.takes) and "string" in field.takes:
        return "In quotation marks a number is a text."
    return "One per line." if field.kind == "list" else ""


def form_fields(schema: Schema) -> tuple[Field, ...]:
    """The fields of the form that :func:`form_schema` returned, in the order of its properties."""
    return form_layout(schema)[0]


def form_names(schema: Schema) -> frozenset[str]:
    """The names that a form post may use for its fields."""
    fields, groups = form_layout(schema)
    return frozenset([*(field.name for field in fields), *(group.name for group in groups)])


def form_layout(schema: Schema) -> tuple[tuple[Field, ...], tuple[Group, ...]]:
    """The fields of a form, and the objects that hold some of them, each before those inside it."""
    top = resolved(schema, schema)
    layout = _Layout(schema, frozenset(top.get("properties", {})))
    layout.add(top, (), needed=True, defaults={}, above=())
    return tuple(layout.fields), tuple(layout.groups)


class _Layout:
    """Fields and groups as they are found in the schema *root*, whose own properties are *names*."""

    def __init__(self, root: Schema, names: frozenset[str]) -> None:
        self._root, self._names = root, names
        self.fields: list[Field] = []
        self.groups: list[Group] = []

    def add(
        self, node: Schema, path: tuple[str, ...], *, needed: bool, defaults: Schema, above: tuple[int, ...]
    ) -> None:
        """The properties of the object *node*, with the object's *defaults* before their own."""
        required, properties = node.get("required", ()), node.get("properties", {})
        above = (*above, id(properties))
        for name, own in properties.items():
            inner, nullable = merged(self._root, own)
            if name in defaults:
                inner = {**inner, "default": defaults[name]}
            where, asked = (*path, name), name in required
            if self._is_group(inner, where, above):
                default = inner.get("default")
                group = Group(where, needed and asked and not nullable, asked, nullable, copy.deepcopy(default))
                self.groups.append(group)
                inside = default if isinstance(default, dict) else {}
                self.add(inner, where, needed=group.needed, defaults=inside, above=above)
            else:
                title = own.get("title") if isinstance(own, dict) else None  # not that of a class that it refers to
                self.fields.append(
                    _field(self._root, where, title, inner, required=asked and needed, nullable=nullable)
                )

    def _is_group(self, node: Schema, path: tuple[str, ...], above: tuple[int, ...]) -> bool:
        """Whether an object is shown by its fields, and not as JSON."""
        properties, default = node.get("properties"), node.get("default")
        if node.get("type") != "object" or not properties or len(path) >= _MAX_DEPTH or id(properties) in above:
            return False
        if node.keys() & _MORE_THAN_FIELDS or (isinstance(default, dict) and default.keys() - properties.keys()):
            return False
        names = {".".join((*path, name)) for name in properties}
        return not any("." in name for name in (*path, *properties)) and not names & self._names


def default_answer(schema: Schema) -> dict[str, JSON]:
    """What an answer begins with: the properties that have a default, copied."""
    properties = resolved(schema, schema).get("properties", {})
    nodes = {name: merged(schema, node)[0] for name, node in properties.items()}
    return {name: copy.deepcopy(node["default"]) for name, node in nodes.items() if "default" in node}


def _field(
    root: Schema, path: tuple[str, ...], title: str | None, node: Schema, *, required: bool, nullable: bool
) -> Field:
    kind, choices = _kind(root, node, nullable=nullable)
    number = kind in {"number", "integer", "decimal"}
    bounds = _number_in(root, node) if kind == "decimal" else node
    low, high = _bounds(bounds, whole=kind == "integer") if number else (None, None)
    example = next((e for e in node.get("examples", ()) if isinstance(e, (str, int, float))), None)
    above = "".join(f"{_title_from(part)}: " for part in path[:-1])
    items, entry_nullable = merged(root, node.get("items", {})) if kind == "list" else ({}, False)
    return Field(
        name=".".join(path),
        title=above + (title or _title_from(path[-1])),
        description=node.get("description", ""),
        kind=kind,
        required=required,
        default=copy.deepcopy(node.get("default")),
        choices=choices,
        minimum=low,
        maximum=high,
        step=bounds.get("multipleOf", 1 if kind == "integer" else None) if number else None,
        max_length=node.get("maxLength") if kind in {"text", "multiline"} else None,
        pattern=node.get("pattern") if kind in {"text", "multiline"} else None,
        placeholder=None if example is None else str(example),
        nullable=nullable,
        path=path,
        takes=_types(root, node) or () if kind == "mixed" else (),
        entry=_field(root, path, None, items, required=True, nullable=entry_nullable) if kind == "list" else None,
        min_items=node.get("minItems", 0) if kind in {"choices", "list"} else 0,
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
            return _kind_of_list(root, node)
    return _kind_of_union(root, node), ()


def _kind_of_text(node: Schema) -> Kind:
    named: dict[str, Kind] = {"date": "date", "time": "time", "date-time": "datetime", "decimal": "decimal"}
    return named.get(node.get("format", ""), "multiline" if _is_long(node) else "text")


def _kind_of_list(root: Schema, node: Schema) -> tuple[Kind, tuple[Choice, ...]]:
    items, nullable = merged(root, node.get("items", {}))
    if "prefixItems" in node or nullable:
        return "json", ()
    entries = _values(root, items)
    if entries:
        return "choices", _choices(entries)
    return ("list" if entries is None and _kind(root, items, nullable=False)[0] in _ENTRIES else "json"), ()


def _kind_of_union(root: Schema, node: Schema) -> Kind:
    types = set(_types(root, node) or ())
    if types == {"number", "string"} and _is_decimal(root, node):
        return "decimal"
    if types == {"string"}:
        return "text"
    if types and types <= {"number", "integer"}:
        return "number" if "number" in types else "integer"
    return "mixed" if types else "json"


def _types(root: Schema, node: Schema, depth: int = 0) -> tuple[str, ...] | None:
    """The types that *node* takes besides ``null``, if a line can hold each; otherwise ``None``."""
    values = [node["const"]] if "const" in node else node.get("enum")
    if values is not None:
        return (
            None
            if any(isinstance(v, list | dict) for v in values)
            else tuple(_type(v) for v in values if v is not None)
        )
    named = node.get("type")
    if named is not None:
        names = named if isinstance(named, list) else [named]
        return None if {"array", "object"} & set(names) else tuple(name for name in names if name != "null")
    branches = node.get("anyOf") or node.get("oneOf")
    if not branches or depth > 4:
        return None
    found = [_types(root, resolved(root, branch), depth + 1) for branch in branches]
    return None if None in found else tuple(dict.fromkeys(name for types in found for name in types or ()))


def _type(value: JSON) -> str:
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
    return "number"


def _is_decimal(root: Schema, node: Schema) -> bool:
    """A number, or text that can only be one: how pydantic writes a ``Decimal``."""
    texts = [branch for branch in _branches(root, node) if branch.get("type") == "string"]
    return bool(texts) and all(
        branch.get("format") == "decimal" or _is_of_digits(branch.get("pattern")) for branch in texts
    )


def _is_of_digits(pattern: str | None) -> bool:
    return (
        pattern is not None
        and bool(re.search(pattern, "1"))
        and not any(re.search(pattern, s) for s in ("a", "1a", "-"))
    )


def _number_in(root: Schema, node: Schema) -> Schema:
    return next((branch for branch in _branches(root, node) if branch.get("type") == "number"), {})


def _branches(root: Schema, node: Schema) -> list[Schema]:
    return [resolved(root, branch) for branch in node.get("anyOf") or node.get("oneOf") or [node]]


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
