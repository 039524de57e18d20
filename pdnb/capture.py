"""What a run takes along from the notebook: each name that its cells use, by value of the object bound to it now.

Rules:

- What a ``%%setup`` cell binds is the workflow's already.
- A module becomes its import, something importable a from-import, a JSON literal its literal, a function or class of
  the notebook the source it was defined by, with what that needs in turn. Anything else is refused.
- All that is refused is reported at once, a line each.
- Imports and literals come first, then every cell after what it needs when it executes. What is needed only when a
  function is called comes earlier too where that is possible, because the cell may call it.
- The same notebook gives the same code, and so the same hash.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import json
import linecache
import math
import re
import sys
import types
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, ForwardRef, Literal, TypeAlias

from pdnb.cell import BUILTINS, PROVIDED, Names, compile_setup, parse, read_names
from pdnb.errors import CaptureError, CellSyntaxError
from pdnb.workflow import Environment, Frozen, Workflow

#: The most JSON, in bytes, that one name may take along as a literal.
MAX_LITERAL: Final = 100_000

_MAX_DEPTH: Final = 90  # Python's parser gives up at 200 nested brackets; half of that leaves room for its stack
_MAX_BITS: Final = 14_000  # and at integers of 4,300 digits
_MISSING: Final = object()
_IPYTHON_NAME: Final = re.compile(r"get_ipython|In|Out|_{1,3}|_i{1,3}|_i?\d+|_[iod]h|_exit_code")
_ELSEWHERE: Final = "pass it in the event, load it in the step, or define it in a %%setup cell"

#: A cell of the setup to come: a ``%%setup`` cell by its index, or what is taken along by its name.
Node: TypeAlias = int | str


def freeze(workflow: Workflow, names: Mapping[str, object], environment: Environment) -> Frozen:
    """The code a run of *workflow* goes on with; *names* is the notebook's namespace.

    Raises ``CaptureError`` with a line for every name that cannot be taken along, ``CellSyntaxError`` and
    ``DefinitionError`` for cells that cannot be used as written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user saw them when the cell was defined
        cells = [parse(step.source, filename=f"<step {step.name} of {workflow.name}>") for step in workflow.steps]
        for i, source in enumerate(workflow.setup, 1):
            compile_setup(source, filename=f"<%%setup cell {i} of {workflow.name}>")
    setup = [read_names(source, filename=f"<%%setup cell {i}>") for i, source in enumerate(workflow.setup, 1)]
    notebook = _Notebook(names, setup)
    problems = [
        line
        for step, cell in zip(workflow.steps, cells, strict=True)
        for line in notebook.follow(f"step {step.name!r}", cell.names, given=cell.provided)
    ]
    for i, needs in enumerate(setup):
        problems += notebook.follow(_label(i), needs, here=i)
    if problems:
        raise CaptureError("\n".join(dict.fromkeys(problems)))
    return Frozen(
        name=workflow.name, steps=workflow.steps, setup=notebook.cells(workflow.setup), environment=environment
    )


@dataclass(frozen=True)
class _Taken:
    """How one name travels. ``what`` it is, for people; ``names``: those its source needs in turn."""

    kind: Literal["import", "literal", "definition"]
    source: str
    what: str = ""
    names: Names = field(default_factory=Names)


class _Refusal(Exception):
    """Why a name does not travel: the rest of the sentence that begins with it."""


class _Notebook:
    """What the names of a run's code stand for in one notebook."""

    def __init__(self, names: Mapping[str, object], setup: Sequence[Names]) -> None:
        self.names = names
        self.setup = setup
        self.taken: dict[str, _Taken] = {}
        self.dotted: set[str] = set()
        self.sources = _Sources(names)

    # -- which code a name leads to

    def follow(
        self, label: str, needs: Names, *, here: int | None = None, given: frozenset[str] = PROVIDED
    ) -> Iterator[str]:
        """Take along all that a cell needs, directly or not; yield a line for each name that does not travel.

        ``here``: the cell's index, if it is a setup cell. ``given``: names it has from whoever executes it.
        """
        seen: set[str] = set()
        waiting = deque([(f"{label} uses ", needs, here, given)])
        while waiting:
            path, needs, here, given = waiting.popleft()
            self.dotted |= needs.dotted
            for name, node in self.targets(needs, here=here, given=given):
                if node != name or name in seen:
                    continue
                seen.add(name)
                try:
                    taken = self.take(name)
                except _Refusal as refusal:
                    if name in self.names or _IPYTHON_NAME.fullmatch(name) or not self.may_be_unknown(name, needs):
                        yield f"{path}{name!r}{refusal}"
                else:
                    waiting.append((f"{path}{name!r} ({taken.what}), which uses ", taken.names, None, PROVIDED))

    def may_be_unknown(self, name: str, needs: Names) -> bool:
        return name in needs.early or needs.star or any(cell.star for cell in self.setup)

    def targets(
        self, needs: Names, *, here: int | None = None, given: frozenset[str] = PROVIDED
    ) -> Iterator[tuple[str, Node]]:
        """Each name needed, with where it comes from: a setup cell's index, or itself if from the notebook."""
        for name in sorted(needs.free - given):
            provider = self.provider(name, here, early=name in needs.early)
            if provider is not None:
                yield name, provider
            elif name not in BUILTINS or self.rebound(name):
                yield name, name

    def provider(self, name: str, here: int | None, *, early: bool) -> int | None:
        """The setup cell that *name* comes from: the last that binds it, for a setup cell the last before it."""
        found = [i for i, cell in enumerate(self.setup) if name in cell.binds]
        found = found or [i for i, cell in enumerate(self.setup) if name in cell.assigns - cell.early]
        if here is None:
            return found[-1] if found else None
        before = [i for i in found if i < here]
        after = [] if early else [i for i in found if i > here]
        return before[-1] if before else next(iter(after), None)

    def rebound(self, name: str) -> bool:
        """Whether the notebook uses a builtin's name for something else (IPython does too: ``open``, ``exit``)."""
        obj = self.names.get(name, _MISSING)
        if obj is _MISSING or obj is getattr(builtins, name, None) or name.startswith("__"):
            return False
        homes = {_attribute(obj, "__module__"), type(obj).__module__}
        if type(obj) is types.FunctionType:
            homes.add(obj.__globals__.get("__name__"))
        return not any(str(home).startswith(("IPython.", "ipykernel.")) for home in homes)

    # -- what a name stands for

    def take(self, name: str) -> _Taken:
        """How the object bound to *name* travels; raises ``_Refusal``."""
        if name not in self.taken:
            self.taken[name] = self._take(name)
        return self.taken[name]

    def _take(self, name: str) -> _Taken:
        if _IPYTHON_NAME.fullmatch(name):
            raise _Refusal(", which is IPython's own and lives only in this kernel: a step has to do without it")
        if name not in self.names:
            hint = " (in a cell without a handler, the step object is called 'step')" if name == "pd" else ""
            raise _Refusal(
                f", which is not defined in this notebook{hint}: define or import it in the step or in a %%setup cell"
            )
        obj = self.names[name]
        if type(obj) in _LITERALS:
            return _Taken("literal", f"{name} = {_literal(obj)}")
        if _is(obj, types.ModuleType):
            return _Taken("import", _module_import(name, obj, ()))
        if imported := _from_import(name, obj):
            return _Taken("import", imported)
        if source := self._alias(name, obj):
            return _definition(source, "an alias")
        if _is(obj, type) and _attribute(obj, "__module__") == "__main__":
            return _definition(self.sources.of_class(name, obj), "a class of this notebook")
        function, wrappers = _unwrapped(obj)
        if function and function.__module__ == "__main__":
            taken = _definition(self.sources.of_function(name, function, wrappers), "a function of this notebook")
            self._check_globals(function, taken.names)
            return taken
        if stale := _stale(obj):
            raise _Refusal(f" ({_a(obj)}), which is not what {stale} is now: import it again")
        raise _Refusal(f" ({_a(obj)}), which lives only in this kernel: {_ELSEWHERE}")

    def _check_globals(self, function: types.FunctionType, needs: Names) -> None:
        """Refuse a function whose names mean something else than the notebook's (``%run`` makes such)."""
        for used in sorted(needs.free):
            if function.__globals__.get(used, _MISSING) is not self.names.get(used, _MISSING):
                raise _Refusal(f" (a function), which uses {used!r} of another module: import it, or {_MOVE}")

    def _alias(self, name: str, obj: object) -> str | None:
        """The source of a second name for something of the notebook (``g = f``), or of a type (``Rows = list[R]``)."""
        own = _attribute(obj, "__qualname__")
        if own and own != name and _attribute(obj, "__module__") == "__main__":
            root, *path = own.split(".")
            if root != name and _walk(self.names.get(root), path) is obj:
                return f"{name} = {own}"
        if type(obj) in {types.GenericAlias, types.UnionType} and (text := self._type_text(obj)):
            return f"{name} = {text}"
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
            known = self.names.get(obj.__name__, getattr(builtins, obj.__name__, None))
            return obj.__name__ if known is obj else None
        return None

    # -- in which order it executes

    def cells(self, sources: Sequence[str]) -> tuple[str, ...]:
        """The setup to come: imports, literals, then definitions and the setup cells *sources*."""
        firsts = [self._lines("import"), self._lines("literal")]
        definitions = {name: taken for name, taken in sorted(self.taken.items()) if taken.kind == "definition"}
        hard: dict[Node, list[Node]] = {i: [i - 1] if i else [] for i in range(len(sources))}
        hard |= {name: [] for name in definitions}
        soft: dict[Node, list[Node]] = {node: [] for node in hard}
        needed: dict[Node, Names] = dict(enumerate(self.setup))
        needed |= {name: taken.names for name, taken in definitions.items()}
        for node, needs in needed.items():
            for name, target in self.targets(needs, here=node if isinstance(node, int) else None):
                if target in hard:
                    (hard if name in needs.now else soft)[node].append(target)
        texts: dict[Node, str] = {**dict(enumerate(sources)), **{name: t.source for name, t in definitions.items()}}
        return (*filter(None, firsts), *(texts[node] for node in _ordered(hard, soft)))

    def _lines(self, kind: str) -> str:
        lines = []
        for name, taken in sorted(self.taken.items()):
            obj: Any = self.names[name]
            if taken.kind == kind:
                used = [path.split(".")[1:] for path in sorted(self.dotted) if path.startswith(f"{name}.")]
                lines.append(_module_import(name, obj, used) if _is(obj, types.ModuleType) else taken.source)
        return "\n".join(lines)


def _ordered(hard: Mapping[Node, Sequence[Node]], soft: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """All nodes, each after those it needs (*hard*), and after those it may need (*soft*) where that is possible."""
    done: dict[Node, None] = {}

    def reach(start: Node, *edges: Mapping[Node, Sequence[Node]]) -> dict[Node, None]:
        found: dict[Node, None] = {}
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found[node] = None
                waiting += [target for edge in edges for target in edge[node]]
        return found

    def place(node: Node, path: tuple[Node, ...]) -> None:
        if node in done:
            return
        if node in path:
            circle = ", ".join(_label(it) for it in path[path.index(node) :])
            raise CaptureError(
                f"each of these needs the next one, and the last the first, before it can execute: {circle}: "
                "put them into one %%setup cell, in the order that works"
            )
        path = (*path, node)
        for need in hard[node]:
            place(need, path)
        for wish in reach(node, hard, soft):
            if wish not in done and reach(wish, hard).keys().isdisjoint(path):
                place(wish, path)
        done[node] = None

    for node in hard:
        place(node, ())
    return list(done)


def _label(node: Node) -> str:
    return repr(node) if isinstance(node, str) else f"%%setup cell {node + 1}"


def _definition(source: str, what: str) -> _Taken:
    try:
        return _Taken("definition", source, what, read_names(source, filename="<definition>"))
    except CellSyntaxError as error:
        raise _Refusal(f", whose source does not compile by itself: {_MOVE}") from error


# ---- importable things --------------------------------------------------------------------------------------------


def _is(obj: object, kind: type) -> bool:
    return issubclass(type(obj), kind)  # isinstance would ask a proxy for its __class__


def _attribute(obj: object, attribute: str) -> str | None:
    value = _walk(obj, [attribute])
    return value if isinstance(value, str) else None


def _walk(obj: object, path: Iterable[str]) -> object:
    """The attribute of an attribute …; ``_MISSING`` if there is none."""
    for part in path:
        try:
            obj = getattr(obj, part)
        except Exception:  # noqa: BLE001 - a stranger's __getattr__ may raise anything
            return _MISSING
    return obj


def _importable(module: str) -> bool:
    """Whether a fresh process can import it: a module made by hand has no spec (but six.moves has six's)."""
    top = sys.modules.get(module.partition(".")[0])
    return module in sys.modules and module != "__main__" and getattr(top, "__spec__", None) is not None


def _module_import(name: str, module: Any, used: Iterable[Sequence[str]]) -> str:
    """The statements that bind *module* to *name*, and import those submodules that *used* attributes lead through."""
    own = module.__name__
    if sys.modules.get(own) is not module or not _importable(own):
        raise _Refusal(f" (a module), which cannot be imported as {own!r}: import it in the step or in a %%setup cell")
    submodules = dict.fromkeys(
        f"{own}.{'.'.join(path[:n])}"
        for path in used
        for n in range(1, len(path) + 1)
        if _walk(module, path[:n]) is sys.modules.get(f"{own}.{'.'.join(path[:n])}", _MISSING)
    )
    top, *rest = own.split(".")
    if own == name:
        return "\n".join([f"import {own}", *(f"import {sub}" for sub in submodules)])
    lines = [f"import {sub} as {name}" for sub in submodules]  # bound anew by the last line
    if _walk(sys.modules[top], rest) is module:
        lines.append(f"import {own} as {name}")
    else:  # its package has something else by that name
        lines.append(f"from importlib import import_module as {name}\n{name} = {name}({own!r})")
    return "\n".join(lines)


def _from_import(name: str, obj: object) -> str | None:
    """The statements that import *obj* as *name*, or None if it cannot be imported."""
    module = _attribute(obj, "__module__")
    if module == "__main__":
        return None
    for own in (_attribute(obj, "__qualname__"), _attribute(obj, "__name__")):
        if module and own and _importable(module) and _walk(sys.modules[module], own.split(".")) is obj:
            top, *path = own.split(".")
            line = f"from {module} import {top}" + (f" as {name}" if top != name else "")
            return line + (f"\n{name} = {'.'.join([name, *path])}" if path else "")
    # Objects that do not know where they are at home: constants, instances, bound methods.
    home = type(obj).__module__.partition(".")[0]
    found = [
        (module.partition(".")[0] != home, module.count("."), module)
        for module, loaded in list(sys.modules.items())
        if getattr(loaded, "__dict__", {}).get(name, _MISSING) is obj and _importable(module)
    ]
    return f"from {min(found)[2]} import {name}" if found else None


def _stale(obj: object) -> str | None:
    """The dotted name of what has replaced *obj* in its module, if its module was loaded again."""
    module, own = _attribute(obj, "__module__"), _attribute(obj, "__qualname__")
    known = _is(obj, type) or _is(obj, types.FunctionType)
    if known and module and own and _importable(module) and _walk(sys.modules[module], own.split(".")) is not _MISSING:
        return f"{module}.{own}"
    return None


def _a(obj: object) -> str:
    name = type(obj).__qualname__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


# ---- literals -----------------------------------------------------------------------------------------------------

_LITERALS: Final = frozenset({types.NoneType, bool, int, float, str, list, dict})


def _literal(value: object) -> str:
    """The source of a JSON value; raises ``_Refusal``."""
    count = 0

    def check(item: object, path: str, around: tuple[int, ...]) -> None:
        nonlocal count
        count += 1
        wrong = None
        if type(item) not in _LITERALS:
            wrong = f"{_a(item)}{path and ' at '}{path}"
        elif isinstance(item, float) and not math.isfinite(item):
            wrong = f"{item}{path and ' at '}{path}"
        elif id(item) in around:
            wrong = f"itself{path and ' at '}{path}"
        elif isinstance(item, dict) and (key := next((key for key in item if type(key) is not str), None)) is not None:
            wrong = f"the key {key!r:.40}, which is no string,{path and ' at '}{path}"
        if wrong:
            raise _Refusal(f" ({_a(value)}), which holds {wrong}, so it is no JSON literal: {_ELSEWHERE}")
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


def _too_large(value: object) -> _Refusal:
    limit = f"more than {MAX_LITERAL // 1000} KB, or too deep"
    return _Refusal(f" ({_a(value)}), which is too large to be taken along ({limit}): {_ELSEWHERE}")


# ---- sources ------------------------------------------------------------------------------------------------------

_MOVE: Final = "define it at the top level of a cell, or in a %%setup cell"
_POSTPONED: Final = __future__.annotations.compiler_flag
_FUTURE: Final = "from __future__ import annotations\n"


def _unwrapped(obj: Any, around: tuple[int, ...] = ()) -> tuple[types.FunctionType | None, int]:
    """The function that *obj* is, or that its decorators were given, and how many of them wrapped it."""
    wrappers = 0
    while id(obj) not in around:
        around = (*around, id(obj))
        inner = None
        if inspect.getattr_static(obj, "__wrapped__", None) is not None:
            inner = _walk(obj, ["__wrapped__"])
        elif _is(obj, types.FunctionType) and "<locals>" in obj.__code__.co_qualname:
            # A wrapper made without functools.wraps: what it calls is in its closure.
            cells = [_walk(cell, ["cell_contents"]) for cell in obj.__closure__ or ()]
            given = [it for it in cells if _attribute(it, "__module__") == "__main__" and _unwrapped(it, around)[0]]
            inner = given[0] if len(given) == 1 else None
        if inner is None:
            return (obj if _is(obj, types.FunctionType) else None), wrappers
        obj = inner
        wrappers += 1
    return None, wrappers


class _Sources:
    """Finds the statements that functions and classes of the notebook were defined by."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self.names = names
        self.parsed: dict[str, tuple[list[str], list[tuple[str, ast.stmt]]]] = {}

    def of_function(self, name: str, function: types.FunctionType, wrappers: int) -> str:
        """The source that defines *function*, which *wrappers* decorators wrapped, as *name*; raises ``_Refusal``."""
        code = function.__code__
        if "<locals>" in code.co_qualname:
            outer = code.co_qualname.partition(".<locals>")[0]
            raise _Refusal(f" (a function made inside {outer!r}), which cannot be taken along: {_MOVE}")
        if inspect.getattr_static(self.names[name], "registry", None):
            raise _Refusal(f" (a function with registered variants), which cannot be taken along: {_ELSEWHERE}")
        lines, statements = self.read(code.co_filename)
        if code.co_name == "<lambda>":
            source = self._lambda(name, lines, statements, code.co_firstlineno)
        else:
            found = [
                node
                for qualname, node in statements
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and qualname == code.co_qualname == name
                and _span(node)[0] == code.co_firstlineno
                and len(node.decorator_list) >= wrappers
            ]
            if not found:
                raise _Refusal(
                    f" (a function), whose definition was not found in this notebook under this name: {_MOVE}"
                )
            source = _text(lines, found[0])
        return (_FUTURE if code.co_flags & _POSTPONED else "") + source

    def _lambda(self, name: str, lines: list[str], statements: list[tuple[str, ast.stmt]], line: int) -> str:
        found = [
            (node.targets[0].id, node.value)
            for _, node in statements
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Lambda)
            and node.value.lineno == line
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
        ]
        if [target for target, _ in found].count(name) == 1:
            return f"{name} = ({ast.get_source_segment(''.join(lines), dict(found)[name])})"
        if len(found) == 1 and name != found[0][0] and self.names.get(found[0][0]) is self.names[name]:
            return f"{name} = {found[0][0]}"
        raise _Refusal(f" (a lambda), which cannot be taken along: write {name} = lambda …, or a def, in a cell")

    def of_class(self, name: str, cls: Any) -> str:
        """The source that defines *cls* as *name*; raises ``_Refusal``."""
        if "<locals>" in cls.__qualname__:
            outer = cls.__qualname__.partition(".<locals>")[0]
            raise _Refusal(f" (a class made inside {outer!r}), which cannot be taken along: {_MOVE}")
        for function in _methods(cls):
            lines, statements = self.read(function.__code__.co_filename)
            for qualname, node in statements:
                if isinstance(node, ast.ClassDef) and qualname == name == cls.__qualname__:
                    first, last = _span(node)
                    if first <= function.__code__.co_firstlineno <= last:
                        future = function.__code__.co_flags & _POSTPONED
                        return (_FUTURE if future else "") + _text(lines, node)
        return self._methodless(name, cls)

    def _methodless(self, name: str, cls: Any) -> str:
        """Nothing in such a class says which cell it is from: the one executed last, if the class fits."""
        history = [cell for cell in self._history() if isinstance(cell, str)]
        found: list[tuple[int, int, int, str]] = []
        for number, (filename, entry) in enumerate(list(linecache.cache.items())):
            if len(entry) < 4 or entry[1] is not None or not any(name in line for line in entry[2]):
                continue  # a file
            if filename.startswith(("<step ", "<setup ")):
                continue  # what stands there is not in the notebook's namespace
            lines, statements = self.read(filename)
            for qualname, node in statements:
                if isinstance(node, ast.ClassDef) and qualname == name == cls.__qualname__ and _fits(cls, node):
                    text = _text(lines, node)
                    future = _FUTURE if _postponed(cls, node) else ""
                    executed = max((i for i, cell in enumerate(history) if text in cell), default=-1)
                    found.append((executed, number, node.lineno, future + text))
        if not found:
            raise _Refusal(f" (a class), whose definition was not found in this notebook: {_MOVE}")
        return max(found)[-1]

    def _history(self) -> Sequence[object]:
        history = self.names.get("_ih", ())
        return history if isinstance(history, list) else ()

    def read(self, filename: str) -> tuple[list[str], list[tuple[str, ast.stmt]]]:
        """The lines of a cell, and its statements outside of functions, with their qualified names."""
        if filename not in self.parsed:
            lines = linecache.getlines(filename)
            try:
                tree = ast.parse("".join(lines))
            except (SyntaxError, ValueError, RecursionError):
                tree = ast.Module([], [])
            self.parsed[filename] = (lines, list(_statements(tree, "")))
        return self.parsed[filename]


def _statements(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for child in ast.iter_child_nodes(node):
        own = prefix + getattr(child, "name", "") if isinstance(child, ast.stmt) else prefix
        if isinstance(child, ast.stmt):
            yield own, child
        if isinstance(child, ast.ClassDef):
            yield from _statements(child, f"{own}.")
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            yield from _statements(child, prefix)


def _methods(cls: type) -> Iterator[types.FunctionType]:
    for attribute in vars(cls).values():
        inner = attribute
        if isinstance(attribute, staticmethod | classmethod):
            inner = attribute.__func__
        elif isinstance(attribute, property):
            inner = attribute.fget
        elif isinstance(attribute, cached_property):
            inner = attribute.func
        function, _ = _unwrapped(inner)
        if function and function.__qualname__.startswith(f"{cls.__qualname__}."):
            yield function


def _fits(cls: Any, node: ast.ClassDef) -> bool:
    """Whether *cls* can be what *node* defined: bases, annotations, and the constants that are still to be seen."""
    if (cls.__bases__ == (object,)) != all(ast.unparse(base) == "object" for base in node.bases):
        return False
    annotated = [it.target.id for it in node.body if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)]
    annotations = _walk(cls, ["__annotations__"])
    if isinstance(annotations, dict) and list(annotations) != annotated:
        return False
    return all(
        type(now) is not type(constant) or now == constant
        for it in node.body
        if isinstance(it, ast.Assign | ast.AnnAssign) and isinstance(it.value, ast.Constant)
        for now in [_value_in(cls, ast.unparse(it.targets[0] if isinstance(it, ast.Assign) else it.target))]
        for constant in [it.value.value]
    )


def _postponed(cls: Any, node: ast.ClassDef) -> bool:
    """Whether annotations that are no strings in the source became strings."""
    kept = _walk(cls, ["__annotations__"])
    return isinstance(kept, dict) and any(
        isinstance(kept.get(ast.unparse(it.target)), str | ForwardRef) and not isinstance(it.annotation, ast.Constant)
        for it in node.body
        if isinstance(it, ast.AnnAssign)
    )


def _value_in(cls: Any, name: str) -> object:
    defaults = _walk(cls, ["_field_defaults"])  # a NamedTuple's
    value = defaults.get(name, _MISSING) if isinstance(defaults, dict) else _walk(cls, [name])
    return getattr(value, "_value_", value)  # an Enum's member


def _span(node: ast.stmt) -> tuple[int, int]:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(it.lineno for it in decorators)]), node.end_lineno or node.lineno


def _text(lines: list[str], node: ast.stmt) -> str:
    first, last = _span(node)
    text = "".join(lines[first - 1 : last]).rstrip("\n")
    return f"if True:\n{text}" if node.col_offset else text  # dedenting would change strings of several lines
