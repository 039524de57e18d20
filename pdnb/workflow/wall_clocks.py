"""Differences of two clocks' hands that are taken for a length of time: an hour off when the clocks change in between.

``datetime(2027, 3, 28, 9, tzinfo=berlin) - datetime.now(berlin)`` is what the hands of one clock move, because Python
subtracts datetimes of one zone as if they had none. The ``timedelta`` does not show what it came from, so the code
is read.
"""

from __future__ import annotations

import ast
from typing import Final

from pdnb.errors import DefinitionError

_LENGTHS: Final = {"suspend": "timeout", "rerun": "delay", "delay": "ms"}


def check_lengths(source: str, where: str) -> None:
    """Raise ``DefinitionError`` with the line to write if a pause of a cell lasts ``a moment - datetime.now(…)``.

    What is said in UTC is right all the year, and passes. *source* is known to parse; *where* names it for people.
    """
    tree = compile(source, where, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := _pause(node.func)) and (length := _length(node, name)) is not None:
            written, moment = ast.unparse(length), ast.unparse(length.left)
            if _is_now(length.right):
                raise DefinitionError(
                    f"{where}, line {node.lineno}: {written} is an hour off when the clocks change in between: "
                    f"write pd.flow.{name}(until={moment})"
                )


def _pause(func: ast.expr) -> str | None:
    """The pause that is asked for by calling *func*, as ``pd.flow.suspend``."""
    flow = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute) and func.value.attr == "flow"
    return func.attr if flow and isinstance(func, ast.Attribute) and func.attr in _LENGTHS else None


def _length(call: ast.Call, name: str) -> ast.BinOp | None:
    """The difference that the pause lasts, if its length is written as one."""
    given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == _LENGTHS[name]), None)
    return given if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Sub) else None


def _is_now(node: ast.expr) -> bool:
    """Whether it is ``datetime.now(…)`` in another zone than UTC."""
    match node:
        case ast.Call(ast.Attribute(ast.Name("datetime") | ast.Attribute(_, "datetime"), "now" | "today")):
            return "utc" not in ast.unparse(node).lower()
    return False
