"""The statements of a notebook's cells, as IPython keeps them for tracebacks."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Statement:
    """A statement outside of functions. ``qualname`` is that of what it defines; ``lines`` are its cell's."""

    node: ast.stmt
    qualname: str
    lines: Sequence[str]

    @property
    def first(self) -> int:
        """The line it begins at, with its decorators."""
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        return min([self.node.lineno, *(it.lineno for it in decorators)])

    @property
    def last(self) -> int:
        """The line it ends at."""
        return self.node.end_lineno or self.node.lineno

    @property
    def text(self) -> str:
        """Its source, made to stand alone."""
        text = "".join(self.lines[self.first - 1 : self.last]).rstrip("\n")
        return f"if True:\n{text}" if self.node.col_offset else text  # dedenting would change strings of several lines

    def source_of(self, part: ast.expr) -> str | None:
        """The source of an expression in it."""
        return ast.get_source_segment("".join(self.lines), part)


def statements(filename: str) -> list[Statement]:
    """All statements of the cell called *filename*; none if its source is not known or does not parse."""
    lines = linecache.getlines(filename)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [Statement(node, qualname, lines) for qualname, node in _inside(tree, "")]


def _inside(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for child in ast.iter_child_nodes(node):
        name = child.name if isinstance(child, ast.ClassDef | Function) else ""
        if isinstance(child, ast.stmt):
            yield prefix + name, child
        if isinstance(child, ast.ClassDef):
            yield from _inside(child, f"{prefix}{name}.")
        elif not isinstance(child, Function | ast.expr):
            yield from _inside(child, prefix)
