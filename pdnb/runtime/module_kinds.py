"""What code can change in modules and classes that others use too.

Of modules: functions and classes that stand in another's place, public names of the standard library, public constants
of others. The rest is their own business: caches, counters, lazily made objects. Of classes: the methods of those that
the standard library writes in Python.
"""

from __future__ import annotations

import builtins
import operator
import sys
import types
from typing import Any, Final

_ABSENT: Final = object()
_CODE: Final = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_PLAIN: Final = (int, float, str, bool, tuple, bytes, type(None))
_PRIVATE: Final = frozenset({"_event_loop_policy", "_opener"})  # private, and set by public functions
_HEAP: Final = 1 << 9  # of a type's flags: made by a class statement
_OWN_KINDS: Final = frozenset({"__main__", "sys", "builtins", "signal", "_signal"})  # said elsewhere, or not at all


def modules() -> dict[str, dict[str, Any]]:
    """The names of every module; copying them costs some milliseconds, looking at each would cost fifty."""
    return {
        name: dict(vars(module))
        for name, module in _loaded()
        if isinstance(module, types.ModuleType) and name not in _OWN_KINDS and not name.startswith("pdnb_workflow_")
    }


def _loaded() -> list[tuple[str, Any]]:
    return list(sys.modules.items())  # anything may stand there


def set_modules(before: dict[str, dict[str, Any]]) -> None:
    for module, values in before.items():
        names = vars(sys.modules[module]) if isinstance(sys.modules.get(module), types.ModuleType) else values
        for name in _changed(module, values, names):
            if name in values:
                names[name] = values[name]
            else:
                del names[name]


def same_modules(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> bool:
    return not any(_changed(module, values, now[module]) for module, values in before.items() if module in now)


def _changed(module: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names of *module* that were changed and count."""
    if len(before) == len(now) and all(map(operator.is_, before.values(), now.values())):
        return []
    changed = [name for name in now if name not in before or now[name] is not before[name]] + [*(before.keys() - now)]
    return [name for name in changed if _counts(module, name, before.get(name), now.get(name))]


def _counts(module: str, name: str, before: object, now: object) -> bool:
    if isinstance(before, _CODE) or name in _PRIVATE:
        return True
    if name.startswith("_") or isinstance(now, types.ModuleType):
        return False
    return module.partition(".")[0] in sys.stdlib_module_names or (type(before) in _PLAIN and type(now) in _PLAIN)


def classes() -> dict[type, dict[str, Any]]:
    """What the classes of the standard library that are written in Python have."""
    return {
        value: dict(vars(value))
        for name, module in _loaded()
        if isinstance(module, types.ModuleType) and name.partition(".")[0] in sys.stdlib_module_names
        for value in list(vars(module).values())
        if type(value) is type and value.__flags__ & _HEAP and value.__module__ == name
    }


def _patched(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    if len(before) == len(now) and all(map(operator.is_, before.values(), now.values())):
        return []
    names = [name for name in {**before, **now} if before.get(name, _ABSENT) is not now.get(name, _ABSENT)]
    return [n for n in names if isinstance(before.get(n), _CODE) or isinstance(now.get(n), types.FunctionType)]


def same_classes(before: dict[type, dict[str, Any]], now: dict[type, dict[str, Any]]) -> bool:
    return not any(_patched(names, now[cls]) for cls, names in before.items() if cls in now)


def set_classes(before: dict[type, dict[str, Any]]) -> None:
    for cls, names in before.items():
        for name in _patched(names, dict(vars(cls))):
            if name in names:
                setattr(cls, name, names[name])
            else:
                delattr(cls, name)


def replaced_modules() -> dict[str, Any]:
    return {name: module for name, module in _loaded() if not name.startswith("pdnb_workflow_")}


def same_replaced(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether what was imported is still that; what came since is no change if it is a module."""
    came = (value for name, value in now.items() if name not in before)
    return all(now.get(name) is module for name, module in before.items()) and all(
        isinstance(value, types.ModuleType) for value in came
    )


def set_replaced(before: dict[str, Any]) -> None:
    for name, value in _loaded():
        if name not in before and not isinstance(value, types.ModuleType):
            del sys.modules[name]
    for name, module in before.items():
        if sys.modules.get(name) is not module:
            sys.modules[name] = module


def set_builtins(before: dict[str, Any]) -> None:
    names = vars(builtins)
    for name in names.keys() - before.keys():
        del names[name]
    names.update(before)
