"""What is allowed in a step's cell and is still likely a mistake, as one line for people."""

from __future__ import annotations

import ast
from typing import Final


def lone_function(step: str, source: str) -> str | None:
    """What to say about a cell that only defines functions and classes, none of them ``handler``; else ``None``.

    Such a step does nothing. Of a *source* that does not parse nothing is said here: it is refused elsewhere.
    """
    try:
        tree = ast.parse(source) if "def " in source or "class " in source else ast.Module([], [])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    defined = [node.name for node in tree.body if isinstance(node, _DEFINITIONS)]
    others = [node for node in tree.body if not isinstance(node, _DEFINITIONS)]
    decorated = any(node.decorator_list for node in tree.body if isinstance(node, _DEFINITIONS))
    if not defined or decorated or "handler" in defined or _says_anything(defined, others):
        return None
    names = ", ".join(map(repr, defined[:3]))
    return (
        f"step {step!r} defines {names} and never calls {'it' if len(defined) == 1 else 'them'}, so nothing of it runs:"
        f" write def handler(pd), or call {defined[0]}() in the cell"
    )


_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _says_anything(defined: list[str], others: list[ast.stmt]) -> bool:
    """Whether *others* use one of *defined*, or do more than import, describe and assign constants."""
    if any(isinstance(node, ast.Name) and node.id in defined for other in others for node in ast.walk(other)):
        return True
    quiet = (ast.Import, ast.ImportFrom)
    return not all(isinstance(node, quiet) or isinstance(getattr(node, "value", None), ast.Constant) for node in others)
