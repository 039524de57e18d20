"""Compiling a cell's source: errors in one line that says what to do, tracebacks with the cell's own lines.

IPython syntax (``%magic``, ``!command``, ``obj?``) is refused: a run goes on in processes without IPython.
"""

from __future__ import annotations

import ast
import io
import linecache
import re
import sys
from types import CodeType
from typing import Any, Final, NoReturn

from pdnb.errors import CellSyntaxError

#: A module's name for how many lines of its text stand before the cell that executes in it.
OFFSET: Final = "__pdnb_offset__"

#: The compiler's flag that allows ``await`` at the top level.
AWAIT: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

_CLASSES_KNOW_LINES: Final[bool] = sys.version_info[:2] >= (3, 13)

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


def parsed(source: str, filename: str) -> ast.Module:
    """The syntax tree of *source*. Raises ``CellSyntaxError``."""
    try:
        tree: ast.Module = compile(source, filename, "exec", ast.PyCF_ONLY_AST | AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _refuse(error, source, filename)
    return tree


def compiled(tree: ast.Module, source: str, filename: str, flags: int) -> CodeType:
    """The code of *tree*, which is that of *source*. Raises ``CellSyntaxError``."""
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
    place = where(filename) + (f", line {number}" if number else "")
    excerpt = _shortened(text.strip()) if text else ""
    if text and _IPYTHON.match(text):
        raise CellSyntaxError(
            f"{place}: {excerpt!r} is IPython syntax, and a run goes on without IPython: "
            "write it in plain Python, or keep it in an ordinary cell",
            lineno=number,
            text=text,
        ) from error
    message = error.msg if isinstance(error, SyntaxError) else str(error) or "it is nested too deeply"
    raise CellSyntaxError(
        f"{place}: {message}{_hint(message)}" + (f": {excerpt}" if excerpt else ""), lineno=number, text=text
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


def where(filename: str) -> str:
    """What an error calls the cell of that name."""
    return filename.strip("<>")


def show_in_tracebacks(source: str, filename: str) -> None:
    """Let tracebacks and ``inspect.getsource`` find the lines of *source* under *filename*."""
    # Without a modification time an entry survives linecache.checkcache.
    linecache.cache[filename] = (len(source), None, [line + "\n" for line in _split(source)], filename)


def class_defined(made: Any) -> None:
    """Let ``inspect.getsource`` find a class of a cell: from Python 3.13 on it asks the class for its first line.

    That is a line of the cell; the module's text has :data:`OFFSET` lines before it.
    """
    if issubclass(type(made), type) and "__firstlineno__" in vars(made):  # isinstance() asks the object itself
        before = getattr(sys.modules.get(made.__module__), OFFSET, 0)
        type.__setattr__(made, "__firstlineno__", vars(made)["__firstlineno__"] + before)
        for inner in list(vars(made).values()):
            if issubclass(type(inner), type) and vars(inner).get("__firstlineno__") and _stands_in(inner, made):
                class_defined(inner)


def _stands_in(inner: Any, outer: Any) -> bool:
    return bool(inner.__module__ == outer.__module__ and inner.__qualname__.startswith(f"{outer.__qualname__}."))


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


def saying_classes(tree: ast.Module) -> ast.Module:
    """*tree*, changed so that the classes of its top level can be found (from Python 3.13 on)."""
    if not _CLASSES_KNOW_LINES:
        return tree
    changed: ast.Module = ast.fix_missing_locations(_SaysClasses().visit(tree))
    return changed
