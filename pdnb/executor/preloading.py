"""Which modules a fork server may import ahead of the runs that need them.

Rules:

- The import statements that lead the setup cells: what stands behind another statement may depend on it.
- What local modules import, once a wake-up has shown it and has left the environment variables as they were.
- Only installed packages and the standard library: a local module may change between two runs.
- Nothing that starts threads, but for a few packages that are known to keep working in a forked child.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from typing import Final

#: Their threads are of OpenBLAS, which starts them anew in a child.
_FORK_SAFE: Final = frozenset({"numpy", "scipy", "pandas", "matplotlib", "sklearn"})


def leading_imports(setup: Iterable[str]) -> list[str]:
    """The installed modules that the cells *setup* import before they do anything else, in order."""
    found: list[str] = []
    for source in setup:
        for node in ast.parse(source).body:
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found += [node.module] if node.module != "__future__" else []
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):  # a docstring is nothing
                return [name for name in dict.fromkeys(found) if is_installed(name.partition(".")[0])]
    return [name for name in dict.fromkeys(found) if is_installed(name.partition(".")[0])]


def may_have_threads(name: str) -> bool:
    """Whether the threads that importing *name* starts are no danger to a child."""
    return name.partition(".")[0] in _FORK_SAFE


@cache
def is_installed(package: str) -> bool:
    """Whether the top-level *package* is of the standard library, or installed."""
    if package in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return False
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return bool(spec and spec.origin and any(spec.origin.startswith(f"{place}/") for place in places))
