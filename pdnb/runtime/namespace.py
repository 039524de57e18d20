"""Where a run's code executes: one real module per workflow version and process, and a copy of it for every attempt.

Rules:

- The module stands in ``sys.modules`` (dataclasses and their like look it up there), under a name made from the hash.
- Its setup cells execute once per process and version. An exception in them is the user's own and leaves no module
  behind, so the next attempt starts afresh.
- A step changes its own copy only; functions of the setup keep the module's names.
- ``__main__`` is never touched.
"""

from __future__ import annotations

import sys
from threading import RLock
from types import ModuleType
from typing import Any, Final

from pdnb.workflow.cell import compile_setup, show_in_tracebacks
from pdnb.workflow.version import WorkflowVersion

_lock: Final = RLock()
_loaded: Final[dict[str, ModuleType]] = {}


def load(version: WorkflowVersion) -> ModuleType:
    """The module of *version*, with its setup executed; the same one at every call in this process.

    Raises ``CellSyntaxError`` for a setup cell that does not parse, and whatever the setup raises.
    """
    with _lock:
        module = _loaded.get(version.id)
        if module is None:
            module = _loaded[version.id] = _made(version)
        return module


def step_namespace(module: ModuleType) -> dict[str, Any]:
    """A fresh copy of the module's names for one attempt of one step."""
    return dict(vars(module))


def _made(version: WorkflowVersion) -> ModuleType:
    tag = version.id[:12]
    cells = [(source, f"<setup {i} of {version.name} {tag}>") for i, source in enumerate(version.setup, 1)]
    codes = [compile_setup(source, filename=filename) for source, filename in cells]
    module = ModuleType(f"pdnb_workflow_{tag}", f"The code of a run of {version.name!r}.")
    sys.modules[module.__name__] = module
    try:
        for code, (source, filename) in zip(codes, cells, strict=True):
            show_in_tracebacks(source, filename)
            exec(code, vars(module))
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise
    return module
