"""How the object that a name is bound to is captured: as an import, a literal, or the source that defined it."""

from __future__ import annotations

import builtins
import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pdnb.capture.definitions import unwrapped
from pdnb.capture.imports import from_import, module_import, replaced_by
from pdnb.capture.safe_getattr import (
    AT_TOP_LEVEL,
    ELSEWHERE,
    MISSING,
    NotCaptured,
    deep_getattr,
    is_a,
    kind_of,
    text_in,
)
from pdnb.capture.sources import Sources
from pdnb.errors import CellSyntaxError
from pdnb.workflow.names import Names, read_names

#: The most JSON, in bytes, that one name may be captured as a literal.
MAX_LITERAL: Final = 100_000

_MAX_DEPTH: Final = 90  # Python's parser gives up at 200 nested brackets; half of that leaves room for its stack
_MAX_BITS: Final = 14_000  # and at integers of 4,300 digits
_LITERALS: Final = frozenset({types.NoneType, bool, int, float, str, list, dict})
_HINTS: Final = {
    "pd": " (in a cell without a handler, the step object is called 'step')",
    "step": " (only a step's own cell has it, if that has no handler: pass it on as an argument)",
    "__file__": " (a notebook has no file of its own: Path.cwd() is where it runs)",
}
_TYPING: Final = frozenset({"typing", "types", "collections.abc"})
_IPYTHON_NAME: Final = re.compile(r"get_ipython|In|Out|_{1,3}|_i{1,3}|_i?\d+|_[iod]h|_exit_code")


@dataclass(frozen=True)
class Captured:
    """The source of one name. ``what`` it is, for people; ``names``: those its source needs in turn."""

    kind: Literal["import", "literal", "definition"]
    source: str
    what: str = ""
    names: Names = field(default_factory=Names)


class Undefined(NotCaptured):
    """A name that the notebook does not have."""


class Values:
    """What the names of a notebook stand for; *names* is its namespace."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._sources = Sources(names)

    def capture(self, name: str) -> Captured:
        """The object bound to *name* as source; raises ``NotCaptured``."""
        if _IPYTHON_NAME.fullmatch(name):
            raise NotCaptured(", which is IPython's own and lives only in this kernel: a step has to do without it")
        if name not in self._names:
            hint = _HINTS.get(name, "")
            raise Undefined(
                f", which is not defined in this notebook{hint}: define or import it in the step or in a %%setup cell"
            )
        obj = self._names[name]
        if type(obj) in _LITERALS:
            return self._plain(name, obj)
        if is_a(obj, types.ModuleType):
            return Captured("import", module_import(name, obj))
        if imported := from_import(name, obj):
            return Captured("import", imported)
        if source := self._alias(name, obj):
            return _definition(source, "an alias")
        if is_a(obj, type) and text_in(obj, "__module__") == "__main__":
            return _definition(self._sources.of_class(name, obj), "a class of this notebook")
        function, wrappers = unwrapped(obj)
        if function and function.__module__ == "__main__":
            captured = _definition(self._sources.of_function(name, function, wrappers), "a function of this notebook")
            self._check_globals(function, captured.names)
            return captured
        if now := replaced_by(obj):
            raise NotCaptured(f" ({kind_of(obj)}), which is not what {now} is now: import it again")
        raise NotCaptured(f" ({kind_of(obj)}), which lives only in this kernel: {ELSEWHERE}")

    def _plain(self, name: str, obj: object) -> Captured:
        try:
            return Captured("literal", f"{name} = {literal(obj)}")
        except NotCaptured:
            if imported := from_import(name, obj):  # math.inf, or a table of some module
                return Captured("import", imported)
            raise

    def _check_globals(self, function: types.FunctionType, needs: Names) -> None:
        """Refuse a function whose names mean something else than the notebook's (``%run`` makes such)."""
        for used in sorted(needs.free):
            if function.__globals__.get(used, MISSING) is not self._names.get(used, MISSING):
                raise NotCaptured(f" (a function), which uses {used!r} of another module: import it, or {AT_TOP_LEVEL}")

    def _alias(self, name: str, obj: object) -> str | None:
        """The source of a second name for something of the notebook (``g = f``), or of a type (``Rows = list[R]``)."""
        own = text_in(obj, "__qualname__")
        if own and own != name and text_in(obj, "__module__") == "__main__":
            root, *path = own.split(".")
            if root != name and deep_getattr(self._names.get(root), path) is obj:
                return f"{name} = {own}"
        if type(obj) in {types.GenericAlias, types.UnionType} and (text := self._type_text(obj)):
            return f"{name} = {text}"
        if type(obj).__module__ in _TYPING or (is_a(obj, type) and deep_getattr(obj, ["_fields"]) is not MISSING):
            return self._sources.of_alias(name, obj)
        return None

    def _type_text(self, obj: Any) -> str | None:
        """The expression of a type made of builtins and of classes that the notebook has by their own names."""
        if obj is types.NoneType or obj is ...:
            return "None" if obj is types.NoneType else "..."
        if type(obj) in {types.GenericAlias, types.UnionType}:
            parts = [self._type_text(arg) for arg in obj.__args__]
            texts = [part for part in parts if part is not None]
            if len(texts) < len(parts) or getattr(obj, "__unpacked__", False):
                return None
            if isinstance(obj, types.UnionType):
                return " | ".join(texts)
            origin = self._type_text(obj.__origin__)
            return origin and f"{origin}[{', '.join(texts) or '()'}]"
        if isinstance(obj, type):
            known = self._names.get(obj.__name__, getattr(builtins, obj.__name__, None))
            return obj.__name__ if known is obj else None
        return None


def _definition(source: str, what: str) -> Captured:
    try:
        return Captured("definition", source, what, read_names(source, filename="<definition>"))
    except CellSyntaxError as error:
        raise NotCaptured(f", whose source does not compile by itself: {AT_TOP_LEVEL}") from error


def literal(value: object) -> str:
    """The source of a JSON value; raises ``NotCaptured``."""
    count = 0

    def check(item: object, path: str, around: tuple[int, ...]) -> None:
        nonlocal count
        count += 1
        at = path and f" at {path}"
        wrong = None
        if type(item) not in _LITERALS:
            wrong = f"{kind_of(item)}{at}"
        elif isinstance(item, float) and not math.isfinite(item):
            wrong = f"{item}{at}"
        elif id(item) in around:
            wrong = f"itself{at}"
        elif isinstance(item, dict) and (key := next((key for key in item if type(key) is not str), None)) is not None:
            wrong = f"the key {key!r:.40}, which is no string,{at}"
        if wrong:
            raise NotCaptured(f" ({kind_of(value)}), which holds {wrong}, so it is no JSON literal: {ELSEWHERE}")
        large = isinstance(item, int) and item.bit_length() > _MAX_BITS
        if large or count > MAX_LITERAL // 2 or len(around) > _MAX_DEPTH:
            raise _too_large(value)
        if isinstance(item, list | dict):
            inside = enumerate(item) if isinstance(item, list) else item.items()
            for key, inner in inside:
                check(inner, f"{path}[{key!r}]", (*around, id(item)))

    check(value, "", ())
    if len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) > MAX_LITERAL:
        raise _too_large(value)
    return repr(value)


def _too_large(value: object) -> NotCaptured:
    limit = f"more than {MAX_LITERAL // 1000} KB, or too deep"
    return NotCaptured(f" ({kind_of(value)}), which is too large to be taken along ({limit}): {ELSEWHERE}")
