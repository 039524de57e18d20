"""The names that a piece of source binds and needs, read from its compiled code.

They are not guessed from the text: what the compiler calls global is global.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import warnings
from dataclasses import dataclass
from types import CodeType
from typing import Final

from pdnb.workflow.compiling import AWAIT, compiled, parsed

#: Names every namespace has, also while IPython hides some of them and puts its own among them.
BUILTINS: Final = (frozenset(dir(builtins)) - {"__IPYTHON__", "display", "get_ipython", "_"}) | {
    *("exit", "quit", "copyright", "credits", "license", "help"),
    *("__annotations__", "__builtins__", "__conditional_annotations__"),
}

#: Names that executing a step provides.
PROVIDED: Final = frozenset({"display"})


@dataclass(frozen=True)
class Names:
    """The global names that a piece of source binds and reads; builtins are among those it reads.

    ``binds``: bound when it executes. ``assigns``: bound by its functions, through ``global``. ``now``: needed when
    it executes (top-level code, decorators, defaults, bases, class bodies, annotations). ``later``: needed only when
    something in it is called. ``early``: those of both that it binds as well, but reads first. ``star``: it has a
    star import. ``dotted``: its uses of attributes, like ``xml.etree.ElementTree.parse``.
    """

    binds: frozenset[str] = frozenset()
    assigns: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()
    star: bool = False
    dotted: frozenset[str] = frozenset()

    @property
    def free(self) -> frozenset[str]:
        """All that it needs from elsewhere."""
        return self.now | self.later


def read_names(source: str, *, filename: str) -> Names:
    """The names of *source*: a cell, or one definition. Raises ``CellSyntaxError``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are shown when it is compiled to be executed
        tree = parsed(source, filename)
        code = compiled(tree, source, filename, AWAIT)
    reader = _Reader({line for node in tree.body if not isinstance(node, _COMPOUND) for line in _lines(node)})
    reader.read(code, root=True, now=True)
    bound = reader.binds | reader.assigns
    now = (reader.now - bound) | (reader.now & reader.early)
    return Names(
        binds=frozenset(reader.binds),
        assigns=frozenset(reader.assigns - reader.binds),
        now=frozenset(now),
        later=frozenset(((reader.later - bound) | (reader.later & reader.early)) - now),
        early=frozenset(reader.early),
        star=any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in ast.walk(tree)),
        dotted=frozenset(path for n in ast.walk(tree) if isinstance(n, ast.Attribute) and (path := _dotted(n))),
    )


_COMPOUND: Final = (
    *(ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith),
    *(ast.Try, ast.TryStar, ast.Match),
)
_READS: Final = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME", "DELETE_GLOBAL"})
_WRITES: Final = frozenset({"STORE_NAME", "STORE_GLOBAL"})
_COMPREHENSIONS: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


class _Reader:
    """Collects the names of a code object and of those inside it.

    ``straight``: the lines of the simple top-level statements. Only there does an earlier line surely execute earlier;
    in a loop, a name may be read above the line that binds it.
    """

    def __init__(self, straight: set[int]) -> None:
        self.straight = straight
        self.binds: set[str] = set()
        self.assigns: set[str] = set()
        self.now: set[str] = set()
        self.later: set[str] = set()
        self.early: set[str] = set()

    def read(self, code: CodeType, *, root: bool, now: bool) -> set[str]:
        """Collect; the names that this code reads when it executes, before it binds them."""
        function = bool(code.co_flags & inspect.CO_OPTIMIZED)
        read: set[str] = set()
        written: set[str] = set()
        for op in dis.get_instructions(code):
            name = op.argval
            before: set[str] = set()
            if op.opname in _WRITES:
                written.add(name)
                if root or op.opname == "STORE_GLOBAL":  # otherwise it is a class's own
                    (self.binds if now else self.assigns).add(name)
            elif op.opname in _READS and name not in written:
                (self.now if now else self.later).add(name)
                before = {name}
            elif isinstance(name, CodeType):
                at_once = _executes_at_once(name)
                inner = self.read(name, root=False, now=now and at_once)
                before = inner - (written if root or function else set()) if at_once else before
            if not root or (op.positions and op.positions.lineno in self.straight):
                read |= before
        if root or function:
            self.early |= read & written
        return read


def _executes_at_once(code: CodeType) -> bool:
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return True  # a class body
    return code.co_name in _COMPREHENSIONS or code.co_name.startswith("<generic parameters of")


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def _lines(node: ast.stmt) -> range:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return range(min([node.lineno, *(d.lineno for d in decorators)]), (node.end_lineno or node.lineno) + 1)
