"""What functions and classes still show of the statements that defined them."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ForwardRef

from pdnb.objects import MISSING, is_a, text_in, walk


def unwrapped(obj: Any, around: tuple[int, ...] = ()) -> tuple[types.FunctionType | None, int]:
    """The function that *obj* is, or that its decorators were given, and how many of them wrapped it."""
    wrappers = 0
    while id(obj) not in around:
        around = (*around, id(obj))
        inner = None
        if inspect.getattr_static(obj, "__wrapped__", None) is not None:
            inner = walk(obj, ["__wrapped__"])
        elif is_a(obj, types.FunctionType) and "<locals>" in obj.__code__.co_qualname:
            # A wrapper made without functools.wraps: what it calls is in its closure.
            cells = [walk(cell, ["cell_contents"]) for cell in obj.__closure__ or ()]
            given = [it for it in cells if text_in(it, "__module__") == "__main__" and unwrapped(it, around)[0]]
            inner = given[0] if len(given) == 1 else None
        if inner is None:
            return (obj if is_a(obj, types.FunctionType) else None), wrappers
        obj = inner
        wrappers += 1
    return None, wrappers


def methods_of(cls: type) -> Iterator[types.FunctionType]:
    """The functions that the class statement of *cls* defined."""
    for attribute in vars(cls).values():
        inner = attribute
        if isinstance(attribute, staticmethod | classmethod):
            inner = attribute.__func__
        elif isinstance(attribute, property):
            inner = attribute.fget
        elif isinstance(attribute, cached_property):
            inner = attribute.func
        function, _ = unwrapped(inner)
        if function and function.__qualname__.startswith(f"{cls.__qualname__}."):
            yield function


def fits(cls: Any, node: ast.ClassDef) -> bool:
    """Whether *cls* can be what *node* defined: bases, annotations, and the constants that are still to be seen."""
    if (cls.__bases__ == (object,)) != all(ast.unparse(base) == "object" for base in node.bases):
        return False
    annotated = [it.target.id for it in node.body if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)]
    annotations = walk(cls, ["__annotations__"])
    if isinstance(annotations, dict) and list(annotations) != annotated:
        return False
    return all(
        type(now) is not type(constant) or now == constant
        for it in node.body
        if isinstance(it, ast.Assign | ast.AnnAssign) and isinstance(it.value, ast.Constant)
        for now in [_value_in(cls, ast.unparse(it.targets[0] if isinstance(it, ast.Assign) else it.target))]
        for constant in [it.value.value]
    )


def is_postponed(cls: Any, node: ast.ClassDef) -> bool:
    """Whether annotations that are no strings in the source became strings."""
    kept = walk(cls, ["__annotations__"])
    return isinstance(kept, dict) and any(
        isinstance(kept.get(ast.unparse(it.target)), str | ForwardRef) and not isinstance(it.annotation, ast.Constant)
        for it in node.body
        if isinstance(it, ast.AnnAssign)
    )


def _value_in(cls: Any, name: str) -> object:
    defaults = walk(cls, ["_field_defaults"])  # a NamedTuple's
    value = defaults.get(name, MISSING) if isinstance(defaults, dict) else walk(cls, [name])
    return getattr(value, "_value_", value)  # an Enum's member
