"""A step's cell: how it is written, and how it executes.

Rules:

- A cell with a top-level ``def handler(pd)`` (or ``async def``) is a *handler*: its statements execute, then the
  handler is called with the step object; so is one that the cell binds in another way. Any other cell is a *body*: the
  step object is called ``step`` there, and the value of the last expression is the return value. Top-level ``await``
  works in both.
- A setup cell is plain statements, without ``await``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any, Final, Literal

from pdnb.errors import DefinitionError
from pdnb.workflow.compiling import AWAIT, compiled, parsed, saying_classes, show_in_tracebacks, where
from pdnb.workflow.names import BUILTINS, PROVIDED, Names, read_names

_VALUE: Final = "__pdnb_value__"


@dataclass(frozen=True)
class Cell:
    """A step's cell, compiled. ``awaits``: calling it gives a coroutine.

    ``binds_handler``: a body that binds ``handler`` otherwise, by an import, an assignment, below an ``if``: if it can
    be called when the body has executed, and the body has no value, it is the handler.
    """

    source: str
    filename: str
    code: CodeType
    spelling: Literal["handler", "body"]
    awaits: bool
    binds_handler: bool = False

    @property
    def awaits_itself(self) -> bool:
        """Whether its own top level awaits, which no module can."""
        return bool(self.code.co_flags & inspect.CO_COROUTINE)

    @cached_property
    def names(self) -> Names:
        """The global names it binds and reads, builtins and the step object among them."""
        return read_names(self.source, filename=self.filename)

    @property
    def provided(self) -> frozenset[str]:
        """The names that calling it puts into its namespace."""
        return PROVIDED | {"step"} if self.spelling == "body" else PROVIDED

    @property
    def free(self) -> frozenset[str]:
        """The global names it needs from elsewhere, without builtins and what it is provided with.

        A name that it binds too late, as in ``df = df.dropna()``, is among them.
        """
        return self.names.free - BUILTINS - self.provided

    @property
    def star(self) -> bool:
        """Whether it has a star import: then a name that is bound nowhere else may still be known."""
        return self.names.star

    def call(self, namespace: dict[str, Any], pd: object) -> object:
        """Execute it in the fresh *namespace* with the step object *pd*; what the step returns, or a coroutine of it.

        The namespace's ``__name__`` is set by the caller. Exceptions are the user's own.
        """
        show_in_tracebacks(self.source, self.filename)
        if self.spelling == "body":
            namespace["step"] = pd
        ran = eval(self.code, namespace)  # noqa: S307 - a step is code that its author wants executed
        if inspect.iscoroutine(ran):
            return self._awaited(ran, namespace, pd)
        return self._value(namespace, pd)

    async def _awaited(self, ran: Coroutine[Any, Any, object], namespace: dict[str, Any], pd: object) -> object:
        await ran
        value = self._value(namespace, pd)
        called = self.spelling == "handler" or self.binds_handler
        return await value if called and inspect.iscoroutine(value) else value

    def _value(self, namespace: dict[str, Any], pd: object) -> object:
        value, handler = namespace.pop(_VALUE, None), namespace.get("handler")
        if self.spelling == "handler" or (self.binds_handler and value is None and callable(handler)):
            return handler(pd)  # type: ignore[misc]  # its definition is in the cell
        return value


def parse(source: str, *, filename: str) -> Cell:
    """Compile a step's cell; *filename*, like ``<step approve of 01_approve>``, names it in tracebacks.

    Raises ``CellSyntaxError`` if it does not parse or holds IPython syntax, ``DefinitionError`` if it is empty or its
    handler does not take the step object.
    """
    tree = parsed(source, filename)
    if not tree.body:
        raise DefinitionError(f"{where(filename)}: the cell is empty: write the step's code into it")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    handlers = [function for function in functions if function.name == "handler"]
    binds = not handlers and "handler" in source and "handler" in read_names(source, filename=filename).binds
    if handlers:
        _check_signature(handlers[-1], filename)
    elif isinstance(last := tree.body[-1], ast.Expr):
        assign = ast.Assign([ast.Name(_VALUE, ast.Store())], last.value)
        tree.body[-1] = ast.fix_missing_locations(ast.copy_location(assign, last))
    code = compiled(saying_classes(tree), source, filename, AWAIT)
    asynchronous = bool(handlers) and isinstance(handlers[-1], ast.AsyncFunctionDef)
    return Cell(
        source=source,
        filename=filename,
        code=code,
        spelling="handler" if handlers else "body",
        awaits=asynchronous or bool(code.co_flags & inspect.CO_COROUTINE),
        binds_handler=binds,
    )


def compile_setup(source: str, *, filename: str) -> CodeType:
    """Compile a setup cell: plain statements, without ``await``. Raises ``CellSyntaxError``."""
    return compiled(saying_classes(parsed(source, filename)), source, filename, 0)


def _check_signature(handler: ast.FunctionDef | ast.AsyncFunctionDef, filename: str) -> None:
    args = handler.args
    required = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    keywords = [a.arg for a, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    if (required != 1 or keywords) and not handler.decorator_list:  # a decorator may change what it takes
        raise DefinitionError(
            f"{where(filename)}, line {handler.lineno}: a handler takes the step object and nothing else: "
            f"write def handler(pd), not def handler({ast.unparse(args)})"
        )
