"""Which step makes a name that another step looks for, and how that other step gets at it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from pdnb.workflow.definition import Step

Kind: TypeAlias = Literal["variable", "definition"]

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def elsewhere(name: str, steps: Sequence[Step], here: str) -> str | None:
    """Where *name*, which step *here* lacks, is among the *steps*, and what to write; ``None``: in none of them.

    The rest of a sentence that begins with the name. The nearest step before *here* is meant, or else the first one.
    """
    names = [step.name for step in steps]
    position = names.index(here) if here in names else len(names)
    pd = "step" if here in names and "handler" not in bindings(steps[position].source) else "pd"
    for step in (*reversed(steps[:position]), *steps[position + 1 :]):
        kind = bindings(step.source).get(name)
        if kind == "definition":
            return f"is defined by step {step.name!r} for itself alone: define it in a %%setup cell, for all steps"
        if kind == "variable":
            return (
                f"is a variable of step {step.name!r}, and a step sees only what others leave: return it there, and "
                f'read {pd}.steps["{step.name}"]["$return_value"]'
            )
    return None


def bindings(source: str) -> dict[str, Kind]:
    """What a cell binds, at its top level and inside its functions, by name; nothing if it does not parse."""
    try:
        tree = compile(source, "<step>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, Kind] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, "variable")
        elif isinstance(node, _DEFINITIONS):
            found[node.name] = "definition"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0]: "definition" for alias in node.names}
    return found
