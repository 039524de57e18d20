"""A form post and back: the strings that fields hold, and the answer they mean."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Mapping
from typing import Final

from pdnb.forms.fields import Field, Kind, form_fields, merged
from pdnb.forms.schemas import Schema, resolved
from pdnb.model import JSON

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,3000}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_YES: Final = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def from_strings(schema: Schema, sent: Mapping[str, JSON]) -> dict[str, JSON]:
    """The answer that a form post means; a name sent several times comes with a list.

    A name that is no field of the form stays as it is, and so does what is no text (a file that was sent along).
    Never raises: :func:`problems` says what is wrong.
    """
    shown = form_fields(schema)
    properties = resolved(schema, schema).get("properties", {})
    pairs: dict[str, str | list[str]] = {name: value for name, value in sent.items() if _is_text(value)}
    body: dict[str, JSON] = {}
    for field in shown:
        if field.kind == "choices":
            given = pairs.get(field.name, [])
            keys = [given] if isinstance(given, str) else given
            # nothing ticked is an empty list, or no answer where an empty list would be none
            if keys or field.required or not merged(schema, properties[field.name])[0].get("minItems"):
                values = {choice.key: choice.value for choice in field.choices}
                body[field.name] = [copy.deepcopy(values.get(key, key)) for key in keys]
        elif field.kind == "boolean":
            ticked = pairs.get(field.name, "")
            text = (ticked[-1] if ticked else "") if isinstance(ticked, list) else ticked
            body[field.name] = _YES.get(text.strip().lower(), text if text.strip() else False)
        elif field.name in pairs:
            value = pairs[field.name]
            if isinstance(value, list) and len(value) != 1:
                body[field.name] = value
            else:
                _put(body, field, value if isinstance(value, str) else value[0])
    names = {field.name for field in shown}
    return body | {name: value for name, value in sent.items() if name not in names or name not in pairs}


def to_strings(schema: Schema, body: Mapping[str, JSON]) -> dict[str, str | list[str]]:
    """What the fields of a form hold when they show *body*, which need not fit: the inverse of :func:`from_strings`.

    ``null`` is an empty field, ``false`` an absent checkbox.
    """
    strings: dict[str, str | list[str]] = {}
    for field in form_fields(schema):
        if field.name not in body:
            continue
        value = body[field.name]
        if field.kind == "choices" and isinstance(value, list):
            strings[field.name] = [_key(field, entry) for entry in value]
        elif field.kind == "boolean" and isinstance(value, bool):
            strings |= {field.name: "on"} if value else {}
        elif value is None and (field.nullable or field.kind != "json"):
            strings[field.name] = ""
        elif field.kind == "json":
            strings[field.name] = json.dumps(value, ensure_ascii=False)
        else:
            strings[field.name] = _key(field, value)
    return strings


def _is_text(sent: JSON) -> bool:
    return isinstance(sent, str) or (isinstance(sent, list) and all(isinstance(text, str) for text in sent))


def _put(body: dict[str, JSON], field: Field, text: str) -> None:
    if field.kind == "choice":
        for choice in field.choices:
            if choice.key == text:
                body[field.name] = copy.deepcopy(choice.value)
                return
    if field.kind == "multiline":
        text = text.replace("\r\n", "\n")  # how a text area is sent
    if not (text if field.kind in {"text", "multiline"} else text.strip()):
        if field.required and field.nullable:
            body[field.name] = None
        return
    body[field.name] = _read(field.kind, text)


def _read(kind: Kind, text: str) -> JSON:
    bare = text.strip()
    if kind in {"number", "integer"}:
        if _WHOLE.fullmatch(bare):
            return int(bare)
        number = float(bare) if len(bare) <= 3_000 and _NUMBER.fullmatch(bare) else math.inf
        return number if math.isfinite(number) else text
    if kind == "date":
        return bare
    if kind == "json":
        try:
            return json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return text
    return text


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _key(field: Field, value: JSON) -> str:
    for choice in field.choices:
        if choice.value == value and isinstance(choice.value, bool) == isinstance(value, bool):
            return choice.key
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
