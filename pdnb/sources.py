"""The statements that functions and classes of a notebook were defined by.

Rules:

- What counts is the object that a name is bound to now, not the newest cell that defines the name. A function's code
  says which cell and line it is from, and so do a class's methods.
- A class without methods says nothing: the cell that was executed last of those that the class fits.
- A definition is taken with its decorators, and with ``from __future__ import annotations`` where that was in force.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
import types
from collections.abc import Mapping
from typing import Any, Final

from pdnb.definitions import fits, is_postponed, methods_of
from pdnb.objects import AT_TOP_LEVEL, ELSEWHERE, Refusal
from pdnb.statements import Function, Statement, statements

_POSTPONED: Final = __future__.annotations.compiler_flag
_FUTURE: Final = "from __future__ import annotations\n"


class Sources:
    """Finds sources; *names* is the notebook's namespace."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._read: dict[str, list[Statement]] = {}

    def of_function(self, name: str, function: types.FunctionType, wrappers: int) -> str:
        """The source that defines *function*, which *wrappers* decorators wrapped, as *name*; raises ``Refusal``."""
        code = function.__code__
        _check_place(code.co_qualname, "function")
        if inspect.getattr_static(self._names[name], "registry", None):
            raise Refusal(f" (a function with registered variants), which cannot be taken along: {ELSEWHERE}")
        source = self._lambda(name, code) if code.co_name == "<lambda>" else self._def(name, code, wrappers)
        return _with_future(source, code.co_flags & _POSTPONED)

    def of_class(self, name: str, cls: Any) -> str:
        """The source that defines *cls* as *name*; raises ``Refusal``."""
        _check_place(cls.__qualname__, "class")
        for method in methods_of(cls):
            code = method.__code__
            for statement, _ in self._classes(code.co_filename, name, cls):
                if statement.first <= code.co_firstlineno <= statement.last:
                    return _with_future(statement.text, code.co_flags & _POSTPONED)
        return self._methodless(name, cls)

    def _def(self, name: str, code: types.CodeType, wrappers: int) -> str:
        for statement in self._statements(code.co_filename):
            here = statement.first == code.co_firstlineno and statement.qualname == code.co_qualname == name
            if here and isinstance(statement.node, Function) and len(statement.node.decorator_list) >= wrappers:
                return statement.text
        raise Refusal(f" (a function), whose definition was not found in this notebook under this name: {AT_TOP_LEVEL}")

    def _lambda(self, name: str, code: types.CodeType) -> str:
        found: list[tuple[str, str | None]] = []
        for statement in self._statements(code.co_filename):
            match statement.node:
                case ast.Assign([ast.Name(target)], ast.Lambda(lineno=code.co_firstlineno) as value):
                    found.append((target, statement.source_of(value)))
        targets = [target for target, _ in found]
        if targets.count(name) == 1:
            return f"{name} = ({dict(found)[name]})"
        if len(found) == 1 and self._names.get(targets[0]) is self._names[name]:
            return f"{name} = {targets[0]}"
        raise Refusal(f" (a lambda), which cannot be taken along: write {name} = lambda …, or a def, in a cell")

    def _methodless(self, name: str, cls: Any) -> str:
        """The source of a class without functions, from the cell that was executed last."""
        history = self._names.get("_ih", ())
        cells = [cell for cell in history if isinstance(cell, str)] if isinstance(history, list) else []
        found: list[tuple[int, int, int, str]] = []
        for number, (filename, entry) in enumerate(list(linecache.cache.items())):
            if len(entry) < 4 or entry[1] is not None or not any(name in line for line in entry[2]):
                continue  # a file
            if filename.startswith(("<step ", "<setup ")):
                continue  # what stands there is not in the notebook's namespace
            for statement, node in self._classes(filename, name, cls):
                if fits(cls, node):
                    executed = max((i for i, cell in enumerate(cells) if statement.text in cell), default=-1)
                    source = _with_future(statement.text, is_postponed(cls, node))
                    found.append((executed, number, statement.first, source))
        if not found:
            raise Refusal(f" (a class), whose definition was not found in this notebook: {AT_TOP_LEVEL}")
        return max(found)[-1]

    def _classes(self, filename: str, name: str, cls: Any) -> list[tuple[Statement, ast.ClassDef]]:
        """The class statements in a cell by that name, if it is the class's own."""
        named = [it for it in self._statements(filename) if it.qualname == name == cls.__qualname__]
        return [(it, it.node) for it in named if isinstance(it.node, ast.ClassDef)]

    def _statements(self, filename: str) -> list[Statement]:
        if filename not in self._read:
            self._read[filename] = statements(filename)
        return self._read[filename]


def _check_place(qualname: str, kind: str) -> None:
    outer, inside, _ = qualname.partition(".<locals>")
    if inside:
        raise Refusal(f" (a {kind} made inside {outer!r}), which cannot be taken along: {AT_TOP_LEVEL}")


def _with_future(source: str, postponed: object) -> str:
    return (_FUTURE if postponed else "") + source
