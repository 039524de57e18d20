"""Comparing functions and classes with the statements that defined them, to find what has changed since."""

from __future__ import annotations

import ast
import inspect
import types
from abc import ABCMeta
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, ForwardRef

from pdnb.capture.safe_getattr import MISSING, NotCaptured, deep_getattr, is_a, text_in
from pdnb.capture.statements import Function

_RUN_AGAIN: Final = "run its cell again, or define it in a %%setup cell"
_ONE_CELL: Final = "put both into one %%setup cell"
_PLAIN: Final = frozenset({types.NoneType, bool, int, float, str, list, dict})


def unwrapped(obj: Any, around: tuple[int, ...] = ()) -> tuple[types.FunctionType | None, int]:
    """The function that *obj* is, or that its decorators were given, and how many of them wrapped it."""
    wrappers = 0
    while id(obj) not in around:
        around = (*around, id(obj))
        inner = None
        if inspect.getattr_static(obj, "__wrapped__", None) is not None:
            inner = deep_getattr(obj, ["__wrapped__"])
        elif is_a(obj, types.FunctionType) and "<locals>" in obj.__code__.co_qualname:
            # A wrapper made without functools.wraps: what it calls is in its closure.
            cells = [deep_getattr(cell, ["cell_contents"]) for cell in obj.__closure__ or ()]
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
    """Whether *cls* can be what *node* defined, by its bases, annotations and constants."""
    if (cls.__bases__ == (object,)) != all(ast.unparse(base) == "object" for base in node.bases):
        return False
    annotated = [it.target.id for it in node.body if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)]
    annotations = deep_getattr(cls, ["__annotations__"])
    if isinstance(annotations, dict) and list(annotations) != annotated:
        return False
    if any(isinstance(it, Function | ast.ClassDef) and deep_getattr(cls, [it.name]) is MISSING for it in node.body):
        return False
    return all(
        type(now) is not type(constant) or now == constant
        for it in node.body
        if isinstance(it, ast.Assign | ast.AnnAssign) and isinstance(it.value, ast.Constant)
        for now in [_value_in(cls, ast.unparse(it.targets[0] if isinstance(it, ast.Assign) else it.target))]
        for constant in [it.value.value]
    )


def is_postponed(cls: Any, node: ast.ClassDef) -> bool:
    """Whether *cls* was defined under ``from __future__ import annotations``: its annotations became strings."""
    kept = deep_getattr(cls, ["__annotations__"])
    return isinstance(kept, dict) and any(
        isinstance(kept.get(ast.unparse(it.target)), str | ForwardRef) and not isinstance(it.annotation, ast.Constant)
        for it in node.body
        if isinstance(it, ast.AnnAssign)
    )


def _value_in(cls: Any, name: str) -> object:
    defaults = deep_getattr(cls, ["_field_defaults"])  # a NamedTuple's
    value = defaults.get(name, MISSING) if isinstance(defaults, dict) else deep_getattr(cls, [name])
    member = deep_getattr(value, ["_value_"])  # of an Enum
    return value if member is MISSING else member


# ---- what happened since the definition -----------------------------------------------------------------------------


def check_function(function: types.FunctionType, node: Any, names: Mapping[str, object]) -> None:
    """Refuse a function that its statement *node*, executed with the *names* of today, would not give again."""
    args, keywords = node.args, function.__kwdefaults__ or {}
    defaults = [*zip(args.defaults, function.__defaults__ or (), strict=False)]
    defaults += [
        (default, keywords[arg.arg])
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is not None and arg.arg in keywords
    ]
    for written, now in defaults:
        cache = isinstance(written, ast.List | ast.Dict)  # a mutable default is a cache, which starts empty
        if not cache and _differs(now, _today(written, names)):
            raise NotCaptured(f" (a function), whose default {ast.unparse(written)!r} has changed since: {_RUN_AGAIN}")
    if not node.decorator_list and (given := next(iter(vars(function)), None)):
        raise NotCaptured(f" (a function), which was given {given!r} after its definition: {_ONE_CELL}")


def check_class(cls: Any, node: ast.ClassDef, names: Mapping[str, object]) -> None:
    """Refuse a class that its statement, executed with the *names* of today, would not give again.

    Classes with a metaclass, a decorator or ``__init_subclass__`` are not checked: those may add anything.
    """
    decorated = node.decorator_list and "__dataclass_fields__" not in vars(cls)
    if decorated or type(cls) not in {type, ABCMeta} or any("__init_subclass__" in vars(it) for it in cls.__mro__[:-1]):
        return
    stored: list[ast.AST] = []
    for part in node.body:
        stored += [part] if isinstance(part, Function | ast.ClassDef) else ast.walk(part)
    bound = [it.id for it in stored if isinstance(it, ast.Name) and isinstance(it.ctx, ast.Store)]
    for it in node.body:
        if isinstance(it, ast.Assign | ast.AnnAssign) and it.value is not None:
            target = it.targets[0] if isinstance(it, ast.Assign) else it.target
            own = isinstance(it.value, ast.Name) and it.value.id in bound
            if isinstance(target, ast.Name) and bound.count(target.id) == 1 and not own:
                today = _today(it.value, names)
                if type(today) in _PLAIN and _differs(_value_in(cls, target.id), today):
                    raise NotCaptured(f" (a class), whose {target.id!r} has changed since its definition: {_RUN_AGAIN}")
    bound += [it.name for it in stored if isinstance(it, Function | ast.ClassDef)]
    for name, value in vars(cls).items():
        foreign = is_a(value, types.FunctionType) and value.__module__ == "__main__"
        foreign = foreign and not value.__qualname__.startswith(f"{cls.__qualname__}.")
        if name not in bound and (foreign or (type(value) in _PLAIN and not name.startswith("_"))):
            raise NotCaptured(f" (a class), which was given {name!r} after its definition: {_ONE_CELL}")


def _today(written: ast.expr, names: Mapping[str, object]) -> object:
    """What an expression gives today, if it is a literal or a name."""
    if isinstance(written, ast.Name):
        return names.get(written.id, MISSING)
    try:
        return ast.literal_eval(written)
    except ValueError:
        return MISSING


def _differs(now: object, today: object) -> bool:
    """Whether plain values differ; other objects are not compared."""
    if now is today or not {type(now), type(today)} <= _PLAIN:
        return False
    try:
        return type(now) is not type(today) or bool(now != today)
    except Exception:  # noqa: BLE001  # a list may hold objects whose comparison raises
        return False
