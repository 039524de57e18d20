"""Checks ``form=`` and turns it into a plain JSON Schema without external references."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, TypeAlias
from urllib.parse import unquote

from pdnb.codec import checked
from pdnb.errors import NotJSON
from pdnb.forms.lazy_jsonschema import import_jsonschema
from pdnb.forms.messages import line, not_json, shown
from pdnb.forms.model_schema import model_schema
from pdnb.model import JSON
from pdnb.text import clip

Schema: TypeAlias = dict[str, JSON]

MAX_SCHEMA: Final = 64 * 1024  # bytes
MAX_FIELDS: Final = 100

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_IN_DICT: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_IN_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_ALONE: Final = (
    *("items", "contains", "unevaluatedItems", "additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("not", "if", "then", "else", "contentSchema"),
)


def form_schema(form: object) -> Schema:
    """The JSON Schema that ``form=`` stands for: *form* itself, or what a pydantic model class says of itself.

    Comes back as a copy without ``$schema`` and ``$id``. Raises ``TypeError`` for what is no schema at all or not
    JSON, and ``ValueError`` for a schema that cannot be a form; each in one line that begins with ``form``.
    """
    if isinstance(form, type) and callable(getattr(form, "model_json_schema", None)):
        try:
            form = model_schema(form)
        except Exception as error:
            raise ValueError(f"form: the model has no JSON Schema: {line(error)}") from error
    if not isinstance(form, dict):
        named = f"the class {form.__name__}" if isinstance(form, type) else f"a value of type {type(form).__name__}"
        raise TypeError(f"form: a JSON Schema (a dict) or a pydantic model class is needed, not {named}")
    try:
        text = checked(form, "form")
    except NotJSON as error:
        raise NotJSON(not_json(error)) from None
    if len(text) > MAX_SCHEMA:
        raise ValueError(f"form: the schema has {len(text):,} bytes (at most {MAX_SCHEMA:,})")
    root: Schema = json.loads(text)
    dialect = root.pop("$schema", _DIALECT)
    if dialect not in (_DIALECT, f"{_DIALECT}#"):
        raise ValueError(f"form: $schema names another dialect; leave it out, or write {_DIALECT}")
    root.pop("$id", None)
    _check_valid(root)
    _check_refs(root)
    top = resolved(root, root)
    properties = top.get("properties", {})
    if top.get("type") != "object" and ("type" in top or not properties):
        raise ValueError('form: an object with properties is needed: {"type": "object", "properties": {…}}')
    if len(properties) > MAX_FIELDS:
        raise ValueError(f"form: {len(properties)} properties are too many for a person (at most {MAX_FIELDS})")
    return root


def _check_valid(root: Schema) -> None:
    import_jsonschema()
    from jsonschema import Draft202012Validator as Draft

    try:
        errors = Draft(Draft.META_SCHEMA, format_checker=Draft.FORMAT_CHECKER).iter_errors(root)
        error = min(errors, key=lambda e: (-len(e.absolute_path), e.message), default=None)
    except RecursionError:
        raise ValueError("form: the schema is nested too deeply") from None
    if error is not None:
        path = "/".join(("", *map(str, error.absolute_path)))
        raise ValueError(f"form: not a JSON Schema: {clip(path, 200) or '/'}: {line(error.message)}")


def _check_refs(root: Schema) -> None:
    reached = dict(_subschemas(root))
    for path, node in reached.values():
        for word in ("$id", "$schema", "$dynamicRef", "$recursiveRef"):
            if word in node:
                raise ValueError(f"form: {path or '/'}: {word} cannot stand in a form; refer to #/$defs/…")
        ref = node.get("$ref")
        if ref is None:
            continue
        if ref != "#" and not ref.startswith("#/"):
            raise ValueError(f"form: {path or '/'}: $ref {shown(ref)} leads outside; only #/… is followed")
        try:
            target = _target(root, ref)
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"form: {path or '/'}: $ref {shown(ref)} leads nowhere") from None
        if not isinstance(target, bool) and id(target) not in reached:
            raise ValueError(f"form: {path or '/'}: $ref {shown(ref)} leads to something that is not a schema")
        if "$ref" in resolved(root, node):
            raise ValueError(f"form: {path or '/'}: $ref {shown(ref)} leads back to itself")


def _subschemas(root: Schema) -> Iterator[tuple[int, tuple[str, Schema]]]:
    """Every object in *root* that is a schema, and not a value or a name: its id, its path and itself."""
    todo: list[tuple[str, object]] = [("", root)]
    while todo:
        path, node = todo.pop()
        if isinstance(node, dict):
            yield id(node), (path, node)
            todo += [(f"{path}/{word}", node[word]) for word in _ALONE if word in node]
            todo += [(f"{path}/{word}/{i}", n) for word in _IN_LIST for i, n in enumerate(node.get(word, ()))]
            todo += [(f"{path}/{word}/{clip(k, 99)}", n) for word in _IN_DICT for k, n in node.get(word, {}).items()]


def resolved(root: Schema, node: JSON) -> Schema:
    """*node* with what its local ``$ref`` leads to, its own words first; still with ``$ref`` if that leads nowhere."""
    for _ in range(32):
        if not isinstance(node, dict):
            return {}
        every = node.get("allOf")
        if "$ref" not in node and isinstance(every, list) and len(every) == 1 and isinstance(every[0], dict):
            node = {**every[0], **{word: value for word, value in node.items() if word != "allOf"}}
            continue
        ref = node.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#"):
            return node
        try:
            target = _target(root, ref)
        except (LookupError, TypeError, ValueError):
            return node
        own = {word: value for word, value in node.items() if word != "$ref"}
        node = {**target, **own} if isinstance(target, dict) else own
    return node if isinstance(node, dict) else {}


def _target(root: Schema, ref: str) -> JSON:
    node: JSON = root
    for part in unquote(ref).split("/")[1:]:
        word = part.replace("~1", "/").replace("~0", "~")
        node = node[int(word) if isinstance(node, list) and word.isdigit() else word]
    return node
