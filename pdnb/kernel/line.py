"""A magic's line: options first, then names or one event, taken literally.

IPython would fill ``{x}`` and ``$x`` in; here they stay as they are. Options may not be shortened, and what cannot be
read is one clear line.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pdnb.errors import DefinitionError
from pdnb.model import JSON


@dataclass(frozen=True)
class Line:
    """``options`` by their long name (a flag's value is ``True``), and the ``rest`` as it was written."""

    options: Mapping[str, str | bool] = field(default_factory=dict)
    rest: str = ""

    def text(self, name: str) -> str | None:
        """An option's value."""
        value = self.options.get(name)
        return value if isinstance(value, str) else None

    def words(self) -> list[str]:
        """The rest, word by word; raises ``DefinitionError`` for unbalanced quotes."""
        return _words(self.rest)


@dataclass(frozen=True)
class Options:
    """What a magic understands: ``values`` take a value, ``flags`` do not; short spellings map to long names."""

    magic: str
    values: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    short: Mapping[str, str] = field(default_factory=lambda: {"-w": "--workflow", "-n": "--limit"})

    def read(self, line: str) -> Line:
        """*line* taken apart; options stand before the rest. Raises ``DefinitionError``."""
        found: dict[str, str | bool] = {}
        rest = line.strip()
        while rest.startswith("-") and not _number(rest):
            word, _, behind = rest.partition(" ")
            word, equals, value = word.partition("=")
            name = self.short.get(word, word)
            if name in self.flags and not equals:
                found[name] = True
                rest = behind.strip()
            elif name in self.values:
                found[name], rest = (value, behind.strip()) if equals else _first(behind, f"{self.magic} {word}")
            else:
                known = ", ".join((*self.flags, *self.values)) or "none"
                raise DefinitionError(f"{self.magic} has no option {word} (it has: {known})")
        return Line(found, rest)

    @property
    def all(self) -> tuple[str, ...]:
        """Every long name."""
        return (*self.values, *self.flags)


def read_event(text: str, names: Mapping[str, Any]) -> JSON:
    """An event or body: JSON, or the name of a variable; nothing is ``None``. Raises ``DefinitionError``."""
    if not text:
        return None
    if text.isidentifier() and text not in ("true", "false", "null"):
        if text not in names:
            raise DefinitionError(f"{text!r} is no variable here and no JSON: pass JSON or the name of a variable")
        return names[text]
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        hint = ": JSON wants double quotes" if "'" in text else ""
        raise DefinitionError(f"{text[:60]!r} is neither JSON nor the name of a variable ({error}){hint}") from None


def _first(text: str, whose: str) -> tuple[str, str]:
    """The first word of *text* (quotes allowed), and what is behind it."""
    text = text.strip()
    if not text:
        raise DefinitionError(f"{whose} wants a value")
    if text[0] in "\"'":
        end = text.find(text[0], 1)
        if end < 0:
            raise DefinitionError(f"{whose}: the quote {text[0]} is never closed")
        return text[1:end], text[end + 1 :].strip()
    word, _, rest = text.partition(" ")
    return word, rest.strip()


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise DefinitionError(f"{text!r} cannot be read: {str(error).lower()}") from None


def _number(text: str) -> bool:
    return len(text) > 1 and text[1].isdigit()
