"""Safe questions about a notebook's objects: any of them may be a proxy, or have attributes that raise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: What :func:`deep_getattr` finds where there is nothing; ``None`` is an object like others.
MISSING: Final = object()

#: Advice, for a value that cannot be captured and for a definition that was not found.
ELSEWHERE: Final = "pass it in the event, load it in the step, or define it in a %%setup cell"
AT_TOP_LEVEL: Final = "define it at the top level of a cell, or in a %%setup cell"


class NotCaptured(Exception):
    """A name cannot be captured; the message is the rest of the sentence that begins with the name."""


def is_a(obj: object, kind: type) -> bool:
    """Whether *obj* really is a *kind*: ``isinstance`` would ask a proxy for its ``__class__``."""
    return issubclass(type(obj), kind)


def deep_getattr(obj: object, path: Iterable[str]) -> object:
    """The attribute of *obj* at the end of *path*, or ``MISSING`` if there is none or looking it up raises."""
    for part in path:
        try:
            obj = getattr(obj, part)
        except Exception:  # noqa: BLE001 - a foreign __getattr__ may raise anything
            return MISSING
    return obj


def text_in(obj: object, attribute: str) -> str | None:
    """The attribute, if it is text: ``__module__``, ``__qualname__`` and their like."""
    value = deep_getattr(obj, [attribute])
    return value if isinstance(value, str) else None


def kind_of(obj: object) -> str:
    """The kind of *obj*, for people: ``a DataFrame``, ``an object``."""
    name = type(obj).__qualname__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
