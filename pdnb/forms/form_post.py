"""A form post and back: the strings that fields hold, and the answer they mean."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from pdnb import json_text
from pdnb.forms import moments
from pdnb.forms.fields import Field, Group, form_layout
from pdnb.forms.schemas import Schema
from pdnb.json_text import OutOfRange
from pdnb.model import JSON

_Strings: TypeAlias = str | list[str]

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,3000}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}")
_SCALAR: Final = re.compile(r'-?[0-9].*|true|false|null|".*"', re.DOTALL)
_YES: Final = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_NOTHING: Final[Any] = object()


def from_strings(schema: Schema, sent: Mapping[str, JSON]) -> dict[str, JSON]:
    """The answer that a form post means; a name sent several times comes with a list.

    A name that is no field of the form stays as it is, and so does what is no text (a file that was sent along).
    A moment without an offset is one in the zone that was sent with it, or in that of this machine. A number in a
    ``mixed`` field is a number as far as the schema takes one that keeps all its digits; in quotation marks it is a
    text. Never raises: :func:`problems` says what is wrong.
    """
    fields, groups = form_layout(schema)
    pairs: dict[str, _Strings] = {name: value for name, value in sent.items() if _is_text(value)}
    whole = {group.path for group in groups if group.name in sent}  # sent in one piece, as JSON
    body: dict[str, JSON] = {}
    for field in fields:
        if not any(field.path[: len(path)] == path for path in whole):
            answer = _answer(field, pairs.get(field.name))
            if answer is not _NOTHING:
                _put(body, field.path, answer)
    for group in reversed(groups):  # the inner ones first
        if group.path in whole:
            value = sent[group.name]
            _put(body, group.path, _json_or_text(value) if isinstance(value, str) else value)
        elif not group.needed:
            inside = [field for field in fields if field.path[: len(group.path)] == group.path]
            _settle(body, group, inside, touched=any(field.name in pairs for field in inside))
        elif _get(body, group.path) is _NOTHING:
            _put(body, group.path, {})
    read = {field.name for field in fields if field.name in pairs} | {group.name for group in groups}
    return body | {name: value for name, value in sent.items() if name not in read}


def to_strings(schema: Schema, body: Mapping[str, JSON]) -> dict[str, _Strings]:
    """What the fields of a form hold when they show *body*, which need not fit: the inverse of :func:`from_strings`.

    ``null`` is an empty field, ``false`` an absent checkbox.
    """
    strings: dict[str, _Strings] = {}
    for field in form_layout(schema)[0]:
        value = _get(body, field.path)
        if value is not _NOTHING:
            _show(strings, field, value)
    return strings


def default_strings(schema: Schema) -> dict[str, _Strings]:
    """What the fields of a form hold to begin with."""
    strings: dict[str, _Strings] = {}
    for field in form_layout(schema)[0]:
        if field.default is not None:
            _show(strings, field, field.default)
    return strings


# ---- objects inside -----------------------------------------------------------------------------------------------


def _get(body: JSON, path: Sequence[str]) -> JSON:
    for name in path:
        if not isinstance(body, Mapping) or name not in body:
            return _NOTHING
        body = body[name]
    return body


def _put(body: dict[str, JSON], path: Sequence[str], value: JSON) -> None:
    for name in path[:-1]:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):  # a part of it was sent in one piece, and is no object
            return
        body = inner
    body[path[-1]] = value


def _settle(body: dict[str, JSON], group: Group, inside: Sequence[Field], *, touched: bool) -> None:
    """An object that may be left out is left out (or ``null``) when nothing was filled in beside what was there."""
    if any(_is_filled(field, _get(body, field.path)) for field in inside) and touched:
        return
    holder = _get(body, group.path[:-1])
    if isinstance(holder, dict):
        holder.pop(group.path[-1], None)
    if group.nullable and (group.required or (touched and group.default is not None)):
        _put(body, group.path, None)


def _is_filled(field: Field, value: JSON) -> bool:
    if value is _NOTHING or value is None:
        return False
    empty = value is False or value == []
    return not (empty if field.default in (None, False, []) else value == field.default)


# ---- one field ----------------------------------------------------------------------------------------------------


def _is_text(sent: JSON) -> bool:
    return isinstance(sent, str) or (isinstance(sent, list) and all(isinstance(text, str) for text in sent))


def _answer(field: Field, given: _Strings | None) -> JSON:
    """What *given* means, or ``_NOTHING``."""
    match field.kind:
        case "choices":
            keys = [given] if isinstance(given, str) else given or []
            if not keys and not field.required and field.min_items:
                return _NOTHING  # nothing ticked is no answer where an empty list would be none
            values = {choice.key: choice.value for choice in field.choices}
            return [copy.deepcopy(values.get(key, key)) for key in keys]
        case "boolean":
            text = (given[-1] if given else "") if isinstance(given, list) else given or ""
            return _YES.get(text.strip().lower(), text if text.strip() else False)
        case "list":
            return _NOTHING if given is None else _list(field, given)
        case "datetime" if isinstance(given, list) and len(given) == 2:  # with the zone that was picked
            return _one(field, given[0], zone=given[1])
    if given is None or (isinstance(given, list) and len(given) != 1):
        return _NOTHING if given is None else given
    return _one(field, given if isinstance(given, str) else given[0])


def _one(field: Field, text: str, zone: str = "") -> JSON:
    if field.kind == "choice":
        for choice in field.choices:
            if choice.key == text:
                return copy.deepcopy(choice.value)
    if field.kind == "multiline":
        text = text.replace("\r\n", "\n")  # how a text area is sent
    if not (text if field.kind in {"text", "multiline"} else text.strip()):
        return None if field.required and field.nullable else _NOTHING
    return _read(field, text, zone)


def _list(field: Field, given: _Strings) -> JSON:
    """The entries: one a line, or a name for each, or JSON."""
    entry = field.entry
    if entry is None:
        raise ValueError(f"the field {field.name!r} is a list and has no entries")
    if isinstance(given, str) or len(given) == 1:
        text = given if isinstance(given, str) else given[0]
        if text.lstrip().startswith("["):
            found = _json_or_text(text)
            if isinstance(found, list):
                return found
        given = text.splitlines() if entry.kind != "text" else text.replace("\r\n", "\n").split("\n")
    lines = [line.strip() for line in given]
    entries = [_read(entry, line, "") for line in lines if line]
    if entries or not (field.nullable or field.min_items):
        return entries
    if field.required:
        return None if field.nullable else []
    return _NOTHING


def _read(field: Field, text: str, zone: str) -> JSON:  # one case per kind
    bare = text.strip()
    match field.kind:
        case "number" | "integer":
            if _WHOLE.fullmatch(bare):
                return int(bare)
            number = float(bare) if len(bare) <= 3_000 and _NUMBER.fullmatch(bare) else math.inf
            return number if math.isfinite(number) else text
        case "decimal" | "date":
            return bare
        case "time":
            return f"{bare}:00" if _CLOCK.fullmatch(bare) else bare
        case "datetime":
            return moments.aware(bare, zone)
        case "json":
            return _json_or_text(text)
        case "mixed":
            return _mixed(field, text)
    return text


def _json_or_text(text: str) -> JSON:
    try:
        return json_text.loads(text)
    except ValueError:
        return text


def _mixed(field: Field, text: str) -> JSON:
    bare, default = text.strip(), field.default
    if isinstance(default, str) and text == default:
        return default  # nobody touched it
    value = _json_or_text(bare) if _SCALAR.fullmatch(bare) else bare
    if isinstance(value, str):
        return value if value is not bare and "string" in field.takes else text
    return value if "string" not in field.takes or _is_meant(field, value, bare) else text


def _is_meant(field: Field, value: JSON, text: str) -> bool:
    """Whether *value*, which was written as *text*, is what the schema takes, and not that text."""
    match value:
        case None:
            return field.nullable
        case bool():
            return "boolean" in field.takes
        case int():
            return not {"integer", "number"}.isdisjoint(field.takes)
        case float():
            return "number" in field.takes and _keeps_digits(value, text)
    return False


def _keeps_digits(number: float, text: str) -> bool:
    return isinstance(number, OutOfRange) or Decimal(repr(number)) == Decimal(text)


def _show(strings: dict[str, _Strings], field: Field, value: JSON) -> None:
    if field.kind == "choices" and isinstance(value, list):
        strings[field.name] = [_key(field, entry) for entry in value]
    elif field.kind == "boolean" and isinstance(value, bool):
        strings |= {field.name: "on"} if value else {}
    elif value is None and (field.nullable or field.kind != "json"):
        strings[field.name] = ""
    elif field.kind == "list" and isinstance(value, list):
        strings[field.name] = _lines(field, value)
    elif field.kind == "json":
        strings[field.name] = _json(value)
    elif field.kind == "mixed" and isinstance(value, str):
        strings[field.name] = value if _mixed(field, value) == value and value.strip() else _json(value)
    else:
        strings[field.name] = _key(field, value)


def _lines(field: Field, entries: list[JSON]) -> str:
    """One entry a line, or JSON where lines would be read as something else."""
    entry = field.entry
    if entry is not None and not any(isinstance(each, list | dict | None) for each in entries):
        shown: dict[str, _Strings] = {}
        lines = []
        for each in entries:
            _show(shown, entry, each)
            lines.append(str(shown[entry.name]))
        text = "\n".join(lines)
        if not entries or _same(_list(field, text), entries):
            return text
    return _json(entries)


def _same(one: JSON, other: JSON) -> bool:
    return _json(one) == _json(other)


def _key(field: Field, value: JSON) -> str:
    for choice in field.choices:
        if choice.value == value and isinstance(choice.value, bool) == isinstance(value, bool):
            return choice.key
    return value if isinstance(value, str) else _json(value)


def _json(value: JSON) -> str:
    """As JSON, also where a number is out of range: then as it was written."""
    if isinstance(value, OutOfRange):
        return value.text
    return json.dumps(value, ensure_ascii=False)
