"""What a cell's source means: how a step's cell executes, and which names any piece of source binds and needs.

Rules:

- A cell with a top-level ``def handler(pd)`` (or ``async def``) is a *handler*: its statements execute, then the
  handler is called with the step object. Any other cell is a *body*: the step object is called ``step`` there, and
  the value of the last expression is the return value. Top-level ``await`` works in both.
- IPython syntax (``%magic``, ``!command``, ``obj?``) is refused: a run goes on in processes without IPython.
- Names are read from the compiled code, not guessed from the text: what the compiler calls global is global.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import io
import linecache
import re
import sys
import warnings
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any, Final, Literal, NoReturn

from pdnb.errors import CellSyntaxError, DefinitionError

#: Names every namespace has, also while IPython hides some of them and puts its own among them.
BUILTINS: Final = (frozenset(dir(builtins)) - {"__IPYTHON__", "display", "get_ipython", "_"}) | {
    *("exit", "quit", "copyright", "credits", "license", "help"),
    *("__annotations__", "__builtins__", "__conditional_annotations__"),
}

#: Names that executing a step provides.
PROVIDED: Final = frozenset({"display"})

_CLASSES_KNOW_LINES: Final[bool] = sys.version_info[:2] >= (3, 13)

#: A module's name for how many lines of its text stand before the cell that executes in it.
OFFSET: Final = "__pdnb_offset__"

_AWAIT: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_VALUE: Final = "__pdnb_value__"

_IPYTHON: Final = re.compile(
    r"""\s* (?:
        %%?[A-Za-z_]                                # %magic, %%magic
      | !{1,2}\s*[^=\s]                             # !command
      | \?{1,2}\s*[\w.*]                            # ?name
      | [\w.]+\s*\?{1,2}\s*(?:\#.*)?$               # name?
      | [\w.,\s\[\]'"()*]+=\s*(?:%[A-Za-z_]|!{1,2}\s*[^=\s])  # x = %magic, x = !command
    )""",
    re.VERBOSE,
)


# ---- a step's cell ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A step's cell, compiled. ``awaits``: calling it gives a coroutine."""

    source: str
    filename: str
    code: CodeType
    spelling: Literal["handler", "body"]
    awaits: bool

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
        return await value if self.spelling == "handler" and inspect.iscoroutine(value) else value

    def _value(self, namespace: dict[str, Any], pd: object) -> object:
        return namespace["handler"](pd) if self.spelling == "handler" else namespace.pop(_VALUE, None)


def parse(source: str, *, filename: str) -> Cell:
    """Compile a step's cell; *filename*, like ``<step approve of 01_approve>``, names it in tracebacks.

    Raises ``CellSyntaxError`` if it does not parse or holds IPython syntax, ``DefinitionError`` if it is empty or its
    handler does not take the step object.
    """
    tree = _tree(source, filename)
    if not tree.body:
        raise DefinitionError(f"{_where(filename)}: the cell is empty: write the step's code into it")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    handlers = [function for function in functions if function.name == "handler"]
    if handlers:
        _check_signature(handlers[-1], filename)
    elif isinstance(last := tree.body[-1], ast.Expr):
        assign = ast.Assign([ast.Name(_VALUE, ast.Store())], last.value)
        tree.body[-1] = ast.fix_missing_locations(ast.copy_location(assign, last))
    code = _compiled(_saying_classes(tree), source, filename, _AWAIT)
    asynchronous = bool(handlers) and isinstance(handlers[-1], ast.AsyncFunctionDef)
    return Cell(
        source=source,
        filename=filename,
        code=code,
        spelling="handler" if handlers else "body",
        awaits=asynchronous or bool(code.co_flags & inspect.CO_COROUTINE),
    )


def compile_setup(source: str, *, filename: str) -> CodeType:
    """Compile a setup cell: plain statements, without ``await``. Raises ``CellSyntaxError``."""
    return _compiled(_saying_classes(_tree(source, filename)), source, filename, 0)


def class_defined(made: object) -> None:
    """Let ``inspect.getsource`` find a class of a cell: from Python 3.13 on it asks the class for its first line.

    That is a line of the cell; the module's text has :data:`OFFSET` lines before it.
    """
    if isinstance(made, type) and "__firstlineno__" in vars(made):
        before = getattr(sys.modules.get(made.__module__), OFFSET, 0)
        made.__firstlineno__ += before  # type: ignore[attr-defined]
        for inner in vars(made).values():
            if getattr(inner, "__qualname__", "").startswith(f"{made.__qualname__}."):
                class_defined(inner)


class _SaysClasses(ast.NodeTransformer):
    """Puts a call of :func:`class_defined` behind every class of the top level."""

    def visit_ClassDef(self, node: ast.ClassDef) -> list[ast.stmt]:
        call = f"__import__({__name__!r}, fromlist=['']).class_defined({node.name})"
        (said,) = ast.parse(call).body
        return [node, ast.copy_location(said, node)]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node


def _saying_classes(tree: ast.Module) -> ast.Module:
    if not _CLASSES_KNOW_LINES:
        return tree
    changed: ast.Module = ast.fix_missing_locations(_SaysClasses().visit(tree))
    return changed


def show_in_tracebacks(source: str, filename: str) -> None:
    """Let tracebacks and ``inspect.getsource`` find the lines of *source* under *filename*."""
    # Without a modification time an entry survives linecache.checkcache.
    linecache.cache[filename] = (len(source), None, [line + "\n" for line in _split(source)], filename)


# ---- names --------------------------------------------------------------------------------------------------------


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
        tree = _tree(source, filename)
        code = _compiled(tree, source, filename, _AWAIT)
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


# ---- compiling ----------------------------------------------------------------------------------------------------


def _tree(source: str, filename: str) -> ast.Module:
    try:
        tree: ast.Module = compile(source, filename, "exec", ast.PyCF_ONLY_AST | _AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _refuse(error, source, filename)
    return tree


def _compiled(tree: ast.Module, source: str, filename: str, flags: int) -> CodeType:
    try:
        code: CodeType = compile(tree, filename, "exec", flags, dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _refuse(error, source, filename)
    return code


def _refuse(error: BaseException, source: str, filename: str) -> NoReturn:
    """Raise *error*, which the compiler raised, as one line that says what to do."""
    lines = _split(source)
    first = next((i for i, line in enumerate(lines, 1) if line.strip()), 1)
    number = error.lineno if isinstance(error, SyntaxError) else None
    if lines and lines[first - 1].lstrip().startswith("%%"):
        number = first  # a %%cell magic: what is below it may be another language
    text = lines[number - 1] if number and number <= len(lines) else None
    where = _where(filename) + (f", line {number}" if number else "")
    excerpt = _shortened(text.strip()) if text else ""
    if text and _IPYTHON.match(text):
        raise CellSyntaxError(
            f"{where}: {excerpt!r} is IPython syntax, and a run goes on without IPython: "
            "write it in plain Python, or keep it in an ordinary cell",
            lineno=number,
            text=text,
        ) from error
    message = error.msg if isinstance(error, SyntaxError) else str(error) or "it is nested too deeply"
    raise CellSyntaxError(
        f"{where}: {message}{_hint(message)}" + (f": {excerpt}" if excerpt else ""), lineno=number, text=text
    ) from error


def _hint(message: str) -> str:
    if "'return' outside function" in message:
        return " (the last expression is a body's value; to return earlier, write def handler(pd))"
    if "'await' outside function" in message:  # a step's own top level may
        return " (a setup cell cannot await)"
    return ""


def _split(source: str) -> list[str]:
    # Not splitlines: the compiler does not end a line at a form feed.
    return io.StringIO(source, newline=None).read().removesuffix("\n").split("\n")


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else text[:100] + "…"


def _where(filename: str) -> str:
    return filename.strip("<>")


def _check_signature(handler: ast.FunctionDef | ast.AsyncFunctionDef, filename: str) -> None:
    args = handler.args
    required = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    keywords = [a.arg for a, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    if (required != 1 or keywords) and not handler.decorator_list:  # a decorator may change what it takes
        raise DefinitionError(
            f"{_where(filename)}, line {handler.lineno}: a handler takes the step object and nothing else: "
            f"write def handler(pd), not def handler({ast.unparse(args)})"
        )
