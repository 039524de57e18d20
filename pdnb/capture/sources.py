"""The source of functions and classes that a notebook's cells define.

Rules:

- What counts is the object that a name is bound to now, not the newest cell that defines the name. A function's code
  says which cell and line it is from, and so do a class's methods.
- A class without methods does not say where it is from: of the class statements it fits, the one executed last counts.
- A second name of a type, a ``TypeVar``, ``NewType`` or ``namedtuple`` is captured by an assignment that makes it.
- A definition is captured with its decorators, and with ``from __future__ import annotations`` where that was in force.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
import types
from collections import namedtuple
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any, Final, NewType, ParamSpec, TypeVar

from pdnb.capture.definitions import check_class, check_function, fits, is_postponed, methods_of
from pdnb.capture.safe_getattr import AT_TOP_LEVEL, ELSEWHERE, NotCaptured, deep_getattr
from pdnb.capture.statements import Function, Statement, statements

_POSTPONED: Final = __future__.annotations.compiler_flag
#: What the expression of a type is made of: executing it does nothing else.
_TYPE: Final = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Tuple,
    ast.List,
    ast.Constant,
    ast.BinOp,
    ast.BitOr,
    ast.Load,
)
_MAKERS: Final = (TypeVar, ParamSpec, NewType, namedtuple)  # noqa: PYI024  # other people's
_MADE: Final = ("__name__", "__bound__", "__constraints__", "__covariant__", "__contravariant__", "__supertype__")
_FUTURE: Final = "from __future__ import annotations\n"


class Sources:
    """Finds sources; *names* is the notebook's namespace."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._read: dict[str, list[Statement]] = {}

    def of_function(self, name: str, function: types.FunctionType, wrappers: int) -> str:
        """The source that defines *function*, in *wrappers* decorators, as *name*; raises ``NotCaptured``."""
        code = function.__code__
        _check_place(code.co_qualname, "function")
        if inspect.getattr_static(self._names[name], "registry", None):
            raise NotCaptured(f" (a function with registered variants), which cannot be taken along: {ELSEWHERE}")
        source = self._lambda(name, code) if code.co_name == "<lambda>" else self._def(name, function, wrappers)
        return _with_future(source, code.co_flags & _POSTPONED)

    def of_class(self, name: str, cls: Any) -> str:
        """The source that defines *cls* as *name*; raises ``NotCaptured``."""
        _check_place(cls.__qualname__, "class")
        for method in methods_of(cls):
            code = method.__code__
            for statement, node in self._classes(code.co_filename, name, cls):
                if statement.first <= code.co_firstlineno <= statement.last:
                    check_class(cls, node, self._names)
                    return _with_future(statement.text, code.co_flags & _POSTPONED)
        return self._methodless(name, cls)

    def of_alias(self, name: str, obj: object) -> str | None:
        """The assignment that gives *obj*, a type's second name or such, as *name*; ``None`` if there is none."""
        for filename in _cells(name):
            for statement in self._statements(filename):
                match statement.node:
                    case ast.Assign([ast.Name(target)], value) | ast.AnnAssign(ast.Name(target), _, value):
                        if target == name and value is not None and self._gives(value, obj):
                            return f"{name} = ({statement.source_of(value)})"
        return None

    def _gives(self, value: ast.expr, obj: object) -> bool:
        """Whether an expression, executed today, gives what *obj* is, and cannot do anything else."""
        called = isinstance(value, ast.Call)
        parts = (
            [value.func, *value.args, *(it.value for it in value.keywords)] if isinstance(value, ast.Call) else [value]
        )
        if not all(isinstance(it, _TYPE) for part in parts for it in ast.walk(part)):
            return False
        try:
            if called and self._evaluated(parts[0]) not in _MAKERS:
                return False
            made = self._evaluated(value)
            if not called:
                return bool(made == obj)
            fields = [deep_getattr(it, [part]) for it in (made, obj) for part in ("_fields", "_field_defaults")]
            return fields[:2] == fields[2:] and all(
                deep_getattr(made, [part]) == deep_getattr(obj, [part]) for part in _MADE
            )
        except Exception:  # noqa: BLE001  # what it needs is not there, or is something else today
            return False

    def _evaluated(self, value: ast.expr) -> object:
        return eval(compile(ast.Expression(value), "<type>", "eval"), dict(self._names))  # noqa: S307  # see _TYPE

    def _def(self, name: str, function: types.FunctionType, wrappers: int) -> str:
        code = function.__code__
        for statement in self._statements(code.co_filename):
            here = statement.first == code.co_firstlineno and statement.qualname == code.co_qualname == name
            if here and isinstance(statement.node, Function) and len(statement.node.decorator_list) >= wrappers:
                check_function(function, statement.node, self._names)
                return statement.text
        raise NotCaptured(
            " (a function), whose definition was not found in this notebook under this name "
            f"(%%time and exec keep none): {AT_TOP_LEVEL}"
        )

    def _lambda(self, name: str, code: types.CodeType) -> str:
        found: list[tuple[str, str | None]] = []
        for statement in self._statements(code.co_filename):
            match statement.node:
                case ast.Assign([ast.Name(target)], value) | ast.AnnAssign(ast.Name(target), _, value):
                    if isinstance(value, ast.Lambda) and value.lineno == code.co_firstlineno:
                        found.append((target, statement.source_of(value)))
        targets = [target for target, _ in found]
        if targets.count(name) == 1:
            return f"{name} = ({dict(found)[name]})"
        if len(found) == 1 and self._names.get(targets[0]) is self._names[name]:
            return f"{name} = {targets[0]}"
        raise NotCaptured(f" (a lambda), which cannot be taken along: write {name} = lambda …, or a def, in a cell")

    def _methodless(self, name: str, cls: Any) -> str:
        """The source of a class without functions, from the cell that was executed last."""
        history = self._names.get("_ih", ())
        cells = [cell for cell in history if isinstance(cell, str)] if isinstance(history, list) else []
        found: list[tuple[int, int, int, str, ast.ClassDef]] = []
        for number, filename in enumerate(_cells(name)):
            for statement, node in self._classes(filename, name, cls):
                if fits(cls, node):
                    executed = max((i for i, cell in enumerate(cells) if statement.text in cell), default=-1)
                    source = _with_future(statement.text, is_postponed(cls, node))
                    found.append((executed, number, statement.first, source, node))
        if not found:
            raise NotCaptured(
                " (a class), which no class statement of this notebook defines as it is now "
                f"(%%time and exec keep none): {AT_TOP_LEVEL}"
            )
        *_, source, node = max(found, key=itemgetter(0, 1, 2))
        check_class(cls, node, self._names)
        return source

    def _classes(self, filename: str, name: str, cls: Any) -> list[tuple[Statement, ast.ClassDef]]:
        """The class statements in a cell by that name, if it is the class's own."""
        named = [it for it in self._statements(filename) if it.qualname == name == cls.__qualname__]
        return [(it, it.node) for it in named if isinstance(it.node, ast.ClassDef)]

    def _statements(self, filename: str) -> list[Statement]:
        if filename not in self._read:
            self._read[filename] = statements(filename)
        return self._read[filename]


def _cells(name: str) -> Iterator[str]:
    """The file names under which tracebacks know the cells that mention *name*."""
    for filename, entry in list(linecache.cache.items()):
        if len(entry) < 4 or entry[1] is not None or not any(name in line for line in entry[2]):
            continue  # a file
        if not filename.startswith(("<step ", "<setup ")):  # what stands there is not in the notebook's namespace
            yield filename


def _check_place(qualname: str, kind: str) -> None:
    outer, inside, _ = qualname.partition(".<locals>")
    if inside:
        raise NotCaptured(f" (a {kind} made inside {outer!r}), which cannot be taken along: {AT_TOP_LEVEL}")


def _with_future(source: str, postponed: object) -> str:
    return (_FUTURE if postponed else "") + source
