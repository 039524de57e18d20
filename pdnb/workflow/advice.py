"""What is allowed in a step's cell and is still likely a mistake, as one line for people."""

from __future__ import annotations

import ast


def lone_function(step: str, source: str) -> str | None:
    """What to say about a cell that defines one function, not called ``handler``, and never uses it; else ``None``.

    Such a step does nothing. Of a *source* that does not parse nothing is said here: it is refused elsewhere.
    """
    try:
        tree = ast.parse(source) if "def " in source else ast.Module([], [])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if len(functions) != 1 or (name := functions[0].name) == "handler":
        return None
    others = [node for statement in tree.body if statement is not functions[0] for node in ast.walk(statement)]
    if functions[0].decorator_list or any(isinstance(node, ast.Name) and node.id == name for node in others):
        return None
    return (
        f"step {step!r} defines {name!r} and never calls it, so nothing of it runs: "
        f"write def handler(pd), or call {name}() in the cell"
    )
