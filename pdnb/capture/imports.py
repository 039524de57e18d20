"""Import statements with which a fresh process gets the modules and objects that the notebook imported."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from typing import Any

from pdnb.capture.safe_getattr import MISSING, NotCaptured, deep_getattr, is_a, text_in


def module_import(name: str, module: Any, used: Iterable[Sequence[str]] = ()) -> str:
    """The statements that bind *module* to *name*, and import those submodules that *used* attributes lead through.

    Raises ``NotCaptured`` for a module that a fresh process cannot import.
    """
    own = module.__name__
    if sys.modules.get(own) is not module or not _importable(own):
        raise NotCaptured(
            f" (a module), which cannot be imported as {own!r}: import it in the step or in a %%setup cell"
        )
    _check_reach(own, "module")
    submodules = dict.fromkeys(
        f"{own}.{'.'.join(path[:n])}"
        for path in used
        for n in range(1, len(path) + 1)
        if deep_getattr(module, path[:n]) is sys.modules.get(f"{own}.{'.'.join(path[:n])}", MISSING)
    )
    if own == name:
        return "\n".join([f"import {own}", *(f"import {sub}" for sub in submodules)])
    lines = [f"import {sub} as {name}" for sub in submodules]  # bound anew by the last line
    top, *rest = own.split(".")
    if deep_getattr(sys.modules[top], rest) is module:
        lines.append(f"import {own} as {name}")
    else:  # its package has something else by that name
        lines.append(f"from importlib import import_module as {name}\n{name} = {name}({own!r})")
    return "\n".join(lines)


def from_import(name: str, obj: object) -> str | None:
    """The statements that import *obj* as *name*; ``None`` if it is in no module that can be imported.

    Raises ``NotCaptured`` if that module was imported here, and a fresh process would not find it.
    """
    module = text_in(obj, "__module__")
    if module == "__main__":
        return None
    for own in (text_in(obj, "__qualname__"), text_in(obj, "__name__")):
        if module and own and _importable(module) and deep_getattr(sys.modules[module], own.split(".")) is obj:
            _check_reach(module, type(obj).__qualname__)
            top, *path = own.split(".")
            line = f"from {module} import {top}" + (f" as {name}" if top != name else "")
            return line + (f"\n{name} = {'.'.join([name, *path])}" if path else "")
    # Constants, instances and bound methods do not name their module: search the loaded ones.
    home = type(obj).__module__.partition(".")[0]
    found = [
        (module.partition(".")[0] != home, module.count("."), module)
        for module, loaded in list(sys.modules.items())
        if getattr(loaded, "__dict__", {}).get(name, MISSING) is obj and _importable(module) and _in_reach(module)
    ]
    return f"from {min(found)[2]} import {name}" if found else None


def replaced_by(obj: object) -> str | None:
    """The dotted name of what has replaced *obj*, if its module was loaded again."""
    module, own = text_in(obj, "__module__"), text_in(obj, "__qualname__")
    known = is_a(obj, type) or is_a(obj, types.FunctionType)
    if (
        known
        and module
        and own
        and _importable(module)
        and deep_getattr(sys.modules[module], own.split(".")) is not MISSING
    ):
        return f"{module}.{own}"
    return None


def _importable(module: str) -> bool:
    """Whether a fresh process can import it: a module made by hand has no spec (but six.moves has six's)."""
    top = sys.modules.get(module.partition(".")[0])
    return module in sys.modules and module != "__main__" and getattr(top, "__spec__", None) is not None


def _check_reach(module: str, kind: str) -> None:
    if not _in_reach(module):
        top = module.partition(".")[0]
        raise NotCaptured(
            f" (a {kind}), whose module {top!r} a new process would not find from {os.getcwd()}: "  # noqa: PTH109
            "add its directory to sys.path, then run this again"
        )


def _in_reach(module: str) -> bool:
    """Whether a process with today's working directory and ``sys.path`` finds the same file.

    The notebook may have changed its directory since the import, or have loaded the file by its path.
    """
    top = module.partition(".")[0]
    loaded = sys.modules[top].__spec__
    if loaded is None or loaded.origin is None or loaded.origin in {"built-in", "frozen"}:
        return True  # a package of several directories has no file
    # Absolute, because the finder of a relative entry remembers where it was made; "" is the working directory.
    found = PathFinder.find_spec(top, [os.path.abspath(entry) for entry in sys.path])  # noqa: PTH100
    if found is None:  # those of packages installed for editing
        others = [it for it in sys.meta_path if it is not PathFinder and hasattr(it, "find_spec")]
        found = next((spec for it in others if (spec := it.find_spec(top, None)) is not None), None)
    origin = found.origin if found else None
    return origin is not None and os.path.realpath(origin) == os.path.realpath(loaded.origin)
