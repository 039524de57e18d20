"""Parses a magic's line: options, then step names or a JSON event; ``$x`` and ``{x}`` are not expanded.

Unlike in IPython's own magics, ``{x}`` and ``$x`` are not expanded. Options may not be abbreviated; what cannot be read
raises ``DefinitionError`` with one clear line.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pdnb import json_text
from pdnb.errors import DefinitionError
from pdnb.model import JSON

_OPTION: Final = re.compile(r"([^\s=]*)(=?)(.*)", re.DOTALL)
_SHORT: Final = {"-w": "--workflow", "-n": "--limit"}
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600}
_BYTES: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Line:
    """``options`` by their long name (a flag's value is ``True``), the ``name``, and the ``rest`` as it was written."""

    options: Mapping[str, str | bool] = field(default_factory=dict)
    name: str | None = None
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
    """What a magic takes: ``values`` with a word, ``jsons`` with JSON, ``flags`` alone; ``named``: a name as well."""

    magic: str
    values: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    jsons: tuple[str, ...] = ()
    named: bool = False

    def read(self, line: str) -> Line:
        """*line* taken apart; options and the name stand before the rest. Raises ``DefinitionError``."""
        found: dict[str, str | bool] = {}
        name: str | None = None
        rest = line.strip()
        while rest:
            if _is_option(rest):
                option, value, rest = self._option(rest)
                found[option] = value
            elif self.named and name is None:
                name, rest = _first(rest, self.magic)
            else:
                break
        return Line(found, name, rest)

    @property
    def all(self) -> tuple[str, ...]:
        """Every long name."""
        return (*self.values, *self.jsons, *self.flags)

    def _option(self, text: str) -> tuple[str, str | bool, str]:
        """The option that *text* begins with: its long name, its value, and the text after it."""
        word, equals, behind = _OPTION.match(text).groups()  # type: ignore[union-attr]  # it matches everything
        name, whose = _SHORT.get(word, word), f"{self.magic} {word}"
        if name in self.flags and equals:
            raise DefinitionError(f"{whose} takes no value")
        if name in self.flags:
            return name, True, behind.strip()
        if equals and not behind[:1].strip():
            raise DefinitionError(f"{whose} wants a value")
        if name in self.jsons:
            return name, *_json_text(behind.strip(), whose)
        if name in self.values:
            if not equals and _is_option(behind.strip()):
                raise DefinitionError(f"{whose} wants a value")
            return name, *_first(behind, whose)
        raise DefinitionError(f"{self.magic} has no option {word} (it has: {', '.join(self.all) or 'none'})")


#: ``%%step`` and ``%%setup``, in a kernel and in a notebook's file alike (``read_step_line``, ``read_setup_line``).
STEP: Final = Options(
    "%%step",
    values=("--workflow", "--time-limit", "--memory-limit"),
    flags=("--test", "--at-most-once"),
    jsons=("--resume-with", "--event"),
    named=True,
)
SETUP: Final = Options("%%setup", values=("--workflow",))


def read_step_line(text: str) -> Line:
    """What stands behind ``%%step``: it has a name. Raises ``DefinitionError``."""
    given = STEP.read(text)
    if given.name is None or given.rest:
        raise DefinitionError("%%step wants a name: %%step NAME" + (f", not {text!r}" if given.rest else ""))
    if given.options.keys() & {"--resume-with", "--event"} and "--test" not in given.options:
        raise DefinitionError("%%step: --resume-with and --event belong to a test: add --test")
    return given


def read_setup_line(text: str) -> Line:
    """What stands behind ``%%setup``. Raises ``DefinitionError``."""
    given = SETUP.read(text)
    if given.rest:
        raise DefinitionError(f"%%setup takes no name ({given.rest!r}): its cells belong to the whole workflow")
    return given


def step_options(line: Line) -> dict[str, Any]:
    """The options of a ``%%step`` line that the step itself carries. Raises ``DefinitionError``."""
    time, memory = line.text("--time-limit"), line.text("--memory-limit")
    return {
        "at_most_once": "--at-most-once" in line.options,
        "time_limit": None if time is None else read_seconds(time, "%%step --time-limit"),
        "memory_limit": None if memory is None else read_bytes(memory, "%%step --memory-limit"),
    }


def read_seconds(text: str, whose: str) -> float:
    """``90``, ``90s``, ``1.5m``, ``2h`` in seconds; raises ``DefinitionError``."""
    return _measure(text, _SECONDS, 0.001, f"{whose} is {text!r}: use seconds, or 90s, 10m, 2h")


def read_bytes(text: str, whose: str) -> int:
    """``500M``, ``2G``, ``1000000`` in bytes (K is 1,024); raises ``DefinitionError``."""
    return int(_measure(text, _BYTES, 2**20, f"{whose} is {text!r}: use bytes (at least 1M), or 500M, 2G"))


def _measure(text: str, units: Mapping[str, int], least: float, refusal: str) -> float:
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([A-Za-z]*)", text)
    if found is None or found[2] not in units or (value := float(found[1]) * units[found[2]]) < least:
        raise DefinitionError(refusal)
    return value


def read_event(text: str, names: Mapping[str, Any]) -> JSON:
    """An event or body: JSON, or the name of a variable; nothing is ``None``. Raises ``DefinitionError``."""
    if not text:
        return None
    if text.isidentifier() and text not in ("true", "false", "null"):
        if text not in names:
            raise DefinitionError(f"{text!r} is no variable here and no JSON: pass JSON or the name of a variable")
        return names[text]
    try:
        return json_text.loads(text, constants=float)
    except ValueError as error:
        hint = ": JSON wants double quotes" if "'" in text else ""
        raise DefinitionError(f"{text[:60]!r} is neither JSON nor the name of a variable ({error}){hint}") from None


def _is_option(text: str) -> bool:
    return text.startswith("-") and not text[1:2].isdigit()


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
    word, *rest = text.split(maxsplit=1)
    return word, rest[0] if rest else ""


def _json_text(text: str, whose: str) -> tuple[str, str]:
    """The JSON value or variable's name that *text* begins with, as text, and what is behind it."""
    try:
        _, end = json.JSONDecoder(parse_int=str).raw_decode(text)
    except (ValueError, RecursionError):
        return _first(text, whose)
    return text[:end], text[end:].strip()


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise DefinitionError(f"{text!r} cannot be read: {str(error).lower()}") from None
