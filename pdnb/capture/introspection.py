"""Asking a notebook's objects what they are. Any may be a stranger: a proxy, or with attributes that raise anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: What :func:`walk` finds where there is nothing; ``None`` is an object like others.
MISSING: Final = object()

#: What to do instead with a value that does not travel, and with a definition that was not found.
ELSEWHERE: Final = "pass it in the event, load it in the step, or define it in a %%setup cell"
AT_TOP_LEVEL: Final = "define it at the top level of a cell, or in a %%setup cell"


class Refusal(Exception):
    """Why a name does not travel: the rest of the sentence that begins with it."""


def is_a(obj: object, kind: type) -> bool:
    """Whether *obj* really is a *kind*: ``isinstance`` would ask a proxy for its ``__class__``."""
    return issubclass(type(obj), kind)


def walk(obj: object, path: Iterable[str]) -> object:
    """The attribute of an attribute …, or ``MISSING``."""
    for part in path:
        try:
            obj = getattr(obj, part)
        except Exception:  # noqa: BLE001 - a stranger's __getattr__ may raise anything
            return MISSING
    return obj


def text_in(obj: object, attribute: str) -> str | None:
    """The attribute, if it is text: ``__module__``, ``__qualname__`` and their like."""
    value = walk(obj, [attribute])
    return value if isinstance(value, str) else None


def a(obj: object) -> str:
    """The kind of *obj*, for people: ``a DataFrame``, ``an object``."""
    name = type(obj).__qualname__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
